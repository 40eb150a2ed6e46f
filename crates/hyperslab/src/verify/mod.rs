//! Whether a file is sound: every array and every attribute read with all its checksums, every region in bounds and
//! apart from the others.
//!
//! Damage is what breaks the format's rules, truncation and lengths that lie included. What this version cannot read
//! is not known to be damaged: it is listed apart. Bytes that belong to nothing are no damage either, since every
//! reader passes over them; they are noted. In HDF5 those are free space, and what no link leads to.

mod regions;

use crate::container::CodeName;
use crate::open::{OpenOptions, is_recognised, open_bytes, open_with};
use crate::source::{FileSource, MemorySource};
use crate::{Container, Error, Kind, Limits, Node, NodeKind, Result, Source, blocks, detect, ls, scalar};
use bytes::Bytes;
use serde_json::{Value as Json, json};
use std::path::Path;

pub use regions::Note;

/// Most names of code that are kept.
const MOST_NAMES: usize = 10_000;

/// What checking one file found.
#[derive(Debug, Default)]
pub struct Verified {
    /// The container's format, where it could be opened.
    pub format: Option<&'static str>,
    /// What breaks the format's rules.
    pub damage: Vec<Error>,
    /// What could not be checked, and why.
    pub unchecked: Vec<Error>,
    /// Bytes that belong to nothing.
    pub notes: Vec<Note>,
    /// Code that stored objects refer to and that is not among the types that are read, each with the path of its
    /// object. It was not imported or called.
    pub names: Vec<(String, CodeName)>,
    /// Arrays that were read.
    pub arrays: u64,
    /// Bytes of their elements.
    pub bytes: u64,
}

/// The answer about one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Everything was checked and is right.
    Sound,
    /// Something is wrong.
    Damaged,
    /// Nothing is known to be wrong, but not everything could be checked.
    Unknown,
}

impl Verified {
    /// The answer.
    pub fn verdict(&self) -> Verdict {
        match (self.damage.is_empty(), self.unchecked.is_empty()) {
            (false, _) => Verdict::Damaged,
            (true, false) => Verdict::Unknown,
            (true, true) => Verdict::Sound,
        }
    }

    /// An entry of `slab verify --json`.
    pub fn to_json(&self, file: &Path) -> Json {
        let errors = |all: &[Error]| -> Vec<Json> {
            let one = |e: &Error| {
                let (path, offset) = (e.object_path().unwrap_or_default(), e.offset());
                json!({ "path": path, "offset": offset, "message": e.to_string() })
            };
            all.iter().map(one).collect()
        };
        let notes: Vec<Json> = self
            .notes
            .iter()
            .map(|n| json!({ "offset": n.offset, "len": n.len, "message": n.to_string() }))
            .collect();
        let names: Vec<Json> = self
            .names
            .iter()
            .map(|(path, n)| json!({ "path": path, "name": n.name, "offset": n.offset }))
            .collect();
        let sound = match self.verdict() {
            Verdict::Unknown => Json::Null,
            verdict => (verdict == Verdict::Sound).into(),
        };
        let mut entry = json!({
            "file": file.to_string_lossy(), "format": self.format, "sound": sound, "damage": errors(&self.damage),
            "unchecked": errors(&self.unchecked), "notes": notes, "arrays": self.arrays, "bytes": self.bytes,
        });
        if !names.is_empty() {
            entry["names"] = names.into();
        }
        entry
    }

    /// Sorts an error by what it says about the file.
    fn take(&mut self, e: Error) {
        let list = if e.kind() == Kind::Invalid { &mut self.damage } else { &mut self.unchecked };
        // The same structure is met again by every node that leads to it.
        if !list.iter().any(|known| known.to_string() == e.to_string()) {
            list.push(e);
        }
    }
}

/// Checks a file; `progress` is told of decoded bytes as they come.
///
/// ```
/// use hyperslab::verify::{Verdict, file};
/// use hyperslab::{OpenOptions, View, npy};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("x.npy");
/// npy::npy::save(&path, &View::from_slice([3], &[1, 2, 3])?, false)?;
/// let options = OpenOptions::default();
/// assert_eq!(file(&path, &options, &mut |_| {})?.verdict(), Verdict::Sound);
///
/// let mut bytes = std::fs::read(&path).unwrap();
/// bytes.pop();
/// std::fs::write(&path, bytes).unwrap();
/// let found = file(&path, &options, &mut |_| {})?;
/// assert_eq!((found.verdict(), found.damage[0].offset()), (Verdict::Damaged, Some(128)));
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// `Usage` for a file of no format that is known, `Io`.
pub fn file(path: &Path, options: &OpenOptions, progress: &mut dyn FnMut(u64)) -> Result<Verified> {
    if path.is_dir() {
        return Err(Error::usage("is a directory").file(path));
    }
    let source = FileSource::open(path)?;
    let opened = open_with(path, options);
    checked(&source, opened, &|| is_recognised(&source, path, true, options), &options.limits, progress)
}

