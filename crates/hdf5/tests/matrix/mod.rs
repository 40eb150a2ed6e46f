//! The cells of the matrix, and how they are written by us. `oracle/matrix.py` writes the same by h5py.

#![allow(clippy::unreachable, reason = "tests: cells that nobody lists")]

use hyperslab_core::dtype::*;
use hyperslab_core::view::{Heap, Target};
use hyperslab_core::{ArrayLayout, ArrayOptions, ChunkFilter, ContainerWriter, Dtype, Error, Shape, View};
use hyperslab_hdf5::Writer;
use hyperslab_hdf5::format::selection::{Slab, Stored};
use hyperslab_hdf5::write::Libver;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// Types of fixed size.
fn fixed() -> Vec<Json> {
    let string = |encoding: &str, padding: &str| json!({"string": {"encoding": encoding, "length": 7, "padding": padding}});
    vec![
        json!("|b1"),
        json!("|i1"),
        json!("<i2"),
        json!(">i4"),
        json!("<u8"),
        json!(">u2"),
        json!("<f2"),
        json!("<f4"),
        json!(">f8"),
        json!("<c8"),
        json!(">c16"),
        json!({"enum": "<i4", "members": {"RED": 0, "GREEN": 1}}),
        json!([["a", "<i4"], ["b", ">f8", [2, 3]], ["c", "|b1"]]),
        json!([["a", "|u1"], ["", "|V7"], ["b", "<f8"], ["", "|V8"]]),
        json!([["outer", [["inner", "<i2"], ["deep", [["x", ">u4"]]]]], ["é", "<c8"]]),
        json!(["<i2", [2, 3]]),
        string("ascii", "null-terminated"),
        string("utf-8", "null-padded"),
        string("ascii", "space-padded"),
        json!({"opaque": 6, "tag": "a tag"}),
        json!({"bitfield": ">u2"}),
    ]
}

/// Types whose elements point elsewhere.
fn pointing() -> Vec<Json> {
    let text = json!({"string": {"encoding": "utf-8", "length": null, "padding": "null-terminated"}});
    vec![
        text.clone(),
        json!({"vlen": "<i4"}),
        json!({"vlen": [["a", "<i4"], ["b", "<f8"]]}),
        json!([["n", "<i4"], ["text", text]]),
        json!({"reference": "object"}),
        json!({"reference": "region"}),
        json!({"vlen": {"reference": "object"}}),
        json!([["to", {"reference": "object"}], ["dim", "<i4"]]),
    ]
}

/// Filters that every HDF5 has.
pub(crate) fn common() -> Vec<Json> {
    vec![
        json!({}),
        json!({"gzip": 4}),
        json!({"shuffle": true, "gzip": 9}),
        json!({"fletcher32": true}),
        json!({"shuffle": true, "gzip": 1, "fletcher32": true}),
    ]
}

/// The filter that h5py brings along.
pub(crate) fn of_h5py() -> Vec<Json> {
    vec![json!({"lzf": true}), json!({"shuffle": true, "lzf": true, "fletcher32": true})]
}

/// Filters of hdf5plugin.
pub(crate) fn of_plugins() -> Vec<Json> {
    vec![
        json!({"lz4": true}),
        json!({"shuffle": true, "zstd": 3}),
        json!({"zstd": 1, "fletcher32": true}),
        json!({"bzip2": 9}),
    ]
}

/// A filter by its number: the parameters that a user of libhdf5 gives, and those that ours has.
fn numbered(id: u16, theirs: &[u32], ours: &[u32]) -> Json {
    json!({"filters": [[id, theirs, ours]]})
}

/// Bitshuffle and Blosc, of hdf5plugin.
pub(crate) fn of_packing_plugins() -> Vec<Json> {
    let bits = [0, 2, 3].map(|packing| numbered(32008, &[0, packing], &[0, 0, 0, 0, packing]));
    let blosc = [(0, 1), (1, 2), (2, 1), (3, 0), (4, 1), (5, 2)];
    let blosc = blosc.map(|(codec, shuffle)| {
        let values = [0, 0, 0, 0, 5, shuffle, codec];
        numbered(32001, &values, &values)
    });
    bits.into_iter().chain(blosc).collect()
}

