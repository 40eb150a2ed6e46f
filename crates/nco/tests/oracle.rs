//! The real nengo, both ways.

#![expect(clippy::unwrap_used, reason = "a panic is the failure report")]

use hyperslab_core::source::FileSource;
use hyperslab_core::value::ListKind;
use hyperslab_core::{
    ArrayOptions, Container, ContainerWriter, Dtype, Limits, Order, Selection, Value, View, testing,
};
use hyperslab_nco::{Extension, Nco, NcoWriter, Pack, object, write};
use hyperslab_pickle::Policy;
use std::ffi::OsStr;
use std::path::Path;

/// Prints what nengo reads at each start: the repr of metadata and array, arrays as lists.
const READ: &str = r#"
import sys, warnings, numpy as np
from nengo.utils import nco
# Not before: nengo's own import warns.
warnings.simplefilter("error")
def plain(v):
    if isinstance(v, (np.ndarray, np.generic)):
        return (v.dtype.str if v.dtype.names is None else v.dtype.descr, v.shape, v.tolist())
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return type(v)(plain(x) for x in v)
    return v
with open(sys.argv[1], "rb") as f:
    for start in sys.argv[2:]:
        f.seek(int(start))
        metadata, array = nco.read(f)
        print(repr(plain(metadata)), repr(plain(array)), array.flags.f_contiguous and not array.flags.c_contiguous, f.tell())
"#;

/// Writes a pack with nengo and prints where each object starts and ends.
const WRITE: &str = r#"
import sys, numpy as np
from nengo.utils import nco
rng = np.random.RandomState(7)
with open(sys.argv[1], "wb") as f:
    for i in range(40):
        start = f.tell()
        a = rng.randn(rng.randint(0, 60), rng.randint(1, 5)).astype(rng.choice(["<f8", "<f4", ">f8", "<i2"]))
        if i % 3 == 0:
            a = np.asfortranarray(a)
        if i == 5:
            a = np.arange(30000.0)
        m = {"i": i, "rmses": rng.rand(3), "time": rng.rand(), "rank": np.int32(i), "info": {"x": [1, None, "é" * i]}}
        nco.write(f, m, a)
        print(start, f.tell(), repr(float(m["time"])), repr(float(a.astype("f8").sum())), repr(float(m["rmses"].sum())))
"#;

/// The Pythons that have nengo: with NumPy 2, and with NumPy 1.26.
fn pythons() -> Vec<std::path::PathBuf> {
    [testing::oracle_python(), testing::oracle("HYPERSLAB_PYTHON_114")].into_iter().flatten().collect()
}

fn sample() -> Value {
    let rmses = View::from_slice([3], &[0.25f64, 0.5, 0.75]).unwrap().into_owned().unwrap();
    let rank = View::from_slice([], &[23i32]).unwrap().into_owned().unwrap();
    Value::map([
        ("rmses", Value::from(rmses)),
        ("rank", Value::from(rank)),
        ("time", Value::Float(0.125)),
        ("n", Value::Int(1 << 70)),
        (
            "info",
            Value::List(
                ListKind::Tuple,
                vec![Value::Null, Value::Bool(true), "ü".into(), Value::Bytes(vec![0, 255])],
            ),
        ),
    ])
}

const SAMPLE: &str = "{'rmses': ('<f8', (3,), [0.25, 0.5, 0.75]), 'rank': ('<i4', (), 23), 'time': 0.125, \
                      'n': 1180591620717411303424, 'info': (None, True, 'ü', b'\\x00\\xff')}";

#[test]
fn nengo_reads_what_we_write() {
    for python in pythons() {
        nengo_reads_one(&python);
    }
}

fn nengo_reads_one(python: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.nco");
    let array = View::from_slice([2, 2], &[1.0f64, 2.0, 3.0, 4.0]).unwrap();
    write::save(&path, &sample(), &array, false).unwrap();
    let out = testing::run_python(python, READ, &[path.as_os_str(), OsStr::new("0")]);
    let end = std::fs::metadata(&path).unwrap().len();
    assert_eq!(out.trim_end(), format!("{SAMPLE} ('<f8', (2, 2), [[1.0, 2.0], [3.0, 4.0]]) False {end}"));
}

