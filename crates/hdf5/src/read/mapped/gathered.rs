//! Variable-length elements of a virtual dataset: what references of several files point at, in one heap.

use hyperslab_core::view::Heap;
use hyperslab_core::{Dtype, Error, Limits, Reservation, Result};
use std::borrow::Cow;

/// How deep sequences, structures and arrays of elements may nest; parsers of types have their own, smaller bounds.
const MAX_DEPTH: u32 = 64;
/// What one object takes of the limit of bytes beside its own.
const OVERHEAD: u64 = size_of::<(u64, Vec<u8>)>() as u64;

/// Objects by number. A reference has the number of its object, counted from 1, in place of an address.
#[derive(Default)]
pub(crate) struct Gathered {
    objects: Vec<(u64, Vec<u8>)>,
    held: Vec<Reservation>,
}

impl Gathered {
    /// Takes in what an element refers to, and makes it refer to that.
    pub(super) fn adopt(
        &mut self,
        dtype: &Dtype,
        element: &mut [u8],
        heap: &dyn Heap,
        limits: &Limits,
        depth: u32,
    ) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!("elements nested deeper than {MAX_DEPTH} levels")));
        }
        let short = || Error::invalid(format!("{dtype} that is cut short"));
        match dtype {
            Dtype::VlenString(_) | Dtype::Vlen(_) => {
                let (count, bytes) = heap.resolve(element)?;
                let mut data = bytes.into_owned();
                if count == 0 {
                    element.fill(0);
                    return Ok(());
                }
                self.held.push(limits.reserve((data.len() as u64).saturating_add(OVERHEAD))?);
                if let Dtype::Vlen(v) = dtype
                    && v.base.has_indirection()
                {
                    self.adopt_all(&v.base, &mut data, heap, limits, depth)?;
                }
                self.objects.push((count, data));
                let number = (self.objects.len() as u64).to_le_bytes();
                let places = element.len().checked_sub(4).and_then(|end| element.get_mut(4..end));
                let places = places.ok_or_else(short)?;
                let (low, high) = number.split_at_checked(places.len()).ok_or_else(short)?;
                if high.iter().any(|&b| b != 0) {
                    return Err(Error::limit("more elements of variable length than addresses"));
                }
                places.copy_from_slice(low);
                Ok(())
            }
            Dtype::Struct(s) => {
                for f in s.fields.iter().filter(|f| f.dtype.has_indirection()) {
                    let start = usize::try_from(f.offset).map_err(|_| short())?;
                    let size = usize::try_from(f.dtype.itemsize()).map_err(|_| short())?;
                    let part = element.get_mut(start..).and_then(|e| e.get_mut(..size)).ok_or_else(short)?;
                    self.adopt(&f.dtype, part, heap, limits, depth + 1)?;
                }
                Ok(())
            }
            Dtype::Array(a) if a.base.has_indirection() => {
                self.adopt_all(&a.base, element, heap, limits, depth)
            }
            _ => Ok(()),
        }
    }

    fn adopt_all(
        &mut self,
        base: &Dtype,
        items: &mut [u8],
        heap: &dyn Heap,
        limits: &Limits,
        depth: u32,
    ) -> Result<()> {
        let size = usize::try_from(base.itemsize()).ok().filter(|&n| n > 0);
        let size = size.ok_or_else(|| Error::invalid("items of no size"))?;
        items.chunks_exact_mut(size).try_for_each(|item| self.adopt(base, item, heap, limits, depth + 1))
    }
}

impl Heap for Gathered {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        let places = reference.len().checked_sub(4).and_then(|end| reference.get(4..end)).unwrap_or_default();
        let number = places.iter().rev().fold(0u64, |n, &b| (n << 8) | u64::from(b));
        let Some(index) = number.checked_sub(1) else { return Ok((0, Cow::Borrowed(&[]))) };
        let object = usize::try_from(index).ok().and_then(|i| self.objects.get(i));
        let (count, data) = object.ok_or_else(|| Error::invalid(format!("no element {index}")))?;
        Ok((*count, Cow::Borrowed(data)))
    }
}
