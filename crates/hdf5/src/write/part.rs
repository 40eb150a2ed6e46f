//! Parts of a file that exists, made by the encoders of new files: what will lie behind its end.
//!
//! Everything is made in memory, at its final address. Not here: how a part becomes part of the file (`change`).

use super::elements::Elements;
use super::finish::{dense, headers};
pub(crate) use super::heap::Addresses;
use super::heap::Collections;
use super::index::{self, Sorted};
pub(crate) use super::newer_index::Form;
use super::newer_index::{self, Entry};
use super::space::Space;
use super::tree::{Child, Content};
use super::{ALIGNMENT, Libver, Writer, attribute};
use crate::format::btree_v1::ChunkKey;
use crate::format::message::layout::ChunkIndex;
use crate::index::{Chunk, Grid};
use hyperslab_core::{Dtype, Error, Limits, LinkTo, Result, Value, View};
use smallvec::SmallVec;

/// Bytes that will lie from an address on.
pub(crate) struct Part {
    start: u64,
    space: Space,
}

/// A name, and the body of the message that has it.
pub(crate) type Named = (String, Vec<u8>);

/// What a name of a new part of the tree leads to.
pub(crate) enum Made {
    /// An object, by the address of its header.
    Object(u64),
    /// Somewhere else.
    Link(LinkTo),
}

impl Part {
    /// A part that begins at an address, a multiple of [`Part::ALIGNMENT`].
    pub(crate) fn at(start: u64) -> Part {
        Part { start, space: Space::behind(start, Libver::V110) }
    }

    /// What addresses of parts are multiples of.
    pub(crate) const ALIGNMENT: u64 = ALIGNMENT;

    /// Where it begins, and its bytes.
    pub(crate) fn finish(self) -> Result<(u64, Vec<u8>)> {
        Ok((self.start, self.space.into_memory()?))
    }

    /// The body of an attribute's message; what lies outside it is part of this. References lead to objects of the file
    /// that `addresses` knows.
    pub(crate) fn attribute(
        &mut self,
        name: &str,
        value: &Value,
        addresses: Addresses<'_>,
    ) -> Result<Vec<u8>> {
        let a = attribute::encode(name, value)?;
        // What its type and space do not allow is found before anything is made.
        let mut body = attribute::body(&a, None, false)?;
        let mut heap = Collections::new(&mut self.space, addresses);
        match &a.data {
            Content::Bytes(bytes) => body.extend_from_slice(bytes),
            Content::Texts(texts) => texts.iter().try_for_each(|t| heap.text(t).map(|r| body.extend(r)))?,
            Content::Elements(view) => body.extend(heap.elements(view, &Limits::default())?),
        }
        heap.flush()?;
        Ok(body)
    }

    /// Attributes in a heap of their own, each a name, the body of its message and its number in the order of their
    /// creation, where that is kept: the addresses of the heap, of the tree of names and, if it is to be `indexed`, of
    /// that of the order.
    pub(crate) fn dense_attributes(
        &mut self,
        attributes: &[(Named, Option<u16>)],
        indexed: bool,
    ) -> Result<(u64, u64, Option<u64>)> {
        let each = attributes
            .iter()
            .map(|((name, body), order)| (name.as_str(), body.as_slice(), order.map(u32::from)));
        dense::attributes(each, indexed, &mut self.space).map(|d| (d.heap, d.names, d.order))
    }

    /// Links in a heap of their own, each a name and the body of its message, in the order of their creation where that
    /// is kept: the addresses of the heap, of the tree of names and of that of the order.
    pub(crate) fn dense_links(
        &mut self,
        links: Vec<Named>,
        ordered: bool,
    ) -> Result<(u64, u64, Option<u64>)> {
        let each = links.iter().map(|(name, body)| (name.as_str(), Ok(body.clone())));
        dense::links(each, ordered, &mut self.space).map(|d| (d.heap, d.names, d.order))
    }

    /// The elements of a view as they are stored, in C order; what they refer to is part of this, but for objects of
    /// the file that `addresses` knows.
    pub(crate) fn elements(
        &mut self,
        view: &View<'_>,
        stored: &Dtype,
        limits: &Limits,
        addresses: Addresses<'_>,
    ) -> Result<Vec<u8>> {
        Elements::of(view, stored, &mut self.space, limits, addresses)?.dense()
    }

    /// The version 1 B-tree of chunks in C order, of `width`-byte elements: its address.
    pub(crate) fn chunk_tree(&mut self, chunks: &[(ChunkKey, u64)], width: u64) -> Result<Option<u64>> {
        index::write(&InOrder(chunks), width, &mut self.space)
    }

    /// Another index of chunks in C order. Its address.
    pub(crate) fn chunk_index(
        &mut self,
        index: ChunkIndex,
        chunks: &[(SmallVec<[u64; 4]>, Chunk)],
        grid: &Grid,
        form: Form,
        limits: &Limits,
    ) -> Result<u64> {
        let mut entries = Vec::with_capacity(chunks.len());
        for (at, c) in chunks {
            let size = u32::try_from(c.size).map_err(|_| Error::unsupported("a chunk of 4 GiB"))?;
            entries.push(Entry { at: at.clone(), address: c.address, size, mask: c.filter_mask });
        }
        let _held = limits.reserve(newer_index::cost(index, &entries, grid, form)?)?;
        let made = newer_index::write(index, &entries, grid, form, &mut self.space)?;
        let made = made.filter(|(made, _)| *made == index);
        made.map(|(_, address)| address).ok_or_else(|| Error::unsupported("that many chunks in their index"))
    }

    /// What a writer makes, of the structures of a version of HDF5, with the names of its root group and what they lead
    /// to. The root group itself is left out. References lead to objects that are made here, unless `only` those of
    /// the file are meant, and to what `addresses` knows.
    pub(crate) fn tree(
        start: u64,
        libver: Libver,
        addresses: Addresses<'_>,
        only: bool,
        make: impl FnOnce(&mut Writer) -> Result<()>,
    ) -> Result<(Part, Vec<(String, Made)>)> {
        let mut writer = Writer::over(Space::behind(start, libver));
        make(&mut writer)?;
        let Writer { mut space, mut tree, limits } = writer;
        tree.look_elsewhere(addresses, only, &limits)?;
        if tree.objects.first().is_some_and(|root| root.links != 1 || !root.attributes.is_empty()) {
            let what = "attributes and further names of the group that something is added to";
            return Err(Error::usage(what).hint("change the group itself"));
        }
        let addresses = headers::emit_from(1, &mut tree, &mut space, &limits)?;
        let made = |child: &Child| match child {
            Child::Object(i) => Made::Object(addresses.get(*i).copied().unwrap_or_default()),
            Child::Soft(path) => Made::Link(LinkTo::Soft(path.clone())),
            Child::External { file, path } => {
                Made::Link(LinkTo::External { file: file.clone(), path: path.clone() })
            }
        };
        let names = tree.at_root().iter().map(|(name, child)| (name.clone(), made(child))).collect();
        Ok((Part { start, space }, names))
    }
}

struct InOrder<'c>(&'c [(ChunkKey, u64)]);

impl Sorted for InOrder<'_> {
    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    fn key(&self, number: u64) -> ChunkKey {
        let none = || ChunkKey { size: 0, filter_mask: 0, offset: [].into_iter().collect(), within: 0 };
        self.0.get(number as usize).map_or_else(none, |(key, _)| key.clone())
    }

    fn address(&self, number: u64) -> u64 {
        self.0.get(number as usize).map_or(0, |(_, address)| *address)
    }
}