#[test]
fn nengo_reads_our_packs() {
    for python in pythons() {
        for extended in [false, true] {
            nengo_reads_a_pack(&python, extended);
        }
    }
}

fn nengo_reads_a_pack(python: &Path, extended: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.nco");
    let mut w = Box::new(NcoWriter::create_pack(&path, false).unwrap());
    let big: Vec<f64> = (0..40_000).map(f64::from).collect();
    let views = [
        View::from_slice([3], &[1u8, 2, 3]).unwrap(),
        View::from_slice_f([2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap(),
        View::from_slice([0, 4], &[0i16; 0]).unwrap(),
        View::from_slice([40_000], &big).unwrap(),
        View::new(">i4".parse::<Dtype>().unwrap(), [2].into(), &[0u8, 0, 0, 1, 0, 0, 0, 2][..]).unwrap(),
    ];
    for (i, view) in views.iter().enumerate() {
        let name = i.to_string();
        w.array(&name, view, &ArrayOptions::default()).unwrap();
        w.attribute(&name, "i", &Value::Int(i as i128)).unwrap();
        if extended {
            assert!(w.extension(&name, &[("key".to_owned(), "k".repeat(51 * i).as_str().into())]).unwrap());
        }
    }
    w.finish().unwrap();
    let nco = Nco::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
    assert!(nco.damage().is_empty());
    let starts: Vec<String> = nco.entries().iter().map(|e| e.header().start.to_string()).collect();
    let args: Vec<&OsStr> = [path.as_os_str()].into_iter().chain(starts.iter().map(OsStr::new)).collect();
    let out = testing::run_python(python, READ, &args);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("{'i': 0} ('|u1', (3,), [1, 2, 3]) False"), "{}", lines[0]);
    assert!(
        lines[1].starts_with("{'i': 1} ('<f4', (2, 3), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]) True"),
        "{}",
        lines[1]
    );
    assert!(lines[2].starts_with("{'i': 2} ('<i2', (0, 4), []) False"), "{}", lines[2]);
    assert!(lines[3].starts_with("{'i': 3} ('<f8', (40000,), [0.0, 1.0, 2.0, "));
    assert!(lines[4].starts_with("{'i': 4} ('>i4', (2,), [1, 2]) False"), "{}", lines[4]);
    // And so do we, by position and selected.
    assert_eq!(
        nco.read("3", &"[39998:]".parse().unwrap(), &Limits::default()).unwrap().to_vec::<f64>().unwrap(),
        [39998.0, 39999.0]
    );
    assert_eq!(nco.attributes("4", &Limits::default()).unwrap(), [("i".to_owned(), Value::Int(4))]);
}

#[test]
fn we_read_what_nengo_writes_and_write_it_again() {
    for python in pythons() {
        we_read_and_write_again(&python);
    }
}

fn we_read_and_write_again(python: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("nengo.nco");
    let out = testing::run_python(python, WRITE, &[path.as_os_str()]);
    let bytes = std::fs::read(&path).unwrap();
    let nco = Nco::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
    assert!(nco.damage().is_empty());
    assert_eq!(nco.entries().len(), 40);
    let mut again = std::io::Cursor::new(Vec::new());
    for ((entry, line), i) in nco.entries().iter().zip(out.lines()).zip(0i128..) {
        let words: Vec<&str> = line.split(' ').collect();
        let header = entry.header();
        assert_eq!([header.start, header.array.end].map(|n| n.to_string()), words[..2]);
        let metadata = entry.metadata(nco.source(), Policy::Strict, &Limits::default()).unwrap();
        assert_eq!(metadata.get("i"), Some(&Value::Int(i)));
        assert_eq!(metadata.get("time"), Some(&Value::Float(words[2].parse().unwrap())));
        let Some(Value::Array(rmses)) = metadata.get("rmses") else { unreachable!("no rmses") };
        let sum = rmses.to_vec::<f64>().unwrap().iter().sum::<f64>();
        assert!((sum - words[4].parse::<f64>().unwrap()).abs() < 1e-12);
        let array = entry.array(nco.source(), &Selection::ALL, &Limits::default()).unwrap();
        if i % 3 == 0 && array.shape().len() == 2 && array.shape()[0] > 1 && array.shape()[1] > 1 {
            assert!(array.bytes_f().is_some() && array.bytes().is_none(), "{i}");
        }
        // Given nengo's pickle, our bytes are nengo's.
        let pickle = entry.pickle(nco.source(), &Limits::default()).unwrap();
        let end = write::write_to(&mut again, header.start, &pickle, &array).unwrap();
        assert_eq!(end, header.array.end);
    }
    assert!(again.into_inner() == bytes);
}

#[test]
fn nengo_reads_a_pack_that_grew() {
    for python in pythons() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grown.nco");
        let pickle = hyperslab_pickle::dump(&sample()).unwrap();
        let values: Vec<f64> = (0..150_000).map(f64::from).collect();
        let mut starts = Vec::new();
        for round in 0..3u64 {
            let mut pack = match round {
                0 => Pack::create(&path).unwrap(),
                _ => Pack::open(&path, &Limits::default()).unwrap(),
            };
            for n in [3, 150_000] {
                let view = View::from_slice([n as u64], &values[..n]).unwrap();
                let extension =
                    Extension { tag: Some("t".into()), ..Extension::for_key(format!("{round} {n}")) };
                let extension = (round != 1).then_some(&extension);
                starts.push(pack.append(&pickle, &view, extension).unwrap().start.to_string());
            }
        }
        let args: Vec<&OsStr> = [path.as_os_str()].into_iter().chain(starts.iter().map(OsStr::new)).collect();
        let out = testing::run_python(&python, READ, &args);
        assert_eq!(out.lines().count(), 6);
        for (i, line) in out.lines().enumerate() {
            let shape = ["(3,), [0.0, 1.0, 2.0]", "(150000,), [0.0, 1.0, 2.0, 3.0"][i % 2];
            assert!(line.starts_with(&format!("{SAMPLE} ('<f8', {shape}")), "{i}: {line:.300}");
        }
    }
}