/// Filters of libhdf5 that are for some types.
fn of_type(dtype: &Json) -> Vec<Json> {
    let mut out = vec![numbered(5, &[], &[])];
    let kind = dtype.as_str().and_then(|t| t.chars().nth(1));
    if matches!(kind, Some('i' | 'u')) {
        let bits = 8 * dtype.as_str().and_then(|t| t.get(2..)?.parse().ok()).unwrap_or(1) - 1;
        out.extend([numbered(6, &[2, 0], &[2, 0]), numbered(6, &[2, bits], &[2, bits])]);
    }
    if matches!(kind, Some('i' | 'u' | 'f')) {
        out.extend([161, 133].map(|mask| numbered(4, &[mask, 2], &[mask, 2])));
    }
    if kind == Some('i') {
        out.push(json!({"filters": [[3, [], []], [2, [], []], [1, [5], [5]], [4, [161, 2], [161, 2]]]}));
    }
    out
}

/// Types, each with the filters that are for it, and nothing else.
pub(crate) fn cells_of_types() -> Vec<Json> {
    let mut cells = Vec::new();
    for (i, dtype) in fixed().into_iter().enumerate() {
        for (k, filters) in of_type(&dtype).into_iter().enumerate() {
            for (j, (shape, max, chunks)) in chunked().into_iter().enumerate() {
                if is_short() && (i + j) % 3 != k % 3 {
                    continue;
                }
                let path = format!("/types/{i}/{k} {shape} up to {max} by {chunks}");
                let mut cell = json!({"path": path, "dtype": dtype, "shape": shape, "chunks": chunks});
                if !max.is_null() {
                    cell["max"] = max;
                }
                cell["filters"] = filters["filters"].clone();
                cells.push(cell);
            }
        }
    }
    cells
}

/// Whether each two of type, shape and filter are to meet once, instead of all of them.
fn is_short() -> bool {
    std::env::var_os("HYPERSLAB_SOAK").is_none()
}

/// Shapes in chunks: extents, greatest extents, extents of a chunk.
fn chunked() -> Vec<(Json, Json, Json)> {
    vec![
        (json!([5]), json!(null), json!([2])),
        (json!([5]), json!(null), json!([5])),
        (json!([4, 5]), json!([9, 5]), json!([3, 2])),
        (json!([2, 3, 4]), json!(null), json!([1, 2, 4])),
        (json!([0, 3]), json!([null, 3]), json!([2, 3])),
        (json!([1, 2, 3, 1, 2]), json!([null, 2, 3, 1, 2]), json!([1, 1, 2, 1, 2])),
        (json!([6]), json!([null]), json!([4])),
        (json!([4, 5]), json!([8, null]), json!([2, 2])),
        (json!([4, 5]), json!([null, null]), json!([3, 4])),
    ]
}

