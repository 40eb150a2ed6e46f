//! Which keys are equal, as Python's dicts and sets see it.
//!
//! `1`, `1.0` and `True` are one key; of equal keys the first stays, with the last value. Keys may be tuples of
//! tuples that share parts without end, so equality is settled by numbering: every distinct value gets one
//! number, tuples by the numbers of their items, each node once. Date types, NumPy scalars and objects of unknown
//! classes count as equal only to themselves.

use crate::node::{Arena, Links, Node, NodeId};
use foldhash::fast::RandomState;
use hyperslab_core::{Error, Result};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};
use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::BuildHasher as _;

/// Containers of no more keys than this are searched, not indexed.
const FEW: usize = 8;

/// Text and bytes beyond this length are compared by number, so that comparing is cheap however often it is done.
const SHORT: usize = 64;

/// Whether a value may be a key. Tuples know it of themselves from their making.
pub(crate) fn is_hashable(arena: &Arena<'_>, id: NodeId) -> bool {
    match arena.node(id) {
        Node::Tuple { hashable, .. } => hashable,
        Node::List(_)
        | Node::Set(_)
        | Node::Dict(_)
        | Node::OrderedDict(_)
        | Node::DefaultDict(..)
        | Node::ByteArray(_)
        | Node::Array(_) => false,
        _ => true,
    }
}

/// Merges equal keys of every dict and equal items of every set.
pub(crate) fn merge_equal(arena: &mut Arena<'_>) -> Result<()> {
    let mut merged: Vec<(NodeId, Vec<NodeId>)> = Vec::new();
    {
        let mut numbering = Numbering::new(arena);
        for (i, node) in arena.nodes.iter().enumerate() {
            let (links, width) = match *node {
                Node::Dict(l) | Node::OrderedDict(l) | Node::DefaultDict(l, _) => (l, 2),
                Node::Set(l) | Node::FrozenSet(l) => (l, 1),
                _ => continue,
            };
            if links.len() > width
                && let Some(kept) = numbering.merge(arena.links(links), width)
            {
                merged.push((NodeId::from_index(i)?, kept));
            }
        }
    }
    for (id, kept) in merged {
        let node = match arena.node(id) {
            Node::Dict(l) => Node::Dict(arena.shrink(l, &kept)),
            Node::OrderedDict(l) => Node::OrderedDict(arena.shrink(l, &kept)),
            Node::DefaultDict(l, f) => Node::DefaultDict(arena.shrink(l, &kept), f),
            Node::Set(l) => Node::Set(arena.shrink(l, &kept)),
            Node::FrozenSet(l) => Node::FrozenSet(arena.shrink(l, &kept)),
            _ => return Err(Error::invalid("a container that is none")),
        };
        arena.set(id, node);
    }
    Ok(())
}

