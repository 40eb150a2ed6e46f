//! Two numbers: whether they are the same within the tolerances, and how far apart they are.
//!
//! Integers are subtracted exactly, an integer and a float too where the float is whole; complex numbers are apart by
//! the modulus of their difference. The bound `atol + rtol * |b|` is a double, as in `numpy.isclose` (2.4), whose
//! rules for infinities and not-a-number these are. Positive and negative zero are equal.

use super::DiffOptions;
use crate::dtype::{ByteOrder, FloatFormat};
use crate::{Dtype, Value};

/// A number of any kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// An integer of at most 64 bits, or a truth value.
    Int(i128),
    Float(f64),
    Complex(f64, f64),
}

/// How far two different numbers are apart; absent where that is not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gap {
    pub(super) abs: Option<f64>,
    pub(super) rel: Option<f64>,
}

impl Number {
    pub(super) fn of_value(value: &Value) -> Option<Number> {
        Some(match value {
            Value::Bool(b) => Number::Int((*b).into()),
            // Beyond 64 bits a difference might not fit.
            Value::Int(i) if i64::try_from(*i).is_ok() || u64::try_from(*i).is_ok() => Number::Int(*i),
            Value::Float(f) => Number::Float(*f),
            Value::Complex(re, im) => Number::Complex(*re, *im),
            _ => return None,
        })
    }

    /// `None` for numbers that count as equal, else how far they are apart.
    #[inline]
    pub(super) fn differs(self, b: Number, options: &DiffOptions) -> Option<Gap> {
        match (self.whole(), b.whole()) {
            (Number::Int(a), Number::Int(b)) => {
                // Of 64 bits each, so neither overflows.
                let (gap, size) = ((a - b).unsigned_abs(), b.unsigned_abs());
                // A conversion rounds down and saturates: for integers that is the same bound.
                let near = gap == 0 || gap <= bound(size as f64, options).floor() as u128;
                (!near).then(|| Gap::new(gap as f64, size as f64))
            }
            (a, b) => {
                let ((ar, ai), (br, bi)) = (a.parts(), b.parts());
                let nan = |re: f64, im: f64| re.is_nan() || im.is_nan();
                match (nan(ar, ai), nan(br, bi)) {
                    (true, true) if options.equal_nan => return None,
                    (false, false) => {}
                    _ => return Some(Gap::default()),
                }
                if ar == br && ai == bi {
                    return None;
                }
                let size = modulus(br, bi);
                let gap = modulus(ar - br, ai - bi);
                (!within(gap, size, options)).then(|| Gap::new(gap, size))
            }
        }
    }

    /// A whole float of 64 bits as the integer that it is, so that it is compared exactly.
    fn whole(self) -> Number {
        match self {
            Number::Float(f) if f.abs() < 9.2e18 && f.fract() == 0.0 => Number::Int(f as i128),
            other => other,
        }
    }

    /// Whether ticks say that there is no time.
    pub(super) fn is_not_a_time(self) -> bool {
        self == Number::Int(i64::MIN.into())
    }

    fn parts(self) -> (f64, f64) {
        match self {
            Number::Int(i) => (i as f64, 0.0),
            Number::Float(f) => (f, 0.0),
            Number::Complex(re, im) => (re, im),
        }
    }
}

/// Whether numbers so far apart count as equal, the second one of a size.
pub(super) fn within(gap: f64, size: f64, options: &DiffOptions) -> bool {
    gap.is_finite() && size.is_finite() && gap <= bound(size, options)
}

fn bound(size: f64, options: &DiffOptions) -> f64 {
    options.atol + if options.rtol == 0.0 { 0.0 } else { options.rtol * size }
}

fn modulus(re: f64, im: f64) -> f64 {
    if im == 0.0 { re.abs() } else { re.hypot(im) }
}

impl Gap {
    pub(super) fn new(gap: f64, size: f64) -> Gap {
        let some = |v: f64| (!v.is_nan()).then_some(v);
        Gap { abs: some(gap), rel: some(gap / size) }
    }

