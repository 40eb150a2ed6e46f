//! Files that we write, read by the real h5py on three versions of libhdf5, and then changed by it.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::dtype::{ByteOrder, Dtype};
use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{Container, Limits, Selection, Shape, Value, View};
use hyperslab_hdf5::File;
use hyperslab_hdf5::write::Writer;
use std::path::Path;

const ORACLES: [&str; 3] = ["HYPERSLAB_PYTHON", "HYPERSLAB_PYTHON_114", "HYPERSLAB_PYTHON_112"];

/// Element types as NumPy describes them, as JSON; the oracle fills the same bytes into the same type.
const TYPES: [&str; 22] = [
    r#""|b1""#,
    r#""|i1""#,
    r#""|u1""#,
    r#""<i2""#,
    r#"">i4""#,
    r#""<u8""#,
    r#"">u2""#,
    r#""<f2""#,
    r#""<f4""#,
    r#"">f8""#,
    r#""<c8""#,
    r#"">c16""#,
    r#""|S5""#,
    r#""<U3""#,
    r#"">U2""#,
    r#""|V6""#,
    r#""<M8[ns]""#,
    r#"">m8[25s]""#,
    r#"[["a","<i4"],["b",">f8",[2,3]],["c","|b1"]]"#,
    r#"[["a","|u1"],["","|V7"],["b","<f8"],["","|V8"]]"#,
    r#"[["t","<M8[us]"],["u","<U4",[2]],["s","|S3"],["n",[["x","<c8"],["y","<i2"]]]]"#,
    r#"[["é x","<f4"]]"#,
];

/// Bytes that are a value of the type, whatever it is: small numbers, letters.
fn fill(dtype: &Dtype, out: &mut Vec<u8>, n: u64) {
    match dtype {
        Dtype::Bool => out.push((n % 2) as u8),
        Dtype::Unicode(len, order) => {
            for i in 0..u64::from(*len) {
                let c = if (n + i).is_multiple_of(3) { 0xe9 } else { 0x61 + ((n + i) % 26) as u32 };
                out.extend(if *order == ByteOrder::Big { c.to_be_bytes() } else { c.to_le_bytes() });
            }
        }
        Dtype::Struct(s) => {
            let start = out.len();
            out.resize(start + s.itemsize as usize, 0);
            for f in &s.fields {
                let mut part = Vec::new();
                fill(&f.dtype, &mut part, n + f.offset);
                let at = start + f.offset as usize;
                out[at..at + part.len()].copy_from_slice(&part);
            }
        }
        Dtype::Array(a) => (0..a.shape.count().unwrap()).for_each(|i| fill(&a.base, out, n + i)),
        other => (0..other.itemsize()).for_each(|i| out.push(1 + ((n * 7 + i) % 60) as u8)),
    }
}

fn write(path: &Path) {
    let mut w = Writer::create(path, false).unwrap();
    for (i, text) in TYPES.iter().enumerate() {
        let dtype = Dtype::from_json(&serde_json::from_str(text).unwrap()).unwrap();
        for (name, shape) in
            [("scalar", vec![]), ("line", vec![5]), ("cube", vec![2, 3, 4]), ("none", vec![0, 3])]
        {
            let shape = Shape::new(&shape);
            let mut bytes = Vec::new();
            (0..shape.count().unwrap()).for_each(|n| fill(&dtype, &mut bytes, n));
            let view = View::new(dtype.clone(), shape, &bytes[..]).unwrap();
            w.dataset(&format!("/types/{i}/{name}")).write(&view).unwrap();
        }
    }
    let fortran = [1i32, 4, 2, 5, 3, 6];
    w.dataset("/fortran").write(&View::from_slice_f([2, 3], &fortran).unwrap()).unwrap();
    for i in 0..3000 {
        w.group(&format!("/many/group number {i}")).unwrap();
    }
    w.group("/a/b/c/d").unwrap();
    let attributes = [
        ("text", Value::from("grüße")),
        ("empty text", Value::from("")),
        ("int", Value::Int(-7)),
        ("big", Value::Int(u64::MAX.into())),
        ("float", Value::Float(1.5)),
        ("bool", Value::Bool(true)),
        ("complex", Value::Complex(1.0, -2.0)),
        ("nothing", Value::Null),
        ("bytes", Value::Bytes(vec![0, 1, 255])),
        ("ints", Value::list([Value::Int(1), Value::Int(2)])),
        ("floats", Value::list([Value::Float(0.5)])),
        ("texts", Value::list([Value::from("a"), Value::from("ü"), Value::from("")])),
        ("bools", Value::list([Value::Bool(true), Value::Bool(false)])),
        ("array", Value::from(View::from_slice([2, 2], &[1i16, 2, 3, 4]).unwrap().into_owned().unwrap())),
    ];
    for (name, value) in &attributes {
        for path in ["/", "/a/b", "/fortran"] {
            w.attribute(path, name, value).unwrap();
        }
    }
    w.finish().unwrap();
}

