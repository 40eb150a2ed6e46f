//! Dtypes, shapes and bytes for the tests of this crate.
#![allow(dead_code)]

use hyperslab_core::dtype::{ArrayType, Field, Struct};
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Dtype, Order, Result, Shape, Source, View};
use std::sync::Arc;

/// Bytes that are only read by position, as a file's are.
pub(crate) struct Positioned<'a>(pub(crate) &'a [u8]);

impl Source for Positioned<'_> {
    fn len(&self) -> Result<u64> {
        SliceSource(self.0).len()
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        SliceSource(self.0).read_exact_at(offset, out)
    }
}

/// Every plain kind, in both byte orders where there are two.
pub(crate) const PLAIN: [&str; 46] = [
    "|b1",
    "|i1",
    "|u1",
    "<i2",
    ">i2",
    "<u2",
    ">u2",
    "<i4",
    ">i4",
    "<u4",
    ">u4",
    "<i8",
    ">i8",
    "<u8",
    ">u8",
    "<f2",
    ">f2",
    "<f4",
    ">f4",
    "<f8",
    ">f8",
    "<c8",
    ">c8",
    "<c16",
    ">c16",
    "|S1",
    "|S5",
    "<U1",
    ">U1",
    "<U7",
    "|V1",
    "|V9",
    "<M8",
    "<M8[Y]",
    "<M8[25s]",
    ">M8[ns]",
    "<m8",
    "<m8[D]",
    ">m8[100us]",
    "<m8[as]",
    "<M8[h]",
    "<m8[ms]",
    "<M8[W]",
    "|V16",
    "<U3",
    "|S2",
];

pub(crate) fn plain(descr: &str) -> Dtype {
    Dtype::from_descr(descr).unwrap()
}

pub(crate) fn subarray(base: Dtype, shape: &[u64]) -> Dtype {
    Dtype::Array(Arc::new(ArrayType::new(base, shape.into()).unwrap()))
}

/// A struct of named fields, each preceded by so many bytes of padding, with padding at the end.
pub(crate) fn structure(fields: &[(&str, Option<&str>, u64, Dtype)], end: u64) -> Dtype {
    let mut itemsize = 0;
    let fields = fields
        .iter()
        .map(|(name, title, gap, dtype)| {
            let offset = itemsize + gap;
            itemsize = offset + dtype.itemsize();
            Field { name: (*name).into(), title: title.map(String::from), offset, dtype: dtype.clone() }
        })
        .collect();
    let s = Struct { fields, itemsize: itemsize + end };
    s.check().unwrap();
    Dtype::Struct(Arc::new(s))
}

/// Structs of every sort that NumPy can save.
pub(crate) fn structures() -> Vec<Dtype> {
    let f8 = || plain("<f8");
    let pair = structure(&[("re", None, 0, f8()), ("im", None, 0, plain(">i2"))], 0);
    let padded = structure(&[("a", None, 0, plain("|i1")), ("b", None, 3, plain("<i4"))], 3);
    vec![
        pair.clone(),
        padded.clone(),
        structure(&[], 0),
        structure(&[], 8),
        structure(&[("x", None, 0, subarray(plain("<i4"), &[2]))], 0),
        structure(&[("x", None, 0, subarray(plain(">U2"), &[2, 1, 3]))], 1),
        structure(&[("x", None, 0, subarray(subarray(padded.clone(), &[3]), &[4])), ("y", None, 0, f8())], 0),
        structure(
            &[("in", None, 1, structure(&[("in", None, 0, pair), ("s", None, 0, plain("|S3"))], 2))],
            0,
        ),
        structure(&[("x", Some("the title"), 2, f8()), ("y", Some("it's \"here\""), 0, plain("<M8[ns]"))], 0),
        structure(
            &[
                ("it's", None, 0, f8()),
                ("a\"b", None, 0, f8()),
                ("'\"", None, 0, f8()),
                ("b\\s\t\n", None, 0, f8()),
            ],
            0,
        ),
        structure(&[("été", None, 0, f8()), ("\u{a0}\u{ad}\u{7f}\u{0}", None, 0, f8())], 0),
        structure(&[("整形", None, 0, f8()), ("😀\u{301}\u{200b}\u{feff}", None, 0, f8())], 0),
        structure(
            &[("", None, 0, plain("<i4")), ("z", None, 0, plain("|S0")), ("e", None, 0, structure(&[], 0))],
            0,
        ),
    ]
}

/// A struct whose header is longer than version 1 can say and NumPy reads.
pub(crate) fn wide_structure(fields: usize) -> Dtype {
    let names: Vec<String> = (0..fields).map(|i| format!("f{i}")).collect();
    let fields: Vec<_> = names.iter().map(|n| (n.as_str(), None, 0, plain("<i4"))).collect();
    structure(&fields, 0)
}

