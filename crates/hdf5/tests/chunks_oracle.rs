//! Datasets of many kinds in chunks, written by us: read here and by h5py on three versions of libhdf5, then extended
//! by it and read here again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod common;

use common::Numbers;
use hyperslab_core::container::Fill;
use hyperslab_core::testing::{filters_by_name, oracles, run_python};
use hyperslab_core::{
    ArrayLayout, ArrayOptions, Container, ContainerWriter, Dtype, Limits, Selection, Shape, View, digest,
};
use hyperslab_hdf5::{File, Writer};
use serde_json::{Value, json};
use std::path::Path;

/// Element types as NumPy describes them, as JSON.
const TYPES: [&str; 12] = [
    r#""|u1""#,
    r#""|b1""#,
    r#""<i2""#,
    r#"">i4""#,
    r#""<f4""#,
    r#"">f8""#,
    r#""<c16""#,
    r#""|S5""#,
    r#""<U3""#,
    r#""|V6""#,
    r#"[["a","<i4"],["b",">f8",[2]],["c","|b1"]]"#,
    r#"[["a","|u1"],["","|V7"],["b","<f8"]]"#,
];

/// Bytes that are a value of the type: small numbers, letters, noise where anything goes.
fn fill(dtype: &Dtype, noisy: bool, numbers: &mut Numbers, out: &mut Vec<u8>) {
    match dtype {
        Dtype::Bool => out.push(numbers.below(2) as u8),
        Dtype::Unicode(n, _) => {
            (0..*n).for_each(|_| out.extend((0x61 + numbers.below(200) as u32).to_le_bytes()));
        }
        Dtype::Struct(s) => {
            let start = out.len();
            out.resize(start + s.itemsize as usize, 0);
            for f in &s.fields {
                let mut part = Vec::new();
                fill(&f.dtype, noisy, numbers, &mut part);
                let at = start + f.offset as usize;
                out[at..at + part.len()].copy_from_slice(&part);
            }
        }
        Dtype::Array(a) => (0..a.shape.count().unwrap()).for_each(|_| fill(&a.base, noisy, numbers, out)),
        Dtype::Bytes(n) => (0..*n).for_each(|_| out.push(0x61 + numbers.below(26) as u8)),
        other => {
            (0..other.itemsize()).for_each(|_| out.push(numbers.below(if noisy { 64 } else { 3 }) as u8))
        }
    }
}

struct Case {
    dtype: Dtype,
    shape: Shape,
    bytes: Vec<u8>,
    transposed: bool,
    options: ArrayOptions,
}

impl Case {
    fn random(numbers: &mut Numbers) -> Case {
        let dtype =
            Dtype::from_json(&serde_json::from_str(TYPES[numbers.below(TYPES.len())]).unwrap()).unwrap();
        let rank = 1 + numbers.below(4);
        let most = [400, 40, 14, 7][rank - 1];
        let shape: Vec<u64> = (0..rank)
            .map(|_| match numbers.below(15) {
                0 => 0,
                _ => 1 + numbers.below(most) as u64,
            })
            .collect();
        let mut options = ArrayOptions {
            deflate: Some(numbers.below(10) as u32).filter(|_| numbers.below(2) == 0),
            shuffle: numbers.below(2) == 0,
            fletcher32: numbers.below(3) == 0,
            layout: ArrayLayout::Chunked,
            ..ArrayOptions::default()
        };
        options.lzf = options.deflate.is_none() && numbers.below(2) == 0;
        if numbers.below(2) == 0 {
            options.max_shape = shape
                .iter()
                .map(|&n| match numbers.below(3) {
                    0 => Some(n),
                    1 => Some(n + 10),
                    _ => None,
                })
                .collect();
        }
        if numbers.below(4) > 0 {
            options.chunks =
                Some(shape.iter().map(|&n| 1 + numbers.below(n.clamp(1, 20) as usize) as u64).collect());
        }
        let noisy = numbers.below(2) == 0;
        let (mut bytes, mut one) = (Vec::new(), Vec::new());
        let shape = Shape::new(&shape);
        (0..shape.count().unwrap()).for_each(|_| fill(&dtype, noisy, numbers, &mut bytes));
        fill(&dtype, noisy, numbers, &mut one);
        if numbers.below(2) == 0 {
            options.fill = Fill::Value(one);
        }
        Case { dtype, shape, bytes, transposed: numbers.below(3) == 0, options }
    }

    /// The elements; the other way round in memory in some cases.
    fn view(&self) -> View<'_> {
        match self.transposed {
            false => View::new(self.dtype.clone(), self.shape.clone(), &self.bytes[..]).unwrap(),
            true => {
                let turned = self.shape.iter().rev().copied().collect();
                View::new(self.dtype.clone(), turned, &self.bytes[..]).unwrap().transposed()
            }
        }
    }

    fn asked(&self, chunks: &Shape) -> Value {
        let max: Vec<Value> = match self.options.max_shape.as_slice() {
            [] => self.shape.iter().map(|n| json!(n)).collect(),
            max => max.iter().map(|m| json!(m)).collect(),
        };
        let plain = matches!(self.dtype, Dtype::Int(_) | Dtype::Float(_) | Dtype::Bool | Dtype::Complex(_));
        let fill = match &self.options.fill {
            Fill::Value(bytes) if plain => json!(bytes),
            _ if plain => json!(vec![0; self.dtype.itemsize() as usize]),
            _ => json!(null),
        };
        json!({
            "chunks": chunks.to_vec(),
            "max": max,
            "compression": if self.options.lzf { json!("lzf") } else { json!(self.options.deflate.map(|_| "gzip")) },
            "level": self.options.deflate,
            "shuffle": self.options.shuffle,
            "fletcher32": self.options.fletcher32,
            "fill": fill,
        })
    }
}

