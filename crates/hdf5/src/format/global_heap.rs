//! Global heap collections: where the bytes of variable-length elements lie.
//!
//! One collection is a header and numbered objects one after another. It has no checksum, so a writer must not
//! change one that readers may know of. Not here: following a stored reference to its collection (the reader), and
//! deciding when a collection is written (`append`, `write`).
//!
//! Source: HDF5 File Format Specification 3.0, section III.E; that the sizes of both headers are rounded up to 16
//! bytes whatever the width of lengths, and that less than 16 bytes of rest carry no free-space object, was
//! measured on libhdf5 1.12 to 2.0.

use super::{Cursor, Put, Sizes};
use hyperslab_core::{Error, Result};

/// Bytes of a collection's header.
pub const HEADER: usize = 16;
/// Bytes of an object's header.
pub const OBJECT_HEADER: usize = 16;
/// The smallest collection that libhdf5 makes or expects.
pub const MIN_SIZE: usize = 4096;
/// The greatest object number.
pub const MAX_OBJECTS: u16 = u16::MAX;

const SIGNATURE: [u8; 4] = *b"GCOL";
const WHAT: &str = "global heap collection";

/// Bytes that an object of `len` bytes takes, header and padding included; `None` when that overflows.
#[inline]
pub fn object_size(len: usize) -> Option<usize> {
    len.checked_add(OBJECT_HEADER + 7).map(|n| n & !7)
}

/// The size of the collection whose header `bytes` begin with, in bytes with the header. The caller compares it
/// with the file before reading on.
///
/// # Errors
/// `Invalid` for a wrong signature or a size below a header's.
#[inline]
pub fn collection_size(bytes: &[u8], sizes: Sizes, base: u64) -> Result<u64> {
    let mut c = Cursor::new(bytes, WHAT, base);
    c.signature(SIGNATURE)?;
    c.version(1, 1)?;
    c.skip(3)?;
    let here = c.clone();
    let size = c.length(sizes)?;
    if size < HEADER as u64 {
        return Err(here.invalid(format!("size {size} is less than the header's {HEADER}")));
    }
    Ok(size)
}

/// One object, its bytes where the collection has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// Number within the collection; 0 is free space.
    pub index: u16,
    /// Stored reference count; libhdf5 writes 0 and reads nothing into it.
    pub references: u16,
    /// Where the object's header begins, from the start of the collection.
    pub position: usize,
    /// Where the next object begins.
    pub next: usize,
    /// The bytes; of free space, what follows its header.
    pub data: &'a [u8],
}

/// A whole collection.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'a> {
    bytes: &'a [u8],
    sizes: Sizes,
    base: u64,
}

impl<'a> Collection<'a> {
    /// The collection at the start of `bytes`, which lie at `base` in the file.
    ///
    /// # Errors
    /// `Invalid` for a bad header or when the collection is longer than `bytes`.
    #[inline]
    pub fn parse(bytes: &'a [u8], sizes: Sizes, base: u64) -> Result<Collection<'a>> {
        let size = collection_size(bytes, sizes, base)?;
        match usize::try_from(size).ok().and_then(|n| bytes.get(..n)) {
            Some(bytes) => Ok(Collection { bytes, sizes, base }),
            None => Err(Error::invalid(format!("size {size} where {} bytes are left", bytes.len()))
                .reading(WHAT)
                .at(base)),
        }
    }

    /// The collection's bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the first object begins.
    pub const FIRST: usize = HEADER;

    /// The object that begins at `position`; `None` at the end (less than an object's header is left).
    ///
    /// # Errors
    /// `Invalid` when it leaves the collection.
    #[inline]
    pub fn object_at(&self, position: usize) -> Result<Option<Object<'a>>> {
        let left = self.bytes.len().saturating_sub(position);
        if left < OBJECT_HEADER {
            return Ok(None);
        }
        let head = self.bytes.get(position..).unwrap_or_default();
        let mut c = Cursor::new(head, WHAT, self.base.saturating_add(position as u64));
        let (index, references) = (c.u16()?, c.u16()?);
        c.skip(4)?;
        let size = c.length(self.sizes)?;
        let room = left - OBJECT_HEADER;
        // Free space counts its own header.
        let len = if index == 0 { size.saturating_sub(OBJECT_HEADER as u64) } else { size };
        let fits = usize::try_from(len).ok().filter(|&n| n <= room);
        let Some(len) = fits else {
            return Err(c.invalid(format!("object {index} of {size} bytes where {room} are left")));
        };
        if index == 0 && size < OBJECT_HEADER as u64 {
            return Err(
                c.invalid(format!("free space of {size} bytes is less than its header's {OBJECT_HEADER}"))
            );
        }
        let padded = if index == 0 { len } else { (len + 7) & !7 };
        let data = head.get(OBJECT_HEADER..OBJECT_HEADER + len).unwrap_or_default();
        let next = (position + OBJECT_HEADER).saturating_add(padded).min(self.bytes.len());
        Ok(Some(Object { index, references, position, next, data }))
    }

