//! Messages in the global heap of a damaged file.
//!
//! A collection has no checksum. What says that an object is the one that a row refers to are its number and its
//! length, and that the objects follow one another without a gap; where that chain breaks it is taken up again
//! further on. libhdf5 1.12 to 2.0 and our writer store reference counts and reserved bytes as zero, which is
//! what makes a header recognisable.

use super::input::Input;
use hyperslab_core::{Error, Result};
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::global_heap::{HEADER, OBJECT_HEADER, collection_size, object_size};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// Collections that are kept.
const KEEP: usize = 64;
/// Bytes of them.
const KEEP_BYTES: usize = 64 << 20;
/// As far as objects are looked for behind a collection header that is none any more.
const HEADLESS: u64 = 1 << 20;

/// One collection, as far as it can be made out.
pub(super) struct Collection {
    bytes: Vec<u8>,
    /// Number and bytes of each object, in stored order.
    pub(super) objects: Vec<(u16, Range<usize>)>,
    /// Positions in `objects` by number.
    numbers: Vec<u32>,
    /// Whether header and chain are as they should be.
    pub(super) sound: bool,
}

impl Collection {
    /// The bytes of an object's data.
    pub(super) fn data(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// Where object `number` lies, and its position among the objects.
    fn find(&self, number: u16) -> Option<(&Range<usize>, u32)> {
        let at = *self.numbers.get(usize::from(number))?;
        let position = at.checked_sub(1)?;
        self.objects.get(position as usize).map(|(_, place)| (place, position))
    }

    /// Bytes that it takes in the file.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// A message that was found: its collection, its place in it, and what orders it among all of them.
pub(super) struct Found {
    pub(super) collection: Arc<Collection>,
    pub(super) place: Range<usize>,
    pub(super) key: Key,
}

/// Address of a collection and position of the object in it.
pub(super) type Key = (u64, u32);

/// The collections that were read last.
pub(super) struct Heap<'h, 's> {
    input: &'h Input<'s>,
    kept: VecDeque<(u64, Arc<Collection>)>,
}

impl<'h, 's> Heap<'h, 's> {
    pub(super) fn new(input: &'h Input<'s>) -> Heap<'h, 's> {
        Heap { input, kept: VecDeque::new() }
    }

    /// The object that a reference with this length, address and number means.
    ///
    /// # Errors
    /// `Invalid` when it is not there; `Limit`.
    pub(super) fn resolve(&mut self, count: u32, address: u64, number: u32) -> Result<Found> {
        let wrong = |why: String| Error::invalid(why).reading("global heap collection").at(address);
        let collection = self.collection(address)?;
        let number = u16::try_from(number).unwrap_or(0);
        let stored = collection.find(number).filter(|(place, _)| place.len() as u64 == u64::from(count));
        let mended = || stored.is_none().then(|| collection.mended(number, count)).flatten();
        if let Some((place, position)) = mended() {
            return Ok(Found { collection, place, key: (address, position) });
        }
        let Some((place, position)) = collection.find(number) else {
            let state = if collection.sound { "" } else { ", which is damaged" };
            return Err(wrong(format!("no object {number} in it{state}")));
        };
        if place.len() as u64 != u64::from(count) {
            return Err(wrong(format!(
                "object {number} of {} bytes where {count} are referred to",
                place.len()
            )));
        }
        let place = place.clone();
        Ok(Found { collection, place, key: (address, position) })
    }

    /// The collection at an address.
    ///
    /// # Errors
    /// `Invalid` when nothing there looks like one; `Limit`.
    pub(super) fn collection(&mut self, address: u64) -> Result<Arc<Collection>> {
        if let Some((a, c)) = self.kept.front()
            && *a == address
        {
            return Ok(Arc::clone(c));
        }
        if let Some(i) = self.kept.iter().position(|(a, _)| *a == address)
            && let Some(hit) = self.kept.remove(i)
        {
            let collection = Arc::clone(&hit.1);
            self.kept.push_front(hit);
            return Ok(collection);
        }
        let read = Arc::new(self.read(address)?);
        self.kept.push_front((address, Arc::clone(&read)));
        let mut bytes = 0;
        let fits = self.kept.iter().take_while(|(_, c)| {
            bytes += c.bytes.len();
            bytes <= KEEP_BYTES
        });
        let count = fits.count().clamp(1, KEEP);
        self.kept.truncate(count);
        Ok(read)
    }

    fn read(&self, address: u64) -> Result<Collection> {
        let wrong = |why: String| Error::invalid(why).reading("global heap collection").at(address);
        let head = self.input.read(address, HEADER as u64);
        let head = head.map_err(|e| e.reading("global heap collection").at(address))?;
        let stated = collection_size(&head, Sizes::STANDARD, address);
        let rest = self.input.len.saturating_sub(address);
        let len = stated.as_ref().map_or(HEADLESS, |n| *n).min(rest);
        let bytes = self.input.read(address, len)?;
        let whole = stated.as_ref().is_ok_and(|n| *n == len);
        let collection = walk(bytes, whole);
        match stated {
            // Without a header only objects that follow each other from the start say that it was a collection.
            Err(e) if collection.objects.is_empty() => Err(wrong(e.message().to_owned())),
            _ => Ok(collection),
        }
    }
}

/// Number and bytes of the object whose header is at `at`, if that looks like one.
fn header(bytes: &[u8], at: usize) -> Option<(u16, usize)> {
    let head: &[u8; OBJECT_HEADER] = bytes.get(at..)?.first_chunk()?;
    let [a, b, 0, 0, 0, 0, 0, 0, size @ ..] = *head else { return None };
    let size = usize::try_from(u64::from_le_bytes(size)).ok()?;
    let number = u16::from_le_bytes([a, b]);
    let room = bytes.len() - at;
    let takes = if number == 0 { size } else { OBJECT_HEADER.checked_add(size)? };
    (takes >= OBJECT_HEADER && takes <= room).then_some((number, size))
}

/// Where what follows an object begins.
fn after(at: usize, number: u16, size: usize) -> usize {
    let takes = if number == 0 { Some(size) } else { object_size(size) };
    takes.and_then(|n| n.checked_add(at)).unwrap_or(usize::MAX)
}

/// Finds the objects. `whole`: the collection has a header, and the file all of its bytes.
fn walk(bytes: Vec<u8>, whole: bool) -> Collection {
    let mut out = Collection { bytes, objects: Vec::new(), numbers: Vec::new(), sound: whole };
    let mut at = HEADER;
    let mut last = 0u16;
    while out.bytes.len().saturating_sub(at) >= OBJECT_HEADER {
        let end = out.bytes.len();
        match header(&out.bytes, at) {
            // Free space is what is left.
            Some((0, size)) if !whole || end.saturating_sub(after(at, 0, size)) < OBJECT_HEADER => break,
            Some((number, size)) if number > 0 => {
                out.take(number, last, at + OBJECT_HEADER..at + OBJECT_HEADER + size);
                let next = after(at, number, size);
                at = if end.saturating_sub(next) < OBJECT_HEADER || follows(&out.bytes, next, number) {
                    next
                } else {
                    // The next number is another one: writers leave none out, but a damaged length leads astray.
                    let found = resume(&out.bytes, at + OBJECT_HEADER, number);
                    let near = found < next && is(&out.bytes, found, number.checked_add(1));
                    let sound = !near && chained(&out.bytes, next);
                    out.sound &= sound;
                    if sound { next } else { found }
                };
                last = number;
            }
            _ => {
                out.sound = false;
                at = resume(&out.bytes, at + 8, last);
            }
        }
    }
    out
}

impl Collection {
    /// Where object `number` of `count` bytes must lie although its header is damaged: between its neighbours, with no
    /// byte to spare.
    fn mended(&self, number: u16, count: u32) -> Option<(Range<usize>, u32)> {
        let (before, position) = match number.checked_sub(1)? {
            0 => (HEADER, 0),
            n => {
                let (place, position) = self.find(n)?;
                (place.start.checked_add(place.len().next_multiple_of(8))?, position)
            }
        };
        let start = before.checked_add(OBJECT_HEADER)?;
        let end = start.checked_add(usize::try_from(count).ok()?)?;
        let (next, _) = self.find(number.checked_add(1)?)?;
        let fits =
            next.start.checked_sub(OBJECT_HEADER)? == start.checked_add((end - start).next_multiple_of(8))?;
        let at_start = self.objects.iter().position(|(_, p)| p.start == start);
        let position = at_start.and_then(|i| u32::try_from(i).ok()).unwrap_or(position);
        fits.then_some((start..end, position))
    }

    /// Takes in an object. Of two with one number it is the one that comes after its neighbour.
    fn take(&mut self, number: u16, before: u16, place: Range<usize>) {
        let slot = usize::from(number);
        if slot >= self.numbers.len() {
            self.numbers.resize(slot + 1, 0);
        }
        let position = u32::try_from(self.objects.len() + 1).unwrap_or(0);
        if let Some(p) = self.numbers.get_mut(slot)
            && (*p == 0 || before.checked_add(1) == Some(number))
        {
            self.sound &= *p == 0;
            *p = position;
        }
        self.objects.push((number, place));
    }
}

fn is(bytes: &[u8], at: usize, number: Option<u16>) -> bool {
    number.is_some() && header(bytes, at).map(|(n, _)| n) == number
}

/// Whether what lies at `at` comes after object `number`: the next one, or free space.
fn follows(bytes: &[u8], at: usize, number: u16) -> bool {
    header(bytes, at).is_some_and(|(n, _)| n == 0 || Some(n) == number.checked_add(1))
}

/// Whether an object lies at `at`, and behind it what comes after it.
fn chained(bytes: &[u8], at: usize) -> bool {
    header(bytes, at).is_some_and(|(number, size)| {
        let next = after(at, number, size);
        let left = bytes.len().saturating_sub(next);
        number > 0 && (left < OBJECT_HEADER || follows(bytes, next, number))
    })
}

/// The next place from `from` on where a chain of objects seems to begin, or the rest that is free.
fn resume(bytes: &[u8], from: usize, last: u16) -> usize {
    let mut at = from;
    while bytes.len().saturating_sub(at) >= OBJECT_HEADER {
        if let Some((number, size)) = header(bytes, at) {
            let rest = number == 0 && bytes.len().saturating_sub(after(at, 0, size)) < OBJECT_HEADER;
            if rest || (number > last && size > 0 && chained(bytes, at)) {
                return at;
            }
        }
        at += 8;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_hdf5::format::global_heap::Builder;

    fn collection() -> Vec<u8> {
        let mut out = Vec::new();
        let mut b = Builder::begin(&mut out);
        for i in 1..=100u8 {
            b.push(&mut out, &vec![i; 8 + usize::from(i)]);
        }
        b.finish(&mut out);
        out
    }

    fn numbers(bytes: Vec<u8>) -> (Vec<u16>, bool) {
        let c = walk(bytes, true);
        for (n, place) in &c.objects {
            if place.len() == 8 + usize::from(*n) {
                assert!(c.data(place).iter().all(|&b| u16::from(b) == *n), "{n}");
            }
        }
        (c.objects.iter().map(|(n, _)| *n).collect(), c.sound)
    }

    #[test]
    fn a_sound_collection() {
        assert_eq!(numbers(collection()), ((1..=100).collect(), true));
    }

    /// Each object's header in turn: only that object is lost, whichever field of it is wrong.
    #[test]
    fn a_damaged_header_costs_its_object_alone() {
        let good = collection();
        let places = walk(good.clone(), true).objects;
        for (n, place) in &places {
            for (offset, value) in [(0, 200u8), (0, 0), (2, 1), (5, 9), (8, 1), (8, 255), (12, 1)] {
                let mut bad = good.clone();
                bad[place.start - OBJECT_HEADER + offset] = value;
                let c = walk(bad, true);
                for (m, place) in places.iter().filter(|(m, _)| m != n) {
                    let found = c.find(*m).map(|(p, _)| p.clone());
                    assert_eq!(found.as_ref(), Some(place), "{m} after {value} at {offset} of {n}");
                }
            }
        }
    }

    #[test]
    fn any_bytes_end() {
        let mut bytes = collection();
        let mut seed = 1u64;
        for _ in 0..2000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (seed >> 33) as usize % bytes.len();
            bytes[at] = (seed >> 20) as u8;
            let c = walk(bytes.clone(), true);
            assert!(c.objects.iter().all(|(_, p)| p.end <= bytes.len()));
        }
    }
}