fn same(a: &View<'_>, b: &View<'_>) -> bool {
    a.shape() == b.shape()
        && a.dtype().same_values(b.dtype())
        && digest::digest(a).unwrap() == digest::digest(b).unwrap()
}

/// Writes cases, each in chunks (`/d/N`) and as it is (`/ref/N`); returns what is to be found.
fn write(path: &Path, cases: &[Case]) -> Vec<Value> {
    let mut w = Writer::create(path, false).unwrap();
    for (i, case) in cases.iter().enumerate() {
        let view = case.view();
        w.array(&format!("/d/{i}"), &view, &case.options)
            .unwrap_or_else(|e| panic!("{e}: {:?}", case.options));
        w.array(&format!("/ref/{i}"), &view, &ArrayOptions::default()).unwrap();
    }
    w.finish().unwrap();
    let limits = Limits::default();
    let file = File::open(path).unwrap();
    let mut asked = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let path = format!("/d/{i}");
        let found = filters_by_name(file.storage(&path, &limits).unwrap());
        let chunks = case.options.chunks.clone().or_else(|| found.chunks.clone()).unwrap();
        let mut want = ArrayOptions { chunks: Some(chunks.clone()), ..case.options.clone() };
        if want.max_shape.iter().zip(case.shape.iter()).all(|(m, n)| *m == Some(*n)) {
            want.max_shape.clear();
        }
        assert_eq!(found, want);
        let read = file.read(&path, &Selection::ALL, &limits).unwrap();
        assert!(same(&read, &case.view()), "{path}: {:?}", case.options);
        asked.push(case.asked(&chunks));
    }
    asked
}

const CHECK: &str = r#"
import sys, json, h5py, numpy as np
path = sys.argv[1]
asked = json.load(open(sys.argv[2]))

def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()

with h5py.File(path, 'r') as f:
    for i, want in enumerate(asked):
        d, ref = f[f'd/{i}'], f[f'ref/{i}']
        assert same(d[()], ref[()]), (i, want)
        assert list(d.chunks) == want['chunks'] and list(d.maxshape) == want['max'], (i, want, d.chunks, d.maxshape)
        assert d.compression == want['compression'] and d.shuffle == want['shuffle'], (i, want)
        assert d.fletcher32 == want['fletcher32'], (i, want)
        if want['level'] is not None: assert d.compression_opts == want['level'], (i, want)
        if want['fill'] is not None: assert np.asarray(d.fillvalue).astype(d.dtype).tobytes() == bytes(want['fill']), (i, want, d.fillvalue)

# libhdf5 changes what it found: longer arrays, other elements, more attributes.
grown = 0
with h5py.File(path, 'r+') as f:
    for i, want in enumerate(asked):
        d = f[f'd/{i}']
        d.attrs['seen'] = i
        new = [n + 7 if m is None else m for n, m in zip(d.shape, want['max'])]
        grown += new != list(d.shape)
        old = d.shape
        d.resize(new)
        if d.size:
            element = f[f'ref/{i}'][(0,) * d.ndim] if 0 not in old else d[(0,) * d.ndim]
            last = tuple(n - 1 for n in d.shape)
            d[last] = element
            d[(0,) * d.ndim] = element
        f.create_dataset(f'after/{i}', data=d[()])
        for name in d.attrs:
            if name == 'numpy_descr': f[f'after/{i}'].attrs[name] = d.attrs[name]
with h5py.File(path, 'r') as f:
    for i, want in enumerate(asked):
        assert same(f[f'd/{i}'][()], f[f'after/{i}'][()]) and f[f'd/{i}'].attrs['seen'] == i
print(grown)
"#;

#[test]
fn any_array_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut numbers = Numbers(0x5eed);
    let cases: Vec<Case> = (0..300).map(|_| Case::random(&mut numbers)).collect();
    write(&dir.path().join("x.h5"), &cases);
}

#[test]
fn h5py_reads_and_extends_what_we_write() {
    for (i, (version, _, python)) in oracles().into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let (path, list) = (dir.path().join("x.h5"), dir.path().join("asked.json"));
        let mut numbers = Numbers(77 + i as u64);
        let cases: Vec<Case> = (0..120).map(|_| Case::random(&mut numbers)).collect();
        let asked = write(&path, &cases);
        std::fs::write(&list, Value::from(asked).to_string()).unwrap();
        let grown = run_python(&python, CHECK, &[path.as_os_str(), list.as_os_str()]);
        assert!(grown.trim().parse::<u32>().unwrap() > 20, "{version}: {grown}");
        let (file, limits) = (File::open(&path).unwrap(), Limits::default());
        for i in 0..cases.len() {
            let read = |folder: &str| file.read(&format!("/{folder}/{i}"), &Selection::ALL, &limits).unwrap();
            assert!(same(&read("d"), &read("after")), "{version}: {i}");
        }
    }
}
