//! Reading files: the tree, the attributes, the elements.
//!
//! [`File`] is what is open; it implements [`Container`](hyperslab_core::Container), so that everything that works
//! on any container works on it. Opening reads a few thousand bytes whatever the size of the file. A node that cannot
//! be read says so by its error, and the rest of the file stays readable.
//!
//! Not here: the bytes of any structure (`format`), how chunks are found (`index`), what they go through (`filter`).

mod attribute;
pub(crate) mod based;
mod bookkeeping;
mod cache;
mod chunked;
mod container;
pub(crate) mod dataset;
mod dense;
mod extension;
mod external;
pub(crate) mod gather;
pub(crate) mod group;
mod heap;
mod live;
mod mapped;
pub(crate) mod names;
pub(crate) mod object;
pub(crate) mod once;
mod others;
pub(crate) mod outside;
mod overlaid;
mod reference;
mod regions;
mod shared_table;
mod stream;
pub(crate) mod walk;

#[cfg(test)]
mod tests;

use crate::filter::Registry;
use crate::format::Sizes;
use crate::format::message::kind;
use crate::format::message::layout::Layout;
use crate::format::superblock::{MAX_LEN, SIGNATURE, Superblock};
use crate::numpy_types;
use based::Based;
use cache::ChunkCache;
use dataset::Dataset;
pub(crate) use dataset::MOST_PACKED;
use hyperslab_core::source::{FileSource, SliceSource};
use hyperslab_core::{Error, Limits, Result, ResultExt, Selection, Source, Value, View};
pub use others::Follow;
use others::Others;
use reference::Paths;
use shared_table::SharedTable;
use std::ops::Range;
use std::path::Path;

/// What every step of reading needs.
#[derive(Clone, Copy)]
pub(crate) struct Context<'f, 'l> {
    pub(crate) source: &'f Based<'f>,
    pub(crate) sizes: Sizes,
    pub(crate) limits: &'l Limits,
    pub(crate) file: &'f File<'f>,
    /// The files that the one that was opened leads to, of which `file` may be one.
    pub(crate) others: &'f Others,
    /// How many other files and virtual datasets led here.
    pub(crate) nested: u32,
}

