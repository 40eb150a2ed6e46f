//! Floats that are not IEEE 754 binary16, 32 or 64, as doubles: bfloat16, 24-bit floats, VAX, anything HDF5 describes.
//!
//! A value is given only where a double holds it exactly; nothing is rounded and no meaning is guessed.
//!
//! Source: HDF5 File Format Specification 4.0, section IV.A.2.d (class bits and properties of floating-point types);
//! what exponents of all zeros and all ones mean is what libhdf5 converts them to.

use crate::dtype::{ByteOrder, FloatLayout};

/// The value, where it is known and a double holds it.
pub(crate) fn to_f64(layout: &FloatLayout, order: ByteOrder, bytes: &[u8]) -> Option<f64> {
    let raw = bits(layout, order, bytes)?;
    let field = |at: u8, width: u8| {
        let mask = 1u128.checked_shl(width.into()).map_or(u128::MAX, |top| top - 1);
        raw.checked_shr(at.into()).map(|v| v & mask)
    };
    let negative = field(layout.sign, 1)? == 1;
    let exponent = field(layout.exponent_at, layout.exponent_bits)?;
    let mantissa = field(layout.mantissa_at, layout.mantissa_bits)?;
    let ones = 1u128.checked_shl(layout.exponent_bits.into())? - 1;
    let signed = |v: f64| if negative { -v } else { v };
    let hidden = 1u128.checked_shl(layout.mantissa_bits.into())?;
    // The significand and the exponent of its lowest bit.
    let lowest = i64::from(layout.mantissa_bits);
    let bias = i64::from(layout.bias);
    let (significand, scale) = match layout.normalization {
        2 if layout.vax && exponent == 0 => return (!negative).then_some(0.0),
        2 if exponent == ones && !layout.vax => {
            return Some(if mantissa == 0 { signed(f64::INFINITY) } else { f64::NAN });
        }
        2 if exponent == 0 => (mantissa, 1 - bias - lowest),
        2 => (mantissa | hidden, i64::try_from(exponent).ok()? - bias - lowest),
        1 if exponent == ones => {
            return Some(if mantissa << 1 & (hidden - 1) == 0 { signed(f64::INFINITY) } else { f64::NAN });
        }
        1 => (mantissa, i64::try_from(exponent.max(1)).ok()? - bias - (lowest - 1)),
        _ => return None,
    };
    scaled(significand, scale).map(signed)
}

/// The stored bits as one number.
fn bits(layout: &FloatLayout, order: ByteOrder, bytes: &[u8]) -> Option<u128> {
    let mut wide = [0u8; 16];
    let dst = wide.get_mut(..bytes.len())?;
    dst.copy_from_slice(bytes);
    if layout.vax {
        // Words of two bytes, the most significant word first, the less significant byte of each first.
        dst.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        dst.reverse();
    } else if order == ByteOrder::Big {
        dst.reverse();
    }
    Some(u128::from_le_bytes(wide))
}

/// `significand * 2^scale`, when that is a double.
fn scaled(significand: u128, scale: i64) -> Option<f64> {
    if significand == 0 {
        return Some(0.0);
    }
    let zeros = significand.trailing_zeros();
    let odd = u64::try_from(significand >> zeros).ok().filter(|&m| m < 1 << 53)?;
    let scale = scale.checked_add(zeros.into())?;
    let top = scale.checked_add(i64::from(odd.ilog2()))?;
    if scale < -1074 || top > 1023 {
        return None;
    }
    let scale = i32::try_from(scale).ok()?;
    // In two steps, neither of which leaves the doubles.
    Some(odd as f64 * 2f64.powi(scale / 2) * 2f64.powi(scale - scale / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: u16, exponent: u8, mantissa: u8, bias: u32, normalization: u8) -> FloatLayout {
        FloatLayout {
            bit_offset: 0,
            precision: size * 8,
            sign: exponent + mantissa,
            exponent_at: mantissa,
            exponent_bits: exponent,
            mantissa_at: 0,
            mantissa_bits: mantissa,
            bias,
            normalization,
            vax: false,
        }
    }

    #[test]
    fn the_ieee_formats_as_if_they_were_odd() {
        let (single, double) = (layout(4, 8, 23, 127, 2), layout(8, 11, 52, 1023, 2));
        for bits in (0..u32::MAX).step_by(104_729).chain([0, 1, 0x8000_0000, 0x7f80_0000, 0xff80_0000]) {
            let v = f64::from(f32::from_bits(bits));
            let got = to_f64(&single, ByteOrder::Big, &bits.to_be_bytes()).unwrap();
            assert!(got.to_bits() == v.to_bits() || got.is_nan() && v.is_nan(), "{bits:#x}: {got} {v}");
        }
        for v in [0.0, -0.0, 1.5, f64::MIN_POSITIVE, 5e-324, 1.1e-310, f64::MAX, -0.1, f64::INFINITY] {
            assert_eq!(to_f64(&double, ByteOrder::Little, &v.to_le_bytes()).unwrap().to_bits(), v.to_bits());
        }
    }

    #[test]
    fn others() {
        let bfloat = layout(2, 8, 7, 127, 2);
        assert_eq!(to_f64(&bfloat, ByteOrder::Little, &[0xc0, 0x3f]), Some(1.5));
        // x87: 1.5, infinity, and a value with 64 significant bits, which a double lacks.
        let mut x87 = layout(16, 15, 64, 16383, 1);
        x87.precision = 80;
        let of = |b: &[u8]| {
            let mut all = [0; 16];
            all[..b.len()].copy_from_slice(b);
            to_f64(&x87, ByteOrder::Little, &all)
        };
        assert_eq!(of(&[0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f]), Some(1.5));
        assert_eq!(of(&[0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0xff]), Some(f64::NEG_INFINITY));
        assert_eq!(of(&[1, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f]), None);
        // VAX F: 1.0 is 0x4080 in its first word.
        let mut vax = layout(4, 8, 23, 129, 2);
        vax.vax = true;
        assert_eq!(to_f64(&vax, ByteOrder::Big, &[0x80, 0x40, 0, 0]), Some(1.0));
        assert_eq!(to_f64(&vax, ByteOrder::Big, &[0x40, 0xc1, 0, 0]), Some(-3.0));
        assert_eq!(to_f64(&vax, ByteOrder::Big, &[0, 0, 0, 0]), Some(0.0));
        // What VAX reserves.
        assert_eq!(to_f64(&vax, ByteOrder::Big, &[0, 0x80, 0, 0]), None);
        // An exponent that leaves the doubles.
        assert_eq!(
            to_f64(&layout(8, 15, 40, 16383, 2), ByteOrder::Little, &[0, 0, 0, 0, 0, 0, 0x70, 0]),
            None
        );
    }
}
