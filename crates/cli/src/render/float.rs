//! Floats as NumPy prints them: shortest digits that read back, at most eight after the point, one notation and
//! one width for a whole array.
//!
//! Source: NumPy 2.4's default print options, observed; compared with it in `tests/numpy_printing.rs`.

use half::f16;

/// Digits after the point that arrays show.
const PRECISION: usize = 8;

/// The storage type of a float: it decides which digits are the shortest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Half,
    Single,
    Double,
}

impl Width {
    pub(crate) fn of(size: u8) -> Width {
        match size {
            2 => Width::Half,
            4 => Width::Single,
            _ => Width::Double,
        }
    }

    /// The nearest value of this width.
    fn round(self, v: f64) -> f64 {
        match self {
            Width::Half => f16::from_f64(v).to_f64(),
            Width::Single => f64::from(v as f32),
            Width::Double => v,
        }
    }

    /// From here on an array is shown with exponents.
    fn cutoff(self) -> f64 {
        match self {
            Width::Half => 1e3,
            Width::Single => 1e6,
            Width::Double => 1e8,
        }
    }

    /// The shortest `d.ddde±x` that reads back as the same value of this width; of the absolute value.
    fn shortest(self, v: f64) -> String {
        let v = v.abs();
        match self {
            Width::Double => format!("{v:e}"),
            Width::Single => format!("{:e}", v as f32),
            Width::Half => (0..5)
                .map(|p| format!("{v:.p$e}"))
                .find(|s| s.parse::<f64>().is_ok_and(|d| f16::from_f64(d).to_f64() == v))
                .unwrap_or_else(|| format!("{v:e}")),
        }
    }
}

/// The digits of a positive number, most significant first, and the power of ten of the first.
fn digits(scientific: &str) -> (String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (mantissa.chars().filter(|c| *c != '.').collect(), exponent.parse().unwrap_or(0))
}

fn trimmed(s: &str) -> &str {
    s.trim_end_matches('0')
}

/// Integer part and fraction in plain notation, the fraction without trailing zeros.
fn positional(v: f64, width: Width, precision: usize) -> (String, String) {
    let (digits, exponent) = digits(&width.shortest(v));
    let (int, frac) = match usize::try_from(exponent) {
        Ok(e) if digits.len() <= e + 1 => {
            (format!("{digits}{}", "0".repeat(e + 1 - digits.len())), String::new())
        }
        Ok(e) => (digits[..=e].to_owned(), digits[e + 1..].to_owned()),
        Err(_) => {
            let zeros = exponent.unsigned_abs() as usize - 1;
            ("0".into(), format!("{}{digits}", "0".repeat(zeros)))
        }
    };
    if trimmed(&frac).len() <= precision {
        return (int, trimmed(&frac).to_owned());
    }
    let rounded = format!("{:.precision$}", v.abs());
    let (int, frac) = rounded.split_once('.').unwrap_or((&rounded, ""));
    (int.to_owned(), trimmed(frac).to_owned())
}

/// First digit, fraction without trailing zeros, exponent.
fn scientific(v: f64, width: Width, precision: usize) -> (String, String, i32) {
    let (mut all, mut exponent) = digits(&width.shortest(v));
    if all.len() > precision + 1 {
        (all, exponent) = digits(&format!("{:.precision$e}", v.abs()));
    }
    let (first, rest) = all.split_at(1);
    (first.to_owned(), trimmed(rest).to_owned(), exponent)
}

/// How the floats of one array are written.
pub(crate) struct Column {
    width: Width,
    plus: bool,
    exponent: bool,
    /// Characters before the point, sign included.
    left: usize,
    /// Digits after the point, and of the exponent.
    right: usize,
    exponent_digits: usize,
    /// Room after the point that a word (`nan`) fills.
    word: usize,
}