    /// The objects in stored order, free space included. Ends after the first error.
    pub fn objects(&self) -> Objects<'a> {
        Objects { collection: *self, position: Self::FIRST }
    }

    /// The object of a number, searched from the start.
    ///
    /// # Errors
    /// `Invalid` when there is none, or an object before it is damaged.
    pub fn find(&self, index: u16) -> Result<Object<'a>> {
        for object in self.objects() {
            let object = object?;
            if object.index == index && index != 0 {
                return Ok(object);
            }
        }
        Err(self.missing(index))
    }

    /// The error for a number that no object has.
    #[cold]
    pub fn missing(&self, index: u16) -> Error {
        Error::invalid(format!("no object {index}")).reading(WHAT).at(self.base)
    }

    /// Where each object lies, by number: for readers that come back often.
    ///
    /// # Errors
    /// `Invalid` when an object is damaged or two have one number.
    pub fn table(&self) -> Result<Table> {
        // Positions by number: at most 65536 of them, and no more than objects fit the bytes.
        let mut positions: Vec<usize> = Vec::new();
        for object in self.objects() {
            let object = object?;
            let slot = usize::from(object.index);
            if slot == 0 {
                continue;
            }
            if slot >= positions.len() {
                positions.resize(slot + 1, 0);
            }
            match positions.get_mut(slot) {
                Some(p) if *p == 0 => *p = object.position,
                _ => {
                    return Err(Error::invalid(format!("two objects have the number {slot}"))
                        .reading(WHAT)
                        .at(self.base));
                }
            }
        }
        Ok(Table { positions })
    }
}

/// Positions of objects by their number; see [`Collection::table`].
#[derive(Clone, Debug, Default)]
pub struct Table {
    positions: Vec<usize>,
}

impl Table {
    /// Where the header of object `index` begins, from the start of its collection.
    pub fn position(&self, index: u16) -> Option<usize> {
        self.positions.get(usize::from(index)).copied().filter(|&p| p != 0)
    }
}

/// Iterator over a collection's objects.
#[derive(Clone, Debug)]
pub struct Objects<'a> {
    collection: Collection<'a>,
    position: usize,
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let object = self.collection.object_at(self.position).transpose()?;
        // Every object is at least its header, so the walk advances.
        self.position = object.as_ref().map_or(usize::MAX, |o| o.next);
        Some(object)
    }
}

/// A collection being made at the end of a byte vector that the caller keeps and reuses.
#[derive(Clone, Copy, Debug)]
pub struct Builder {
    start: usize,
    objects: u16,
}

impl Builder {
    /// Begins a collection at the end of `out`.
    pub fn begin(out: &mut Vec<u8>) -> Builder {
        let start = out.len();
        out.extend_from_slice(&SIGNATURE);
        out.extend_from_slice(&[1, 0, 0, 0]);
        out.put_u64(0);
        Builder { start, objects: 0 }
    }

    /// Number of objects so far.
    pub fn objects(&self) -> u16 {
        self.objects
    }

    /// Where the collection begins in the vector.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Bytes of the collection so far.
    pub fn len(&self, out: &[u8]) -> usize {
        out.len() - self.start
    }

    /// Whether no more object fits: the numbers are used up.
    pub fn is_full(&self) -> bool {
        self.objects == MAX_OBJECTS
    }

    /// Appends an object and returns its number; 0 when the numbers are used up (nothing is appended).
    #[inline]
    pub fn push(&mut self, out: &mut Vec<u8>, data: &[u8]) -> u16 {
        let Some(index) = self.objects.checked_add(1) else { return 0 };
        self.objects = index;
        let mut head = [0; OBJECT_HEADER];
        let [low, high] = index.to_le_bytes();
        head[0] = low;
        head[1] = high;
        head[8..].copy_from_slice(&(data.len() as u64).to_le_bytes());
        out.reserve(OBJECT_HEADER + data.len() + 7);
        out.extend_from_slice(&head);
        out.extend_from_slice(data);
        let padding = data.len().wrapping_neg() % 8;
        out.extend_from_slice([0; 8].get(..padding).unwrap_or_default());
        index
    }

