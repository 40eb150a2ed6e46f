//! The tree that every container presents, whatever its format: groups and arrays with attributes.
//!
//! A reader implements [`Container`], a writer [`ContainerWriter`]; everything above (list, show, sum, convert,
//! diff) is written once against them.

use crate::selection::Selection;
use crate::value::Value;
use crate::view::View;
use crate::walk::Visit;
use crate::{Dtype, Error, Limits, Result, Shape};

/// What a node of the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// Holds other nodes.
    Group,
    /// An array.
    Array,
    /// A named type.
    Type,
    /// A soft or external link.
    Link,
}

/// One node as it is listed. What does not apply is empty.
#[derive(Debug)]
pub struct Node {
    /// Path in the container: absolute in HDF5 (`/run/x`), the member's key in an NPZ, the entry number in a
    /// pack, empty where the file is one array.
    pub path: String,
    /// The name of an NPZ's member, of which the path is the key.
    pub member: Option<String>,
    /// What it is.
    pub kind: NodeKind,
    /// Element type, of arrays and named types.
    pub dtype: Option<Dtype>,
    /// Extents; `None` for a null dataspace.
    pub shape: Option<Shape>,
    /// Greatest extents, `None` where unlimited; empty when the shape cannot change.
    pub max_shape: Vec<Option<u64>>,
    /// How the elements are stored: `contiguous`, `compact`, `chunked`, `stored`, `deflate`, ..
    pub layout: Option<String>,
    /// Extents of a chunk.
    pub chunks: Option<Shape>,
    /// Filters in the order in which they were applied on writing.
    pub filters: Vec<String>,
    /// Bytes of the elements, decoded.
    pub nbytes: Option<u64>,
    /// Bytes that the elements take in the file.
    pub stored_bytes: Option<u64>,
    /// Metadata in order, where it was asked for.
    pub attributes: Vec<(String, Value)>,
    /// Where a link points.
    pub target: Option<String>,
    /// The number of the object that it is, where one object can have several names: the same for all of them.
    pub object: Option<u64>,
    /// Why this node cannot be read, when it cannot.
    pub error: Option<Error>,
}

impl Node {
    /// A node of a kind with nothing else known.
    pub fn new(path: impl Into<String>, kind: NodeKind) -> Node {
        Node {
            path: path.into(),
            member: None,
            kind,
            dtype: None,
            shape: None,
            max_shape: Vec::new(),
            layout: None,
            chunks: None,
            filters: Vec::new(),
            nbytes: None,
            stored_bytes: None,
            attributes: Vec::new(),
            target: None,
            object: None,
            error: None,
        }
    }

    /// An array of a dtype and shape; `nbytes` follows from them.
    pub fn array(path: impl Into<String>, dtype: Dtype, shape: Shape) -> Node {
        let nbytes = shape.bytes(dtype.itemsize()).ok();
        Node { dtype: Some(dtype), shape: Some(shape), nbytes, ..Node::new(path, NodeKind::Array) }
    }
}

/// An array's elements in C order, a part at a time: how a container hands out what can only be decoded from its
/// start.
pub trait Stream {
    /// The next part; `None` after the last. The parts, one after the other, hold every element once, in C order;
    /// their shapes say nothing.
    ///
    /// # Errors
    /// As [`Container::read`]. What checks the whole (a CRC, a count) reports with the last part.
    fn next_part(&mut self) -> Result<Option<View<'_>>>;
}

/// An attribute as it is stored, where a [`Value`] says less.
pub struct StoredAttribute<'a> {
    /// Type of the elements.
    pub dtype: Dtype,
    /// The elements; `None` for a null dataspace.
    pub elements: Option<View<'a>>,
    /// The path of the named type that its type is.
    pub named_type: Option<String>,
}

/// Code that a stored object refers to by name, as Python would import it. It is never imported or called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeName {
    /// `module.name`.
    pub name: String,
    /// Where the file first refers to it, in bytes from its start.
    pub offset: u64,
    /// Whether it is among the types that are read; anything else is an inert record.
    pub known: bool,
}

/// An open container.
pub trait Container: Send + Sync {
    /// The format's short name: `hdf5`, `npy`, `npz`, `nco`, `nco-pack`, `raw`, ..
    fn format(&self) -> &'static str;

