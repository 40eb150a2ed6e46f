//! Variable-length elements of new files: their bytes go into global heap collections, references take their
//! place.

use super::space::Space;
use crate::format::Put;
use crate::format::global_heap::Builder;
use hyperslab_core::view::Heap;
use hyperslab_core::{Dtype, Error, Limits, Result, View};

/// A collection is ended when it has reached this size.
const TARGET: usize = 64 << 10;
/// How deep sequences may nest in one element.
const MAX_DEPTH: u32 = 32;
/// Bytes of a stored reference.
const REFERENCE: usize = 16;

/// Texts that are written together, each as one heap object.
#[derive(Default)]
pub(super) struct Texts {
    texts: Vec<Vec<u8>>,
}

impl Texts {
    pub(super) fn add(&mut self, text: &str) {
        self.texts.push(text.as_bytes().to_vec());
    }

    /// Writes the collections; returns one reference for each text.
    pub(super) fn write(self, space: &mut Space) -> Result<Vec<Vec<u8>>> {
        let mut heap = Collections::new();
        let references: Result<Vec<_>> =
            self.texts.iter().map(|t| heap.add(t.len() as u64, t, space)).collect();
        let references = references?;
        heap.flush(space)?;
        Ok(references)
    }
}

/// Collections written one after another to the end of the file.
struct Collections {
    bytes: Vec<u8>,
    open: Option<Builder>,
}

impl Collections {
    fn new() -> Collections {
        Collections { bytes: Vec::new(), open: None }
    }

    /// Adds an object of `count` items; returns the reference to it. An empty one needs no object.
    fn add(&mut self, count: u64, data: &[u8], space: &mut Space) -> Result<Vec<u8>> {
        let mut reference = Vec::with_capacity(REFERENCE);
        if count == 0 {
            reference.put_zeros(REFERENCE);
            return Ok(reference);
        }
        let items = u32::try_from(count)
            .map_err(|_| Error::unsupported(format!("a variable-length element of {count} items")))?;
        if self.open.as_ref().is_some_and(|b| b.is_full() || b.len(&self.bytes) + data.len() > TARGET) {
            self.flush(space)?;
        }
        let builder = self.open.get_or_insert_with(|| Builder::begin(&mut self.bytes));
        let index = builder.push(&mut self.bytes, data);
        reference.put_u32(items);
        // The open collection is the next thing that will be appended.
        reference.put_u64(space.next(8));
        reference.put_u32(index.into());
        Ok(reference)
    }

    fn flush(&mut self, space: &mut Space) -> Result<()> {
        if let Some(builder) = self.open.take() {
            builder.finish(&mut self.bytes);
            space.append(&self.bytes, 8)?;
            self.bytes.clear();
        }
        Ok(())
    }
}

/// The elements of a view with variable-length parts, as they are stored in this file: every part resolved
/// through the view's heap and written anew.
pub(super) fn relocate(view: &View<'_>, space: &mut Space, limits: &Limits) -> Result<Vec<u8>> {
    let (mut out, _reservation) = limits.vec(view.nbytes())?;
    let source =
        view.heap().map(|h| &**h).ok_or_else(|| Error::usage("a variable-length array without its heap"))?;
    let mut heap = Collections::new();
    view.for_each(|e| relocate_element(view.dtype(), e, source, &mut heap, space, &mut out, 0))?;
    heap.flush(space)?;
    Ok(out)
}

fn relocate_element(
    dtype: &Dtype,
    element: &[u8],
    source: &(dyn Heap + '_),
    heap: &mut Collections,
    space: &mut Space,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("type nested deeper than {MAX_DEPTH} levels")));
    }
    match dtype {
        Dtype::VlenString(_) => {
            let (count, bytes) = source.resolve(element)?;
            out.extend(heap.add(count, &bytes, space)?);
        }
        Dtype::Vlen(v) => {
            let (count, bytes) = source.resolve(element)?;
            let mut items = Vec::new();
            if v.base.has_indirection() {
                let size = usize::try_from(v.base.itemsize()).unwrap_or(usize::MAX).max(1);
                for item in bytes.chunks_exact(size) {
                    relocate_element(&v.base, item, source, heap, space, &mut items, depth + 1)?;
                }
            } else {
                items.extend_from_slice(&bytes);
            }
            out.extend(heap.add(count, &items, space)?);
        }
        Dtype::Struct(s) if dtype.has_indirection() => {
            let start = out.len();
            out.extend_from_slice(element);
            for f in s.fields.iter().filter(|f| f.dtype.has_indirection()) {
                let at = f.offset as usize;
                let range = at..at + f.dtype.itemsize() as usize;
                let part =
                    element.get(range.clone()).ok_or_else(|| Error::invalid("field outside its element"))?;
                let mut moved = Vec::new();
                relocate_element(&f.dtype, part, source, heap, space, &mut moved, depth + 1)?;
                if let Some(dst) = out.get_mut(start + range.start..start + range.end) {
                    dst.copy_from_slice(&moved);
                }
            }
        }
        Dtype::Array(a) if dtype.has_indirection() => {
            let size = usize::try_from(a.base.itemsize()).unwrap_or(usize::MAX).max(1);
            for item in element.chunks_exact(size) {
                relocate_element(&a.base, item, source, heap, space, out, depth + 1)?;
            }
        }
        _ => out.extend_from_slice(element),
    }
    Ok(())
}
