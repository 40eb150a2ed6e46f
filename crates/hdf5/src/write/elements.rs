//! The elements of an array as they are stored: references into the new file's heap in place of those of another, text
//! as UTF-8, everything else as it is.

use super::ALIGNMENT;
use super::heap::{self, Addresses, Collections};
use super::space::Space;
use super::tree::Place;
use super::widen::widened;
use crate::numpy_types;
use hyperslab_core::{Dtype, Error, Limits, Result, Selection, Shape, View};
use std::ops::Range;

/// Elements whose parts can be taken one by one.
pub(super) struct Elements<'v> {
    view: View<'v>,
    is_text: bool,
}

impl<'v> Elements<'v> {
    /// Takes elements that are to be stored as `stored`; what they point at is written first, and objects are found by
    /// `addresses`.
    pub(super) fn of(
        view: &'v View<'_>,
        stored: &Dtype,
        space: &mut Space,
        limits: &Limits,
        addresses: Addresses<'_>,
    ) -> Result<Elements<'v>> {
        let is_text = numpy_types::has_unicode(view.dtype());
        let same = view.dtype().itemsize() == stored.itemsize();
        if !heap::points(stored) || view.is_empty() || (!stored.has_indirection() && same && is_zero(view)?) {
            return Ok(Elements { view: view.borrow(), is_text });
        }
        if is_text {
            let what =
                format!("elements of {}: NumPy's text beside elements that point elsewhere", view.dtype());
            return Err(Error::unsupported(what));
        }
        let width = u32::try_from(stored.itemsize())
            .map_err(|_| Error::unsupported(format!("elements of {stored}")))?;
        if widened(view.dtype())?.itemsize() != stored.itemsize() {
            let what = format!("elements of {} in place of {stored}", view.dtype());
            return Err(Error::unsupported(what));
        }
        let mut heap = Collections::new(space, addresses);
        let moved = heap.elements(view, limits)?;
        heap.flush()?;
        let view = View::new(Dtype::Void(width), view.shape().clone(), moved)?;
        Ok(Elements { view, is_text: false })
    }

    pub(super) fn shape(&self) -> &Shape {
        self.view.shape()
    }

    /// A box of the elements.
    pub(super) fn part(&self, ranges: &[Range<u64>]) -> Result<Elements<'_>> {
        let view = self.view.borrow().select(&Selection::block(ranges))?;
        Ok(Elements { view, is_text: self.is_text })
    }

    /// Hands out the bytes in C order, in pieces.
    pub(super) fn pieces(&self, mut out: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match self.is_text {
            true => out(&numpy_types::encode(&self.view, &Limits::default())?),
            false => self.view.pieces(out),
        }
    }

    /// The bytes in C order.
    pub(super) fn dense(&self) -> Result<Vec<u8>> {
        let (mut out, _reservation) = Limits::default().vec(self.view.nbytes())?;
        self.pieces(|piece| {
            out.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(out)
    }

    /// Appends the bytes; says where they are (nowhere when there are none).
    pub(super) fn append(&self, space: &mut Space) -> Result<Place> {
        if self.view.is_empty() {
            return Ok(Place::Contiguous { address: None, size: 0 });
        }
        let address = space.append(&[], ALIGNMENT)?;
        self.pieces(|piece| space.append(piece, 1).map(drop))?;
        Ok(Place::Contiguous { address: Some(address), size: self.view.nbytes() })
    }
}

/// Whether all bytes are zero, as those of null references are.
pub(super) fn is_zero(view: &View<'_>) -> Result<bool> {
    let mut zero = true;
    view.pieces(|piece| {
        zero &= piece.iter().all(|&b| b == 0);
        Ok(())
    })?;
    Ok(zero)
}
