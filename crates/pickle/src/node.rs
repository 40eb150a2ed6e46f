//! The nodes of a loaded pickle and the arena that holds them.
//!
//! A node is 24 bytes and refers to others by number, so sharing and cycles are kept, and reading, walking and
//! dropping need no recursion. Strings and bytes point into the input where they can; what had to be decoded
//! lies in two buffers of the arena. There is no allocation per node.

use crate::dtype::DtypeNode;
use crate::global::Global;
use crate::numpy::{ArrayNode, ScalarNode};
use crate::opaque::OpaqueNode;
use crate::time::Moment;
use hyperslab_core::{Error, Limits, Result};
use num_bigint::BigInt;

/// The number of a node in its pickle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) const NONE: NodeId = NodeId(0);
    pub(crate) const FALSE: NodeId = NodeId(1);
    pub(crate) const TRUE: NodeId = NodeId(2);
    pub(crate) const EMPTY_TUPLE: NodeId = NodeId(3);

    /// The number of no node.
    pub(crate) const UNSET: NodeId = NodeId(u32::MAX);

    #[inline]
    pub(crate) fn from_index(i: usize) -> Result<NodeId> {
        match u32::try_from(i) {
            Ok(i) if i != u32::MAX => Ok(NodeId(i)),
            _ => Err(too_many("nodes")),
        }
    }

    /// The number itself: below the count of nodes, the same for the same object.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A run in one of the arena's buffers or side tables.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    start: u32,
    len: u32,
}

/// Bytes of the input, or bytes that were decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'a> {
    Input(&'a [u8]),
    Made(Made),
}

/// Text of the input, or text that was decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    Input(&'a str),
    Made(Made),
}

/// A run of node numbers with room to grow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Links {
    start: u32,
    len: u32,
    room: u32,
}

