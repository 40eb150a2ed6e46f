//! Not-a-numbers as a text can hold them: one word, without the sign and the payload that arithmetic leaves in them.

use crate::dtype::FloatFormat;
use crate::view::Buffer;
use crate::{ByteOrder, Dtype, Limits, Result, View};

/// The view with every NaN as the one that reading `nan` gives.
pub(super) fn plain<'a>(view: View<'a>, limits: &Limits) -> Result<View<'a>> {
    let (size, order) = match view.dtype() {
        Dtype::Float(f) if f.format == FloatFormat::Ieee => (usize::from(f.size), f.order),
        _ => return Ok(view),
    };
    let (nan, exponent): (u64, u64) = match size {
        2 => (0x7e00, 0x7c00),
        4 => (0x7fc0_0000, 0x7f80_0000),
        8 => (0x7ff8 << 48, 0x7ff0 << 48),
        _ => return Ok(view),
    };
    let sign = 1u64 << (8 * size - 1);
    let odd = |element: &[u8]| {
        let mut bits = 0u64;
        for i in 0..size {
            let at = if order == ByteOrder::Little { size - 1 - i } else { i };
            bits = bits << 8 | u64::from(element.get(at).copied().unwrap_or(0));
        }
        bits & !sign > exponent && bits != nan
    };
    let mut found = false;
    view.for_each(|element| {
        found |= odd(element);
        Ok(())
    })?;
    if !found {
        return Ok(view);
    }
    let mut bytes = nan.to_le_bytes();
    let nan = bytes.get_mut(..size).unwrap_or_default();
    if order == ByteOrder::Big {
        nan.reverse();
    }
    let mut out = Buffer::zeroed(view.nbytes(), limits)?;
    let mut places = out.chunks_exact_mut(size);
    view.for_each(|element| {
        if let Some(place) = places.next() {
            place.copy_from_slice(if odd(element) { nan } else { element });
        }
        Ok(())
    })?;
    View::new(view.dtype().clone(), view.shape().clone(), out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_and_payloads_go() {
        let limits = Limits::default();
        let values = [-f64::NAN, f64::from_bits(0x7ff0_0000_0000_0001), f64::NEG_INFINITY, -0.0, 1.5];
        let got = plain(View::from_slice([5], &values).unwrap(), &limits).unwrap().to_vec::<f64>().unwrap();
        let bits: Vec<u64> = got.iter().map(|v| v.to_bits()).collect();
        let want = [f64::NAN, f64::NAN, f64::NEG_INFINITY, -0.0, 1.5].map(f64::to_bits);
        assert_eq!(bits, want);
        let big: Dtype = ">f2".parse().unwrap();
        let view = View::new(big, [2].into(), &[0xfe, 1, 0x3c, 0][..]).unwrap();
        assert_eq!(plain(view, &limits).unwrap().bytes().unwrap(), [0x7e, 0, 0x3c, 0]);
        assert!(plain(View::from_slice([1], &[1.0]).unwrap(), &limits).unwrap().is_view());
    }
}