/// Everything in the order in which it is written.
pub(crate) fn cells(filters: &[Json]) -> Vec<Json> {
    let mut cells = vec![json!({"path": "/group", "group": true})];
    cells.push(json!({"path": "/target", "dtype": "|u1", "shape": [12]}));
    let shapes =
        [json!([]), json!([5]), json!([2, 3, 4]), json!([0, 3]), json!([1, 2, 3, 1, 2]), json!(null)];
    for (i, dtype) in fixed().into_iter().chain(pointing()).enumerate() {
        let add = |cells: &mut Vec<Json>, name: String, mut rest: Json| {
            rest["path"] = format!("/types/{i}/{name}").into();
            rest["dtype"] = dtype.clone();
            cells.push(rest);
        };
        for (k, shape) in shapes.iter().enumerate() {
            if !is_short() || (i + k) % 2 == 0 {
                add(&mut cells, format!("contiguous {shape}"), json!({"shape": shape}));
            }
            if !is_short() || (i + k) % 2 == 1 || *shape == json!([5]) {
                add(&mut cells, format!("compact {shape}"), json!({"shape": shape, "layout": "compact"}));
            }
        }
        // libhdf5 makes no dataset of elements of variable length with checksums, and hdf5plugin crashes on some.
        let points = i >= fixed().len();
        let can = |f: &&Json| !points || !(f["fletcher32"].is_boolean() || f["filters"].is_array());
        let filters: Vec<&Json> = filters.iter().filter(can).collect();
        let chunked = chunked();
        let pairs: Vec<(usize, usize)> = match is_short() {
            _ if filters.is_empty() => Vec::new(),
            true => (0..chunked.len().max(filters.len()))
                .map(|n| (n % chunked.len(), (n + i) % filters.len()))
                .collect(),
            false => (0..chunked.len()).flat_map(|s| (0..filters.len()).map(move |f| (s, f))).collect(),
        };
        for (s, f) in pairs {
            let ((shape, max, chunks), filters) = (&chunked[s], filters[f]);
            let mut rest = json!({"shape": shape, "chunks": chunks});
            if !max.is_null() {
                rest["max"] = max.clone();
            }
            let said = filters.to_string();
            rest.as_object_mut().unwrap().extend(filters.as_object().unwrap().clone());
            add(&mut cells, format!("{shape} up to {max} by {chunks} {said}"), rest);
        }
        for (name, shape) in
            [("scalar", json!([])), ("line", json!([3])), ("null", json!(null)), ("none", json!([0]))]
        {
            let name = format!("{name} {i}");
            for path in ["/group", "/target"].into_iter().skip(usize::from(is_short()) * (i % 2)) {
                cells.push(json!({"path": path, "attribute": name, "dtype": dtype, "shape": shape}));
            }
        }
    }
    cells.push(json!({"path": "/links/hard", "hard": "/types/0/compact [5]"}));
    cells.push(json!({"path": "/links/round", "hard": "/"}));
    cells.push(json!({"path": "/links/soft", "soft": "/target"}));
    cells.push(json!({"path": "/links/dangling", "soft": "nowhere/at all"}));
    cells.push(json!({"path": "/outside/file", "external": ["öther.h5", "/x"]}));
    for i in 0..200 {
        cells.push(json!({"path": format!("/many/{i}"), "soft": format!("/{i}")}));
    }
    let named = json!([["a", "<i4"], ["b", ">f8", [2, 3]]]);
    cells.push(json!({"path": "/types/named", "dtype": named, "committed": true, "shape": null}));
    cells.push(json!({"path": "/named", "dtype": named, "named": "/types/named", "shape": [4]}));
    cells.push(json!({"path": "/types/named", "attribute": "unit", "dtype": "<i4", "shape": [2]}));
    for path in ["/named", "/group"] {
        cells.push(json!({"path": path, "attribute": "typed", "dtype": named, "named": "/types/named", "shape": [2]}));
    }
    cells
}

fn dtype(d: &Json) -> Dtype {
    let size = |n: &Json| n.as_u64().unwrap() as u32;
    match d {
        Json::String(_) => Dtype::from_json(d).unwrap(),
        Json::Array(a) if a.len() == 2 && a[1].as_array().is_some_and(|s| s[0].is_number()) => {
            Dtype::Array(Arc::new(ArrayType::new(dtype(&a[0]), extents(&a[1])).unwrap()))
        }
        Json::Array(members) => {
            let (mut at, mut fields) = (0, Vec::new());
            for m in members {
                let mut t = dtype(&m[1]);
                if let Some(shape) = m.get(2) {
                    t = Dtype::Array(Arc::new(ArrayType::new(t, extents(shape)).unwrap()));
                }
                let (name, offset) = (m[0].as_str().unwrap().to_owned(), at);
                at += t.itemsize();
                if !name.is_empty() {
                    fields.push(Field { name, title: None, offset, dtype: t });
                }
            }
            Dtype::Struct(Arc::new(Struct { fields, itemsize: at }))
        }
        Json::Object(o) => {
            let (key, v) = o.iter().find(|(k, _)| !["members", "tag"].contains(&k.as_str())).unwrap();
            match (key.as_str(), v) {
                ("enum", base) => {
                    let Dtype::Int(base) = dtype(base) else { unreachable!() };
                    let members = o["members"].as_object().unwrap();
                    let mut members: Vec<_> =
                        members.iter().map(|(n, v)| (n.clone(), v.as_i64().unwrap().into())).collect();
                    // Both sides add them in the order of the text.
                    members.sort_by_key(|m| o["members"].as_object().unwrap().keys().position(|k| *k == m.0));
                    Dtype::Enum(Arc::new(EnumType { base, members }))
                }
                ("opaque", n) => Dtype::Opaque(size(n), o["tag"].as_str().unwrap().into()),
                ("bitfield", base) => match dtype(base) {
                    Dtype::Int(i) => Dtype::Bitfield(i),
                    other => unreachable!("{other}"),
                },
                ("vlen", base) => Dtype::Vlen(Arc::new(VlenType { base: dtype(base), size: 16 })),
                ("reference", kind) if kind == "object" => Dtype::Reference(ReferenceKind::Object, 8),
                ("reference", _) => Dtype::Reference(ReferenceKind::Region, 12),
                ("string", s) => {
                    let padding = match s["padding"].as_str().unwrap() {
                        "null-terminated" => Padding::NullTerminated,
                        "null-padded" => Padding::NullPadded,
                        _ => Padding::SpacePadded,
                    };
                    let charset = if s["encoding"] == "utf-8" { Charset::Utf8 } else { Charset::Ascii };
                    match s["length"].as_u64() {
                        Some(n) => Dtype::FixedString(StringType { size: n as u32, charset, padding }),
                        None => Dtype::VlenString(StringType { size: 16, charset, padding }),
                    }
                }
                other => unreachable!("{other:?}"),
            }
        }
        other => unreachable!("{other}"),
    }
}

