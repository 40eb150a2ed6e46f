//! Writing NPZ: members that NumPy and the simplest readers load alike, the same bytes for the same data.
//!
//! Sizes stand in the local headers (a deflated member's are put back once known), ZIP64 fields appear only where a
//! number does not fit 32 bits, times are the first of 1980. The elements of a stored member start at a multiple of
//! 64, moved there by an extra field that other readers skip. The bytes of the headers are in `record`; the threads
//! that deflate are in `pack`.

use super::attributes;
use super::member::{DEFLATED, STORED};
use super::names;
use super::pack::{Packed, Queue};
use super::record::{Record, end};
use crate::{dense, npy};
use hyperslab_core::codec::deflate::{Backend, check_level};
use hyperslab_core::container::{ArrayOptions, ContainerWriter};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Limits, Order, Result, Value, View};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An NPZ archive being written to anything that can be written and sought.
///
/// What is deflated is packed by all threads of the current pool, the pieces of one large member as well as many small
/// members. For that, up to 32 MiB wait in memory; an error in writing them may be told by a later call.
///
/// ```
/// use hyperslab_core::{Limits, View, source::SliceSource};
/// let mut archive = hyperslab_npy::NpzWriter::new(std::io::Cursor::new(Vec::new()));
/// archive.add("x", &View::from_slice([3], &[1.0f32, 2.0, 3.0])?, Some(6))?;
/// let bytes = archive.into_inner()?.into_inner();
/// let npz = hyperslab_npy::Npz::open(SliceSource(&bytes), &Limits::default())?;
/// assert_eq!(npz.keys().collect::<Vec<_>>(), ["x"]);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct NpzWriter<W: Write + Seek> {
    out: BufWriter<W>,
    at: u64,
    records: Vec<Record>,
    taken: BTreeSet<String>,
    /// The whole names of all members.
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    attributes: Map<String, Json>,
    target: Option<PathBuf>,
    backend: Backend,
    queue: Queue,
    /// The members whose last piece is not written yet; what is in the queue belongs to them, in order.
    open: VecDeque<Open>,
    /// Whether a member could not be written: what is there then is no archive.
    failed: bool,
}

/// A deflated member of which a part may be written.
#[derive(Debug)]
struct Open {
    record: Record,
    crc: crc32fast::Hasher,
    /// Where its header was written, before all was known that belongs there.
    begun: bool,
}