#[test]
fn one_object_by_every_way_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for n in [10, 1000, 100_000u64] {
        let path = dir.path().join(format!("{n}.nco"));
        let values: Vec<f64> = (0..n).map(|i| i as f64).collect();
        let view = View::from_slice_f([2, n / 2], &values).unwrap();
        write::save(&path, &sample(), &view, false).unwrap();
        let loaded = object::load(&path, Policy::Strict, &Limits::default()).unwrap();
        assert_eq!(loaded.array, view);
        assert_eq!(loaded.metadata, sample());
        assert!(loaded.array.bytes_f().is_some());
        let nco = Nco::open(FileSource::open(&path).unwrap(), &Limits::default()).unwrap();
        assert!(!nco.is_pack());
        assert_eq!(nco.read("", &Selection::ALL, &Limits::default()).unwrap(), view);
        assert_eq!(
            Value::Map(
                nco.attributes("", &Limits::default())
                    .unwrap()
                    .into_iter()
                    .map(|(k, v)| (k.into(), v))
                    .collect()
            ),
            sample()
        );
        let mut w = Box::new(NcoWriter::create(dir.path().join("copy.nco"), true).unwrap());
        w.array(
            "",
            &View::with_order(Dtype::F64, [2, n / 2].into(), Order::F, view.bytes_f().unwrap()).unwrap(),
            &ArrayOptions::default(),
        )
        .unwrap();
        for (name, value) in nco.attributes("", &Limits::default()).unwrap() {
            w.attribute("", &name, &value).unwrap();
        }
        w.finish().unwrap();
        let copy = object::load(dir.path().join("copy.nco"), Policy::Strict, &Limits::default()).unwrap();
        assert_eq!((copy.metadata, copy.array), (sample(), view));
    }
}