/// A key in a form that is equal when Python says so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key<'p> {
    None,
    Int(i64),
    Big(Cow<'p, BigInt>),
    /// A float that is no integer, by its bits.
    Float(u64),
    /// A complex number that is not real.
    Complex(u64, u64),
    Text(&'p [u8]),
    Bytes(&'p [u8]),
    Global(&'p str, &'p str),
    /// A tuple by the numbers of its items.
    Tuple(Vec<u32>),
    /// A frozen set by the sorted numbers of its items.
    Frozen(Vec<u32>),
    /// Equal to nothing else.
    Itself(NodeId),
    /// A value that has a number.
    Number(u32),
}

struct Numbering<'p, 'a> {
    arena: &'p Arena<'a>,
    numbers: HashMap<Key<'p>, u32, RandomState>,
    of_node: HashMap<NodeId, u32, RandomState>,
}

impl<'p, 'a> Numbering<'p, 'a> {
    fn new(arena: &'p Arena<'a>) -> Self {
        Numbering { arena, numbers: HashMap::default(), of_node: HashMap::default() }
    }

    /// The entries that stay of a container whose entries are `width` nodes each, key first; `None` when all do.
    fn merge(&mut self, entries: &[NodeId], width: usize) -> Option<Vec<NodeId>> {
        if self.are_distinct_texts(entries, width) {
            return None;
        }
        let count = entries.len() / width;
        let keys = entries.chunks_exact(width).filter_map(|e| e.first().copied());
        if count <= FEW {
            let keys: Vec<Key<'p>> = keys.map(|k| self.key(k)).collect();
            let first = |k: &Key<'p>| keys.iter().position(|other| other == k);
            let firsts: Vec<usize> = keys.iter().filter_map(first).collect();
            return kept(entries, width, &firsts);
        }
        let mut seen: HashMap<Key<'p>, usize, RandomState> =
            HashMap::with_capacity_and_hasher(count, RandomState::default());
        let firsts: Vec<usize> =
            keys.enumerate().map(|(i, k)| *seen.entry(self.key(k)).or_insert(i)).collect();
        kept(entries, width, &firsts)
    }

    /// Whether all keys are short text and none is there twice: what most dicts are, settled without more ado.
    fn are_distinct_texts(&self, entries: &[NodeId], width: usize) -> bool {
        let text = |entry: &[NodeId]| match self.arena.node(*entry.first()?) {
            Node::Str(t) => Some(self.arena.text(t).as_bytes()).filter(|t| t.len() <= SHORT),
            _ => None,
        };
        let count = entries.len() / width;
        let mut entries = entries.chunks_exact(width);
        if count > FEW {
            return differ(entries.map(text), count);
        }
        let mut seen: [&[u8]; FEW] = [&[]; FEW];
        let mut free = 0..FEW;
        entries.all(|entry| {
            let (Some(key), Some(n)) = (text(entry), free.next()) else { return false };
            let new = !seen.iter().take(n).any(|k| *k == key);
            if let Some(slot) = seen.get_mut(n) {
                *slot = key;
            }
            new
        })
    }

    /// A key that is cheap to compare.
    fn key(&mut self, id: NodeId) -> Key<'p> {
        match self.plain(id) {
            Some(Key::Text(t) | Key::Bytes(t)) if t.len() > SHORT => Key::Number(self.number(id)),
            Some(key @ (Key::Big(_) | Key::Global(..))) => Key::Number(self.number_of(id, key)),
            Some(key) => key,
            None => Key::Number(self.number(id)),
        }
    }

    /// The key of everything but tuples and frozen sets.
    fn plain(&self, id: NodeId) -> Option<Key<'p>> {
        let arena = self.arena;
        Some(match arena.node(id) {
            Node::None => Key::None,
            Node::Bool(b) => Key::Int(b.into()),
            Node::Int(i) => Key::Int(i),
            Node::BigInt(i) => {
                arena.big_ints.get(i as usize).map_or(Key::Itself(id), |b| Key::Big(Cow::Borrowed(b)))
            }
            Node::Float(f) => float_key(f, id),
            Node::Complex(i) => match arena.complexes.get(i as usize) {
                Some(&[re, 0.0]) => float_key(re, id),
                Some(&[re, im]) if !re.is_nan() && !im.is_nan() => {
                    // Adding zero makes -0.0 plain zero.
                    Key::Complex((re + 0.0).to_bits(), im.to_bits())
                }
                _ => Key::Itself(id),
            },
            Node::Str(t) => Key::Text(arena.text(t).as_bytes()),
            Node::Surrogates(d) => Key::Text(arena.bytes(d)),
            Node::Bytes(d) => Key::Bytes(arena.bytes(d)),
            Node::Py2Str(d) if arena.bytes(d).is_ascii() => Key::Text(arena.bytes(d)),
            Node::Py2Str(d) => Key::Bytes(arena.bytes(d)),
            Node::Global(i) => match arena.globals.get(i as usize) {
                Some(g) => Key::Global(arena.text(g.module), arena.text(g.name)),
                None => Key::Itself(id),
            },
            Node::Tuple { .. } | Node::FrozenSet(_) => return None,
            _ => Key::Itself(id),
        })
    }

    fn number_of(&mut self, id: NodeId, key: Key<'p>) -> u32 {
        if let Some(&n) = self.of_node.get(&id) {
            return n;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        let n = *self.numbers.entry(key).or_insert(next);
        self.of_node.insert(id, n);
        n
    }

    /// The number of a value: its parts are numbered first, on a stack of our own.
    fn number(&mut self, id: NodeId) -> u32 {
        let mut todo = vec![id];
        while let Some(&next) = todo.last() {
            if self.of_node.contains_key(&next) {
                todo.pop();
                continue;
            }
            let (links, frozen) = match self.arena.node(next) {
                Node::Tuple { items, .. } => (items, false),
                Node::FrozenSet(items) => (items, true),
                _ => {
                    let key = self.plain(next).unwrap_or(Key::Itself(next));
                    self.number_of(next, key);
                    todo.pop();
                    continue;
                }
            };
            let open = todo.len();
            let arena = self.arena;
            todo.extend(arena.links(links).iter().filter(|i| !self.of_node.contains_key(i)));
            if todo.len() == open {
                let key = self.compound(links, frozen);
                self.number_of(next, key);
                todo.pop();
            }
        }
        self.of_node.get(&id).copied().unwrap_or(u32::MAX)
    }

    fn compound(&self, links: Links, frozen: bool) -> Key<'p> {
        let mut parts: Vec<u32> =
            self.arena.links(links).iter().filter_map(|i| self.of_node.get(i).copied()).collect();
        if !frozen {
            return Key::Tuple(parts);
        }
        parts.sort_unstable();
        parts.dedup();
        Key::Frozen(parts)
    }
}