pub(crate) fn shapes() -> Vec<Shape> {
    let ones = vec![1u64; 32];
    [&[][..], &[0], &[1], &[7], &[2, 3], &[3, 0], &[0, 1000], &[1, 5, 1], &[2, 3, 4, 2], &ones]
        .into_iter()
        .map(Shape::from)
        .collect()
}

/// Bytes that are valid elements of any dtype: bools of 0 and 1, code points that are characters, no NaN that loses
/// its payload where it is converted.
pub(crate) fn bytes_for(dtype: &Dtype, count: u64, seed: u64) -> Vec<u8> {
    let mut out = vec![0u8; usize::try_from(count * dtype.itemsize()).unwrap()];
    let mut state = seed | 1;
    let item = usize::try_from(dtype.itemsize()).unwrap();
    if item > 0 {
        out.chunks_exact_mut(item).for_each(|e| fill(dtype, e, &mut state));
    }
    out
}

fn next(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as u8
}

fn fill(dtype: &Dtype, out: &mut [u8], state: &mut u64) {
    match dtype {
        Dtype::Bool => out[0] = next(state) & 1,
        Dtype::Unicode(_, order) => {
            for c in out.chunks_exact_mut(4) {
                let code = [next(state), next(state) & 3, 0, 0];
                c.copy_from_slice(&code);
                if *order == hyperslab_core::ByteOrder::Big {
                    c.reverse();
                }
            }
        }
        // Small enough for every format: exponents stay low.
        Dtype::Float(_) | Dtype::Complex(_) => out.iter_mut().for_each(|b| *b = next(state) & 0x3f),
        Dtype::Struct(s) => {
            // Padding gets bytes too: they must survive or be ignored, not be mistaken for values.
            out.iter_mut().for_each(|b| *b = next(state));
            for f in &s.fields {
                let at = usize::try_from(f.offset).unwrap();
                fill(&f.dtype, &mut out[at..at + usize::try_from(f.dtype.itemsize()).unwrap()], state);
            }
        }
        Dtype::Array(a) => {
            let item = usize::try_from(a.base.itemsize()).unwrap();
            if item > 0 {
                out.chunks_exact_mut(item).for_each(|e| fill(&a.base, e, state));
            }
        }
        _ => out.iter_mut().for_each(|b| *b = next(state)),
    }
}

/// A dense array of valid elements.
pub(crate) fn array(dtype: &Dtype, shape: &Shape, order: Order, seed: u64) -> View<'static> {
    let bytes = bytes_for(dtype, shape.count().unwrap(), seed);
    View::with_order(dtype.clone(), shape.clone(), order, bytes).unwrap()
}

/// Every combination worth trying.
pub(crate) fn arrays() -> Vec<View<'static>> {
    let mut out = Vec::new();
    let few = [Shape::from([2, 3]), [5].into(), [].into(), [0, 2].into()];
    for (i, d) in PLAIN.iter().map(|d| plain(d)).chain(structures()).enumerate() {
        for (j, shape) in few.iter().enumerate() {
            for order in [Order::C, Order::F] {
                out.push(array(&d, shape, order, (i * 31 + j) as u64));
            }
        }
    }
    for shape in shapes() {
        for order in [Order::C, Order::F] {
            out.push(array(&plain("<f4"), &shape, order, 5));
            out.push(array(&plain(">U2"), &shape, order, 6));
        }
    }
    // Too long for version 1's length, short enough for NumPy's limit of characters; and longer than that.
    out.push(array(&wide_structure(400), &[2].into(), Order::C, 7));
    out
}

/// Makes bytes a number that text brings back: bools of 0 and 1, NaN without payload, long doubles that are normal.
pub(crate) fn number(dtype: &Dtype, e: &mut [u8]) {
    match dtype {
        Dtype::Bool => e[0] &= 1,
        Dtype::Float(f) if f.size == 16 => {
            e[7] |= 0x80;
            e[10..].fill(0);
            // Neither zero nor special.
            e[9] = e[9] & 0xbf | 1;
        }
        Dtype::Float(f) => {
            let big = f.order == hyperslab_core::ByteOrder::Big;
            let mut wide = [0u8; 8];
            let size = e.len();
            wide[..size].copy_from_slice(e);
            if big {
                wide[..size].reverse();
            }
            let bits = u64::from_le_bytes(wide);
            let (exponent, quiet) = match size {
                2 => (0x7c00, 0x7e00),
                4 => (0x7f80_0000, 0x7fc0_0000),
                _ => (0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000),
            };
            let bits: u64 = if bits & exponent == exponent { quiet } else { bits };
            wide = bits.to_le_bytes();
            if big {
                wide[..size].reverse();
            }
            e.copy_from_slice(&wide[..size]);
        }
        _ => {}
    }
}
