//! Complex numbers as NumPy reads them: `a`, `bj`, `a+bj` and `a-bj`, without spaces and without the parentheses that
//! NumPy itself writes. Where NumPy drops an imaginary part that it cannot read and then says so or not, this refuses.

use super::float::double;
use super::{Bad, Scan, Why, ordered};
use hyperslab_core::ByteOrder;

/// Two floats of half as many bytes, real part first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Complex<const N: usize> {
    pub(crate) order: ByteOrder,
}

impl Scan<8> for Complex<8> {
    const BLANK_END: bool = false;
    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; 8], usize), Bad> {
        let (re, im, n) = parts(s)?;
        let mut out = [0; 8];
        let part = |v: f64| ordered((v as f32).to_le_bytes(), self.order);
        out.iter_mut().zip(part(re).into_iter().chain(part(im))).for_each(|(to, from)| *to = from);
        Ok((out, n))
    }
}

impl Scan<16> for Complex<16> {
    const BLANK_END: bool = false;
    #[inline]
    fn scan(&self, s: &[u8]) -> Result<([u8; 16], usize), Bad> {
        let (re, im, n) = parts(s)?;
        let mut out = [0; 16];
        let part = |v: f64| ordered(v.to_le_bytes(), self.order);
        out.iter_mut().zip(part(re).into_iter().chain(part(im))).for_each(|(to, from)| *to = from);
        Ok((out, n))
    }
}

/// Real part, imaginary part, length.
fn parts(s: &[u8]) -> Result<(f64, f64, usize), Bad> {
    let (first, n) = double(s)?;
    match s.get(n) {
        Some(b'j') => Ok((0.0, first, n + 1)),
        Some(b'+' | b'-') => {
            let bad = |reach| Bad { why: Why::BadImaginary, at: n, reach: n + reach };
            let (second, m) = double(s.get(n..).unwrap_or_default()).map_err(|e| bad(e.reach))?;
            match s.get(n + m) {
                Some(b'j') => Ok((first, second, n + m + 1)),
                _ => Err(bad(m)),
            }
        }
        _ => Ok((first, 0.0, n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert_eq!(parts(b"1+2j,").unwrap(), (1.0, 2.0, 4));
        assert_eq!(parts(b"-1e5-.5j").unwrap(), (-1e5, -0.5, 8));
        assert_eq!(parts(b"3j").unwrap(), (0.0, 3.0, 2));
        assert_eq!(parts(b"3,").unwrap(), (3.0, 0.0, 1));
        assert_eq!(parts(b"1e-j").unwrap(), (0.0, 1.0, 4));
        for s in ["1-j", "1+2", "1+ 2j", "1+2J", "1++2j"] {
            assert_eq!(parts(s.as_bytes()).unwrap_err().why, Why::BadImaginary, "{s}");
        }
        for s in ["(1+2j)", "j", ""] {
            assert_eq!(parts(s.as_bytes()).unwrap_err().why, Why::NotANumber, "{s}");
        }
    }
}
