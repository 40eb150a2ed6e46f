//! Filter 6, scale-offset: numbers as their distances from the least of the chunk, in as few bits as the greatest
//! distance needs.
//!
//! A chunk starts with the number of bits (4 bytes), how many bytes the minimum has (1) and the minimum (16, of which
//! at most 8 count); the distances follow as one stream of bits, the highest first. The distance whose bits are all
//! set stands for the fill value, where there is one. Floats are stored as decimal fixed-point numbers: the distances
//! are integers that are divided by a power of ten. The values come out with the bits that libhdf5 gives them, so the
//! arithmetic is done in the element's own precision and in libhdf5's order.
//!
//! The parameters say what the chunk's elements are; the type of the dataset is not looked at.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l; measured on libhdf5 1.10 to 2.0.

use super::Room;
use super::codec::bits::Bits;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Parameters of every pipeline message with this filter.
const PARAMETERS: usize = 20;
/// Where the distances start.
const HEADER: usize = 21;

/// What the parameters say.
struct Elements {
    /// Decimal digits behind the point, or the number of bits that the user asked for.
    factor: i32,
    count: u64,
    float: bool,
    /// Bytes of an element: 1, 2, 4 or 8.
    size: u8,
    big: bool,
    fill: Option<u64>,
}

/// Undoes the packing.
pub(super) fn undo<'a>(
    values: &[u32],
    bytes: Cow<'a, [u8]>,
    room: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let e = Elements::parse(values)?;
    let width = u32::from(e.size) * 8;
    if !e.float && u32::try_from(e.factor).is_ok_and(|bits| bits == width) {
        // As many bits as there are: nothing was done.
        return Ok(bytes);
    }
    let Some((header, packed)) = bytes.split_at_checked(HEADER) else {
        return Err(Error::invalid(format!("{} bytes where {HEADER} belong before the values", bytes.len())));
    };
    let (bits, minimum) = parse_header(header);
    if bits > width {
        return Err(Error::invalid(format!("values of {bits} bits in elements of {width}")));
    }
    let len = e.count.saturating_mul(e.size.into());
    let mut out = room.zeroed(len, limits)?;
    let need = e.count.checked_mul(bits.into()).map_or(u64::MAX, |n| n.div_ceil(8));
    let Some(packed) = usize::try_from(need).ok().and_then(|n| packed.get(..n)) else {
        return Err(Error::invalid(format!("{} bytes of values where {need} belong", packed.len())));
    };
    if bits == width {
        // In this machine's order, which was the writer's; files are written on little-endian ones.
        out.copy_from_slice(packed);
        if e.big {
            out.chunks_exact_mut(e.size.into()).for_each(<[u8]>::reverse);
        }
        return Ok(Cow::Owned(out));
    }
    let mut bits = Packed { bits: Bits::new(packed), width: bits, all: (1u64 << bits) - 1 };
    match (e.float, e.size) {
        (true, 4) => {
            let (least, scale) = (f32::from_bits(minimum as u32), 10f32.powf(e.factor as f32));
            let fill = e.fill.map(|f| f32::from_bits(f as u32));
            let value = |d: u64| ((d as u32).cast_signed() as f32 / scale + least).to_bits();
            put(&mut out, e.big, || bits.next(fill.map(f32::to_bits), value), u32::to_le_bytes);
        }
        (true, 8) => {
            let (least, scale) = (f64::from_bits(minimum), 10f64.powf(e.factor.into()));
            let value = |d: u64| (d.cast_signed() as f64 / scale + least).to_bits();
            put(&mut out, e.big, || bits.next(e.fill, value), u64::to_le_bytes);
        }
        (true, size) => return Err(Error::unsupported(format!("scale-offset floats of {size} bytes"))),
        (false, 1) => {
            let value = |d: u64| d.wrapping_add(minimum) as u8;
            put(&mut out, e.big, || bits.next(e.fill.map(|f| f as u8), value), u8::to_le_bytes);
        }
        (false, 2) => {
            let value = |d: u64| d.wrapping_add(minimum) as u16;
            put(&mut out, e.big, || bits.next(e.fill.map(|f| f as u16), value), u16::to_le_bytes);
        }
        (false, 4) => {
            let value = |d: u64| d.wrapping_add(minimum) as u32;
            put(&mut out, e.big, || bits.next(e.fill.map(|f| f as u32), value), u32::to_le_bytes);
        }
        (false, _) => {
            let value = |d: u64| d.wrapping_add(minimum);
            put(&mut out, e.big, || bits.next(e.fill, value), u64::to_le_bytes);
        }
    }
    Ok(Cow::Owned(out))
}

/// The number of bits and the minimum.
fn parse_header(header: &[u8]) -> (u32, u64) {
    let word = |from: usize, n: usize| {
        let bytes = header.iter().skip(from).take(n).rev();
        bytes.fold(0u64, |v, &b| (v << 8) | u64::from(b))
    };
    let size = usize::from(header.get(4).copied().unwrap_or(0)).min(8);
    (word(0, 4) as u32, word(5, size))
}