const CHECK: &str = r#"
import sys, json, h5py, numpy as np
path, types = sys.argv[1], [json.loads(t) for t in json.loads(sys.argv[2])]

def tuples(d):
    return d if isinstance(d, str) else [(f[0], tuples(f[1]), *map(tuple, f[2:])) for f in d]

def dtype(d):
    return np.lib.format.descr_to_dtype(tuples(d))

def fill(dt, n):
    if dt.subdtype:
        base, shape = dt.subdtype
        return b''.join(fill(base, n + i) for i in range(int(np.prod(shape))))
    if dt.fields is not None:
        out = bytearray(dt.itemsize)
        for name in dt.names:
            t, at = dt.fields[name][:2]
            out[at:at + t.itemsize] = fill(t, n + at)
        return bytes(out)
    if dt.kind == 'b': return bytes([n % 2])
    if dt.kind == 'U':
        chars = [0xe9 if (n + i) % 3 == 0 else 0x61 + (n + i) % 26 for i in range(dt.itemsize // 4)]
        return b''.join(c.to_bytes(4, 'big' if dt.byteorder == '>' else 'little') for c in chars)
    return bytes(1 + (n * 7 + i) % 60 for i in range(dt.itemsize))

def strip(a):
    # text fields come back as UTF-8, times as integers: compare in the stored form
    dt = a.dtype
    if dt.subdtype or dt.fields is None:
        if dt.kind == 'U':
            flat = [s.encode() for s in a.reshape(-1).tolist()]
            return np.array(flat, dtype='S%d' % dt.itemsize).reshape(a.shape)
        if dt.kind in 'Mm': return a.view(dt.byteorder.replace('=', '<') + 'i8')
        return a
    return {n: strip(a[n]) for n in dt.names if n}

def same(a, b):
    if isinstance(a, dict):
        assert list(a) == [n for n in b.dtype.names], (list(a), b.dtype)
        return all(same(a[n], b[n]) for n in a)
    if a.dtype.kind == 'V' or b.dtype.kind == 'V': return a.tobytes() == b.tobytes()
    assert a.shape == b.shape, (a.shape, b.shape)
    assert a.dtype.newbyteorder('=') == b.dtype.newbyteorder('=') or a.dtype.kind in 'S', (a.dtype, b.dtype)
    return np.array_equal(a, b)

def check_attributes(attrs):
    names = ['text', 'empty text', 'int', 'big', 'float', 'bool', 'complex', 'nothing', 'bytes', 'ints', 'floats', 'texts', 'bools', 'array']
    assert [n for n in sorted(attrs)] == sorted(names), sorted(attrs)
    assert len(attrs) == len(names)
    assert attrs['text'] == 'grüße' and attrs['empty text'] == ''
    assert attrs['int'] == -7 and attrs['big'] == 2**64 - 1 and attrs['float'] == 1.5
    assert attrs['bool'] == True and attrs['bool'].dtype == bool
    assert attrs['complex'] == 1 - 2j
    assert isinstance(attrs['nothing'], h5py.Empty)
    assert attrs['bytes'].tobytes() == b'\x00\x01\xff'
    assert attrs['ints'].tolist() == [1, 2] and attrs['floats'].tolist() == [0.5]
    assert list(attrs['texts']) == ['a', 'ü', ''] and attrs['bools'].tolist() == [True, False]
    assert attrs['array'].tolist() == [[1, 2], [3, 4]] and attrs['array'].dtype == np.int16

with h5py.File(path, 'r') as f:
    for i, d in enumerate(types):
        dt = dtype(d)
        for name, shape in [('scalar', ()), ('line', (5,)), ('cube', (2, 3, 4)), ('none', (0, 3))]:
            ds = f['types'][str(i)][name]
            n = int(np.prod(shape))
            want = np.frombuffer(b''.join(fill(dt, k) for k in range(n)), dtype=dt).reshape(shape)
            got = np.asarray(ds[()]) if shape != () else np.asarray(ds[()]).reshape(())
            assert ds.shape == shape, (d, ds.shape)
            # byte order is kept (a scalar that h5py hands out is native, its dataset is not)
            if dt.kind in 'biufc': assert ds.dtype == dt, (d, ds.dtype)
            assert same(strip(want), got), (d, name, want, got)
            if 'numpy_descr' in ds.attrs:
                assert json.loads(ds.attrs['numpy_descr']) == d, ds.attrs['numpy_descr']
            else:
                assert dt.kind not in 'SUMm', d
    assert f['fortran'][:].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert len(f['many']) == 3000 and 'group number 2999' in f['many']
    assert isinstance(f['a/b/c/d'], h5py.Group)
    for attrs in (f.attrs, f['a/b'].attrs): check_attributes(attrs)

# now h5py changes the file: every object must still be a good citizen
with h5py.File(path, 'r+') as f:
    f['a/b/c/new'] = np.arange(10)
    f['a'].attrs['added'] = 'x'
    f['a/b'].attrs['int'] = 8
    del f['many/group number 17']
    f['fortran'][0, 0] = 100
    f['fortran'].attrs['added'] = [1, 2, 3]
    for i in range(20): f.create_group(f'g{i}')
with h5py.File(path, 'r') as f:
    assert f['a/b/c/new'][:].tolist() == list(range(10)) and len(f['many']) == 2999
    assert f['fortran'][0, 0] == 100 and len(f['fortran'].attrs) == 15 and f['a/b'].attrs['int'] == 8
print('ok', h5py.version.hdf5_version)
"#;

#[test]
fn h5py_reads_and_changes_what_we_write() {
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        write(&path);
        let types = serde_json::to_string(&TYPES).unwrap();
        let said = run_python(&python, CHECK, &[path.as_os_str(), types.as_ref()]);
        assert!(said.starts_with("ok"), "{said}");
    }
}

/// Links, layouts and states that no array in chunks has.
fn write_structures(path: &Path) {
    let mut w = Writer::create(path, false).unwrap();
    w.dataset("/a/x").write(&[1.0, 2.0]).unwrap();
    w.hard_link("/b/same", "/a/x").unwrap();
    w.hard_link("/b/again", "/a/x").unwrap();
    w.hard_link("/round/about", "/").unwrap();
    w.soft_link("/soft", "/a/x").unwrap();
    w.soft_link("/dangling", "nowhere/at all").unwrap();
    w.external_link("/other", "öther.h5", "/y").unwrap();
    w.dataset("/compact").compact().write(&[7u16; 1000]).unwrap();
    w.dataset("/largest").compact().write(&[7u8; 65531]).unwrap();
    w.dataset("/null").dtype(Dtype::F64).attribute("unit", "m").null().unwrap();
    w.dataset("/late").dtype(Dtype::F32).shape([3, 4]).fill(-1).create().unwrap();
    w.dataset("/undefined").fill_undefined().write(&[1i8, 2]).unwrap();
    w.dataset("/grows").dtype(Dtype::F64).shape([0, 3]).max_shape([None, Some(3)]).gzip(9).create().unwrap();
    let mut s =
        w.dataset("/sparse").dtype(Dtype::I64).shape([5, 5]).chunks([2, 3]).fill(9).lzf().stream().unwrap();
    s.chunk(&[2, 1], &View::from_slice([1, 2], &[1i64, 2]).unwrap()).unwrap();
    s.chunk(&[0, 0], &View::from_slice([2, 3], &[5i64; 6]).unwrap()).unwrap();
    s.finish().unwrap();
    let mut s = w
        .dataset("/rows")
        .dtype(Dtype::I64)
        .shape([1000, 7])
        .chunks([33, 4])
        .shuffle()
        .gzip(1)
        .stream()
        .unwrap();
    for start in (0..1000i64).step_by(8) {
        let rows: Vec<i64> = (start * 7..(start + 8) * 7).collect();
        s.push(&View::from_slice([8, 7], &rows).unwrap()).unwrap();
    }
    s.finish().unwrap();
    // Attributes too long for a header, and short ones beside them.
    for i in 0..30 {
        w.attribute("/rows", &format!("short {i}"), &Value::Int(i)).unwrap();
    }
    let long: Vec<f64> = (0..30_000).map(f64::from).collect();
    let long = View::from_slice([100, 300], &long).unwrap().into_owned().unwrap();
    w.attribute("/rows", "long", &Value::from(long)).unwrap();
    w.attribute("/rows", "text", &Value::from("grüße")).unwrap();
    // A tree of three levels in two dimensions.
    let many: Vec<u32> = (0..70 * 70).collect();
    w.dataset("/many").shape([70, 70]).chunks([1, 1]).max_shape([None, None]).write(&many).unwrap();
    w.finish().unwrap();
}

const CHECK_STRUCTURES: &str = r#"
import sys, h5py, numpy as np
path = sys.argv[1]
with h5py.File(path, 'r') as f:
    assert f['b/same'] == f['a/x'] == f['b/again'] == f['round/about/a/x'] and f['round/about'] == f['/']
    assert h5py.h5o.get_info(f['a/x'].id).rc == 3 and f['soft'][:].tolist() == [1, 2]
    assert f.get('dangling', getlink=True).path == 'nowhere/at all' and 'dangling' not in list(f.values())
    link = f.get('other', getlink=True)
    assert isinstance(link, h5py.ExternalLink) and (link.filename, link.path) == ('öther.h5', '/y')
    compact = f['compact'].id.get_create_plist()
    assert compact.get_layout() == h5py.h5d.COMPACT and (f['compact'][:] == 7).all() and f['compact'].shape == (1000,)
    assert f['largest'].shape == (65531,) and (f['largest'][:] == 7).all()
    assert f['null'].shape is None and f['null'].attrs['unit'] == 'm' and isinstance(f['null'][()], h5py.Empty)
    assert (f['late'][:] == -1).all() and f['late'].shape == (3, 4) and f['late'].fillvalue == -1
    assert f['undefined'].id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_UNDEFINED
    assert f['undefined'][:].tolist() == [1, 2]
    assert f['grows'].shape == (0, 3) and f['grows'].maxshape == (None, 3) and f['grows'].chunks == (1024, 3)
    want = np.full((5, 5), 9); want[:2, :3] = 5; want[4, 3:] = 1, 2
    assert (f['sparse'][:] == want).all() and f['sparse'].id.get_num_chunks() == 2
    assert (f['rows'][:] == np.arange(7000).reshape(1000, 7)).all()
    attrs = f['rows'].attrs
    assert len(attrs) == 32 and len(list(attrs)) == 32 and attrs['text'] == 'grüße'
    assert (attrs['long'].ravel() == np.arange(30000)).all() and attrs['long'].shape == (100, 300)
    assert all(attrs[f'short {i}'] == i for i in range(30))
    assert (f['many'][:] == np.arange(4900).reshape(70, 70)).all() and f['many'].id.get_num_chunks() == 4900
with h5py.File(path, 'r+') as f:
    # The object stays as long as one of its names does.
    del f['a/x'], f['b/same']
    assert f['b/again'][:].tolist() == [1, 2]
    f['late'][1, 2] = 5
    attrs = f['rows'].attrs
    attrs['added'] = 'x'; attrs['larger'] = np.arange(50000); attrs['short 3'] = 33
    del attrs['long'], attrs['short 7']
    f['grows'].resize((50, 3)); f['grows'][:] = np.arange(150).reshape(50, 3)
    f['sparse'][:] = 4
    f['many'].resize((80, 75)); f['many'][70:, 70:] = 3
with h5py.File(path, 'r') as f:
    assert f['b/again'][:].tolist() == [1, 2] and f['late'][1, 2] == 5 and f['late'][0, 0] == -1
    assert (f['grows'][:].ravel() == np.arange(150)).all() and (f['sparse'][:] == 4).all()
    assert (f['many'][:70, :70] == np.arange(4900).reshape(70, 70)).all() and (f['many'][70:, 70:] == 3).all()
    assert f['many'][70, 0] == 0
    attrs = f['rows'].attrs
    assert len(attrs) == 32 and 'long' not in attrs and 'short 7' not in attrs and attrs['short 3'] == 33
    assert attrs['added'] == 'x' and attrs['larger'][-1] == 49999 and attrs['short 29'] == 29
print('ok')
"#;

#[test]
fn h5py_follows_links_and_reads_every_layout() {
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        write_structures(&path);
        assert!(run_python(&python, CHECK_STRUCTURES, &[path.as_os_str()]).starts_with("ok"));
    }
}

