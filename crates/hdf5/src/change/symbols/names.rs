//! The local heap of a group's names: a place for one more, and the writes that put it there.
//!
//! Source: HDF5 File Format Specification 3.0, section III.D.

use super::{Plan, Table, number, set};
use crate::format::Put;
use hyperslab_core::{Error, Result};
use std::collections::HashSet;

/// No more free blocks in a heap.
const NONE_FREE: u64 = 1;
/// Bytes of the least free block.
const LEAST_FREE: u64 = 16;

impl Table {
    /// Gives a text its place among the names; returns its offset.
    pub(super) fn store(&mut self, text: &[u8]) -> Result<u64> {
        let need = (text.len() as u64 + 1).next_multiple_of(8);
        let len = self.data.len() as u64;
        let (mut at, mut steps) = (self.free, len / LEAST_FREE);
        let mut place = None;
        while at != NONE_FREE && steps > 0 {
            let position = usize::try_from(at).unwrap_or(usize::MAX);
            let (next, size) =
                (number(&self.data, position)?, number(&self.data, position.saturating_add(8))?);
            if at.checked_add(size).is_none_or(|end| end > len) {
                return Err(Error::invalid("a free block beyond the names")
                    .reading("local heap")
                    .at(self.data_at));
            }
            if size >= need + LEAST_FREE {
                set(&mut self.data, position.saturating_add(8), size - need)?;
                place = Some(at + size - need);
                break;
            }
            (at, steps) = (next, steps - 1);
        }
        let place = match place {
            Some(place) => place,
            None => {
                let more = (need + LEAST_FREE).max(len).max(64).next_multiple_of(8);
                let start = len.next_multiple_of(8);
                let whole = usize::try_from(start.saturating_add(more));
                self.data.resize(whole.map_err(|_| Error::limit("names of that many bytes"))?, 0);
                let free = (start + need) as usize;
                set(&mut self.data, free, self.free)?;
                set(&mut self.data, free + 8, more - need)?;
                self.free = start + need;
                start
            }
        };
        let start = usize::try_from(place).unwrap_or(usize::MAX);
        let slot = start.checked_add(need as usize).and_then(|end| self.data.get_mut(start..end));
        let slot = slot.ok_or_else(|| Error::invalid("a name beyond the names"))?;
        slot.fill(0);
        slot.iter_mut().zip(text).for_each(|(to, b)| *to = *b);
        Ok(place)
    }

    /// The writes that make the heap what it is to be: names where nothing leads to them, then what is free; or all
    /// names anew, then where they are.
    pub(super) fn plan_heap(&mut self, old: &[u8], plan: &mut Plan) -> Result<()> {
        if self.data.len() != old.len() {
            let at = plan.put(self.data.clone())?;
            let mut field = Vec::new();
            field.put_u64(self.data.len() as u64);
            field.put_u64(self.free);
            field.put_u64(at);
            plan.switch(self.heap.saturating_add(8), field);
            self.data_at = at;
            return Ok(());
        }
        // Sizes of free blocks are eight bytes at multiples of eight, and so are names.
        let mut sizes = HashSet::new();
        let mut at = self.free;
        let mut steps = old.len() as u64 / LEAST_FREE;
        while at != NONE_FREE && steps > 0 {
            sizes.insert(at.saturating_add(8));
            at = number(&self.data, usize::try_from(at).unwrap_or(usize::MAX))?;
            steps -= 1;
        }
        let words = old.chunks(8).zip(self.data.chunks(8)).enumerate();
        for (i, (a, b)) in words {
            let offset = 8 * i as u64;
            let place = self.data_at.saturating_add(offset);
            match (a == b, sizes.contains(&offset)) {
                (true, _) => {}
                (false, false) => plan.overwrite(place, b.to_vec()),
                (false, true) => plan.switch(place, b.to_vec()),
            }
        }
        Ok(())
    }
}
