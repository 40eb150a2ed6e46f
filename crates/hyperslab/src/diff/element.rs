//! How elements of two types are compared: numbers by value, whatever their byte order, text and opaque bytes as
//! stored, structs field by field without their padding, variable-length elements by what they hold.
//!
//! References mean nothing outside their file: they are compared as stored.

use super::number::{Gap, Stored};
use super::{DiffOptions, extended};
use crate::dtype::Int;
use crate::view::Heap;
use crate::{Dtype, Error, Result, ResultExt, scalar};
use std::path::Path;

/// How deep types may nest.
const MAX_DEPTH: u32 = 32;

/// How to compare an element of one type with one of another.
#[derive(Debug)]
pub(super) enum Plan {
    Number(Stored, Stored),
    /// Long doubles.
    Extended(extended::Stored, extended::Stored),
    /// Ticks, of which one value is no time.
    Time(Stored, Stored),
    /// Bytes, reversed in units where the orders differ.
    Bytes {
        size: usize,
        unit: usize,
    },
    /// Rare numbers, by the values that they stand for.
    Decoded(Dtype, Dtype),
    Fields(Vec<(usize, usize, Plan)>),
    /// So many items, and the bytes from one to the next.
    Items(usize, usize, usize, Box<Plan>),
    /// Variable-length text.
    Text,
    /// A variable-length sequence, and the bytes of an item.
    Sequence(usize, usize, Box<Plan>),
}

/// What comparing one element needs beside its bytes.
pub(super) struct Around<'c> {
    pub(super) options: &'c DiffOptions,
    pub(super) heaps: (Option<&'c dyn Heap>, Option<&'c dyn Heap>),
    pub(super) files: (&'c Path, &'c Path),
}

impl Plan {
    /// How two types are compared; `None` for types whose values have nothing in common.
    ///
    /// # Errors
    /// `Limit` for types nested too deep.
    pub(super) fn of(a: &Dtype, b: &Dtype) -> Result<Option<Plan>> {
        Ok(match (Stored::of(a), Stored::of(b)) {
            (Some(x), Some(y)) => Some(Plan::Number(x, y)),
            _ if a.same_values(b) => Some(Plan::same(a, b, 0)?),
            _ => None,
        })
    }