    /// Every node below `path` (`""` or `"/"` for all) down to `depth` levels of groups, parents first, in stored order; with their attributes
    /// when `attributes` says so. A node that cannot be read is listed with its error: nothing is skipped.
    ///
    /// # Errors
    /// Only when `path` does not exist or the container itself cannot be read.
    fn nodes(&self, path: &str, depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>>;

    /// The elements that a selection takes of an array: a view where the stored bytes can be used as they lie.
    ///
    /// # Errors
    /// `Usage` for a path that is not an array, `Invalid`, `Unsupported`, `Limit`, `Io`.
    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>>;

    /// An array's elements from first to last in bounded memory, where [`read`](Container::read)ing any part of it
    /// costs as much as the whole; `None` where parts are cheap to read.
    ///
    /// # Errors
    /// As [`Container::read`].
    fn stream<'a>(&'a self, path: &str, limits: &'a Limits) -> Result<Option<Box<dyn Stream + 'a>>> {
        let _ = (path, limits);
        Ok(None)
    }

    /// The metadata of one node, in stored order.
    ///
    /// # Errors
    /// `Usage` for a path that is not there; otherwise as [`Container::read`].
    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>>;

    /// What the file says about a node beside its metadata, for example the key that an index finds it by. Most formats
    /// say nothing.
    ///
    /// # Errors
    /// As [`Container::attributes`].
    fn extension(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        let _ = (path, limits);
        Ok(Vec::new())
    }

    /// Hands out the regions of the file that are accounted for, all of them or none, and the damage that reading
    /// everything does not come across. Without this method a container tells nothing of regions.
    ///
    /// # Errors
    /// What `visit` returns; `Limit`, `Io`.
    fn walk(&self, limits: &Limits, visit: Visit<'_>) -> Result<()> {
        let _ = (limits, visit);
        Ok(())
    }

    /// Every object at and below `path` once, with its metadata, for somebody who writes them anew: parents first. An
    /// object comes under the first of its shortest paths, whatever the order of names is; each further name of it is a
    /// [`NodeKind::Link`] with the number of the object, whose target is that path, wherever that comes.
    ///
    /// # Errors
    /// As [`Container::nodes`].
    fn once(&self, path: &str, limits: &Limits) -> Result<Vec<Node>> {
        self.nodes(path, None, true, limits)
    }

    /// What a format keeps of an object beside metadata and elements; nothing where it keeps no such things.
    ///
    /// # Errors
    /// As [`Container::attributes`].
    fn bookkeeping(&self, path: &str, limits: &Limits) -> Result<Bookkeeping> {
        let _ = (path, limits);
        Ok(Bookkeeping::default())
    }

    /// The bytes before the first that belongs to the format, which are somebody else's; most formats have none.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    fn user_block(&self, limits: &Limits) -> Result<Vec<u8>> {
        let _ = limits;
        Ok(Vec::new())
    }

    /// How an array is stored: what a writer of the same format is asked for to store it that way again. Nothing
    /// special where a format has no choices.
    ///
    /// # Errors
    /// `Unsupported` for what no writer here can be asked for; otherwise as [`Container::attributes`].
    fn storage(&self, path: &str, limits: &Limits) -> Result<ArrayOptions> {
        let _ = (path, limits);
        Ok(ArrayOptions::default())
    }

    /// The metadata of one node as it is stored, in stored order: all of it, or nothing where a [`Value`] says
    /// everything.
    ///
    /// # Errors
    /// As [`Container::attributes`].
    fn stored_attributes<'a>(
        &'a self,
        path: &str,
        limits: &Limits,
    ) -> Result<Vec<(String, StoredAttribute<'a>)>> {
        let _ = (path, limits);
        Ok(Vec::new())
    }

    /// Where a soft or external link leads; `None` for what is no such link.
    ///
    /// # Errors
    /// As [`Container::attributes`].
    fn link(&self, path: &str, limits: &Limits) -> Result<Option<LinkTo>> {
        let _ = (path, limits);
        Ok(None)
    }

    /// The code that objects stored in a node refer to; empty where a format has no such objects.
    ///
    /// # Errors
    /// As [`Container::read`].
    fn code_names(&self, path: &str, limits: &Limits) -> Result<Vec<CodeName>> {
        let _ = (path, limits);
        Ok(Vec::new())
    }

    /// One attribute as an array, with its own dtype and shape.
    ///
    /// # Errors
    /// `Usage` when it is not there or is not an array in this format.
    fn attribute(&self, path: &str, name: &str, limits: &Limits) -> Result<Value> {
        self.attributes(path, limits)?
            .into_iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v)
            .ok_or_else(|| Error::usage(format!("no attribute {name:?}")).object(path))
    }
}

/// Where the elements of an array lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArrayLayout {
    /// As the format has it unless told otherwise: in chunks where another option needs them.
    #[default]
    Usual,
    /// In one run of bytes.
    Contiguous,
    /// In the description of the array itself.
    Compact,
    /// In chunks, whose extents the writer chooses unless they are given.
    Chunked,
}