impl Links {
    pub(crate) fn len(self) -> usize {
        self.len as usize
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Node<'a> {
    None,
    Bool(bool),
    Int(i64),
    BigInt(u32),
    Float(f64),
    Complex(u32),
    Str(Text<'a>),
    /// A string with lone surrogates, in generalized UTF-8.
    Surrogates(Data<'a>),
    Bytes(Data<'a>),
    ByteArray(Data<'a>),
    /// A Python 2 `str`: bytes of unknown encoding.
    Py2Str(Data<'a>),
    List(Links),
    Tuple {
        items: Links,
        hashable: bool,
    },
    Set(Links),
    FrozenSet(Links),
    /// Keys and values in turn.
    Dict(Links),
    OrderedDict(Links),
    DefaultDict(Links, NodeId),
    Time(u32),
    Dtype(u32),
    Array(u32),
    Scalar(u32),
    Global(u32),
    Opaque(u32),
}

/// How many nodes are made between two looks at the limits.
const BATCH: usize = 4096;

pub(crate) struct Arena<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    links: Vec<NodeId>,
    made_bytes: Vec<u8>,
    made_text: String,
    pub(crate) big_ints: Vec<BigInt>,
    pub(crate) complexes: Vec<[f64; 2]>,
    pub(crate) times: Vec<Moment>,
    pub(crate) dtypes: Vec<DtypeNode>,
    pub(crate) arrays: Vec<ArrayNode<'a>>,
    pub(crate) scalars: Vec<ScalarNode<'a>>,
    pub(crate) globals: Vec<Global<'a>>,
    pub(crate) opaques: Vec<OpaqueNode>,
    limits: Limits,
    /// How many of the nodes the limits were told of.
    counted: usize,
    /// What else was made, and they were not told of.
    uncounted: u32,
    /// How many more fields dtypes may have.
    fields: u64,
}

/// Fields that the dtypes of any pickle may have together, however short it is.
const FREE_FIELDS: u64 = 1 << 17;

impl<'a> Arena<'a> {
    /// An arena with its constants, and room for what a pickle of `input_len` bytes usually holds.
    pub(crate) fn new(input_len: usize, limits: &Limits) -> Arena<'a> {
        // Memory that is never touched costs nothing; what grows is copied. Opcodes of small pickles are short.
        let guess = (input_len / if input_len < 4096 { 6 } else { 12 }).clamp(16, 1 << 20);
        let mut nodes = Vec::with_capacity(guess);
        nodes.extend([
            Node::None,
            Node::Bool(false),
            Node::Bool(true),
            Node::Tuple { items: Links::default(), hashable: true },
        ]);
        Arena {
            nodes,
            links: Vec::with_capacity(guess),
            made_bytes: Vec::new(),
            made_text: String::new(),
            big_ints: Vec::new(),
            complexes: Vec::new(),
            times: Vec::new(),
            dtypes: Vec::new(),
            arrays: Vec::new(),
            scalars: Vec::new(),
            globals: Vec::new(),
            opaques: Vec::new(),
            limits: limits.clone(),
            // The constants cost nothing.
            counted: 4,
            uncounted: 0,
            // None is spelled in fewer than two bytes, where it is not made again from the same.
            fields: FREE_FIELDS.saturating_add(input_len as u64 / 2),
        }
    }

    /// Counts fields of a new dtype: one description may be used any number of times, each time for a few bytes.
    pub(crate) fn spend_fields(&mut self, n: u64) -> Result<()> {
        self.fields = self
            .fields
            .checked_sub(n)
            .ok_or_else(|| Error::limit("dtypes with far more fields than the pickle can spell"))?;
        Ok(())
    }

    /// Counts `n` objects against the limits, in batches.
    fn count(&mut self, n: usize) -> Result<()> {
        let n = u32::try_from(n).map_err(|_| too_many("nodes"))?;
        self.uncounted = self.uncounted.saturating_add(n);
        if self.uncounted >= BATCH as u32 { self.settle() } else { Ok(()) }
    }

    #[cold]
    fn settle_batch(&mut self) -> Result<()> {
        self.settle()
    }

    /// Counts what is left of the last batch.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let new = self.nodes.len().saturating_sub(std::mem::replace(&mut self.counted, self.nodes.len()));
        self.limits.count_objects(new as u64 + u64::from(std::mem::take(&mut self.uncounted)))
    }

    // A node that is handed over in memory is read back wider than it was written, which waits for the store.
    #[inline(always)]
    pub(crate) fn push(&mut self, node: Node<'a>) -> Result<NodeId> {
        let n = self.nodes.len();
        if n.is_multiple_of(BATCH) {
            self.settle_batch()?;
        }
        let id = NodeId::from_index(n)?;
        self.nodes.push(node);
        Ok(id)
    }

    #[inline]
    pub(crate) fn node(&self, id: NodeId) -> Node<'a> {
        // Every id was handed out by `push`, and nodes are never removed.
        self.nodes.get(id.index()).copied().unwrap_or(Node::None)
    }

    pub(crate) fn set(&mut self, id: NodeId, node: Node<'a>) {
        if let Some(n) = self.nodes.get_mut(id.index()) {
            *n = node;
        }
    }

    #[inline]
    pub(crate) fn links(&self, l: Links) -> &[NodeId] {
        self.links.get(l.start as usize..).and_then(|s| s.get(..l.len())).unwrap_or_default()
    }

    /// A run of exactly these nodes.
    #[inline]
    pub(crate) fn link(&mut self, items: &[NodeId]) -> Result<Links> {
        let start = u32::try_from(self.links.len()).map_err(|_| too_many("references"))?;
        let len = u32::try_from(items.len()).map_err(|_| too_many("references"))?;
        start.checked_add(len).ok_or_else(|| too_many("references"))?;
        self.links.extend_from_slice(items);
        Ok(Links { start, len, room: len })
    }

    /// The run with `items` added, moved to the end of the buffer when it has no room.
    pub(crate) fn extend(&mut self, l: Links, items: &[NodeId]) -> Result<Links> {
        let n = u32::try_from(items.len()).map_err(|_| too_many("references"))?;
        let len = l.len.checked_add(n).ok_or_else(|| too_many("references"))?;
        let end = (l.start as usize).saturating_add(l.len());
        if len <= l.room {
            if let Some(free) = self.links.get_mut(end..end + items.len()) {
                free.copy_from_slice(items);
            }
            return Ok(Links { len, ..l });
        }
        if l.room > 0 && (l.start as usize).saturating_add(l.room as usize) == self.links.len() {
            self.links.truncate(end);
            self.links.extend_from_slice(items);
            return Ok(Links { len, room: len, ..l });
        }
        let room = if l.len == 0 { len } else { len.max(l.len.saturating_mul(2)) };
        let start = u32::try_from(self.links.len()).map_err(|_| too_many("references"))?;
        start.checked_add(room).ok_or_else(|| too_many("references"))?;
        self.links.extend_from_within(l.start as usize..end);
        self.links.extend_from_slice(items);
        self.links.resize(start as usize + room as usize, NodeId::NONE);
        Ok(Links { start, len, room })
    }

    /// A copy of another run, counted against the limits: the only way in which a short pickle makes much of
    /// little (`set(big_list)` a thousand times).
    pub(crate) fn copy_links(&mut self, l: Links) -> Result<Links> {
        self.count(l.len())?;
        let start = u32::try_from(self.links.len()).map_err(|_| too_many("references"))?;
        start.checked_add(l.len).ok_or_else(|| too_many("references"))?;
        self.links.extend_from_within(l.start as usize..l.start as usize + l.len());
        Ok(Links { start, len: l.len, room: l.len })
    }

    /// Counts references that were made from others against the limits.
    pub(crate) fn charge_links(&mut self, l: Links) -> Result<()> {
        self.count(l.len())
    }

    /// Counts bytes that a call made from others against the limits, as the nodes that they would fill.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<()> {
        self.count(bytes / size_of::<Node<'_>>())
    }

    /// Replaces the nodes of a run by fewer.
    pub(crate) fn shrink(&mut self, l: Links, items: &[NodeId]) -> Links {
        let n = items.len().min(l.len());
        let start = l.start as usize;
        if let (Some(run), Some(items)) = (self.links.get_mut(start..start + n), items.get(..n)) {
            run.copy_from_slice(items);
        }
        Links { len: n as u32, ..l }
    }

    pub(crate) fn bytes(&self, d: Data<'a>) -> &[u8] {
        match d {
            Data::Input(b) => b,
            Data::Made(m) => self
                .made_bytes
                .get(m.start as usize..)
                .and_then(|s| s.get(..m.len as usize))
                .unwrap_or_default(),
        }
    }

    pub(crate) fn text(&self, t: Text<'a>) -> &str {
        match t {
            Text::Input(s) => s,
            Text::Made(m) => self
                .made_text
                .get(m.start as usize..)
                .and_then(|s| s.get(..m.len as usize))
                .unwrap_or_default(),
        }
    }

    pub(crate) fn make_bytes(&mut self, bytes: &[u8]) -> Result<Data<'a>> {
        let made = made(self.made_bytes.len(), bytes.len())?;
        self.made_bytes.extend_from_slice(bytes);
        Ok(Data::Made(made))
    }

    pub(crate) fn make_text(&mut self, text: &str) -> Result<Text<'a>> {
        let made = made(self.made_text.len(), text.len())?;
        self.made_text.push_str(text);
        Ok(Text::Made(made))
    }