/// Distances, as they are packed.
struct Packed<'a> {
    bits: Bits<'a>,
    width: u32,
    /// The distance that stands for the fill value.
    all: u64,
}

impl Packed<'_> {
    #[inline(always)]
    fn next<T>(&mut self, fill: Option<T>, value: impl Fn(u64) -> T) -> T {
        let distance = self.bits.take(self.width);
        match fill {
            Some(fill) if distance == self.all => fill,
            _ => value(distance),
        }
    }
}

/// Writes one element after the other.
#[inline(always)]
fn put<T, const N: usize>(
    out: &mut [u8],
    big: bool,
    mut next: impl FnMut() -> T,
    bytes: impl Fn(T) -> [u8; N],
) {
    for slot in out.as_chunks_mut::<N>().0 {
        *slot = bytes(next());
        if big {
            slot.reverse();
        }
    }
}

impl Elements {
    fn parse(values: &[u32]) -> Result<Elements> {
        let Some(&[kind, factor, count, class, size, _sign, order, fill]) = values.first_chunk::<8>() else {
            return Err(Error::invalid(format!("{} parameters where {PARAMETERS} belong", values.len())));
        };
        let factor = factor.cast_signed();
        let float = match (class, kind) {
            (0, 2) => false,
            (1, 0) => true,
            (1, 1) => return Err(Error::unsupported("scale-offset with binary exponents (E-scaling)")),
            _ => return Err(Error::invalid(format!("scale type {kind} for type class {class}"))),
        };
        let size = match size {
            1 | 2 | 4 | 8 => size as u8,
            _ => return Err(Error::unsupported(format!("scale-offset elements of {size} bytes"))),
        };
        if !float && factor > i32::from(size) * 8 {
            return Err(Error::invalid(format!("{factor} bits wanted for elements of {size} bytes")));
        }
        let big = match order {
            0 => false,
            1 => true,
            _ => return Err(Error::invalid(format!("byte order {order}"))),
        };
        let word = |i: usize| u64::from(values.get(i).copied().unwrap_or(0));
        let fill = (fill == 1).then(|| word(8) | (word(9) << 32));
        Ok(Elements { factor, count: count.into(), float, size, big, fill })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(first: [u32; 8], fill: u64) -> Vec<u32> {
        let mut v = first.to_vec();
        v.extend([fill as u32, (fill >> 32) as u32]);
        v.resize(PARAMETERS, 0);
        v
    }

    fn chunk(bits: u32, minimum: u64, packed: &[u8]) -> Vec<u8> {
        let mut v = bits.to_le_bytes().to_vec();
        v.push(8);
        v.extend(minimum.to_le_bytes());
        v.extend([0; 8]);
        v.extend(packed);
        v
    }

    fn run(values: &[u32], chunk: Vec<u8>, n: u64) -> Result<Vec<u8>> {
        undo(values, Cow::Owned(chunk), Room::exactly(n), &Limits::default()).map(Cow::into_owned)
    }

    #[test]
    fn integers() {
        // Two-byte big-endian integers, 4 bits each, minimum -3; 15 is the fill value 7.
        let values = parameters([2, 0, 3, 0, 2, 1, 1, 1], 7);
        let out = run(&values, chunk(4, (-3i64) as u64, &[0x0f, 0x50]), 6).unwrap();
        assert_eq!(out, [0xff, 0xfd, 0, 7, 0, 2]);
        // No bits at all: every element is the minimum.
        let values = parameters([2, 0, 3, 0, 1, 0, 0, 0], 0);
        assert_eq!(run(&values, chunk(0, 9, &[]), 3).unwrap(), [9; 3]);
        // All bits asked for: the chunk is as it was.
        let values = parameters([2, 8, 3, 0, 1, 0, 0, 0], 0);
        assert_eq!(run(&values, vec![1, 2, 3], 3).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn floats() {
        let values = parameters([0, 2, 2, 1, 4, 0, 0, 0], 0);
        let least = u64::from(1.5f32.to_bits());
        let out = run(&values, chunk(8, least, &[0, 25]), 8).unwrap();
        assert_eq!(out, [1.5f32.to_le_bytes(), 1.75f32.to_le_bytes()].concat());
    }

    #[test]
    fn damage_is_seen() {
        let values = parameters([2, 0, 3, 0, 2, 1, 0, 0], 0);
        let whole = chunk(5, 0, &[1, 2]);
        assert!(run(&values, whole.clone(), 6).is_ok());
        for n in 0..whole.len() {
            assert!(run(&values, whole[..n].to_vec(), 6).is_err());
        }
        assert!(run(&values, chunk(17, 0, &[0; 100]), 6).is_err());
        assert!(run(&values, whole.clone(), 5).is_err());
        assert!(run(&values[..7], whole, 6).is_err());
    }
}