/// Whether short texts are certain to differ: their hashes do, as far as they are looked at. One in thousands of
/// millions is taken for a repetition, which is then settled properly.
fn differ<'p>(mut texts: impl Iterator<Item = Option<&'p [u8]>>, count: usize) -> bool {
    let Some(size) = count.checked_mul(2).and_then(usize::checked_next_power_of_two) else { return false };
    let hasher = RandomState::default();
    // The upper half of a hash, never zero, at a place that its lower half says, or the next that is free.
    let mut table = vec![0u32; size];
    texts.all(|text| {
        let Some(text) = text else { return false };
        let hash = hasher.hash_one(text);
        let print = (hash >> 32) as u32 | 1;
        let mut at = hash as usize & (size - 1);
        loop {
            match table.get_mut(at) {
                Some(slot @ 0) => {
                    *slot = print;
                    return true;
                }
                Some(slot) if *slot == print => return false,
                _ => at = (at + 1) & (size - 1),
            }
        }
    })
}

/// Python's number equality: integral floats are integers.
fn float_key<'p>(f: f64, id: NodeId) -> Key<'p> {
    if f.is_nan() {
        return Key::Itself(id);
    }
    if f.fract() != 0.0 || f.is_infinite() {
        return Key::Float(f.to_bits());
    }
    // 2^63 itself does not fit; every integral float below does.
    match f.to_i64() {
        Some(i) => Key::Int(i),
        None => BigInt::from_f64(f).map_or(Key::Itself(id), |b| Key::Big(Cow::Owned(b))),
    }
}

/// The entries that stay, given for each entry the index of the first with an equal key.
fn kept(entries: &[NodeId], width: usize, firsts: &[usize]) -> Option<Vec<NodeId>> {
    if firsts.iter().enumerate().all(|(i, &f)| i == f) {
        return None;
    }
    let mut place = vec![usize::MAX; firsts.len()];
    let mut out: Vec<NodeId> = Vec::with_capacity(entries.len());
    for (i, (entry, &first)) in entries.chunks_exact(width).zip(firsts).enumerate() {
        if first == i {
            if let Some(p) = place.get_mut(i) {
                *p = out.len();
            }
            out.extend_from_slice(entry);
        } else if let (2, Some(&p), Some(&value)) = (width, place.get(first), entry.get(1))
            && let Some(slot) = p.checked_add(1).and_then(|p| out.get_mut(p))
        {
            *slot = value;
        }
    }
    Some(out)
}
