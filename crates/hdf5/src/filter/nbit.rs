//! Filter 5, n-bit: only the bits that mean something, of integers and floats whose precision is less than their size.
//!
//! The parameters describe the element: an atom (size, byte order, precision, offset), an array, a compound, or bytes
//! that are kept as they are. The stream has the bits of one atom after the other, the highest first, without any
//! gaps; bits that are not stored come out as zero.
//!
//! libhdf5 loses its place in the parameters behind an array of arrays or compounds: what follows such a member in a
//! compound is not stored, whatever the parameters say, and is refused here.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l; measured on libhdf5 1.10 to 2.0.

use super::Room;
use super::codec::bits::{Bits, Sink};
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Parameters before the description of the element: their number, whether nothing is packed, elements of a chunk.
const FIXED: usize = 3;

/// What is read of each element.
#[derive(Debug)]
enum Part {
    /// Bits of a number of `size` bytes at `at`.
    Atom { at: usize, size: usize, big: bool, precision: u32, offset: u32 },
    /// Bytes as they are.
    Bytes { at: usize, len: usize },
    /// Parts, `count` times, `size` bytes apart.
    Repeated { at: usize, count: usize, size: usize, parts: Vec<Part> },
}

/// What the parameters say.
struct Form {
    part: Part,
    /// Bytes of an element, which are not 0.
    size: usize,
    /// Elements of a chunk.
    count: u32,
}

impl Form {
    /// `None` where nothing is packed.
    fn parse(values: &[u32], limits: &Limits) -> Result<Option<Form>> {
        let Some((&[said, untouched, count], description)) = values.split_first_chunk::<FIXED>() else {
            return Err(Error::invalid(format!("{} parameters where {FIXED} belong at least", values.len())));
        };
        if said as usize != values.len() {
            return Err(Error::invalid(format!("{} parameters where {said} are announced", values.len())));
        }
        if untouched != 0 {
            return Ok(None);
        }
        let mut words = Words { left: description, lost: false, limits };
        let (part, size) = words.element(0, 0)?;
        Ok(Some(Form { part, size, count }))
    }
}

/// Undoes the packing.
pub(super) fn undo<'a>(
    values: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let Some(Form { part, size, count }) = Form::parse(values, limits)? else { return Ok(bytes) };
    let len = u64::from(count).saturating_mul(size as u64);
    let mut out = room.zeroed(len, limits)?;
    let mut bits = Bits::new(&bytes);
    for element in out.chunks_exact_mut(size) {
        part.read(&mut bits, element).ok_or_else(|| {
            Error::invalid(format!("{} bytes where {count} elements of {size} bytes are packed", bytes.len()))
        })?;
    }
    Ok(Cow::Owned(out))
}

/// Packs elements.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(Form { part, size, count }) = Form::parse(values, &Limits::default())? else {
        return Ok(Some(bytes.to_vec()));
    };
    if bytes.len() as u64 != u64::from(count).saturating_mul(size as u64) {
        return Err(Error::unsupported(format!(
            "n-bit parameters for {count} elements of {size} bytes, where {} bytes are packed",
            bytes.len()
        )));
    }
    let mut bits = Sink::default();
    for element in bytes.chunks_exact(size) {
        part.write(&mut bits, element).ok_or_else(|| Error::invalid("n-bit element out of bounds"))?;
    }
    // The byte after the last bit is there with libhdf5 even if it has no bits.
    bits.put(0, 1);
    Ok(Some(bits.finish()))
}

impl Part {
    /// Writes one, whose parts are counted from the start of `from`.
    fn write(&self, bits: &mut Sink, from: &[u8]) -> Option<()> {
        match self {
            &Part::Atom { at, size, big, precision, offset } => {
                put_atom(bits, from.get(at..at.checked_add(size)?)?, big, precision, offset);
            }
            &Part::Bytes { at, len } => {
                from.get(at..at.checked_add(len)?)?.iter().for_each(|&b| bits.put(b.into(), 8));
            }
            Part::Repeated { at, count, size, parts } => {
                let whole = count.checked_mul(*size)?;
                for one in from.get(*at..at.checked_add(whole)?)?.chunks_exact(*size) {
                    parts.iter().try_for_each(|p| p.write(bits, one))?;
                }
            }
        }
        Some(())
    }