/// What stands for elements that were never written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// Zeros.
    #[default]
    Zeros,
    /// Anything.
    Undefined,
    /// The bytes of one element, in the array's own type.
    Value(Vec<u8>),
    /// A reference to an object, in an array of those.
    Reference(crate::view::Target),
}

/// When room for the elements of an array is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Allocation {
    /// As the layout has it.
    #[default]
    Usual,
    /// From the start.
    Early,
    /// When the first element is written.
    Late,
    /// Chunk by chunk.
    Incremental,
}

/// When elements that were never written become the fill value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FillTime {
    /// Once there is room for them, if somebody chose the value.
    #[default]
    Usual,
    /// Once there is room for them.
    Always,
    /// Never: they are whatever was in that place before.
    Never,
}

/// An order of creation that an object keeps of its names or of its metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// None.
    #[default]
    Unkept,
    /// Each has its place in it.
    Kept,
    /// The same, and there is an index by it.
    Indexed,
}

/// When something happened to an object, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Its data was read.
    pub accessed: u32,
    /// Its data was changed.
    pub modified: u32,
    /// Its description was changed.
    pub changed: u32,
    /// It was made.
    pub born: u32,
}

/// What a format keeps of an object beside metadata and elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bookkeeping {
    /// Whether a group keeps the order in which its names were made.
    pub links: Order,
    /// The names in that order, where it is kept.
    pub names: Vec<String>,
    /// Whether the order is kept in which its metadata was made, which is then listed in that order.
    pub attributes: Order,
    /// What somebody has noted about it.
    pub comment: Option<String>,
    /// Times, where they are kept.
    pub times: Option<Times>,
}

/// Where a link leads that is no object itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkTo {
    /// To a path of the same file.
    Soft(String),
    /// To a path of another file.
    External {
        /// The other file's name, as it is stored.
        file: String,
        /// The path in it.
        path: String,
    },
}

/// A filter that chunks go through, by its registered number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkFilter {
    /// Registered number.
    pub id: u16,
    /// Name, where stored.
    pub name: Option<String>,
    /// Whether writing goes on without it when it fails for a chunk.
    pub optional: bool,
    /// Its parameters.
    pub values: Vec<u32>,
}

/// How an array is to be stored; a format that lacks what is asked for refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrayOptions {
    /// Filters by number, first to last. What the fields below ask for is put where it belongs among them; a
    /// compression takes the place of those that are there. Parameters that describe the elements may be left out.
    pub filters: Vec<ChunkFilter>,
    /// Whether filters may round elements that they cannot keep; otherwise those are stored as they are.
    pub rounded: bool,
    /// Deflate level 1 to 9; 0 stores without compression in deflate's wrapping.
    pub deflate: Option<u32>,
    /// LZF compression, instead of deflate.
    pub lzf: bool,
    /// LZ4 compression, instead of deflate.
    pub lz4: bool,
    /// Zstandard compression, instead of deflate: the level that is noted in the file.
    pub zstd: Option<u32>,
    /// Bzip2 compression, instead of deflate: hundreds of kilobytes that are packed at a time, 1 to 9.
    pub bzip2: Option<u32>,
    /// Byte shuffle before compression.
    pub shuffle: bool,
    /// A Fletcher-32 checksum of every chunk.
    pub fletcher32: bool,
    /// Where the elements lie.
    pub layout: ArrayLayout,
    /// Extents of a chunk.
    pub chunks: Option<Shape>,
    /// Greatest extents, `None` where unlimited; empty when the shape cannot change.
    pub max_shape: Vec<Option<u64>>,
    /// What stands for elements that were never written.
    pub fill: Fill,
    /// When room for the elements is made.
    pub allocation: Allocation,
    /// When elements that were never written become the fill value.
    pub fill_time: FillTime,
    /// The path of the named type that the elements' type is to be; it is there, and the same.
    pub named_type: Option<String>,
    /// The name of the member in an NPZ, where it is not the usual one of its key; other formats have none.
    pub member: Option<String>,
}

