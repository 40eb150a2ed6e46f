//! Integers, bitfields and floats.

use super::{Head, class, put_head};
use crate::format::{Cursor, Put};
use hyperslab_core::dtype::{ByteOrder, Float, FloatFormat, FloatLayout, Int};
use hyperslab_core::{Error, Result};
use std::sync::Arc;

pub(super) fn parse_integer(head: &Head, c: &mut Cursor<'_>) -> Result<Int> {
    let Ok(size) = u8::try_from(head.size) else {
        return Err(c.unsupported(format!("integer of {} bytes", head.size)));
    };
    let (bit_offset, precision) = (c.u16()?, c.u16()?);
    let signed = head.bits[0] & 8 != 0;
    if precision == 0 || u32::from(bit_offset) + u32::from(precision) > u32::from(size) * 8 {
        return Err(c.invalid(format!("{precision} bits at bit {bit_offset} of {size} bytes")));
    }
    let order = if size == 1 { ByteOrder::Little } else { head.order() };
    Ok(Int { size, signed, order, bit_offset, precision })
}

/// A time is presented as the signed integer that it is stored as: what it counts, the format does not say.
pub(super) fn parse_time(head: &Head, c: &mut Cursor<'_>) -> Result<Int> {
    let precision = c.u16()?;
    match u8::try_from(head.size) {
        Ok(size) if (1..=u16::from(size) * 8).contains(&precision) => {
            Ok(Int { precision, ..Int::new(size, true, head.order()) })
        }
        _ => Err(c.unsupported(format!("time of {precision} bits in {} bytes", head.size))),
    }
}

pub(super) fn emit_integer(class: u8, i: &Int, out: &mut Vec<u8>) -> Result<()> {
    let bits = u8::from(i.order == ByteOrder::Big && i.size > 1) | if i.signed { 8 } else { 0 };
    put_head(class, 1, [bits, 0, 0], i.size.into(), out)?;
    out.put_u16(i.bit_offset);
    out.put_u16(i.precision);
    Ok(())
}

/// IEEE 754 as HDF5 describes it: exponent width, mantissa width, bias.
const fn ieee(size: u8) -> Option<(u8, u8, u32)> {
    match size {
        2 => Some((5, 10, 15)),
        4 => Some((8, 23, 127)),
        8 => Some((11, 52, 1023)),
        _ => None,
    }
}

/// The 80-bit format that C's `long double` has on x86.
const LONG_DOUBLE: FloatLayout = FloatLayout {
    bit_offset: 0,
    precision: 80,
    sign: 79,
    exponent_at: 64,
    exponent_bits: 15,
    mantissa_at: 0,
    mantissa_bits: 64,
    bias: 16383,
    normalization: 0,
    vax: false,
};

fn ieee_layout(size: u8) -> Option<FloatLayout> {
    let (exponent_bits, mantissa_bits, bias) = ieee(size)?;
    Some(FloatLayout {
        bit_offset: 0,
        precision: u16::from(size) * 8,
        sign: exponent_bits + mantissa_bits,
        exponent_at: mantissa_bits,
        exponent_bits,
        mantissa_at: 0,
        mantissa_bits,
        bias,
        normalization: 2,
        vax: false,
    })
}

pub(super) fn parse_float(head: &Head, c: &mut Cursor<'_>) -> Result<Float> {
    let Ok(size) = u8::try_from(head.size) else {
        return Err(c.unsupported(format!("float of {} bytes", head.size)));
    };
    let vax = match head.bits[0] & 0x41 {
        0x41 if head.size.is_multiple_of(2) => true,
        0x40 | 0x41 => return Err(c.unsupported("float in a byte order that is neither little, big nor VAX")),
        _ => false,
    };
    let layout = FloatLayout {
        bit_offset: c.u16()?,
        precision: c.u16()?,
        sign: head.bits[1],
        exponent_at: c.u8()?,
        exponent_bits: c.u8()?,
        mantissa_at: c.u8()?,
        mantissa_bits: c.u8()?,
        bias: c.u32()?,
        normalization: (head.bits[0] >> 4) & 3,
        vax,
    };
    let order = head.order();
    if ieee_layout(size).as_ref() == Some(&layout) {
        return Ok(Float::ieee(size, order));
    }
    let total = u32::from(size) * 8;
    let inside = |at: u8, width: u8| width > 0 && u32::from(at) + u32::from(width) <= total;
    if layout.normalization > 2
        || u32::from(layout.sign) >= total
        || !inside(layout.exponent_at, layout.exponent_bits)
        || !inside(layout.mantissa_at, layout.mantissa_bits)
        || u32::from(layout.bit_offset) + u32::from(layout.precision) > total
    {
        return Err(c.invalid(format!("bits of a float of {size} bytes lie outside it")));
    }
    let format = if matches!(size, 12 | 16) && order == ByteOrder::Little && layout == LONG_DOUBLE {
        FloatFormat::LongDouble
    } else {
        FloatFormat::Custom(Arc::new(layout))
    };
    Ok(Float { size, order, format })
}

pub(super) fn emit_float(f: &Float, out: &mut Vec<u8>) -> Result<()> {
    let big = f.order == ByteOrder::Big;
    let layout = match &f.format {
        FloatFormat::Ieee => ieee_layout(f.size),
        FloatFormat::LongDouble => Some(LONG_DOUBLE).filter(|_| !big),
        FloatFormat::Custom(l) => Some((**l).clone()),
    };
    let l = layout.ok_or_else(|| Error::unsupported(format!("float of {} bytes in HDF5", f.size)))?;
    let order = if l.vax { 0x41 } else { u8::from(big) };
    put_head(class::FLOAT, 1, [order | (l.normalization << 4), l.sign, 0], f.size.into(), out)?;
    out.put_u16(l.bit_offset);
    out.put_u16(l.precision);
    out.extend_from_slice(&[l.exponent_at, l.exponent_bits, l.mantissa_at, l.mantissa_bits]);
    out.put_u32(l.bias);
    Ok(())
}