    /// The greater of both, each by itself.
    pub(super) fn widen(&mut self, other: Gap) {
        let greater = |x: Option<f64>, y: Option<f64>| match (x, y) {
            (Some(x), Some(y)) => Some(x.max(y)),
            (x, y) => x.or(y),
        };
        *self = Gap { abs: greater(self.abs, other.abs), rel: greater(self.rel, other.rel) };
    }
}

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    kind: Kind,
    order: ByteOrder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Signed(u8),
    Unsigned(u8),
    Float(u8),
    Complex(u8),
}

impl Stored {
    /// How numbers of a type are stored; `None` for what is no number of at most 64 bits.
    pub(super) fn of(dtype: &Dtype) -> Option<Stored> {
        let ieee = |f: &crate::dtype::Float| f.format == FloatFormat::Ieee && matches!(f.size, 2 | 4 | 8);
        Some(match dtype {
            Dtype::Bool => Stored { kind: Kind::Bool, order: ByteOrder::Little },
            Dtype::Int(i) if i.is_plain() => {
                let kind = if i.signed { Kind::Signed(i.size) } else { Kind::Unsigned(i.size) };
                Stored { kind, order: i.order }
            }
            Dtype::Float(f) if ieee(f) => Stored { kind: Kind::Float(f.size), order: f.order },
            Dtype::Complex(f) if ieee(f) => Stored { kind: Kind::Complex(f.size), order: f.order },
            _ => return None,
        })
    }

    /// Whether some bits are not a number.
    pub(super) fn has_nan(self) -> bool {
        matches!(self.kind, Kind::Float(_) | Kind::Complex(_))
    }

    /// The number in an element's bytes.
    #[inline]
    pub(super) fn read(self, b: &[u8]) -> Option<Number> {
        Some(match self.kind {
            Kind::Bool => Number::Int((*b.first()? != 0).into()),
            Kind::Signed(size) => {
                let unused = 64 - 8 * u32::from(size);
                Number::Int((((bits(b, size, self.order)? << unused) as i64) >> unused).into())
            }
            Kind::Unsigned(size) => Number::Int(bits(b, size, self.order)?.into()),
            Kind::Float(size) => Number::Float(float(b, size, self.order)?),
            Kind::Complex(size) => {
                let (re, im) = b.split_at_checked(size.into())?;
                Number::Complex(float(re, size, self.order)?, float(im, size, self.order)?)
            }
        })
    }

    /// Whether any of many numbers is not one.
    pub(super) fn any_nan(self, bytes: &[u8]) -> bool {
        // The order does not matter for where the sign is: it is shifted out.
        fn scan<const N: usize>(bytes: &[u8], is_nan: impl Fn([u8; N]) -> bool) -> bool {
            let (numbers, _) = bytes.as_chunks::<N>();
            numbers.iter().fold(false, |found, b| found | is_nan(*b))
        }
        let big = self.order == ByteOrder::Big;
        match self.kind {
            Kind::Float(8) | Kind::Complex(8) => scan(bytes, |b| {
                f64::from_bits(if big { u64::from_be_bytes(b) } else { u64::from_le_bytes(b) }).is_nan()
            }),
            Kind::Float(4) | Kind::Complex(4) => scan(bytes, |b| {
                f32::from_bits(if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) }).is_nan()
            }),
            Kind::Float(_) | Kind::Complex(_) => scan(bytes, |b| {
                (if big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) }) << 1 > 0xf800
            }),
            _ => false,
        }
    }
}

#[inline]
fn bits(b: &[u8], size: u8, order: ByteOrder) -> Option<u64> {
    let big = order == ByteOrder::Big;
    Some(match size {
        8 => b.first_chunk().map(|b| if big { u64::from_be_bytes(*b) } else { u64::from_le_bytes(*b) })?,
        4 => {
            b.first_chunk().map(|b| if big { u32::from_be_bytes(*b) } else { u32::from_le_bytes(*b) })?.into()
        }
        2 => {
            b.first_chunk().map(|b| if big { u16::from_be_bytes(*b) } else { u16::from_le_bytes(*b) })?.into()
        }
        _ => (*b.first()?).into(),
    })
}

