//! An array of a member from its first element to its last, in memory that does not grow with it.
//!
//! Deflated bytes come in the order in which they were stored: an array in Fortran order is unpacked into a
//! temporary file first, which nobody else can open, and gathered from there.

use super::directory::Entry;
use super::member::Member;
use super::unpack::Unpacker;
use crate::dense::within;
use crate::header::Header;
use hyperslab_core::container::Stream;
use hyperslab_core::source::{self, MemorySource};
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Error, Limits, Order, Reservation, Result, Selection, Source, View};
use std::io::Write;

/// Bytes of a part, about.
const PART: u64 = 2 << 20;

/// Arrays in Fortran order up to this size are gathered in memory.
const IN_MEMORY: u64 = 16 << 20;

/// Streams a member's array, where that costs less memory than reading it.
pub(super) fn open<'a, S: Source>(
    source: &'a S,
    entry: &'a Entry,
    member: &Member<'a, S>,
    header: Header,
    limits: &'a Limits,
) -> Result<Option<Box<dyn Stream + 'a>>> {
    let item = header.dtype.itemsize();
    let stored_here = entry.method == super::member::STORED && source.as_slice().is_some();
    let both_orders = header.shape.iter().filter(|&&n| n != 1).count() < 2;
    let in_order = header.order == Order::C || both_orders;
    if item == 0 || header.nbytes == 0 || (stored_here && !in_order) {
        return Ok(None);
    }
    if !in_order {
        return match header.nbytes > IN_MEMORY {
            true => Spilled::open(member.unpacker(limits)?, header, limits).map(|s| Some(Box::new(s) as _)),
            false => Ok(None),
        };
    }
    let mut unpacker = member.unpacker(limits)?;
    unpacker.skip(header.data_offset)?;
    let part = (PART / item).max(1).saturating_mul(item).min(header.nbytes);
    let left = header.nbytes;
    Ok(Some(Box::new(InOrder { unpacker, dtype: header.dtype, left, buffer: Buffer::zeroed(part, limits)? })))
}

/// Elements that lie in C order.
struct InOrder<'a, S: ?Sized> {
    unpacker: Unpacker<'a, S>,
    dtype: Dtype,
    /// Bytes of the array that were not handed out yet.
    left: u64,
    buffer: Buffer,
}

impl<S: Source + ?Sized> Stream for InOrder<'_, S> {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        let InOrder { unpacker, dtype, left, buffer } = self;
        if *left == 0 {
            return Ok(None);
        }
        let n = (buffer.len() as u64).min(*left);
        let part = usize::try_from(n).ok().and_then(|n| buffer.get_mut(..n)).unwrap_or_default();
        unpacker.fill(part)?;
        *left -= n;
        if *left == 0 {
            // What follows the array belongs to the member, and to its CRC.
            unpacker.skip(unpacker.left())?;
        }
        let count = n / dtype.itemsize().max(1);
        View::new(dtype.clone(), [count].into(), &*part).map(Some)
    }
}

/// Elements in Fortran order, in a mapped temporary file.
struct Spilled {
    /// The header's array in the map.
    view: View<'static>,
    row: u64,
    rows: u64,
    /// Rows of a part.
    step: u64,
    part: Vec<u8>,
    _reservation: Reservation,
}

impl Spilled {
    fn open<S: Source + ?Sized>(
        mut unpacker: Unpacker<'_, S>,
        h: Header,
        limits: &Limits,
    ) -> Result<Spilled> {
        let fail = |e| Error::io(e, "cannot write a temporary file").hint("TMPDIR says where it is made");
        let mut file = tempfile::NamedTempFile::new().map_err(fail)?;
        unpacker.skip(h.data_offset)?;
        let mut buffer = Buffer::zeroed(PART, limits)?;
        let mut left = h.nbytes;
        while left > 0 {
            let n = left.min(PART);
            let piece = usize::try_from(n).ok().and_then(|n| buffer.get_mut(..n)).unwrap_or_default();
            unpacker.fill(piece)?;
            file.write_all(piece).map_err(fail)?;
            left -= n;
        }
        unpacker.skip(unpacker.left())?;
        // Of this process alone, and nameless from here on: nobody can change the bytes under the map.
        let map: MemorySource = source::map(file.path())?;
        drop(file);
        let rows = h.shape.first().copied().unwrap_or(1);
        let row_bytes = h.nbytes.checked_div(rows).unwrap_or(1).max(1);
        let step = (4 * PART).div_ceil(row_bytes).clamp(1, rows.max(1));
        let reservation = limits.reserve(step.saturating_mul(row_bytes).saturating_mul(2))?;
        let view = within(h.dtype, h.shape, h.order, 0, map.bytes().clone())?;
        Ok(Spilled { view, row: 0, rows, step, part: Vec::new(), _reservation: reservation })
    }
}

impl Stream for Spilled {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        if self.row >= self.rows {
            return Ok(None);
        }
        let end = self.row.saturating_add(self.step).min(self.rows);
        let rows = self.view.borrow().select(&Selection::rows(self.row, end))?;
        self.part.clear();
        rows.pieces(|piece| {
            self.part.extend_from_slice(piece);
            Ok(())
        })?;
        self.row = end;
        View::new(rows.dtype().clone(), rows.shape().clone(), &self.part[..]).map(Some)
    }
}