    /// Reads one into `out`, whose parts are counted from its start; `None` when there are no bits left.
    fn read(&self, bits: &mut Bits<'_>, out: &mut [u8]) -> Option<()> {
        match self {
            &Part::Atom { at, size, big, precision, offset } => {
                if bits.left() < precision.into() {
                    return None;
                }
                let out = out.get_mut(at..at.checked_add(size)?)?;
                atom(bits, out, big, precision, offset);
            }
            &Part::Bytes { at, len } => {
                if bits.left() < (len as u64).checked_mul(8)? {
                    return None;
                }
                out.get_mut(at..at.checked_add(len)?)?.iter_mut().for_each(|b| *b = bits.take(8) as u8);
            }
            Part::Repeated { at, count, size, parts } => {
                let whole = count.checked_mul(*size)?;
                let out = out.get_mut(*at..at.checked_add(whole)?)?;
                for one in out.chunks_exact_mut(*size) {
                    parts.iter().try_for_each(|p| p.read(bits, one))?;
                }
            }
        }
        Some(())
    }
}

/// Reads a number from its highest bit down.
#[inline]
fn atom(bits: &mut Bits<'_>, out: &mut [u8], big: bool, precision: u32, offset: u32) {
    if out.len() <= 8 {
        let value = bits.take(precision) << offset;
        let bytes = value.to_le_bytes();
        out.iter_mut().zip(bytes).for_each(|(o, b)| *o = b);
    } else {
        // Byte by byte, from the one with the highest bit.
        let end = precision + offset;
        for k in (offset / 8..end.div_ceil(8)).rev() {
            let (low, high) = ((k * 8).max(offset), (k * 8 + 8).min(end));
            let value = (bits.take(high - low) << (low - k * 8)) as u8;
            if let Some(b) = out.get_mut(k as usize) {
                *b = value;
            }
        }
    }
    if big {
        out.reverse();
    }
}

/// Writes a number from its highest bit down.
#[inline]
fn put_atom(bits: &mut Sink, from: &[u8], big: bool, precision: u32, offset: u32) {
    let byte = |k: usize| from.get(if big { from.len() - 1 - k } else { k }).copied().unwrap_or(0);
    if from.len() <= 8 {
        let value = (0..from.len()).rev().fold(0u64, |v, k| (v << 8) | u64::from(byte(k)));
        return bits.put(value >> offset, precision);
    }
    let end = precision + offset;
    for k in (offset / 8..end.div_ceil(8)).rev() {
        let (low, high) = ((k * 8).max(offset), (k * 8 + 8).min(end));
        bits.put(u64::from(byte(k as usize)) >> (low - k * 8), high - low);
    }
}

/// The description of the element that is left.
struct Words<'a> {
    left: &'a [u32],
    /// Whether libhdf5 is at another place by now.
    lost: bool,
    limits: &'a Limits,
}