#[inline]
fn float(b: &[u8], size: u8, order: ByteOrder) -> Option<f64> {
    let bits = bits(b, size, order)?;
    Some(match size {
        8 => f64::from_bits(bits),
        4 => f32::from_bits(u32::try_from(bits).ok()?).into(),
        _ => half::f16::from_bits(u16::try_from(bits).ok()?).to_f64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Number::*;

    fn same(a: Number, b: Number, atol: f64, rtol: f64) -> bool {
        a.differs(b, &DiffOptions { atol, rtol, ..DiffOptions::default() }).is_none()
    }

    #[test]
    fn integers_are_exact() {
        let (a, b) = (Int(u64::MAX.into()), Int(i128::from(u64::MAX) - 1));
        assert!(!same(a, b, 0.0, 0.0));
        assert!(!same(a, b, 0.9, 0.0));
        assert!(same(a, b, 1.0, 0.0));
        assert!(same(Int(i64::MIN.into()), Int(i64::MAX.into()), f64::INFINITY, 0.0));
        assert!(!same(Int((1 << 53) + 1), Float(9_007_199_254_740_992.0), 0.0, 0.0));
        assert!(same(Int((1 << 53) + 1), Float(9_007_199_254_740_992.0), 1.0, 0.0));
        assert!(same(Int(-3), Int(-4), 0.0, 0.25));
        assert!(!same(Int(-4), Int(-3), 0.0, 0.25));
    }

    #[test]
    fn floats_follow_isclose() {
        let (nan, inf) = (Float(f64::NAN), Float(f64::INFINITY));
        assert!(same(Float(0.0), Float(-0.0), 0.0, 0.0));
        assert!(same(Float(0.5), Float(0.75), 0.25, 0.0));
        assert!(!same(Float(0.5), Float(0.75), 0.24, 0.0));
        assert!(same(inf, inf, 0.0, 0.0));
        assert!(!same(inf, Float(1.0), 1e300, 1e300));
        assert!(!same(Float(1.0), inf, 1.0, 1.0));
        assert!(!same(nan, nan, 1.0, 1.0));
        assert!(nan.differs(nan, &DiffOptions { equal_nan: true, ..DiffOptions::default() }).is_none());
        assert_eq!(nan.differs(Float(1.0), &DiffOptions::default()), Some(Gap::default()));
        assert!(same(Complex(3.0, 4.0), Int(0), 5.0, 0.0));
        let gap = Float(3.0).differs(Float(2.0), &DiffOptions::default()).unwrap();
        assert_eq!((gap.abs, gap.rel), (Some(1.0), Some(0.5)));
    }

    #[test]
    fn every_width_and_order() {
        let read = |d: &str, b: &[u8]| Stored::of(&d.parse().unwrap()).unwrap().read(b).unwrap();
        assert_eq!(read("|i1", &[0xff]), Int(-1));
        assert_eq!(read(">i2", &[0xff, 0xfe]), Int(-2));
        assert_eq!(read("<u8", &[0xff; 8]), Int(u64::MAX.into()));
        assert_eq!(read("<i8", &[0xff; 8]), Int(-1));
        assert_eq!(read("<f2", &[0, 0x3c]), Float(1.0));
        assert_eq!(read(">c8", &[0x3f, 0x80, 0, 0, 0xbf, 0x80, 0, 0]), Complex(1.0, -1.0));
        for (d, one) in [("<f2", 2usize), (">f4", 4), ("<f8", 8), (">c16", 16)] {
            let stored = Stored::of(&d.parse().unwrap()).unwrap();
            assert!(!stored.any_nan(&vec![0; 4 * one]), "{d}");
            assert!(stored.any_nan(&[vec![0; one], vec![0xff; one]].concat()), "{d}");
        }
        assert!(!Stored::of(&"<f2".parse().unwrap()).unwrap().any_nan(&[0, 0x7c, 0, 0xfc]));
    }
}
