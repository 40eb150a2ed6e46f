//! Filter 6, scale-offset: numbers as their distances from the least of the chunk, in as few bits as the greatest
//! distance needs.
//!
//! A chunk starts with the number of bits (4 bytes), how many bytes the minimum has (1) and the minimum (16, of which
//! at most 8 count); the distances follow as one stream of bits, the highest first. The distance whose bits are all
//! set stands for the fill value, where there is one. Floats are stored as decimal fixed-point numbers: the distances
//! are integers that are divided by a power of ten. The values come out with the bits that libhdf5 gives them, so the
//! arithmetic is done in the element's own precision and in libhdf5's order.
//!
//! Where elements are written, too few bits are never taken, and floats without a distance (NaN, infinity, too far from
//! each other) are stored as they are; libhdf5 loses them.
//!
//! The parameters say what the chunk's elements are; the type of the dataset is not looked at.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l; measured on libhdf5 1.10 to 2.0.

use super::Room;
use super::codec::bits::{Bits, Sink};
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
    signed: bool,
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

/// Packs elements, which may be rounded.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    pack(values, bytes, false).map(Some)
}

/// Packs elements; where that would round any of them, all bits of all of them.
pub(super) fn apply_exactly(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let packed = pack(values, bytes, false)?;
    let room = Room { expected: bytes.len() as u64, most: bytes.len() as u64 };
    let back = undo(values, Cow::Borrowed(&packed), room, &Limits::default())?;
    if *back == *bytes { Ok(Some(packed)) } else { pack(values, bytes, true).map(Some) }
}

/// Packs elements, `plain` with all their bits.
fn pack(values: &[u32], bytes: &[u8], plain: bool) -> Result<Vec<u8>> {
    let e = Elements::parse(values)?;
    let (size, width) = (usize::from(e.size), u32::from(e.size) * 8);
    if bytes.len() as u64 != e.count.saturating_mul(e.size.into()) {
        return Err(Error::unsupported(format!(
            "scale-offset parameters for {} elements of {size} bytes, where {} bytes are packed",
            e.count,
            bytes.len()
        )));
    }
    if !e.float && u32::try_from(e.factor).is_ok_and(|bits| bits == width) {
        return Ok(bytes.to_vec());
    }
    let elements = bytes.chunks_exact(size).map(|b| {
        let fold = |v: u64, b: &u8| (v << 8) | u64::from(*b);
        if e.big { b.iter().fold(0, fold) } else { b.iter().rev().fold(0, fold) }
    });
    let packed = match (e.float, e.size) {
        _ if plain => None,
        (false, _) => e.integers(elements.clone(), width),
        (true, 4) => {
            let values = elements.clone().map(|v| f32::from_bits(v as u32));
            let fill = e.fill.map(|v| f32::from_bits(v as u32));
            singles(values, fill, e.factor)
        }
        (true, 8) => doubles(elements.clone().map(f64::from_bits), e.fill.map(f64::from_bits), e.factor),
        (true, _) => return Err(Error::unsupported(format!("scale-offset floats of {size} bytes"))),
    };
    let (bits, minimum, distances) = packed.unwrap_or((width, 0, elements.collect()));
    let mut out = Vec::with_capacity(HEADER + bytes.len());
    out.extend_from_slice(&bits.to_le_bytes());
    out.push(8);
    out.extend_from_slice(&minimum.to_le_bytes());
    out.resize(HEADER, 0);
    if bits == width {
        // As they are, in the order of little-endian machines.
        distances.iter().for_each(|d| out.extend_from_slice(d.to_le_bytes().get(..size).unwrap_or_default()));
        return Ok(out);
    }
    let mut sink = Sink::behind(out);
    distances.iter().for_each(|&d| sink.put(d, bits));
    // The byte after the last bit is there with libhdf5 even if it has no bits.
    sink.put(0, 1);
    Ok(sink.finish())
}

/// Bits of a distance, the minimum, and the distances; `None` where elements are stored as they are.
type Distances = Option<(u32, u64, Vec<u64>)>;

/// Bits that hold distances of up to `span`, and the one that stands for the fill value where there is one.
fn bits_for(span: u64, filled: bool) -> Option<u32> {
    let most = span.checked_add(filled.into())?;
    Some(64 - most.leading_zeros())
}

impl Elements {
    fn integers(&self, elements: impl Iterator<Item = u64> + Clone, width: u32) -> Distances {
        let mask = u64::MAX >> (64 - width);
        let fill = self.fill.map(|f| f & mask);
        // Numbers of either sign in the order of unsigned ones.
        let flip = if self.signed { 1u64 << (width - 1) } else { 0 };
        let others = elements.clone().filter(|v| Some(*v) != fill).map(|v| v ^ flip);
        let (least, most) = (others.clone().min(), others.max());
        let (least, most) = (least.unwrap_or(flip), most.unwrap_or(flip));
        // The writer may have wanted more bits than are needed; fewer would lose something.
        let wanted = u32::try_from(self.factor).unwrap_or(0);
        let bits = bits_for(most - least, fill.is_some())?.max(wanted);
        if bits >= width {
            return None;
        }
        let all = (1u64 << bits) - 1;
        let distance = |v: u64| if Some(v) == fill { all } else { (v ^ flip).wrapping_sub(least) };
        let minimum = least ^ flip;
        let negative = self.signed && minimum & flip != 0;
        let minimum = if negative { minimum | !mask } else { minimum };
        Some((bits, minimum, elements.map(distance).collect()))
    }
}