impl Words<'_> {
    fn next(&mut self) -> Result<usize> {
        let (&first, left) =
            self.left.split_first().ok_or_else(|| Error::invalid("n-bit parameters end in a type"))?;
        self.left = left;
        usize::try_from(first).map_err(|_| Error::invalid(format!("n-bit parameter {first}")))
    }

    /// A type whose bytes start at `at`, and its size, which is not 0.
    fn element(&mut self, at: usize, depth: u32) -> Result<(Part, usize)> {
        self.limits.check_depth(depth)?;
        let (class, size) = (self.next()?, self.next()?);
        if size == 0 {
            return Err(Error::invalid("n-bit type of 0 bytes"));
        }
        let part = match class {
            1 => self.atom(at, size)?,
            2 => self.array(at, size, depth)?,
            3 => self.compound(at, size, depth)?,
            4 => Part::Bytes { at, len: size },
            _ => return Err(Error::invalid(format!("n-bit type class {class}"))),
        };
        Ok((part, size))
    }

    fn atom(&mut self, at: usize, size: usize) -> Result<Part> {
        let (order, precision, offset) = (self.next()?, self.next()?, self.next()?);
        let fits = precision.checked_add(offset).is_some_and(|n| n <= size.saturating_mul(8));
        if precision == 0 || !fits || order > 1 {
            return Err(Error::invalid(format!(
                "{precision} bits from bit {offset} in {size} bytes, byte order {order}"
            )));
        }
        Ok(Part::Atom { at, size, big: order == 1, precision: precision as u32, offset: offset as u32 })
    }

    fn array(&mut self, at: usize, size: usize, depth: u32) -> Result<Part> {
        // The size of what is kept as it is may be that of the array's elements or of something else.
        if let [4, _, left @ ..] = self.left {
            self.left = left;
            return Ok(Part::Bytes { at, len: size });
        }
        let nested = matches!(self.left, [2 | 3, ..]);
        let (part, step) = self.element(0, depth + 1)?;
        self.lost = nested;
        if step > size {
            return Err(Error::invalid(format!("elements of {step} bytes in an array of {size}")));
        }
        Ok(Part::Repeated { at, count: size / step, size: step, parts: vec![part] })
    }

    fn compound(&mut self, at: usize, size: usize, depth: u32) -> Result<Part> {
        let members = self.next()?;
        let (mut parts, mut used) = (Vec::new(), 0usize);
        for _ in 0..members {
            if self.lost {
                return Err(Error::unsupported(
                    "n-bit member behind an array of arrays or compounds, which libhdf5 does not store",
                ));
            }
            let offset = self.next()?;
            let (part, len) = self.element(offset, depth + 1)?;
            used = used.saturating_add(len);
            if used > size || offset.checked_add(len).is_none_or(|end| end > size) {
                return Err(Error::invalid(format!(
                    "member of {len} bytes at {offset} in a compound of {size}"
                )));
            }
            parts.push(part);
        }
        Ok(Part::Repeated { at, count: 1, size, parts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(description: &[u32], count: u32) -> Vec<u32> {
        let mut values = vec![3 + description.len() as u32, 0, count];
        values.extend(description);
        values
    }

    /// What comes out; packed again, it is what went in.
    fn run(description: &[u32], count: u32, bytes: &[u8], n: u64) -> Result<Vec<u8>> {
        let values = values(description, count);
        let out = undo(&values, Cow::Borrowed(bytes), Room::exactly(n), &Limits::default())?.into_owned();
        let again = apply(&values, &out).unwrap().unwrap();
        let back = undo(&values, Cow::Owned(again), Room::exactly(n), &Limits::default()).unwrap();
        assert_eq!(*back, out);
        Ok(out)
    }

    #[test]
    fn atoms() {
        // 12 bits from bit 2 in 2 bytes.
        let stream = [0xab, 0xc1, 0x23];
        assert_eq!(run(&[1, 2, 0, 12, 2], 2, &stream, 4).unwrap(), [0xf0, 0x2a, 0x8c, 0x04]);
        assert_eq!(run(&[1, 2, 1, 12, 2], 2, &stream, 4).unwrap(), [0x2a, 0xf0, 0x04, 0x8c]);
        // 70 bits from bit 3 in 10 bytes.
        let ones = [0xff; 9];
        let out = run(&[1, 10, 0, 70, 3], 1, &ones, 10).unwrap();
        assert_eq!(out, [0xf8, 255, 255, 255, 255, 255, 255, 255, 255, 1]);
    }

    #[test]
    fn nested_types() {
        // A compound of 6: 4 bits of byte 0; bytes 2..4 as they are; an array of two at 4, 4 bits each.
        let description = [3, 6, 3, 0, 1, 1, 0, 4, 0, 2, 4, 2, 4, 2, 2, 1, 1, 0, 4, 0];
        let out = run(&description, 1, &[0x7a, 0xbc, 0xd1, 0x20], 6).unwrap();
        assert_eq!(out, [7, 0, 0xab, 0xcd, 1, 2]);
    }

    #[test]
    fn members_that_were_not_stored() {
        // A compound of 4: an array of one compound of one byte, then a byte.
        let description = [3, 4, 2, 0, 2, 1, 3, 1, 1, 0, 1, 1, 0, 8, 0, 2, 1, 1, 0, 8, 0];
        let e = run(&description, 1, &[7, 8, 9, 10], 4).unwrap_err();
        assert_eq!(e.kind(), hyperslab_core::Kind::Unsupported);
        // The array alone is stored.
        let alone = [3, 4, 1, 0, 2, 1, 3, 1, 1, 0, 1, 1, 0, 8, 0];
        assert_eq!(run(&alone, 1, &[7], 4).unwrap(), [7, 0, 0, 0]);
    }

    #[test]
    fn damage_is_seen() {
        let atom = [1, 2, 0, 12, 2];
        for n in 0..atom.len() {
            assert!(run(&atom[..n], 1, &[0; 8], 2).is_err());
        }
        assert!(run(&atom, 4, &[0; 5], 8).is_err());
        assert!(run(&atom, 4, &[0; 8], 7).is_err());
        assert!(run(&[1, 2, 0, 0, 2], 1, &[0; 8], 2).is_err());
        assert!(run(&[1, 2, 0, 12, 5], 1, &[0; 8], 2).is_err());
        assert!(run(&[3, 4, 1, 3, 1, 2, 0, 8, 0], 1, &[0; 8], 4).is_err());
        let deep: Vec<u32> = [2, 8].into_iter().cycle().take(20_000).collect();
        assert!(run(&deep, 1, &[0; 8], 8).is_err());
        // Parameters for others than there are.
        assert!(apply(&values(&atom, 3), &[0; 4]).is_err());
        assert!(apply(&values(&deep, 1), &[0; 8]).is_err());
        assert!(apply(&[], &[0; 8]).is_err());
    }
}