    /// Ends the collection: fills it up to [`MIN_SIZE`] and stores its size. Returns the size.
    ///
    /// What is left over is 0 or at least 16 bytes, never 8: legal, but some readers stumble over a rest that is
    /// too small for a free-space object.
    pub fn finish(self, out: &mut Vec<u8>) -> usize {
        let used = self.len(out);
        let mut size = used.max(MIN_SIZE).next_multiple_of(8);
        if size != used && size - used < OBJECT_HEADER {
            size += OBJECT_HEADER;
        }
        if size > used {
            out.put_u64(0);
            out.put_u64((size - used) as u64);
            out.resize(self.start + size, 0);
        }
        if let Some(field) = out.get_mut(self.start + 8..self.start + HEADER) {
            field.copy_from_slice(&(size as u64).to_le_bytes());
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    fn build(objects: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut b = Builder::begin(&mut out);
        for (i, o) in objects.iter().enumerate() {
            assert_eq!(usize::from(b.push(&mut out, o)), i + 1);
        }
        assert_eq!(b.finish(&mut out), out.len());
        out
    }

    #[test]
    fn objects_come_back() {
        let bytes = build(&[b"", b"a", b"eight by", b"nine bytes"]);
        assert_eq!(bytes.len(), MIN_SIZE);
        let c = Collection::parse(&bytes, Sizes::STANDARD, 0).unwrap();
        let all: Vec<_> = c.objects().map(|o| o.unwrap()).collect();
        assert_eq!(all.len(), 5);
        assert_eq!(all[3].data, b"nine bytes");
        assert_eq!((all[4].index, all[4].next), (0, MIN_SIZE));
        assert_eq!(c.find(3).unwrap().data, b"eight by");
        assert_eq!(c.find(5).unwrap_err().kind(), Kind::Invalid);
        assert!(c.find(0).is_err());
        let table = c.table().unwrap();
        assert_eq!(table.position(4), Some(all[3].position));
        assert_eq!((table.position(0), table.position(5)), (None, None));
    }

    #[test]
    fn no_rest_is_too_small_for_an_object() {
        for len in 3900..5000 {
            let bytes = build(&[&vec![7; len]]);
            let used = HEADER + object_size(len).unwrap();
            let rest = bytes.len() - used;
            assert!(
                bytes.len().is_multiple_of(8) && bytes.len() >= MIN_SIZE && (rest == 0 || rest >= 16),
                "{len}"
            );
            let c = Collection::parse(&bytes, Sizes::STANDARD, 0).unwrap();
            let walked: usize = c.objects().map(|o| o.unwrap()).map(|o| o.next - o.position).sum();
            assert_eq!(walked + HEADER, bytes.len(), "{len}");
        }
    }

    #[test]
    fn numbers_run_out() {
        let mut out = Vec::new();
        let mut b = Builder::begin(&mut out);
        for i in 1..=u16::MAX {
            assert_eq!(b.push(&mut out, b"x"), i);
        }
        assert!(b.is_full());
        let len = out.len();
        assert_eq!(b.push(&mut out, b"x"), 0);
        assert_eq!(out.len(), len);
    }

    /// The first collection that h5py 3.16 on HDF5 2.0 wrote: two 3-byte strings and free space.
    #[test]
    fn a_collection_of_libhdf5() {
        let mut bytes = vec![0; 4096];
        bytes[..16].copy_from_slice(b"GCOL\x01\0\0\0\0\x10\0\0\0\0\0\0");
        bytes[16..40].copy_from_slice(b"\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x000.0\0\0\0\0\0");
        bytes[40..64].copy_from_slice(b"\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\x000.1\0\0\0\0\0");
        bytes[64..80].copy_from_slice(b"\0\0\0\0\0\0\0\0\xc0\x0f\0\0\0\0\0\0");
        let c = Collection::parse(&bytes, Sizes::STANDARD, 0x800).unwrap();
        assert_eq!(c.find(2).unwrap().data, b"0.1");
        assert_eq!(c.objects().count(), 3);
    }

    #[test]
    fn lying_sizes_are_refused() {
        let good = build(&[b"abc"]);
        for (at, value) in [
            (8, 0u64),
            (8, 15),
            (8, 4104),
            (8, u64::MAX),
            (24, 4096),
            (24, u64::MAX),
            (48, 3),
            (48, u64::MAX),
        ] {
            let mut bad = good.clone();
            bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
            let found = Collection::parse(&bad, Sizes::STANDARD, 0).and_then(|c| c.table());
            assert_eq!(found.unwrap_err().kind(), Kind::Invalid, "{at} {value}");
        }
        let mut twice = build(&[b"abc", b"def"]);
        twice[40] = 1;
        assert!(Collection::parse(&twice, Sizes::STANDARD, 0).unwrap().table().is_err());
        for n in 0..good.len() {
            assert!(Collection::parse(&good[..n], Sizes::STANDARD, 0).is_err());
        }
    }
}