    /// The text of a string, or of a Python 2 string that is ASCII.
    pub(crate) fn as_text(&self, id: NodeId) -> Option<&str> {
        match self.node(id) {
            Node::Str(t) => Some(self.text(t)),
            Node::Py2Str(d) => std::str::from_utf8(self.bytes(d)).ok().filter(|s| s.is_ascii()),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self, id: NodeId) -> Option<i64> {
        match self.node(id) {
            Node::Int(i) => Some(i),
            Node::Bool(b) => Some(b.into()),
            _ => None,
        }
    }

    pub(crate) fn as_tuple(&self, id: NodeId) -> Option<&[NodeId]> {
        match self.node(id) {
            Node::Tuple { items, .. } => Some(self.links(items)),
            _ => None,
        }
    }

    pub(crate) fn global(&self, id: NodeId) -> Option<&Global<'a>> {
        match self.node(id) {
            Node::Global(i) => self.globals.get(i as usize),
            _ => None,
        }
    }

    pub(crate) fn array(&self, i: u32) -> Option<&ArrayNode<'a>> {
        self.arrays.get(i as usize)
    }
}

/// The index that the next element of a side table takes.
pub(crate) fn next_index<T>(table: &[T]) -> Result<u32> {
    u32::try_from(table.len()).map_err(|_| too_many("objects"))
}

fn made(start: usize, len: usize) -> Result<Made> {
    let end = start.checked_add(len).and_then(|e| u32::try_from(e).ok());
    match (end, u32::try_from(start), u32::try_from(len)) {
        (Some(_), Ok(start), Ok(len)) => Ok(Made { start, len }),
        _ => Err(Error::limit("more than 4 GiB of escaped text in one pickle")),
    }
}

#[cold]
fn too_many(what: &str) -> Error {
    Error::limit(format!("more than 2^32 {what} in one pickle"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_stay_small() {
        assert_eq!(size_of::<Node<'_>>(), 24);
    }

    #[test]
    fn runs_grow_in_turn() {
        let mut a = Arena::new(0, &Limits::default());
        let ids: Vec<NodeId> = (0..100).map(|i| a.push(Node::Int(i)).unwrap()).collect();
        let (mut x, mut y) = (Links::default(), Links::default());
        for pair in ids.chunks(2) {
            x = a.extend(x, &pair[..1]).unwrap();
            y = a.extend(y, &pair[1..]).unwrap();
        }
        let even: Vec<NodeId> = ids.iter().step_by(2).copied().collect();
        let odd: Vec<NodeId> = ids.iter().skip(1).step_by(2).copied().collect();
        assert_eq!(a.links(x), even);
        assert_eq!(a.links(y), odd);
        assert!(a.links.len() < 400);
        let z = a.copy_links(x).unwrap();
        assert_eq!(a.links(z), even);
    }

    #[test]
    fn objects_are_counted_in_the_end() {
        let limits = Limits::new(1 << 20, 10, 8);
        let mut a = Arena::new(0, &limits);
        for _ in 0..11 {
            a.push(Node::None).unwrap();
        }
        assert!(a.settle().is_err());
    }
}
