//! Recognising a file that is as a writer of ours left it, so that it can be continued where it is.
//!
//! The page is made anew from what its headers say and compared with what is there, byte by byte: that leaves no
//! room for a file that only looks like ours. Cheap: it reads the headers and the last blocks of each index, however
//! long the file is.

use super::array::{Array, Run};
use super::existing::StoredColumn;
use super::object::{Message, Object};
use super::open::{Existing, Parts};
use super::page::{ColumnLayout, GUARD, PAGE, Page, SECTOR, Slot, State, Touched, recorded_end};
use super::schema::message;
use super::storage::Storage;
use crate::format::Sizes;
use crate::format::extensible_array::{DataBlock, Place, SuperBlock};
use crate::format::message::attribute::Attribute;
use crate::format::message::{datatype, kind};
use crate::index::extensible_array::ExtensibleArray;
use hyperslab_core::{Dtype, Result};

impl<S: Storage> Existing<S> {
    /// The parts of a file that is byte for byte as a writer of ours left it.
    pub(super) fn in_place(&self) -> Result<Option<Parts>> {
        let stored = &self.stored;
        let Some(at) = stored.columns.last().map(|c| c.object.address & !(PAGE - 1)) else { return Ok(None) };
        let Some(page) = self.page_as_stored(at) else { return Ok(None) };
        let size = self.storage.len()?;
        let used = page.used() as u64;
        if at.checked_add(used).is_none_or(|end| end > size) || stored.superblock.flags != 0 {
            return Ok(None);
        }
        let mut left = vec![0; page.used()];
        self.storage.read_exact_at(at, &mut left)?;
        let eoa = stored.superblock.end;
        let recorded = recorded_end(left.get(..SECTOR).unwrap_or_default(), at, eoa);
        let touched = self.touched_value();
        let shared = stored.columns.iter().any(|c| c.shared);
        let mut state = State { rows: stored.rows(), eoa, end: recorded.unwrap_or(eoa), touched, shared };
        let mut arrays = Vec::new();
        let mut made = Vec::new();
        if page.emit(&state, &mut made).is_err() {
            return Ok(None);
        }
        for (i, column) in stored.columns.iter().enumerate() {
            let Some((array, run, end)) = self.array_in_place(column, page.array_at(i))? else {
                return Ok(None);
            };
            Page::emit_array(&array, &mut made)?;
            arrays.push((array, run));
            state.end = state.end.max(end);
        }
        // The record is not part of the format: without one that fits, the file continues at its end.
        let record = SECTOR - 32..SECTOR;
        let same = made.len() == left.len()
            && made.iter().zip(&left).enumerate().all(|(i, (a, b))| a == b || record.contains(&i));
        if !same || state.end > eoa {
            return Ok(None);
        }
        Ok(Some(Parts { page, state, arrays, left, unclear: size }))
    }

    /// The page as its headers say it is, if they lie as in a page.
    fn page_as_stored(&self, at: u64) -> Option<Page> {
        let stored = &self.stored;
        let slot = |o: &Object, skip: &dyn Fn(&Message) -> bool| {
            let kept = o.messages.iter().filter(|m| m.first && m.kind != GUARD && !skip(m));
            let messages = kept.map(|m| message(m.kind, m.flags, m.body.clone())).collect();
            Some(Slot { address: o.address, len: usize::try_from(o.prefix.len()).ok()?, messages })
        };
        let columns = stored.columns.iter().map(|c| {
            let made = |m: &Message| matches!(m.kind, kind::DATASPACE | kind::LAYOUT);
            let layout = ColumnLayout { chunk_rows: c.chunk_rows, width: c.width() };
            Some((slot(&c.object, &made)?, layout))
        });
        let columns = columns.collect::<Option<Vec<_>>>()?;
        let sector = at.checked_add(SECTOR as u64)?;
        let in_sector = |a: u64| a >= sector && a < sector + SECTOR as u64;
        let root = match in_sector(stored.root.address) {
            true => Some(slot(&stored.root, &|_| false)?),
            false => None,
        };
        let group = match &stored.group {
            Some((_, o)) if in_sector(o.address) => {
                let is_touched = |m: &Message| self.is_touched(m);
                let position = o.messages.iter().filter(|m| m.first).position(is_touched);
                let touched =
                    self.touched.clone().zip(position).map(|(name, position)| Touched { name, position });
                Some((slot(o, &is_touched)?, touched))
            }
            Some(_) => return None,
            None => None,
        };
        // In another order the comparison would fail anyway, and emitting would go backwards.
        let mut places = columns.iter().map(|(s, _)| s).chain(&root).chain(group.iter().map(|(s, _)| s));
        let mut next = at;
        let good = places.all(|s| {
            let ok = s.address >= next && s.len <= SECTOR;
            next = s.address.saturating_add(s.len as u64);
            ok
        });
        good.then_some(Page { at, superblock: stored.superblock, columns, root, group })
    }