impl Column {
    /// The notation for these values; `plus` writes the sign of positive ones.
    pub(crate) fn new(values: &[f64], width: Width, plus: bool) -> Column {
        let finite = || values.iter().copied().filter(|v| v.is_finite());
        let nonzero = || finite().filter(|v| *v != 0.0).map(f64::abs);
        let (low, high) = (nonzero().fold(f64::INFINITY, f64::min), nonzero().fold(0.0, f64::max));
        let exponent = nonzero().next().is_some()
            && (high >= width.cutoff() || low < width.round(0.0001) || width.round(high / low) > 1000.0);
        let mut c = Column { width, plus, exponent, left: 0, right: 0, exponent_digits: 2, word: 0 };
        for v in finite() {
            let sign = usize::from(v.is_sign_negative() || plus);
            if exponent {
                let (_, frac, e) = scientific(v, width, PRECISION);
                c.left = c.left.max(sign + 1);
                c.right = c.right.max(frac.len());
                c.exponent_digits = c.exponent_digits.max(e.unsigned_abs().to_string().len());
            } else {
                let (int, frac) = positional(v, width, PRECISION);
                c.left = c.left.max(sign + int.len());
                c.right = c.right.max(frac.len());
            }
        }
        c.word = match finite().next() {
            None => 0,
            Some(_) if exponent => c.exponent_digits + 2 + c.right,
            Some(_) => c.right,
        };
        if values.iter().any(|v| !v.is_finite()) {
            let signed = plus || values.contains(&f64::NEG_INFINITY);
            let room = 3 + usize::from(signed);
            c.left = c.left.max(3usize.saturating_sub(c.word + 1)).max(room.saturating_sub(c.word + 1));
        }
        c
    }

    /// One value, as wide as the others.
    pub(crate) fn text(&self, v: f64) -> String {
        let sign = if v.is_nan() {
            if self.plus { "+" } else { "" }
        } else if v.is_sign_negative() {
            "-"
        } else if self.plus {
            "+"
        } else {
            ""
        };
        if !v.is_finite() {
            let word = format!("{sign}{}", if v.is_nan() { "nan" } else { "inf" });
            return format!("{word:>w$}", w = self.left + self.word + 1);
        }
        if self.exponent {
            // Digits beyond the shortest are those of the exact value, not zeros.
            let exact = format!("{:.*e}", self.right, v.abs());
            let (all, e) = digits(&exact);
            let (int, frac) = all.split_at(1);
            let mark = if e < 0 { '-' } else { '+' };
            return format!(
                "{:>l$}.{frac}e{mark}{:0>d$}",
                format!("{sign}{int}"),
                e.unsigned_abs(),
                l = self.left,
                d = self.exponent_digits
            );
        }
        let (int, frac) = positional(v, self.width, PRECISION);
        format!("{:>l$}.{frac:<r$}", format!("{sign}{int}"), l = self.left, r = self.right)
    }
}

/// One float alone, as `str()` of a NumPy scalar: shortest digits, plain between 1e-4 and 1e16.
pub(crate) fn scalar(v: f64, width: Width) -> String {
    let sign = if v.is_sign_negative() && !v.is_nan() { "-" } else { "" };
    if v.is_nan() {
        return "nan".into();
    }
    if v.is_infinite() {
        return format!("{sign}inf");
    }
    let a = v.abs();
    if a == 0.0 || (1e-4..1e16).contains(&a) {
        let (int, frac) = positional(v, width, usize::MAX);
        return format!("{sign}{int}.{}", if frac.is_empty() { "0" } else { &frac });
    }
    let (int, frac, e) = scientific(v, width, usize::MAX - 1);
    let point = if frac.is_empty() { "" } else { "." };
    format!("{sign}{int}{point}{frac}e{}{:02}", if e < 0 { '-' } else { '+' }, e.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubles(v: &[f64]) -> Vec<String> {
        let c = Column::new(v, Width::Double, false);
        v.iter().map(|v| c.text(*v)).collect()
    }

    #[test]
    fn one_width_for_all() {
        assert_eq!(doubles(&[1.0, 2.5, -10.0]), ["  1. ", "  2.5", "-10. "]);
        assert_eq!(doubles(&[0.0, 1e-5]), ["0.e+00", "1.e-05"]);
        assert_eq!(doubles(&[1.0, 1.23456789e100]), ["1.00000000e+000", "1.23456789e+100"]);
        assert_eq!(doubles(&[1.0 / 3.0]), ["0.33333333"]);
        assert_eq!(doubles(&[f64::NAN, 1.5]), ["nan", "1.5"]);
        assert_eq!(doubles(&[f64::NEG_INFINITY, 1.0]), ["-inf", "  1."]);
    }

    #[test]
    fn scalars_are_shortest() {
        assert_eq!(scalar(0.1, Width::Double), "0.1");
        assert_eq!(scalar(f64::from(0.1f32), Width::Single), "0.1");
        assert_eq!(scalar(1e16, Width::Double), "1e+16");
        assert_eq!(scalar(1.5e-5, Width::Double), "1.5e-05");
        assert_eq!(scalar(-0.0, Width::Double), "-0.0");
        assert_eq!(scalar(123456.0, Width::Double), "123456.0");
        assert_eq!(scalar(f16::from_f64(0.1).to_f64(), Width::Half), "0.1");
    }
}
