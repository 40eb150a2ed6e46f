//! Writing NPZ: members that NumPy and the simplest readers load alike, the same bytes for the same data.
//!
//! Sizes stand in the local headers (a deflated member's are put back once known), ZIP64 fields appear only where a
//! number does not fit 32 bits, times are the first of 1980. The elements of a stored member start at a multiple of
//! 64, moved there by an extra field that other readers skip. The bytes of the headers are in `record`.

use super::attributes;
use super::member::{DEFLATED, STORED};
use super::names;
use super::record::{Record, end};
use crate::{dense, npy};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use hyperslab_core::container::{ArrayOptions, ContainerWriter};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Limits, Order, Result, Value, View};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Members up to this size are deflated in memory, larger ones as they are written.
const IN_MEMORY: u64 = 1 << 20;

/// An NPZ archive being written to anything that can be written and sought.
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
    groups: BTreeSet<String>,
    attributes: Map<String, Json>,
    target: Option<PathBuf>,
}

impl NpzWriter<NewFile> {
    /// Starts a file; see [`NewFile::create`].
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Io`.
    pub fn create(path: impl AsRef<Path>, replace: bool) -> Result<Self> {
        let file = NewFile::create(path, replace)?;
        let target = Some(file.target().to_path_buf());
        Ok(NpzWriter { target, ..NpzWriter::new(file) })
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
            groups: BTreeSet::new(),
            attributes: Map::new(),
            target: None,
        }
    }

    /// Adds an array under a key, deflated at a level from 0 to 9 or stored.
    ///
    /// # Errors
    /// `Usage` for a key that is taken or cannot be stored, `Unsupported` for types that NPY cannot hold, `Io`.
    pub fn add(&mut self, key: &str, view: &View<'_>, deflate: Option<u32>) -> Result<()> {
        self.reserve(key)?;
        let (head, order) = npy::header_of(view)?;
        let f_order = order == Order::F;
        let size = head.len() as u64 + view.nbytes();
        self.member(format!("{key}{}", names::SUFFIX), size, deflate, &mut |out| {
            out(&head)?;
            dense::pieces(view, f_order, out)
        })?;
        self.taken.insert(key.into());
        Ok(())
    }

    /// Adds the NPY member of a key as it is.
    pub(crate) fn add_content(&mut self, key: &str, content: &[u8], deflate: Option<u32>) -> Result<()> {
        self.reserve(key)?;
        let name = format!("{key}{}", names::SUFFIX);
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
        self.complete()?;
        self.out.into_inner().map_err(|e| dense::cannot_write(e.into_error()))
    }

    /// Checks that a key is fit and free. A key that is another one with `.npy` would be found in its place.
    fn reserve(&self, key: &str) -> Result<()> {
        names::check_key(key).map_err(|e| self.named(e))?;
        let clash = self.taken.contains(key)
            || self.groups.contains(key)
            || self.taken.contains(&format!("{key}{}", names::SUFFIX))
            || key.strip_suffix(names::SUFFIX).is_some_and(|stem| self.taken.contains(stem));
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
        let mut crc = crc32fast::Hasher::new();
        each(&mut |piece| {
            crc.update(piece);
            Ok(())
        })?;
        let method = if deflate.is_some() { DEFLATED } else { STORED };
        let mut record = Record { name, method, crc: crc.finalize(), packed: size, size, at: self.at };
        match deflate {
            None => {
                let head = record.local(size)?;
                self.put(&head)?;
                each(&mut |piece| self.put(piece))?;
            }
            Some(level) => self.deflated(&mut record, level.min(9), each)?,
        }
        self.records.push(record);
        Ok(())
    }

    fn deflated(&mut self, record: &mut Record, level: u32, each: Pieces<'_>) -> Result<()> {
        let level = Compression::new(level);
        if record.size <= IN_MEMORY {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            each(&mut |piece| encoder.write_all(piece).map_err(dense::cannot_write))?;
            let packed = encoder.finish().map_err(dense::cannot_write)?;
            record.packed = packed.len() as u64;
            let head = record.local(record.packed)?;
            self.put(&head)?;
            return self.put(&packed);
        }
        // Incompressible data grow by less than this; the header must have room for the size it will get.
        let most = record.size.saturating_add(record.size / 512).saturating_add(1024);
        let head = record.local(most)?;
        self.put(&head)?;
        let start = self.at;
        let mut encoder = DeflateEncoder::new(Counted { out: &mut self.out, count: 0 }, level);
        each(&mut |piece| encoder.write_all(piece).map_err(dense::cannot_write))?;
        record.packed = encoder.finish().map_err(dense::cannot_write)?.count;
        self.at = start.saturating_add(record.packed);
        let head = record.local_with(record.packed, most)?;
        let mut again = || {
            self.out.seek(SeekFrom::Start(record.at))?;
            self.out.write_all(&head)?;
            self.out.seek(SeekFrom::Start(self.at))
        };
        again().map_err(dense::cannot_write)?;
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

struct Counted<W> {
    out: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let n = self.out.write(buf)?;
        self.count = self.count.saturating_add(n as u64);
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
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
        let key = path.strip_prefix('/').unwrap_or(path);
        self.add(key, view, options.deflate).map_err(|e| self.named(e.object(path)))
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        let key = path.trim_matches('/');
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
