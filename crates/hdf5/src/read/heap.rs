//! Variable-length elements: following their references into the global heap.

use super::based::Based;
use crate::format::global_heap::{Collection, HEADER, Table, collection_size};
use crate::format::{Cursor, Sizes};
use hyperslab_core::view::Heap;
use hyperslab_core::{Dtype, Error, Limits, Result, ResultExt, Source};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// How many collections are kept, and how many bytes of them.
const KEEP: usize = 16;
const KEEP_BYTES: usize = 16 << 20;

/// The heap of one view. It keeps the collections that were used last.
pub(crate) struct GlobalHeap<'f> {
    source: &'f Based<'f>,
    sizes: Sizes,
    limits: Limits,
    /// Bytes that one item can have: an object must be a whole number of such items.
    items: SmallVec<[u64; 4]>,
    kept: Mutex<VecDeque<Arc<Kept<'f>>>>,
}

struct Kept<'f> {
    address: u64,
    bytes: Cow<'f, [u8]>,
    table: Table,
}

impl<'f> GlobalHeap<'f> {
    /// The heap for elements of a type.
    pub(crate) fn new(source: &'f Based<'f>, sizes: Sizes, limits: &Limits, dtype: &Dtype) -> Self {
        let mut items = SmallVec::new();
        item_sizes(dtype, &mut items);
        GlobalHeap { source, sizes, limits: limits.clone(), items, kept: Mutex::new(VecDeque::new()) }
    }

    /// One object whole, and where it lies.
    pub(crate) fn object(&self, address: u64, index: u32) -> Result<(Vec<u8>, u64)> {
        let kept = self.collection(address)?;
        let position = u16::try_from(index).ok().and_then(|i| kept.table.position(i));
        let collection = Collection::parse(&kept.bytes, self.sizes, address)?;
        let object = position.map(|p| collection.object_at(p)).transpose()?.flatten().ok_or_else(|| {
            Error::invalid(format!("no object {index}")).reading("global heap collection").at(address)
        })?;
        let at = object.position + crate::format::global_heap::OBJECT_HEADER;
        Ok((object.data.to_vec(), address.saturating_add(at as u64)))
    }

    fn collection(&self, address: u64) -> Result<Arc<Kept<'f>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = kept.iter().position(|k| k.address == address) {
            if i > 0 {
                kept.swap(0, i);
            }
            if let Some(k) = kept.front() {
                return Ok(Arc::clone(k));
            }
        }
        let what = "global heap collection";
        let head = self.source.bytes_at(address, HEADER as u64, &self.limits).reading(what, address)?;
        let size = collection_size(&head, self.sizes, address)?;
        let bytes = self.source.bytes_at(address, size, &self.limits).reading(what, address)?;
        self.source.saw(address, size, what);
        let table = Collection::parse(&bytes, self.sizes, address)?.table()?;
        let new = Arc::new(Kept { address, bytes, table });
        kept.push_front(Arc::clone(&new));
        let mut bytes = 0;
        let fits = kept.iter().take_while(|k| {
            bytes += k.bytes.len();
            bytes <= KEEP_BYTES
        });
        let count = fits.count().clamp(1, KEEP);
        kept.truncate(count);
        Ok(new)
    }
}

/// The sizes of the items of every sequence inside a type.
fn item_sizes(dtype: &Dtype, out: &mut SmallVec<[u64; 4]>) {
    let mut add = |n: u64| {
        if !out.contains(&n) {
            out.push(n);
        }
    };
    match dtype {
        Dtype::VlenString(_) => add(1),
        Dtype::Vlen(v) => {
            add(v.base.itemsize());
            item_sizes(&v.base, out);
        }
        Dtype::Array(a) => item_sizes(&a.base, out),
        Dtype::Struct(s) => s.fields.iter().for_each(|f| item_sizes(&f.dtype, out)),
        _ => {}
    }
}

impl Heap for GlobalHeap<'_> {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        let mut c = Cursor::new(reference, "variable-length element", 0);
        let count = u64::from(c.u32()?);
        let address = c.address(self.sizes)?;
        let index = c.u32()?;
        // Never written elements are zeros or undefined addresses; both mean nothing, as libhdf5 reads them.
        let Some(address) = address.filter(|&a| a != 0 && count != 0) else {
            return Ok((0, Cow::Borrowed(&[])));
        };
        let kept = self.collection(address)?;
        let short = u16::try_from(index).ok();
        let collection = Collection::parse(&kept.bytes, self.sizes, address)?;
        let position = short.and_then(|i| kept.table.position(i));
        let object = position.map(|p| collection.object_at(p)).transpose()?.flatten().ok_or_else(|| {
            Error::invalid(format!("no object {index}")).reading("global heap collection").at(address)
        })?;
        let data = object.data;
        if !self.items.iter().any(|n| count.checked_mul(*n) == Some(data.len() as u64)) {
            return Err(Error::invalid(format!("object {index} of {} bytes for {count} items", data.len()))
                .reading("global heap collection")
                .at(address.saturating_add(object.position as u64)));
        }
        // In memory, the file's own bytes are handed out; what was read for the cache is copied.
        let at = address.saturating_add((object.position + crate::format::global_heap::OBJECT_HEADER) as u64);
        match self.source.as_slice() {
            Some(_) => Ok((count, self.source.bytes_at(at, data.len() as u64, &self.limits)?)),
            None => Ok((count, Cow::Owned(data.to_vec()))),
        }
    }
}