fn extents(shape: &Json) -> Shape {
    shape.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

/// What elements point at.
#[derive(Default)]
struct Pointed {
    items: Vec<(u64, Vec<u8>)>,
    targets: Vec<Target>,
}

impl Pointed {
    fn number(bytes: &[u8]) -> usize {
        u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
    }
}

impl Heap for Pointed {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>), Error> {
        let (count, bytes) = &self.items[Pointed::number(reference) - 1];
        Ok((*count, Cow::Borrowed(bytes)))
    }

    fn target(&self, _: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>, Error> {
        Ok(Pointed::number(bytes).checked_sub(1).map(|i| self.targets[i].clone()))
    }
}

/// Element `n`, as the other side has it.
fn fill(dtype: &Dtype, n: u64, heap: &mut Pointed) -> Vec<u8> {
    let size = dtype.itemsize() as usize;
    let reference = |items: &mut Vec<(u64, Vec<u8>)>, count: u64, bytes: Vec<u8>| {
        items.push((count, bytes));
        let mut out = (items.len() as u64).to_le_bytes().to_vec();
        out.resize(16, 0);
        out
    };
    match dtype {
        Dtype::Bool => vec![(n % 2) as u8],
        // Two fields of a compound.
        Dtype::Complex(f) => {
            let part = Dtype::Float(f.clone());
            [fill(&part, n, heap), fill(&part, n + u64::from(f.size), heap)].concat()
        }
        Dtype::Enum(_) => {
            let mut out = vec![0; size];
            out[0] = (n % 2) as u8;
            out
        }
        Dtype::FixedString(_) => {
            let letters = (0..size as u64 - 1).map(|i| 0x61 + ((n + i) % 26) as u8);
            letters.chain([0]).collect()
        }
        Dtype::Struct(s) => {
            let mut out = vec![0; size];
            for f in &s.fields {
                let part = fill(&f.dtype, n + f.offset, heap);
                out[f.offset as usize..][..part.len()].copy_from_slice(&part);
            }
            out
        }
        Dtype::Array(a) => (0..a.shape.count().unwrap()).flat_map(|i| fill(&a.base, n + i, heap)).collect(),
        Dtype::VlenString(_) => {
            let text = if n.is_multiple_of(4) {
                String::new()
            } else {
                "grüße ".repeat((n % 3) as usize) + &n.to_string()
            };
            reference(&mut heap.items, text.len() as u64, text.into_bytes())
        }
        Dtype::Vlen(v) => {
            let items = (0..n % 5).flat_map(|i| fill(&v.base, n + i, heap)).collect();
            reference(&mut heap.items, n % 5, items)
        }
        Dtype::Reference(ReferenceKind::Object, _) => {
            let path = ["/", "/group", "/target"].get((n % 4) as usize);
            path.map_or(vec![0; 8], |path| {
                heap.targets.push(Target::object(*path));
                (heap.targets.len() as u64).to_le_bytes().to_vec()
            })
        }
        Dtype::Reference(..) => {
            let selection = match n % 4 {
                0 => Stored::Regular(vec![Slab { start: 1, stride: 3, count: 2, block: 2 }]),
                1 => Stored::Points { rank: 1, positions: vec![5, 2, 9] },
                2 => Stored::All,
                _ => return vec![0; 12],
            };
            let mut region = Vec::new();
            selection.emit(&mut region).unwrap();
            heap.targets.push(Target::region("/target", region));
            let mut out = (heap.targets.len() as u64).to_le_bytes().to_vec();
            out.resize(12, 0);
            out
        }
        _ => (0..size as u64).map(|i| 1 + ((n * 7 + i) % 60) as u8).collect(),
    }
}

fn view(dtype: &Dtype, shape: &Json) -> View<'static> {
    let (shape, mut heap) = (extents(shape), Pointed::default());
    let bytes: Vec<u8> = (0..shape.count().unwrap()).flat_map(|n| fill(dtype, n, &mut heap)).collect();
    let view = View::new(dtype.clone(), shape, bytes).unwrap();
    match dtype.has_indirection() || dtype.has_references() {
        true => view.with_heap(Arc::new(heap)),
        false => view,
    }
}

