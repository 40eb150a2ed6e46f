//! Reading files: the tree, the attributes, the elements.
//!
//! [`File`] is what is open; it implements [`Container`](hyperslab_core::Container), so that everything that works
//! on any container works on it. Opening reads a few thousand bytes whatever the size of the file. A node that cannot
//! be read says so by its error, and the rest of the file stays readable.
//!
//! Not here: the bytes of any structure (`format`), how chunks are found (`index`), what they go through (`filter`).

mod attribute;
mod based;
mod cache;
mod chunked;
mod container;
mod dataset;
mod dense;
mod gather;
mod group;
mod heap;
mod live;
mod object;
mod regions;
mod stream;
mod walk;

#[cfg(test)]
mod tests;

use crate::filter::Registry;
use crate::format::Sizes;
use crate::format::superblock::{MAX_LEN, SIGNATURE, Superblock};
use crate::numpy_types;
use based::Based;
use cache::ChunkCache;
use dataset::Dataset;
use hyperslab_core::source::{FileSource, SliceSource};
use hyperslab_core::{Error, Limits, Result, ResultExt, Selection, Source, Value, View};
use std::ops::Range;
use std::path::Path;

/// What every step of reading needs.
#[derive(Clone, Copy)]
pub(crate) struct Context<'f, 'l> {
    pub(crate) source: &'f Based<'f>,
    pub(crate) sizes: Sizes,
    pub(crate) limits: &'l Limits,
    /// Decoded chunks; none where the file may change under us.
    pub(crate) cache: Option<&'f ChunkCache>,
    /// What undoes the filters of chunks.
    pub(crate) filters: &'f Registry,
}

/// An open HDF5 file, for reading. Threads share it without a lock.
pub struct File<'s> {
    source: Based<'s>,
    superblock: Superblock,
    cache: ChunkCache,
    filters: Registry,
}

impl File<'static> {
    /// Opens a file, read by position.
    ///
    /// # Errors
    /// `Io`; `Invalid` when it is not HDF5, damaged at its start or truncated.
    pub fn open(path: impl AsRef<Path>) -> Result<File<'static>> {
        let path = path.as_ref();
        File::from_source(FileSource::open(path)?).in_file(path)
    }
}