    /// Whether a message is the touched attribute, in the form in which we write it.
    fn is_touched(&self, m: &Message) -> bool {
        self.touched_data(m).is_some_and(|d| d.is_some())
    }

    /// Of the touched attribute: its value, if it is a plain double.
    pub(super) fn touched_data(&self, m: &Message) -> Option<Option<f64>> {
        if m.kind != kind::ATTRIBUTE {
            return None;
        }
        let a = Attribute::parse(&m.body, m.offset).ok()?;
        let name = self.touched.as_ref()?;
        if a.name != name.as_bytes() {
            return None;
        }
        let plain = !a.datatype.shared
            && datatype::parse(a.datatype.body, Sizes::STANDARD, 0).is_ok_and(|d| d == Dtype::F64);
        Some(a.data.try_into().ok().filter(|_| plain).map(f64::from_le_bytes))
    }

    pub(super) fn touched_value(&self) -> f64 {
        let messages = self.stored.group.iter().flat_map(|(_, o)| &o.messages);
        messages.filter_map(|m| self.touched_data(m)).flatten().next().unwrap_or(0.0)
    }

    /// An array whose header lies at `at`: its state, the chunks from the next row's on, and where its space ends.
    fn array_in_place(&self, column: &StoredColumn, at: u64) -> Result<Option<(Array, Run, u64)>> {
        if column.index != Some(at) {
            return Ok(None);
        }
        let read = ExtensibleArray::open(&self.storage, at, Sizes::STANDARD, &self.limits)?;
        let mut array = Array::new(at, column.element_size()?, column.filters.len(), column.chunk_bytes()?);
        let Some(block) = read.index_block() else { return Ok(None) };
        if read.header().shape != array.header.shape || read.header().index_block != array.header.index_block
        {
            return Ok(None);
        }
        array.header = *read.header();
        array.block = block.clone();
        let chunk = self.stored.rows() / column.chunk_rows.max(1);
        let mut run = Run { first: chunk, addresses: Vec::new() };
        let mut end = 0;
        let size = column.chunk_bytes()?;
        let mut holes = false;
        read.visit(&self.storage, chunk..u64::MAX, &self.limits, |n, c| {
            holes |= n != run.end() || (c.size != 0 && c.size != size);
            run.addresses.push(c.address);
            end = end.max(c.address.saturating_add(size));
            Ok(())
        })?;
        if holes || (!run.addresses.is_empty() && run.end() != array.header.max_set) {
            return Ok(None);
        }
        // Of the blocks, the last one of each kind has the highest address.
        let last = array.header.max_set.checked_sub(1);
        if let Some(last) = last {
            end = end.max(self.blocks_end(&read, last)?);
        }
        // The next run's super block must be at hand when it exists.
        let next = if run.addresses.is_empty() { chunk } else { run.end() };
        if let Place::Block { u, .. } = array.header.shape.parameters.place(next)
            && let Some(at) = array.missing_super(u)
        {
            let len = SuperBlock::len(&array.header.shape, u)?;
            let bytes = self.storage.bytes_at(at, len, &self.limits)?;
            array.resume_super(SuperBlock::parse(&bytes, &array.header.shape, u, array.at, at)?);
        }
        Ok(Some((array, run, end)))
    }

    /// Where the blocks and the chunk of the greatest number end.
    fn blocks_end(&self, read: &ExtensibleArray, number: u64) -> Result<u64> {
        let shape = &read.header().shape;
        let p = shape.parameters;
        let Some(index) = read.index_block() else { return Ok(0) };
        let mut end = 0u64;
        let mut ends = |at: Option<u64>, len: u64| end = end.max(at.map_or(0, |at| at.saturating_add(len)));
        if let Place::Block { u, block, direct, .. } = p.place(number) {
            let len = DataBlock::len(shape, u)?;
            match direct {
                Some(i) => ends(index.data_blocks.get(i as usize).copied().flatten(), len),
                None => {
                    let slot = u.saturating_sub(p.first_super()) as usize;
                    let at = index.super_blocks.get(slot).copied().flatten();
                    let super_len = SuperBlock::len(shape, u)?;
                    ends(at, super_len);
                    if let Some(at) = at {
                        let bytes = self.storage.bytes_at(at, super_len, &self.limits)?;
                        let s = SuperBlock::parse(&bytes, shape, u, read.address(), at)?;
                        ends(s.data_blocks.get(block as usize).copied().flatten(), len);
                    }
                }
            }
        }
        Ok(end)
    }
}
