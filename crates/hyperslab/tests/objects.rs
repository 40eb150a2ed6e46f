//! NumPy's arrays of Python objects: NumPy's own files read, ours read by NumPy, nothing executed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

use hyperslab::{
    ConvertOptions, Kind, Limits, NodeKind, OpenOptions, Place, Value, convert, open_with, sum, testing,
};
use std::path::Path;

const MAKE: &str = r#"
import sys, collections
import numpy as np
d = sys.argv[1]
def objects(items, shape=None):
    a = np.empty(len(items), object)
    a[:] = items
    return a if shape is None else a.reshape(shape)
np.save(d + '/text.npy', objects(['a', 'bcd', '', '\u00e9\u4e2d']))
np.save(d + '/ragged.npy', objects([np.arange(3.), np.arange(2.), np.zeros(0)]))
np.save(d + '/ints.npy', objects([1, -2, 3, 4], (2, 2)))
np.save(d + '/mixed.npy', objects([1, 'a', None]))
np.save(d + '/nul.npy', objects(['a\0b']))
np.save(d + '/empty.npy', np.empty((0, 3), object))
np.save(d + '/struct.npy', np.array([(1, 'x')], [('a', 'i4'), ('b', 'O')]))
np.savez(d + '/meta.npz', mdata={'unit': 'mm', 'scale': 2.5, 'tags': ['a', 'b']}, data=np.arange(4))
class Evil:
    def __reduce__(self):
        return (print, ('executed',))
np.save(d + '/evil.npy', objects([Evil()]))
"#;

const CHECK: &str = r#"
import sys, warnings
import numpy as np
warnings.simplefilter('error')
for a, b in zip(sys.argv[1::2], sys.argv[2::2]):
    x, y = (np.load(f, allow_pickle=True) for f in (a, b))
    assert x.dtype == y.dtype == object and x.shape == y.shape, (x, y)
    for p, q in zip(x.ravel(), y.ravel()):
        assert type(p) is type(q) and np.array_equal(p, q), (p, q)
    print(x.shape)
"#;

const LOAD: &str = r#"
import sys, warnings
import numpy as np
warnings.simplefilter('error')
print([getattr(x, 'tolist', lambda: x)() for x in np.load(sys.argv[1], allow_pickle=True)])
"#;

fn options() -> OpenOptions {
    OpenOptions { objects: true, ..OpenOptions::default() }
}

fn sums(path: &Path) -> Vec<sum::Sum> {
    let c = open_with(path, &options()).unwrap();
    sum::tree(&*c, "", &Limits::default(), &mut |_| {}).unwrap()
}

fn carry(from: &Path, to: &Path) {
    let c = open_with(from, &options()).unwrap();
    let how = ConvertOptions { objects: true, name: "x".into(), ..ConvertOptions::default() };
    convert(&*c, &Place::default(), to, Vec::new(), &how).unwrap();
}

#[test]
fn objects_travel_to_hdf5_and_back() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path();
    testing::run_python(&python, MAKE, &[d.as_os_str()]);
    for name in ["text", "ragged"] {
        let (npy, h5, back) =
            (d.join(format!("{name}.npy")), d.join(format!("{name}.h5")), d.join(format!("{name}2.npy")));
        carry(&npy, &h5);
        carry(&h5, &back);
        let (a, b, c) = (sums(&npy), sums(&h5), sums(&back));
        assert!(
            a[0].sha256.is_some() && a[0].same_as(&b[0]) && a[0].same_as(&c[0]),
            "{name}: {a:?} {b:?} {c:?}"
        );
        testing::run_python(&python, CHECK, &[npy.as_os_str(), back.as_os_str()]);
        let loaded: Vec<String> = testing::oracles()
            .iter()
            .map(|(_, _, python)| testing::run_python(python, LOAD, &[back.as_os_str()]))
            .collect();
        assert!(loaded.iter().all(|l| l == &loaded[0]), "every NumPy loads the same: {loaded:?}");
    }
    let ints = open_with(d.join("ints.npy"), &options()).unwrap();
    let view = ints.read("", &"[1]".parse().unwrap(), &Limits::default()).unwrap();
    assert_eq!(view.to_vec::<i64>().unwrap(), [3, 4]);
    assert_eq!(sums(&d.join("empty.npy"))[0].shape.as_ref().unwrap()[..], [0, 3]);
}

#[test]
fn a_pickled_dict_is_metadata() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    testing::run_python(&python, MAKE, &[dir.path().as_os_str()]);
    let limits = Limits::default();
    let path = dir.path().join("meta.npz");
    let c = open_with(&path, &options()).unwrap();
    let nodes = c.nodes("", None, true, &limits).unwrap();
    let mdata = nodes.iter().find(|n| n.path == "mdata").unwrap();
    assert_eq!(mdata.kind, NodeKind::Group);
    assert_eq!(c.attribute("mdata", "unit", &limits).unwrap(), Value::from("mm"));
    let h5 = dir.path().join("meta.h5");
    carry(&path, &h5);
    let c = open_with(&h5, &options()).unwrap();
    assert_eq!(c.attribute("/mdata", "unit", &limits).unwrap().as_str(), Some("mm"));
}

#[test]
fn what_is_no_plain_array_is_refused_and_nothing_runs() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    testing::run_python(&python, MAKE, &[dir.path().as_os_str()]);
    for (name, kind) in [
        ("mixed", Kind::Unsupported),
        ("nul", Kind::Unsupported),
        ("struct", Kind::Unsupported),
        ("evil", Kind::Unsupported),
    ] {
        let path = dir.path().join(format!("{name}.npy"));
        let c = open_with(&path, &options()).unwrap();
        let nodes = c.nodes("", None, false, &Limits::default()).unwrap();
        let e = nodes[0].error.as_ref().unwrap();
        assert_eq!(e.kind(), kind, "{name}: {e}");
        let e = c.read("", &hyperslab::Selection::ALL, &Limits::default()).unwrap_err();
        assert_eq!(e.kind(), kind, "{name}: {e}");
        // Unasked, no object array is opened at all.
        let c = hyperslab::open(&path).unwrap();
        let e = c.read("", &hyperslab::Selection::ALL, &Limits::default()).unwrap_err();
        assert!(e.to_string().contains("--objects"), "{e}");
    }
    // Whatever the bytes, an answer or an error.
    let bytes = std::fs::read(dir.path().join("ragged.npy")).unwrap();
    for i in 128..bytes.len() {
        for change in [0u8, 1, 0x80, 0xff] {
            let mut b = bytes.clone();
            b[i] ^= change;
            b.truncate(if change == 0 { i } else { b.len() });
            if let Ok(c) = hyperslab::open_bytes(b.into(), Path::new("x.npy"), &options()) {
                let _ = sum::tree(&*c, "", &Limits::default(), &mut |_| {});
            }
        }
    }
}