/// Distances of floats in steps of a power of ten; one function for each precision, which the arithmetic has too.
macro_rules! floats {
    ($name:ident, $float:ty, $bits:ty) => {
        fn $name(
            elements: impl Iterator<Item = $float> + Clone,
            fill: Option<$float>,
            digits: i32,
        ) -> Distances {
            let width = <$bits>::BITS;
            let digits = digits as $float;
            let ten: $float = 10.0;
            let scale = ten.powf(digits);
            // libhdf5 takes what is less than a step away for the fill value, also what it had rounded to there itself.
            let is_fill = |v: $float| fill.is_some_and(|f| v.to_bits() == f.to_bits());
            if elements.clone().any(<$float>::is_nan) {
                return None;
            }
            let others = elements.clone().filter(|v| !is_fill(*v));
            let least = others.clone().reduce(<$float>::min).unwrap_or(0.0);
            let most = others.reduce(<$float>::max).unwrap_or(0.0);
            let step = |v: $float| (v * scale - least * scale).round();
            let span = step(most);
            // Beyond, libhdf5's own numbers end; what is not finite goes there too.
            let end = (2.0 as $float).powi(width as i32 - 1);
            if !(scale.is_finite() && scale > 0.0 && span < end) {
                return None;
            }
            let bits = bits_for(span as u64, fill.is_some())?;
            if bits >= width {
                return None;
            }
            let all = (1u64 << bits) - 1;
            let distance = |v: $float| if is_fill(v) { all } else { step(v) as u64 };
            Some((bits, least.to_bits().into(), elements.map(distance).collect()))
        }
    };
}

floats!(singles, f32, u32);
floats!(doubles, f64, u64);

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
        let Some(&[kind, factor, count, class, size, sign, order, fill]) = values.first_chunk::<8>() else {
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
        Ok(Elements { factor, count: count.into(), float, signed: sign == 1, size, big, fill })
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

    /// Packs elements and undoes it: how many bits an element got, and what came back.
    fn there_and_back(values: &[u32], plain: &[u8]) -> (u32, Vec<u8>) {
        let packed = apply(values, plain).unwrap().unwrap();
        let back = run(values, packed.clone(), plain.len() as u64).unwrap();
        (parse_header(&packed[..HEADER]).0, back)
    }

    #[test]
    fn integers_come_back() {
        let mut seed = 1u64;
        let mut next = || {
            seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            seed >> 20
        };
        for round in 0..2000u32 {
            let (size, count) = ([1, 2, 4, 8][round as usize % 4], 1 + next() as u32 % 20);
            let [signed, big, filled] = [next() % 2, next() % 2, next() % 2].map(|n| n as u32);
            let (mask, base) = ((1u64 << (next() % 44)) - 1, next().wrapping_mul(next()));
            let wanted = (next() % (u64::from(size) * 8)) as u32 * u32::from(round % 3 == 0);
            let numbers: Vec<u64> = (0..count).map(|_| base.wrapping_add(next() & mask)).collect();
            let fill = numbers[0];
            let plain: Vec<u8> = numbers
                .iter()
                .flat_map(|n| {
                    let mut bytes = n.to_le_bytes()[..size as usize].to_vec();
                    if big == 1 {
                        bytes.reverse();
                    }
                    bytes
                })
                .collect();
            let parameters = parameters([2, wanted, count, 0, size, signed, big, filled], fill);
            let (bits, back) = there_and_back(&parameters, &plain);
            assert_eq!(back, plain, "{parameters:?}");
            assert!(bits >= wanted);
        }
        // As few bits as there can be.
        let of =
            |n: &[u8], filled| there_and_back(&parameters([2, 0, n.len() as u32, 0, 1, 1, 0, filled], 9), n);
        assert_eq!(of(&[5, 5, 5], 0).0, 0);
        assert_eq!(of(&[255, 0, 1], 0).0, 2);
        assert_eq!(of(&[255, 0, 2], 0).0, 2);
        assert_eq!(of(&[255, 0, 2], 1).0, 3);
        assert_eq!(of(&[9, 9], 1).0, 1);
    }

    #[test]
    fn floats_are_rounded_once() {
        for digits in [-2i32, 0, 1, 3] {
            for filled in [0, 1] {
                let values: Vec<f64> = (0..50).map(|i| f64::from(i * i) * 0.377 - 40.0).collect();
                let (double, single) = (
                    parameters([0, digits as u32, 50, 1, 8, 0, 0, filled], 5.0f64.to_bits()),
                    parameters([0, digits as u32, 50, 1, 4, 0, 0, filled], 5.0f32.to_bits().into()),
                );
                let plain: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                let (bits, once) = there_and_back(&double, &plain);
                assert!(bits < 30);
                assert_eq!(there_and_back(&double, &once).1, once, "{digits}");
                for (a, b) in values.iter().zip(once.as_chunks::<8>().0) {
                    assert!((a - f64::from_le_bytes(*b)).abs() <= 10f64.powi(-digits) * 0.501);
                }
                let plain: Vec<u8> = values.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect();
                let once = there_and_back(&single, &plain).1;
                assert_eq!(there_and_back(&single, &once).1, once, "{digits}");
            }
        }
    }

    #[test]
    fn floats_that_have_no_distance_stay_as_they_are() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            for digits in [0, 4, 400, -400] {
                let plain = [1.5, odd, -3.25].map(f64::to_le_bytes).concat();
                for filled in [0, 1] {
                    let values = parameters([0, digits as u32, 3, 1, 8, 0, 0, filled], 0);
                    let (bits, back) = there_and_back(&values, &plain);
                    assert!(bits == 64 && back == plain, "{odd} {digits}");
                }
            }
        }
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
        // Parameters for others than there are.
        assert!(apply(&values, &[0; 4]).is_err() && apply(&values[..7], &[0; 6]).is_err());
    }
}