impl<'s> File<'s> {
    /// A file over any source of bytes.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_source(source: impl Source + 's) -> Result<File<'s>> {
        let mut source = Based::new(Box::new(source))?;
        let at = find_signature(&source)?;
        let have = source.len()?;
        let len = (have - at).min(MAX_LEN as u64);
        let bytes = source.bytes_at(at, len, &Limits::default())?;
        let superblock = Superblock::parse(&bytes, at)?;
        // The file may have been moved behind a longer or shorter user block than it was made with.
        let end = superblock.end.saturating_sub(superblock.base);
        drop(bytes);
        source.set_base(at);
        let mut file =
            File { source, superblock, cache: ChunkCache::new(cache::DEFAULT), filters: Registry::default() };
        if file.is_live() {
            file.source.forget_head();
        } else if end > have - at {
            return Err(Error::invalid(format!(
                "{end} bytes where the file has {}, so it is truncated",
                have - at
            ))
            .reading("superblock")
            .at(at)
            .hint("try 'slab recover'"));
        }
        Ok(file)
    }

    /// A file in memory. Elements that lie in it ready to use are views of the image.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_image(image: &'s [u8]) -> Result<File<'s>> {
        File::from_source(SliceSource(image))
    }

    /// Keeps up to `bytes` of decoded chunks between reads, instead of 16 MiB; 0 for none.
    ///
    /// Chunks that a selection takes as a whole are never kept, nor is anything of a file that is being written.
    pub fn with_chunk_cache(mut self, bytes: u64) -> Self {
        self.cache = ChunkCache::new(usize::try_from(bytes).unwrap_or(usize::MAX));
        self
    }

    /// Reads chunks with these filters instead of those that are built in alone.
    pub fn with_filters(mut self, filters: Registry) -> Self {
        self.filters = filters;
        self
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    fn context<'f, 'l>(&'f self, limits: &'l Limits) -> Context<'f, 'l> {
        let cache = Some(&self.cache).filter(|_| !self.is_live());
        Context { source: &self.source, sizes: self.superblock.sizes, limits, cache, filters: &self.filters }
    }

    /// Adds the path of the object to an error, and turns offsets that count from the base into offsets in the file.
    fn place(&self, path: &str) -> impl Fn(Error) -> Error {
        let (base, path, file) =
            (self.source.base(), path.to_owned(), self.source.name().map(Path::to_path_buf));
        move |e| {
            let e = e.shifted(base).object(path.as_str());
            match &file {
                Some(f) => e.file(f),
                None => e,
            }
        }
    }

    /// Opens the dataset at a path.
    fn dataset<'f>(&'f self, cx: Context<'f, '_>, path: &str) -> Result<Dataset<'f>> {
        let object = walk::resolve(self, cx, path)?;
        match walk::kind(&object) {
            walk::Kind::Dataset => Dataset::open(cx, object),
            _ => Err(Error::usage("not an array")),
        }
    }

    /// The elements that a selection takes of a dataset: a view where the file is in memory and the elements lie in
    /// it as they are.
    ///
    /// # Errors
    /// `Usage` for a path that is not a dataset or a selection that does not fit; `Invalid`, `Unsupported`,
    /// `Limit`, `Io`.
    pub fn read<'f>(&'f self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'f>> {
        let cx = self.context(limits);
        self.settled(|| self.dataset(cx, path)?.read(cx, selection)).map_err(self.place(path))
    }

    /// Where the elements of a dataset lie in the file, byte for byte as they are: contiguous, written and not
    /// filtered. `None` for other datasets. This is what `H5Dget_offset` gives.
    ///
    /// # Errors
    /// As [`File::read`].
    pub fn contiguous(&self, path: &str) -> Result<Option<Range<u64>>> {
        let limits = Limits::default();
        let cx = self.context(&limits);
        let base = self.source.base();
        let found = self.settled(|| self.dataset(cx, path)?.contiguous()).map_err(self.place(path))?;
        Ok(found.map(|r| r.start + base..r.end + base))
    }

    /// The attributes of an object, in stored order.
    ///
    /// # Errors
    /// As [`File::read`], for any object.
    pub fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        let cx = self.context(limits);
        let read = || {
            let object = walk::resolve(self, cx, path)?;
            let mut all = attribute::all(cx, &object)?;
            if let walk::Kind::Dataset = walk::kind(&object)
                && all.iter().any(|(n, _)| n == numpy_types::ATTRIBUTE)
            {
                let d = Dataset::open(cx, object)?;
                hide_descr(&d, &mut all);
            }
            Ok(all)
        };
        self.settled(read).map_err(self.place(path))
    }

    /// One attribute of an object.
    ///
    /// # Errors
    /// `Usage` when it is not there; otherwise as [`File::read`].
    pub fn attribute(&self, path: &str, name: &str, limits: &Limits) -> Result<Value> {
        let cx = self.context(limits);
        self.settled(|| attribute::one(cx, &walk::resolve(self, cx, path)?, name)).map_err(self.place(path))
    }
}

/// The attribute that restores a NumPy type is part of the type, not of the metadata, where it does so.
fn hide_descr(d: &Dataset<'_>, attributes: &mut Vec<(String, Value)>) {
    if d.restored.is_some() {
        attributes.retain(|(n, _)| n != numpy_types::ATTRIBUTE);
    }
}

/// Where the superblock lies: at 0, or behind a user block of 512, 1024, 2048, .. bytes.
fn find_signature(source: &Based<'_>) -> Result<u64> {
    let len = source.len()?;
    let mut at = 0u64;
    let mut found = [0; 8];
    while at.checked_add(SIGNATURE.len() as u64).is_some_and(|end| end <= len) {
        source.read_exact_at(at, &mut found)?;
        if found == SIGNATURE {
            return Ok(at);
        }
        at = if at == 0 { 512 } else { at.saturating_mul(2) };
    }
    Err(Error::invalid("not an HDF5 file: no signature").reading("superblock").at(0))
}