    /// For types that differ in byte order and padding at most.
    fn same(a: &Dtype, b: &Dtype, depth: u32) -> Result<Plan> {
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!("type nested deeper than {MAX_DEPTH} levels")));
        }
        if let (Some(x), Some(y)) = (Stored::of(a), Stored::of(b)) {
            return Ok(Plan::Number(x, y));
        }
        if let (Some(x), Some(y)) = (extended::Stored::of(a), extended::Stored::of(b)) {
            return Ok(Plan::Extended(x, y));
        }
        let size = length(a.itemsize())?;
        let plain = |i: &Int, j: &Int| match i.is_plain() {
            true => Plan::Bytes { size, unit: if i.order == j.order { 1 } else { size } },
            false => Plan::Decoded(a.clone(), b.clone()),
        };
        Ok(match (a, b) {
            (Dtype::Int(i), Dtype::Int(j)) | (Dtype::Bitfield(i), Dtype::Bitfield(j)) => plain(i, j),
            (Dtype::Enum(e), Dtype::Enum(f)) => plain(&e.base, &f.base),
            (
                Dtype::Datetime(_, x) | Dtype::Timedelta(_, x),
                Dtype::Datetime(_, y) | Dtype::Timedelta(_, y),
            ) => {
                let ticks = |order| Stored::of(&Dtype::int(8, true, order));
                match (ticks(*x), ticks(*y)) {
                    (Some(x), Some(y)) => Plan::Time(x, y),
                    _ => Plan::Bytes { size, unit: 1 },
                }
            }
            (Dtype::Unicode(_, x), Dtype::Unicode(_, y)) => {
                Plan::Bytes { size, unit: if x == y { 1 } else { 4 } }
            }
            (Dtype::Float(f), Dtype::Float(g)) => {
                Plan::Bytes { size, unit: if f.order == g.order { 1 } else { size } }
            }
            (Dtype::Complex(f), Dtype::Complex(g)) => {
                Plan::Bytes { size, unit: if f.order == g.order { 1 } else { usize::from(f.size) } }
            }
            (Dtype::Struct(s), Dtype::Struct(t)) => {
                let mut fields = Vec::with_capacity(s.fields.len());
                for (f, g) in s.fields.iter().zip(&t.fields) {
                    let plan = Plan::same(&f.dtype, &g.dtype, depth + 1)?;
                    fields.push((length(f.offset)?, length(g.offset)?, plan));
                }
                Plan::Fields(fields)
            }
            (Dtype::Array(x), Dtype::Array(y)) => {
                let plan = Plan::same(&x.base, &y.base, depth + 1)?;
                let count = length(x.shape.count()?)?;
                Plan::Items(count, length(x.base.itemsize())?, length(y.base.itemsize())?, plan.into())
            }
            (Dtype::VlenString(_), Dtype::VlenString(_)) => Plan::Text,
            (Dtype::Vlen(x), Dtype::Vlen(y)) => {
                let plan = Plan::same(&x.base, &y.base, depth + 1)?;
                Plan::Sequence(length(x.base.itemsize())?, length(y.base.itemsize())?, plan.into())
            }
            _ => Plan::Bytes { size, unit: 1 },
        })
    }

    /// Whether elements can differ though their bytes are the same.
    pub(super) fn doubts_equal_bytes(&self, options: &DiffOptions) -> bool {
        match self {
            Plan::Number(x, _) => x.has_nan() && !options.equal_nan,
            Plan::Time(..) | Plan::Extended(..) => !options.equal_nan,
            Plan::Bytes { .. } | Plan::Decoded(..) => false,
            Plan::Fields(fields) => fields.iter().any(|(_, _, p)| p.doubts_equal_bytes(options)),
            Plan::Items(_, _, _, plan) => plan.doubts_equal_bytes(options),
            // The bytes are those of a reference.
            Plan::Text | Plan::Sequence(..) => true,
        }
    }

    /// Whether two elements differ; the greatest gap between numbers in them is added to `gap`.
    ///
    /// # Errors
    /// `Invalid` for elements that are not all there, and what resolving variable-length elements reports.
    pub(super) fn differs(&self, a: &[u8], b: &[u8], around: &Around<'_>, gap: &mut Gap) -> Result<bool> {
        let short = || Error::invalid("an element is cut off");
        Ok(match self {
            Plan::Number(x, y) => {
                let (x, y) = (x.read(a).ok_or_else(short)?, y.read(b).ok_or_else(short)?);
                match x.differs(y, around.options) {
                    None => false,
                    Some(apart) => {
                        gap.widen(apart);
                        true
                    }
                }
            }
            Plan::Extended(x, y) => x.differs((a, b), *y, around.options, gap).ok_or_else(short)?,
            Plan::Time(x, y) => {
                let (x, y) = (x.read(a).ok_or_else(short)?, y.read(b).ok_or_else(short)?);
                x != y || (x.is_not_a_time() && !around.options.equal_nan)
            }
            Plan::Bytes { size, unit } => {
                let (a, b) = (a.get(..*size).ok_or_else(short)?, b.get(..*size).ok_or_else(short)?);
                match unit {
                    0 | 1 => a != b,
                    n => a.chunks(*n).zip(b.chunks(*n)).any(|(x, y)| !x.iter().eq(y.iter().rev())),
                }
            }
            Plan::Decoded(x, y) => {
                let one = scalar::decode(x, a, None).in_file(around.files.0)?;
                one != scalar::decode(y, b, None).in_file(around.files.1)?
            }
            Plan::Fields(fields) => {
                let mut any = false;
                for (i, j, plan) in fields {
                    let (x, y) = (a.get(*i..).ok_or_else(short)?, b.get(*j..).ok_or_else(short)?);
                    any |= plan.differs(x, y, around, gap)?;
                }
                any
            }
            Plan::Items(count, i, j, plan) => items(*count, (a, *i), (b, *j), plan, around, gap)?,
            Plan::Text => {
                let (x, y) = resolve(a, b, around)?;
                let text = |b: &[u8]| b.iter().position(|&c| c == 0).unwrap_or(b.len());
                x.1.get(..text(&x.1)) != y.1.get(..text(&y.1))
            }
            Plan::Sequence(i, j, plan) => {
                let ((n, x), (m, y)) = resolve(a, b, around)?;
                n != m || items(length(n)?, (&x, *i), (&y, *j), plan, around, gap)?
            }
        })
    }
}

/// Whether any of so many items differs.
fn items(
    count: usize,
    (a, i): (&[u8], usize),
    (b, j): (&[u8], usize),
    plan: &Plan,
    around: &Around<'_>,
    gap: &mut Gap,
) -> Result<bool> {
    let mut any = false;
    if i == 0 || j == 0 {
        return Ok(false);
    }
    let (mut a, mut b) = (a.chunks_exact(i), b.chunks_exact(j));
    for _ in 0..count {
        let (Some(x), Some(y)) = (a.next(), b.next()) else {
            return Err(Error::invalid(format!("fewer than {count} items are there")));
        };
        any |= plan.differs(x, y, around, gap)?;
    }
    Ok(any)
}

type Resolved<'h> = (u64, std::borrow::Cow<'h, [u8]>);

fn resolve<'h>(a: &[u8], b: &[u8], around: &Around<'h>) -> Result<(Resolved<'h>, Resolved<'h>)> {
    let lone = || Error::usage("a variable-length element without its heap");
    let one = around.heaps.0.ok_or_else(lone)?.resolve(a).in_file(around.files.0)?;
    let two = around.heaps.1.ok_or_else(lone)?.resolve(b).in_file(around.files.1)?;
    Ok((one, two))
}

fn length(n: u64) -> Result<usize> {
    usize::try_from(n).map_err(|_| Error::limit(format!("an element of {n} bytes")))
}