/// An open HDF5 file, for reading. Threads share it without a lock.
pub struct File<'s> {
    source: Based<'s>,
    superblock: Superblock,
    cache: ChunkCache,
    filters: Registry,
    shared: SharedTable,
    others: Others,
    paths: Paths,
    vain: live::Vain,
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
        let mut file = File {
            source,
            superblock,
            cache: ChunkCache::new(cache::DEFAULT),
            filters: Registry::default(),
            shared: SharedTable::default(),
            others: Others::default(),
            paths: Paths::new(),
            vain: live::Vain::default(),
        };
        if file.is_live() {
            file.source.forget_head();
        }
        let short = (end > have - at && !file.is_live()).then(|| truncated(&file.source, at, end, have - at));
        if short.is_some() || superblock.driver.is_some() || superblock.extension.is_some() {
            file.extend(short).map_err(|e| e.shifted(at))?;
        }
        Ok(file)
    }

    /// The same file, which lists the structures that are read.
    fn watched(&self) -> File<'_> {
        File {
            source: self.source.watched(),
            superblock: self.superblock,
            cache: ChunkCache::new(0),
            filters: self.filters.clone(),
            shared: SharedTable::at(self.shared.place),
            others: Others::following(self.others.follow),
            paths: Paths::new(),
            vain: live::Vain::default(),
        }
    }

    /// Takes in what the superblock extension and the driver-info block say.
    fn extend(&mut self, truncated: Option<Error>) -> Result<()> {
        let limits = Limits::default();
        let cx = self.context(&limits);
        extension::check_driver(cx, &self.superblock, truncated)?;
        let read = extension::read(cx, &self.superblock)?;
        self.shared.place = read.shared;
        if let Some(sizes) = read.sizes {
            self.superblock.sizes = sizes;
        }
        if !read.pieces.is_empty() {
            self.source.overlay(read.pieces)?;
        }
        Ok(())
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

    /// Reads chunks with these filters instead of those that are built in alone, those of files that links and virtual
    /// datasets lead to as well.
    pub fn with_filters(mut self, filters: Registry) -> Self {
        self.filters = filters;
        self
    }

    /// The superblock.
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    pub(crate) fn context<'f, 'l>(&'f self, limits: &'l Limits) -> Context<'f, 'l> {
        let (source, sizes) = (&self.source, self.superblock.sizes);
        Context { source, sizes, limits, file: self, others: &self.others, nested: 0 }
    }

    /// Says where external links, virtual datasets and external raw data may lead; [`Follow::Beside`] unless told.
    #[must_use]
    pub fn following(mut self, follow: Follow) -> Self {
        self.others.follow = follow;
        self
    }

    /// Where the superblock lies: addresses count from there.
    pub(crate) fn base(&self) -> u64 {
        self.source.base()
    }

    /// Decoded chunks; none where the file may change under us.
    fn chunks(&self) -> Option<&ChunkCache> {
        Some(&self.cache).filter(|_| !self.is_live())
    }

    /// Adds the path of the object to an error, and turns offsets that count from the base into offsets in the file,
    /// unless that was done.
    fn place<'p>(&'p self, path: &'p str) -> impl Fn(Error) -> Error + use<'p> {
        move |e| {
            if e.file_path().is_some() {
                return e.object(path);
            }
            let e = e.shifted(self.source.base()).object(path);
            match self.source.name() {
                Some(f) => e.file(f),
                None => e,
            }
        }
    }

    /// Opens the dataset at a path.
    fn dataset<'f, 'l>(&'f self, cx: Context<'f, 'l>, path: &str) -> Result<(Dataset<'f>, Context<'f, 'l>)> {
        let (object, cx) = walk::resolve(cx, path)?;
        match walk::kind(&object) {
            walk::Kind::Dataset => Dataset::open(cx, object).map(|d| (d, cx)).map_err(|e| cx.place(e)),
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
        self.settled(|| {
            let (d, cx) = self.dataset(cx, path)?;
            d.read(cx, selection).map_err(|e| cx.place(e))
        })
        .map_err(self.place(path))
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
        let found = self.settled(|| {
            let (d, cx) = self.dataset(cx, path)?;
            if cx.nested > 0 { Ok(None) } else { d.contiguous() }
        });
        let found = found.map_err(self.place(path))?;
        Ok(found.map(|r| r.start + base..r.end + base))
    }

    /// The names in a group, each with the address of the object's header (counted from the superblock), or `None` where
    /// it is a soft or external link. Objects that cannot be read are there all the same.
    ///
    /// # Errors
    /// `Usage` when there is no such object; `Invalid` when the names cannot be read; `Limit`, `Io`.
    pub fn members(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Option<u64>)>> {
        let mut nodes = walk::nodes_at(self, path, Some(1), false, limits)?.into_iter();
        if let Some(e) = nodes.next().and_then(|(group, _)| group.error) {
            return Err(e);
        }
        let name = |path: String| path.rsplit('/').next().map(str::to_owned).unwrap_or_default();
        Ok(nodes.map(|(node, address)| (name(node.path), address)).collect())
    }

    /// All bytes, those before the superblock included, and where the file ends in them.
    pub(crate) fn extent(&self) -> Result<(&dyn Source, u64)> {
        let stated = self.superblock.end.saturating_sub(self.superblock.base);
        let end = stated.min(self.source.len()?).saturating_add(self.source.base());
        Ok((self.source.whole(), end))
    }

    /// Checks what must hold of elements of a dataset before somebody uses them where they lie, in bytes of the
    /// source: they end before the file does and overlap neither the superblock nor the header that describes them,
    /// which says once what they are.
    pub(crate) fn check_apart(&self, path: &str, elements: &Range<u64>) -> Result<()> {
        let limits = Limits::default();
        let cx = self.context(&limits);
        let base = self.source.base();
        let end = base.saturating_add(self.superblock.end.saturating_sub(self.superblock.base));
        let invalid = |what: String| Err(Error::invalid(what).at(elements.start).object(path));
        if elements.end > end && !self.is_live() {
            return invalid(format!("elements end at {}, behind the file's end at {end}", elements.end));
        }
        let (object, _) = walk::resolve(cx, path).map_err(self.place(path))?;
        for kind in [kind::DATASPACE, kind::DATATYPE, kind::LAYOUT] {
            if object.messages().filter(|m| m.kind == kind).count() != 1 {
                return invalid(format!("several messages of kind {kind:#x} describe the elements"));
            }
        }
        let len = elements.end.saturating_sub(elements.start);
        if let Some(m) = object.first(kind::LAYOUT)
            && let Ok(Layout::Contiguous { size: Some(size), .. }) = Layout::parse(m.body, cx.sizes, m.offset)
            && size != len
        {
            return invalid(format!("{size} bytes for elements that take {len}"));
        }
        let header = object.ranges().map(|r| r.start.saturating_add(base)..r.end.saturating_add(base));
        for taken in header.chain(std::iter::once(base..base.saturating_add(self.superblock.len()))) {
            if elements.start < taken.end && taken.start < elements.end {
                return invalid(format!("elements overlap the structures at {}", taken.start));
            }
        }
        Ok(())
    }

    /// The attributes of an object, in stored order.
    ///
    /// # Errors
    /// As [`File::read`], for any object.
    pub fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        let cx = self.context(limits);
        let read = || {
            let (object, cx) = walk::resolve(cx, path)?;
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
        self.settled(|| {
            let (object, cx) = walk::resolve(cx, path)?;
            attribute::one(cx, &object, name).map_err(|e| cx.place(e))
        })
        .map_err(self.place(path))
    }
}

/// The attribute that restores a NumPy type is part of the type, not of the metadata, where it does so.
fn hide_descr(d: &Dataset<'_>, attributes: &mut Vec<(String, Value)>) {
    if d.restored.is_some() {
        attributes.retain(|(n, _)| n != numpy_types::ATTRIBUTE);
    }
}

/// The error for a file that is shorter than its superblock says.
fn truncated(source: &Based<'_>, at: u64, end: u64, have: u64) -> Error {
    // The first member of a family of files looks like this too, and older libraries do not say so in it.
    let stem = source.name().and_then(Path::file_stem).map(|s| s.to_string_lossy().into_owned());
    let hint = match stem {
        Some(s) if s.ends_with("00") => {
            "copy it again from where it is whole; if it is the first member of a family, join them with 'h5repart'"
        }
        _ => "copy it again from where it is whole",
    };
    Error::invalid(format!("{end} bytes where the file has {have}, so it is truncated"))
        .reading("superblock")
        .at(at)
        .hint(hint)
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