/// Checks bytes in memory, as [`file`](fn@file) checks a file of that name.
///
/// # Errors
/// As [`file`](fn@file).
pub fn bytes(
    bytes: Bytes,
    name: &Path,
    options: &OpenOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Verified> {
    let source = MemorySource::new(bytes.clone());
    let opened = open_bytes(bytes, name, options);
    checked(&source, opened, &|| is_recognised(&source, name, false, options), &options.limits, progress)
}

/// What of a file belongs to nothing, by the regions of its container.
pub(crate) fn notes(container: &dyn Container, source: &dyn Source, limits: &Limits) -> Result<Vec<Note>> {
    let mut all = Vec::new();
    container.walk(limits, &mut |seen| {
        limits.count_objects(1)?;
        if let crate::walk::Seen::Region(region) = seen {
            all.push(region);
        }
        Ok(())
    })?;
    Ok(regions::check(all, source.len()?, &|_| false).1)
}

fn checked(
    source: &dyn Source,
    opened: Result<Box<dyn Container>>,
    is_recognised: &dyn Fn() -> Result<bool>,
    limits: &Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Verified> {
    let mut found = Verified::default();
    match opened {
        Ok(container) => {
            found.format = Some(container.format());
            let mut job = Job { container: &*container, limits, found, progress };
            job.nodes();
            job.log(source)?;
            // The elements behind these headers may lie in another file, and so the regions.
            if !matches!(detect::detect(source)?, Some(detect::Format::Envi | detect::Format::Nrrd)) {
                job.regions(source)?;
            }
            Ok(job.found)
        }
        // Bytes that are of no known format are not damaged.
        Err(e) if matches!(e.kind(), Kind::Io | Kind::Usage) || !is_recognised()? => Err(e),
        Err(e) => {
            found.format = detect::detect(source)?.map(detect::Format::id);
            found.take(e);
            Ok(found)
        }
    }
}

/// One file being checked.
struct Job<'j> {
    container: &'j dyn Container,
    limits: &'j Limits,
    found: Verified,
    progress: &'j mut dyn FnMut(u64),
}

impl Job<'_> {
    fn nodes(&mut self) {
        let listed = ls::nodes(self.container, "", None, false, &ls::limits());
        let nodes = match listed {
            Ok(nodes) => nodes,
            Err(e) => return self.found.take(e),
        };
        for node in nodes {
            if let Err(e) = self.node(&node) {
                self.found.take(e.object(&*node.path));
            }
            // What cannot be looked for is told of where the attributes are read.
            let names = self.container.code_names(&node.path, self.limits).unwrap_or_default();
            let unknown = names.into_iter().filter(|n| !n.known).map(|n| (node.path.clone(), n));
            self.found.names.extend(unknown.take(MOST_NAMES.saturating_sub(self.found.names.len())));
        }
        // Listed with their attributes, nodes that were sound tell which of these are not.
        match ls::nodes(self.container, "", None, true, &ls::limits()) {
            Ok(nodes) => {
                nodes
                    .into_iter()
                    .filter_map(|n| Some(n.error?.object(n.path)))
                    .for_each(|e| self.found.take(e));
            }
            Err(e) => self.found.take(e),
        }
    }

    fn node(&mut self, node: &Node) -> Result<()> {
        if node.kind != NodeKind::Array || node.error.is_some() {
            // What is wrong with it comes with the attributes.
            return Ok(());
        }
        let indirect = node.dtype.as_ref().is_some_and(crate::Dtype::has_indirection);
        blocks::for_each(self.container, node, self.limits, |view| {
            let heap = view.heap().map(|h| &**h);
            if indirect {
                view.for_each(|e| scalar::decode(view.dtype(), e, heap).map(drop))?;
            }
            self.found.bytes = self.found.bytes.saturating_add(view.nbytes());
            (self.progress)(view.nbytes());
            Ok(())
        })?;
        self.found.arrays += 1;
        Ok(())
    }

    /// A message log is checked message by message, not up to the first damage of each of its datasets.
    fn log(&mut self, source: &dyn Source) -> Result<()> {
        if self.found.format != Some("hdf5") {
            return Ok(());
        }
        let damage = match crate::larpix::log::check(source, self.limits) {
            Ok(Some(damage)) => damage,
            Ok(None) => return Ok(()),
            Err(e) if e.kind() == Kind::Io => return Err(e),
            Err(e) => {
                self.found.take(e);
                return Ok(());
            }
        };
        for path in ["/msgs", "/msg_headers"] {
            let of =
                |e: &Error| e.object_path().is_some_and(|p| p == path || p.starts_with(&format!("{path}[")));
            if damage.iter().any(of) {
                self.found.damage.retain(|e| !of(e));
            }
        }
        damage.into_iter().for_each(|e| self.found.take(e));
        Ok(())
    }

    fn regions(&mut self, source: &dyn Source) -> Result<()> {
        let mut all = Vec::new();
        let mut damage = Vec::new();
        let walked = self.container.walk(self.limits, &mut |seen| {
            self.limits.count_objects(1)?;
            match seen {
                crate::walk::Seen::Region(region) => all.push(region),
                crate::walk::Seen::Damage(e) => damage.push(e),
                _ => {}
            }
            Ok(())
        });
        damage.into_iter().for_each(|e| self.found.take(e));
        match walked {
            Ok(()) if all.is_empty() => {}
            Ok(()) => {
                let known: Vec<&str> = self.found.damage.iter().filter_map(Error::object_path).collect();
                let whole = self.found.damage.iter().any(|e| e.object_path().is_none());
                let (wrong, notes) = regions::check(all, source.len()?, &|path| match path.is_empty() {
                    true => whole || known.contains(&""),
                    false => known.contains(&path),
                });
                wrong.into_iter().for_each(|e| self.found.take(e));
                // What is known to be damaged belongs to something.
                let damaged = |n: &Note| {
                    self.found
                        .damage
                        .iter()
                        .filter_map(Error::offset)
                        .any(|at| (n.offset..n.offset + n.len).contains(&at))
                };
                self.found.notes = notes.into_iter().filter(|n| !damaged(n)).collect();
            }
            Err(e) => self.found.take(e),
        }
        Ok(())
    }
}