impl ArrayOptions {
    /// What is asked for beyond deflate, if anything: only HDF5 has it.
    pub fn beyond_deflate(&self) -> Option<&'static str> {
        let asked = [
            (!self.filters.is_empty(), "filters by number"),
            (self.shuffle, "shuffle"),
            (self.chunks.is_some() || self.layout == ArrayLayout::Chunked, "chunks"),
            (self.lzf, "LZF compression"),
            (self.lz4, "LZ4 compression"),
            (self.zstd.is_some(), "Zstandard compression"),
            (self.bzip2.is_some(), "bzip2 compression"),
            (self.fletcher32, "checksums of chunks"),
            (!self.max_shape.is_empty(), "arrays that can grow"),
            (self.fill != Fill::Zeros, "fill values"),
            (self.layout != ArrayLayout::Usual, "layouts"),
        ];
        asked.into_iter().find(|(set, _)| *set).map(|(_, what)| what)
    }

    /// Whether elements can only be stored as asked for in chunks.
    pub fn needs_chunks(&self) -> bool {
        let grows = !self.max_shape.is_empty();
        self.chunks.is_some() || grows || self.is_filtered() || self.layout == ArrayLayout::Chunked
    }

    /// Whether bytes are changed on their way into the file.
    pub fn is_filtered(&self) -> bool {
        !self.filters.is_empty() || self.is_compressed() || self.shuffle || self.fletcher32
    }

    /// Whether a compression is asked for by name.
    pub fn is_compressed(&self) -> bool {
        self.deflate.is_some() || self.lzf || self.lz4 || self.zstd.is_some() || self.bzip2.is_some()
    }

    /// The same with the compression of others in place of its own.
    pub fn compressed_as(&mut self, other: &ArrayOptions) {
        self.deflate = other.deflate;
        (self.lzf, self.lz4, self.zstd, self.bzip2) = (other.lzf, other.lz4, other.zstd, other.bzip2);
    }
}

/// A container being written. [`ContainerWriter::finish`] commits; dropping it discards.
pub trait ContainerWriter {
    /// Makes a group (its parents too).
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored; `Unsupported` where the format has no groups.
    fn group(&mut self, path: &str) -> Result<()>;

    /// Writes an array.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, `Unsupported` when the type or an option cannot be
    /// stored without loss, `Io`.
    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()>;

    /// Hangs metadata on a node that was written (or on the root, `""`).
    ///
    /// # Errors
    /// As [`ContainerWriter::array`].
    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()>;

    /// Makes an array without elements and without a shape, and says whether this format has such arrays.
    ///
    /// # Errors
    /// As [`ContainerWriter::array`].
    fn null(&mut self, path: &str, dtype: &Dtype, options: &ArrayOptions) -> Result<bool> {
        let _ = (path, dtype, options);
        Ok(false)
    }

    /// Makes a named type, and says whether this format has them.
    ///
    /// # Errors
    /// As [`ContainerWriter::array`].
    fn named_type(&mut self, path: &str, dtype: &Dtype) -> Result<bool> {
        let _ = (path, dtype);
        Ok(false)
    }

    /// Hangs an attribute of another file of the same format on a node that was written, as it was stored there, and
    /// says whether this format has more to say than a [`Value`] does.
    ///
    /// # Errors
    /// As [`ContainerWriter::array`].
    fn stored_attribute(&mut self, path: &str, name: &str, attribute: &StoredAttribute<'_>) -> Result<bool> {
        let _ = (path, name, attribute);
        Ok(false)
    }

    /// Makes a link, and says whether this format has such links.
    ///
    /// # Errors
    /// As [`ContainerWriter::group`].
    fn link(&mut self, path: &str, to: &LinkTo) -> Result<bool> {
        let _ = (path, to);
        Ok(false)
    }

    /// Gives an object that was written one more name, and says whether objects of this format can have several.
    ///
    /// # Errors
    /// As [`ContainerWriter::group`].
    fn hard_link(&mut self, path: &str, target: &str) -> Result<bool> {
        let _ = (path, target);
        Ok(false)
    }

    /// Keeps of an object that was written what another file kept of it, once all its names and metadata are there;
    /// says whether this format has a place for that.
    ///
    /// # Errors
    /// As [`ContainerWriter::attribute`].
    fn bookkeeping(&mut self, path: &str, kept: &Bookkeeping) -> Result<bool> {
        let _ = (path, kept);
        Ok(false)
    }

    /// Puts somebody else's bytes before everything, before anything else is written; says whether this format has a
    /// place for them.
    ///
    /// # Errors
    /// `Usage` when something was written, or for a number of bytes that cannot be there; `Io`.
    fn user_block(&mut self, bytes: &[u8]) -> Result<bool> {
        let _ = bytes;
        Ok(false)
    }

    /// Says of an array that was just written what another file said with [`Container::extension`], and whether this
    /// format has a place for it.
    ///
    /// # Errors
    /// As [`ContainerWriter::array`].
    fn extension(&mut self, path: &str, fields: &[(String, Value)]) -> Result<bool> {
        let _ = (path, fields);
        Ok(false)
    }

    /// Puts the finished container in place.
    ///
    /// # Errors
    /// `Io`, or `Usage` when the target has appeared meanwhile.
    fn finish(self: Box<Self>) -> Result<()>;
}