fn options(cell: &Json) -> ArrayOptions {
    let flag = |name: &str| cell[name].as_bool().unwrap_or(false);
    let filter = |f: &Json| {
        let id = f[0].as_u64().unwrap() as u16;
        let values = f[2].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect();
        ChunkFilter { id, name: None, optional: true, values }
    };
    let max = cell["max"].as_array().map(|m| m.iter().map(Json::as_u64).collect());
    ArrayOptions {
        filters: cell["filters"].as_array().map(|f| f.iter().map(filter).collect()).unwrap_or_default(),
        deflate: cell["gzip"].as_u64().map(|n| n as u32),
        lzf: flag("lzf"),
        lz4: flag("lz4"),
        zstd: cell["zstd"].as_u64().map(|n| n as u32),
        bzip2: cell["bzip2"].as_u64().map(|n| n as u32),
        shuffle: flag("shuffle"),
        fletcher32: flag("fletcher32"),
        chunks: cell["chunks"].is_array().then(|| extents(&cell["chunks"])),
        max_shape: max.unwrap_or_default(),
        layout: if cell["layout"] == "compact" { ArrayLayout::Compact } else { ArrayLayout::Usual },
        named_type: cell["named"].as_str().map(Into::into),
        ..ArrayOptions::default()
    }
}

/// Writes the cells.
pub(crate) fn write(cells: &[Json], path: &Path, libver: Libver) {
    let mut w = Writer::create(path, false).unwrap().libver(libver).unwrap();
    for cell in cells {
        let path = cell["path"].as_str().unwrap();
        if cell["group"].is_boolean() {
            w.group(path).unwrap();
        } else if let Some(to) = cell["soft"].as_str() {
            w.soft_link(path, to).unwrap();
        } else if let Some(to) = cell["external"].as_array() {
            w.external_link(path, to[0].as_str().unwrap(), to[1].as_str().unwrap()).unwrap();
        } else if let Some(to) = cell["hard"].as_str() {
            w.hard_link(path, to).unwrap();
        } else {
            array(&mut w, path, cell);
        }
    }
    w.finish().unwrap();
}

fn array(w: &mut Writer, path: &str, cell: &Json) {
    let dtype = dtype(&cell["dtype"]);
    if cell["committed"].is_boolean() {
        return w.named_type(path, &dtype).unwrap();
    }
    let is_null = cell["shape"].is_null();
    if let Some(name) = cell["attribute"].as_str() {
        let elements = (!is_null).then(|| view(&dtype, &cell["shape"]));
        let named_type = cell["named"].as_str().map(Into::into);
        let stored = hyperslab_core::container::StoredAttribute { dtype, elements, named_type };
        assert!(w.stored_attribute(path, name, &stored).unwrap());
        return;
    }
    let options = options(cell);
    match is_null {
        true => assert!(ContainerWriter::null(w, path, &dtype, &options).unwrap()),
        false => w.array(path, &view(&dtype, &cell["shape"]), &options).unwrap(),
    }
}