impl NpzWriter<NewFile> {
    /// Starts a file; see [`NewFile::create`].
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Io`.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<Self> {
        NewFile::create(path, replace).map(Self::over)
    }

    pub(super) fn over(file: NewFile) -> Self {
        let target = Some(file.target().to_path_buf());
        NpzWriter { target, ..NpzWriter::new(file) }
    }
}

impl<W: Write + Seek> NpzWriter<W> {
    /// Starts an archive at the position 0 of `out`.
    pub fn new(out: W) -> Self {
        NpzWriter {
            out: BufWriter::with_capacity(1 << 16, out),
            at: 0,
            records: Vec::new(),
            taken: BTreeSet::new(),
            names: BTreeSet::new(),
            groups: BTreeSet::new(),
            attributes: Map::new(),
            target: None,
            backend: Backend::BEST,
            queue: Queue::new(),
            open: VecDeque::new(),
            failed: false,
        }
    }

    /// Deflates with another back end than the fastest one.
    #[must_use]
    pub fn with_backend(self, backend: Backend) -> Self {
        NpzWriter { backend, ..self }
    }

    /// Adds an array under a key, deflated at a level from 0 to 9 or stored.
    ///
    /// # Errors
    /// `Usage` for a key that is taken or cannot be stored, `Unsupported` for types that NPY cannot hold, `Io`.
    pub fn add(&mut self, key: &str, view: &View<'_>, deflate: Option<u32>) -> Result<()> {
        let name = self.name_of(key, None)?;
        self.add_as(key, name, view, deflate)
    }

    fn add_as(&mut self, key: &str, name: String, view: &View<'_>, deflate: Option<u32>) -> Result<()> {
        let (head, order) = npy::header_of(view)?;
        let f_order = order == Order::F;
        let size = head.len() as u64 + view.nbytes();
        self.member(name, size, deflate, &mut |out| {
            out(&head)?;
            dense::pieces(view, f_order, out)
        })?;
        self.taken.insert(key.into());
        Ok(())
    }

    /// Adds the NPY member of a key as it is, under its usual name or another.
    pub(crate) fn add_content(
        &mut self,
        key: &str,
        member: Option<&str>,
        content: &[u8],
        deflate: Option<u32>,
    ) -> Result<()> {
        let name = self.name_of(key, member)?;
        self.member(name, content.len() as u64, deflate, &mut |out| out(content))?;
        self.taken.insert(key.into());
        Ok(())
    }

    /// Adds a member of raw bytes, which NumPy gives back as bytes.
    ///
    /// # Errors
    /// `Usage` for a name that is taken or cannot be stored, `Io`.
    pub fn add_raw(&mut self, name: &str, bytes: &[u8], deflate: Option<u32>) -> Result<()> {
        self.reserve(name)?;
        if bytes.starts_with(crate::header::MAGIC) {
            return Err(Error::usage("raw bytes that begin as NPY would be read as an array").object(name));
        }
        self.member(name.into(), bytes.len() as u64, deflate, &mut |out| out(bytes))?;
        self.taken.insert(name.into());
        Ok(())
    }

    /// Finishes the archive and gives back what it was written to.
    ///
    /// # Errors
    /// `Io`.
    pub fn into_inner(mut self) -> Result<W> {
        self.sound(Self::complete)?;
        self.out.into_inner().map_err(|e| dense::cannot_write(e.into_error()))
    }

    /// All attributes, in the form in which they are written.
    pub(super) fn set_attributes(&mut self, all: Map<String, Json>) {
        self.attributes = all;
    }

    /// The name of a new member: the usual one of its key, or one that another archive has. Both are free.
    fn name_of(&self, key: &str, member: Option<&str>) -> Result<String> {
        let Some(name) = member else {
            self.reserve(key)?;
            return Ok(format!("{key}{}", names::SUFFIX));
        };
        names::check_name(name).map_err(|e| self.named(e))?;
        match self.taken.contains(key) || self.groups.contains(key) {
            true => Err(self.named(Error::usage("the name is taken").object(key))),
            false => Ok(name.to_owned()),
        }
    }

    /// Checks that a key is fit and free.
    fn reserve(&self, key: &str) -> Result<()> {
        names::check_key(key).map_err(|e| self.named(e))?;
        let clash = names::clashes(key, |k| self.taken.contains(k)) || self.groups.contains(key);
        if clash { Err(self.named(Error::usage("the name is taken").object(key))) } else { Ok(()) }
    }

    fn named(&self, e: Error) -> Error {
        match &self.target {
            Some(path) => e.file(path),
            None => e,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| self.named(dense::cannot_write(e)))?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Writes a member of `size` bytes, which `each` hands out in pieces, the same ones at every call.
    pub(super) fn member(
        &mut self,
        name: String,
        size: u64,
        deflate: Option<u32>,
        each: Pieces<'_>,
    ) -> Result<()> {
        if !self.names.insert(name.clone()) {
            return Err(self.named(Error::usage("the name is taken").object(name)));
        }
        let record = Record { name, method: STORED, crc: 0, packed: size, size, at: 0 };
        deflate.map_or(Ok(()), check_level)?;
        self.sound(|w| match deflate {
            None => w.stored(record, each),
            Some(level) => w.deflated(Record { method: DEFLATED, ..record }, level, each),
        })
    }

    /// Writes something, and nothing more once that went wrong.
    fn sound(&mut self, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if self.failed {
            return Err(self.named(Error::usage("the archive is incomplete: a member could not be written")));
        }
        let done = write(self);
        self.failed = done.is_err();
        done
    }

    fn stored(&mut self, mut record: Record, each: Pieces<'_>) -> Result<()> {
        let mut crc = crc32fast::Hasher::new();
        each(&mut |piece| {
            crc.update(piece);
            Ok(())
        })?;
        record.crc = crc.finalize();
        self.begin(&mut record)?;
        each(&mut |piece| self.put(piece))?;
        self.records.push(record);
        Ok(())
    }

    /// Writes a member whose packed bytes are known, a piece at a time.
    pub(super) fn copied(&mut self, mut record: Record, each: Pieces<'_>) -> Result<()> {
        self.sound(|w| {
            w.begin(&mut record)?;
            each(&mut |piece| w.put(piece))?;
            w.records.push(record);
            Ok(())
        })
    }

    /// Writes the header of a member whose packed size is known, behind everything that waits.
    fn begin(&mut self, record: &mut Record) -> Result<()> {
        self.pack()?;
        record.at = self.at;
        let head = record.local(record.packed)?;
        self.put(&head)
    }

    fn deflated(&mut self, record: Record, level: u32, each: Pieces<'_>) -> Result<()> {
        self.open.push_back(Open { record, crc: crc32fast::Hasher::new(), begun: false });
        each(&mut |mut bytes| {
            while !bytes.is_empty() {
                // Only when there is more: the last piece must still wait when it turns out to be the last.
                if self.queue.is_full() {
                    self.pack()?;
                }
                bytes = self.queue.add(bytes, level);
            }
            Ok(())
        })?;
        self.queue.end(level);
        Ok(())
    }

    /// Packs what waits, and writes it.
    fn pack(&mut self) -> Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let mut packed = self.queue.pack(self.backend)?.into_iter().peekable();
        while packed.peek().is_some() {
            let Some(mut open) = self.open.pop_front() else { break };
            let mut pieces: Vec<Packed> = Vec::new();
            for piece in packed.by_ref() {
                open.crc.combine(&piece.crc);
                let last = piece.last;
                pieces.push(piece);
                if last {
                    break;
                }
            }
            self.write(open, &pieces)?;
        }
        Ok(())
    }

    /// Writes pieces of the first open member.
    fn write(&mut self, mut open: Open, pieces: &[Packed]) -> Result<()> {
        let last = pieces.last().is_some_and(|p| p.last);
        let here = pieces.iter().map(|p| p.bytes.len() as u64).sum();
        let whole = !open.begun && last;
        let record = &mut open.record;
        // Incompressible data grow by less than this; the header must have room for the size that it will get.
        let most = record.size.saturating_add(record.size / 512).saturating_add(1024);
        if !open.begun {
            record.at = self.at;
            record.packed = if whole { here } else { 0 };
            record.crc = if whole { open.crc.clone().finalize() } else { 0 };
            let head = record.local_with(record.packed, most)?;
            self.put(&head)?;
            open.begun = true;
        }
        pieces.iter().try_for_each(|piece| self.put(&piece.bytes))?;
        if !whole {
            record.packed = record.packed.saturating_add(here);
        }
        if !last {
            self.open.push_front(open);
            return Ok(());
        }
        if !whole {
            record.crc = open.crc.finalize();
            let head = record.local_with(record.packed, most)?;
            let mut again = || {
                self.out.seek(SeekFrom::Start(record.at))?;
                self.out.write_all(&head)?;
                self.out.seek(SeekFrom::Start(self.at))
            };
            again().map_err(|e| self.named(dense::cannot_write(e)))?;
        }
        self.records.push(open.record);
        Ok(())
    }

    /// Writes attributes, empty groups, the directory and the end record.
    fn complete(&mut self) -> Result<()> {
        let empty: Vec<String> = self
            .groups
            .iter()
            .filter(|g| {
                let inside = format!("{g}/");
                let below = |set: &BTreeSet<String>| {
                    set.range(inside.clone()..).next().is_some_and(|k| k.starts_with(&inside))
                };
                !below(&self.taken) && !below(&self.groups)
            })
            .map(|g| format!("{g}/"))
            .collect();
        for folder in empty {
            self.member(folder, 0, None, &mut |_| Ok(()))?;
        }
        if !self.attributes.is_empty() {
            let text = Json::Object(std::mem::take(&mut self.attributes)).to_string();
            self.member(names::METADATA.into(), text.len() as u64, None, &mut |out| out(text.as_bytes()))?;
        }
        self.pack()?;
        let start = self.at;
        let records = std::mem::take(&mut self.records);
        for record in &records {
            let entry = record.central()?;
            self.put(&entry)?;
        }
        let end = end(records.len() as u64, start, self.at.saturating_sub(start));
        self.put(&end)?;
        self.out.flush().map_err(|e| self.named(dense::cannot_write(e)))
    }
}

/// Hands out the bytes of a member in pieces.
pub(super) type Pieces<'p> = &'p mut dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;

/// The key that a path means: of a member with a name of its own every slash is part of it.
pub(crate) fn key_of<'p>(path: &'p str, member: Option<&str>) -> &'p str {
    match member {
        Some(_) => path,
        None => path.strip_prefix('/').unwrap_or(path),
    }
}

impl ContainerWriter for NpzWriter<NewFile> {
    fn group(&mut self, path: &str) -> Result<()> {
        let key = path.trim_matches('/');
        if key.is_empty() {
            return Ok(());
        }
        names::check_key(key).map_err(|e| self.named(e))?;
        if self.taken.contains(key) {
            return Err(self.named(Error::usage("an array has this name").object(path)));
        }
        self.groups.insert(key.into());
        Ok(())
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        let rest = ArrayOptions { deflate: None, ..options.clone() };
        dense::plain_options(&rest, "NPZ")?;
        let member = options.member.as_deref();
        let key = key_of(path, member);
        let added = self.name_of(key, member).and_then(|name| self.add_as(key, name, view, options.deflate));
        added.map_err(|e| self.named(e.object(path)))
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        let key = if self.taken.contains(path) { path } else { path.trim_matches('/') };
        if !key.is_empty() && !self.taken.contains(key) && !self.groups.contains(key) {
            return Err(self.named(Error::usage("nothing is written under this name").object(path)));
        }
        let json = attributes::write(value, &Limits::default())
            .map_err(|e| self.named(e.object(path).reading(format!("attribute {name:?}"))))?;
        let node = self.attributes.entry(key).or_insert_with(|| Json::Object(Map::new()));
        match node.as_object_mut() {
            Some(attributes) if !attributes.contains_key(name) => {
                attributes.insert(name.into(), json);
                Ok(())
            }
            _ => {
                Err(self.named(Error::usage(format!("the attribute {name:?} is written twice")).object(path)))
            }
        }
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.into_inner()?.commit()
    }
}