#[test]
fn groups_keep_the_order_of_their_links() {
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        let mut w = Writer::create(&path, false).unwrap().in_order();
        let names: Vec<String> = (0..40).map(|i| format!("n{}", (i * 17) % 40)).collect();
        names.iter().for_each(|n| drop(w.group(&format!("/g/{n}")).unwrap()));
        w.soft_link("/g/last", "n3").unwrap();
        w.finish().unwrap();
        let check = "import sys, h5py\n\
            want = [f'n{(i * 17) % 40}' for i in range(40)] + ['last']\n\
            with h5py.File(sys.argv[1], 'r+', track_order=True) as f:\n \
                assert list(f['g']) == want, list(f['g'])\n \
                f['g'].create_group('a new one')\n \
                del f['g/n0']\n\
            with h5py.File(sys.argv[1]) as f:\n \
                assert list(f['g']) == want[1:] + ['a new one'], list(f['g'])\n\
            print('ok')";
        assert!(run_python(&python, check, &[path.as_os_str()]).starts_with("ok"));
        let nodes = File::open(&path).unwrap().nodes("/g", None, false, &Limits::default()).unwrap();
        assert_eq!(nodes.last().unwrap().path, "/g/a new one");
    }
}

/// Texts and sequences in chunks, through every filter: what is compressed is the references.
#[test]
fn elements_of_variable_length_go_into_chunks() {
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from.h5"), dir.path().join("to.h5"));
        let make = "import sys, h5py, numpy as np\n\
            with h5py.File(sys.argv[1], 'w') as f:\n \
                f['text'] = np.array(['', 'a', 'grüße', 'x' * 9000] * 50, dtype=object).reshape(20, 10)\n \
                s = f.create_dataset('seq', (30,), dtype=h5py.vlen_dtype('<i4'))\n \
                for i in range(30): s[i] = np.arange(i % 7)";
        run_python(&python, make, &[from.as_os_str()]);
        let (source, limits) = (File::open(&from).unwrap(), Limits::default());
        let mut w = Writer::create(&to, false).unwrap();
        for (name, chunks) in [("/text", Shape::from([7, 10])), ("/seq", Shape::from([8]))] {
            let view = source.read(name, &Selection::ALL, &limits).unwrap();
            w.dataset(name).chunks(chunks).shuffle().gzip(5).fletcher32().write(&view).unwrap();
        }
        w.finish().unwrap();
        let check = "import sys, h5py, numpy as np\n\
            with h5py.File(sys.argv[1]) as a, h5py.File(sys.argv[2], 'r+') as b:\n \
                assert b['text'].chunks == (7, 10) and b['text'].compression == 'gzip' and b['seq'].fletcher32\n \
                assert (a['text'][:] == b['text'][:]).all() and a['text'].dtype == b['text'].dtype\n \
                assert all((x == y).all() for x, y in zip(a['seq'][:], b['seq'][:]))\n \
                b['text'][3, 3] = 'new'\n \
                b['seq'][3] = [9]\n\
            print('ok')";
        let said = run_python(&python, check, &[from.as_os_str(), to.as_os_str()]);
        assert!(said.starts_with("ok"), "{said}");
        let view = File::open(&to).unwrap();
        let view = view.read("/text", &"[3, 3]".parse().unwrap(), &limits).unwrap();
        let (_, text) = view.heap().unwrap().resolve(view.get(&[]).unwrap()).unwrap();
        assert_eq!(&*text, b"new");
    }
}
