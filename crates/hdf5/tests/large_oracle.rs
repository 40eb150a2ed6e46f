//! Large indexes, groups and sets of attributes as we write them: libhdf5 finds everything, and goes on.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::{Container, Limits, Shape, Value, View};
use hyperslab_hdf5::File;
use hyperslab_hdf5::write::{Libver, Writer};
use std::path::Path;

const ORACLES: [&str; 3] = ["HYPERSLAB_PYTHON", "HYPERSLAB_PYTHON_114", "HYPERSLAB_PYTHON_112"];

/// Name, extents, greatest extents, chunks, and whether these are filtered.
type Indexed = (&'static str, Vec<u64>, Vec<Option<u64>>, Vec<u64>, bool);

/// A dataset for each index and each of its forms.
fn indexes() -> Vec<Indexed> {
    let all = [
        ("single", vec![30, 20], vec![], vec![30, 20]),
        ("fixed", vec![70, 14], vec![], vec![3, 4]),
        ("fixed in pages", vec![5000, 2], vec![], vec![1, 1]),
        ("fixed up to more", vec![70, 14], vec![Some(700), Some(14)], vec![3, 4]),
        ("extensible", vec![100], vec![None], vec![7]),
        ("extensible along the second", vec![10, 600], vec![Some(12), None], vec![5, 3]),
        ("extensible with super blocks", vec![5_000], vec![None], vec![1]),
        ("tree", vec![30, 40], vec![None, None], vec![7, 9]),
        ("tree of levels", vec![90, 80], vec![None, None], vec![1, 1]),
    ];
    let both = |filtered| all.clone().into_iter().map(move |(n, s, m, c)| (n, s, m, c, filtered));
    both(false).chain(both(true)).collect()
}

fn write_indexes(path: &Path) {
    let mut w = Writer::create(path, false).unwrap().libver(Libver::Latest).unwrap();
    for (name, shape, max, chunks, filtered) in indexes() {
        let count: u64 = shape.iter().product();
        let values: Vec<u16> = (0..count).map(|n| n as u16).collect();
        let view = View::from_slice(Shape::new(&shape), &values).unwrap();
        let path = format!("/{name}{}", if filtered { " filtered" } else { "" });
        let mut b = w.dataset(&path).chunks(Shape::new(&chunks)).max_shape(max).fill(7);
        if filtered {
            b = b.gzip(1).fletcher32();
        }
        b.write(&view).unwrap();
    }
    let values: Vec<u16> = (0..3000).collect();
    let view = View::from_slice([60, 50], &values).unwrap();
    w.dataset("/implicit").chunks([7, 5]).allocate_early().write(&view).unwrap();
    // Here and there a chunk, far apart.
    for (name, shape, max) in [("fixed", [8000], vec![]), ("extensible", [9_000_000], vec![None])] {
        let mut s = w
            .dataset(&format!("/sparse {name}"))
            .dtype("<i4".parse().unwrap())
            .shape(shape)
            .max_shape(max)
            .chunks([2])
            .fill(-1)
            .stream()
            .unwrap();
        for place in [3, 0, 1500, shape[0] / 2 - 1] {
            s.chunk(&[place], &View::from_slice([2], &[place as i32, 5]).unwrap()).unwrap();
        }
        s.finish().unwrap();
    }
    w.finish().unwrap();
}

const CHECK_INDEXES: &str = r#"
import sys, h5py, numpy as np
path = sys.argv[1]
def want(ds): return (np.arange(ds.size) % 65536).astype('u2').reshape(ds.shape)
with h5py.File(path, 'r+') as f:
    arrays = [n for n in f if not n.startswith('sparse')]
    assert len(arrays) == 19, arrays
    shapes = {}
    for n in arrays:
        assert (f[n][...] == want(f[n])).all(), n
        shapes[n] = f[n].shape
    for n, last in (('sparse fixed', 3999), ('sparse extensible', 4499999)):
        ds = f[n]
        # The newest h5py counts only chunks that there are, the others those of whole pages.
        for c in (0, 3, 1500, last):
            assert ds[2 * c:2 * c + 2].tolist() == [c, 5], n
        for c in (1, 2, 4, 1499, 1501, 3000, last - 1):
            assert ds[2 * c:2 * c + 2].tolist() == [-1, -1], n
    for n in arrays:
        ds = f[n]
        if ds.shape != ds.maxshape:
            ds.resize([s + 1000 if m is None and len(ds.shape) == 1 else s + 9 if m is None else m for s, m in zip(ds.shape, ds.maxshape)])
            ds[tuple(slice(s, None) for s in shapes[n])] = 9
        ds[(0,) * ds.ndim] = 3
with h5py.File(path) as f:
    for n in arrays:
        ds, old = f[n], tuple(slice(0, s) for s in shapes[n])
        got = ds[...]
        assert got[(0,) * ds.ndim] == 3
        got[(0,) * ds.ndim] = 0
        assert (got[old].ravel() == np.arange(got[old].size) % 65536).all(), n
        beyond = tuple(slice(s, None) for s in shapes[n])
        assert (got[beyond] == 9).all(), n
        rest = got.copy(); rest[old] = 7; rest[beyond] = 7
        assert (rest == 7).all(), n
print('ok')
"#;

#[test]
fn every_index_is_found_and_continued() {
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        write_indexes(&path);
        assert!(run_python(&python, CHECK_INDEXES, &[path.as_os_str()]).starts_with("ok"));
    }
}

/// The structures that each version is made of, as they lie in the file.
#[test]
fn versions_have_their_structures() {
    let signatures = |libver| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        let mut w = Writer::create(&path, false).unwrap().libver(libver).unwrap();
        w.dataset("/tree")
            .chunks([1, 1])
            .max_shape([None, None])
            .write(&View::from_slice([2, 1], &[1u8, 2]).unwrap())
            .unwrap();
        w.dataset("/extensible").chunks([1]).max_shape([None]).write(&[1u8, 2]).unwrap();
        w.dataset("/fixed").chunks([1]).write(&[1u8, 2]).unwrap();
        (0..100).for_each(|i| drop(w.group(&format!("/many/{i}")).unwrap()));
        w.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let version = File::open(&path).unwrap().superblock().version;
        let has = |s: &[u8]| bytes.windows(s.len()).any(|w| w == s);
        let found = ["TREE", "SNOD", "OHDR", "FRHP", "BTHD", "EAHD", "FAHD"].map(|s| has(s.as_bytes()));
        (version, found)
    };
    assert_eq!(signatures(Libver::Earliest), (0, [true, true, false, false, false, false, false]));
    assert_eq!(signatures(Libver::V110), (2, [true, false, true, true, true, false, false]));
    assert_eq!(signatures(Libver::Latest), (3, [false, false, true, true, true, true, true]));
}

const GROUPS: [usize; 12] = [1, 8, 9, 64, 65, 66, 200, 640, 641, 5000, 17_000, 40_000];

fn write_groups(path: &Path, libver: Libver, ordered: bool) {
    let mut w = Writer::create(path, false).unwrap().libver(libver).unwrap();
    if ordered {
        w = w.in_order();
    }
    w.dataset("/x").write(&[1.0]).unwrap();
    for count in GROUPS {
        for i in 0..count {
            // Not in the order of names.
            let n = (i * 7919) % count;
            let name = format!("/{count}/{}{n}", "long name ".repeat(n % 5));
            w.hard_link(&name, "/x").unwrap();
        }
    }
    for i in 0..70 {
        let name = format!("/long/{i}{}", "n".repeat(i * i * 2));
        w.soft_link(&name, &format!("/{}", "t".repeat(i * i * 3))).unwrap();
    }
    w.finish().unwrap();
}

const CHECK_GROUPS: &str = r#"
import sys, h5py
path, ordered, counts = sys.argv[1], sys.argv[2] == '1', eval(sys.argv[3])
def name(n): return 'long name ' * (n % 5) + str(n)
def names(count): return [name((i * 7919) % count) for i in range(count)]
with h5py.File(path, 'r+', track_order=ordered) as f:
    for count in counts:
        g = f[str(count)]
        assert len(g) == count
        want = names(count) if ordered else sorted(names(count))
        assert list(g) == want, count
        for i in range(0, count, max(1, count // 50)):
            assert g[name(i)].id == f['x'].id or g[name(i)] == f['x']
        assert name(count) not in g and 'nothing' not in g
    g = f['long']
    assert len(g) == 70
    for i in range(70):
        assert g.get(f'{i}' + 'n' * (i * i * 2), getlink=True).path == '/' + 't' * (i * i * 3)
    for count in counts:
        g = f[str(count)]
        for i in range(0, count, 3): del g[name(i)]
        for i in range(300): g[f'new {i}'] = h5py.SoftLink('/x')
    del f['long']['60' + 'n' * 7200]
with h5py.File(path, track_order=ordered) as f:
    for count in counts:
        gone = {name(i) for i in range(0, count, 3)}
        want = [n for n in names(count) if n not in gone] + [f'new {i}' for i in range(300)]
        assert list(f[str(count)]) == (want if ordered else sorted(want)), count
    assert len(f['long']) == 69
print('ok')
"#;

#[test]
fn groups_of_any_size_are_found_and_continued() {
    let limits = Limits::default();
    for ((_, libver), variable) in Libver::NAMES.into_iter().zip(ORACLES) {
        let Some(python) = oracle(variable) else { continue };
        for ordered in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x.h5");
            write_groups(&path, libver, ordered);
            let file = File::open(&path).unwrap();
            for count in GROUPS {
                let nodes = file.nodes(&format!("/{count}"), Some(1), false, &limits).unwrap();
                assert_eq!(nodes.len(), count + 1);
            }
            drop(file);
            let flag = if ordered { "1" } else { "0" };
            let counts = format!("{GROUPS:?}");
            let said = run_python(&python, CHECK_GROUPS, &[path.as_os_str(), flag.as_ref(), counts.as_ref()]);
            assert!(said.starts_with("ok"), "{libver:?}: {said}");
            let nodes = File::open(&path).unwrap().nodes("/5000", Some(1), false, &limits).unwrap();
            assert_eq!(nodes.len(), 1 + 5000 - 1667 + 300);
        }
    }
}

#[test]
fn a_hundred_thousand_links_are_written_and_listed() {
    for (_, libver) in Libver::NAMES {
        let mut w = Writer::in_memory().libver(libver).unwrap();
        (0..100_000).for_each(|i| w.soft_link(&format!("/g/{i}"), "/x").unwrap());
        let image = w.into_image().unwrap();
        let file = File::from_image(&image).unwrap();
        assert_eq!(file.nodes("/g", Some(1), false, &Limits::default()).unwrap().len(), 100_001);
        assert!(file.link("/g/77777", &Limits::default()).unwrap().is_some());
    }
}

const CHECK_ATTRIBUTES: &str = r#"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], 'r+') as f:
    a = f['x'].attrs
    assert len(a) == 2001 and len(list(a)) == 2001
    for i in range(2000):
        v = a[f'a{i}']
        assert (v == i).all() and v.shape == ((i * 13) % 700,), i
    assert (a['long'] == np.arange(20000)).all()
    for i in range(0, 2000, 5): del a[f'a{i}']
    for i in range(100): a[f'new {i}'] = np.full(i * 9, i)
    a['long'] = 'short'
with h5py.File(sys.argv[1]) as f:
    a = f['x'].attrs
    assert len(a) == 1701 and a['long'] == 'short' and (a['new 99'] == 99).all() and (a['a1999'] == 1999).all()
print('ok')
"#;

#[test]
fn attributes_of_any_number_are_found_and_continued() {
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.h5");
        let mut w = Writer::create(&path, false).unwrap();
        w.dataset("/x").write(&[1.0]).unwrap();
        let array = |values: &[i64]| {
            Value::from(View::from_slice([values.len() as u64], values).unwrap().into_owned().unwrap())
        };
        for i in 0..2000 {
            w.attribute("/x", &format!("a{i}"), &array(&vec![i; (i as usize * 13) % 700])).unwrap();
        }
        w.attribute("/x", "long", &array(&(0..20_000).collect::<Vec<_>>())).unwrap();
        w.finish().unwrap();
        let limits = Limits::default();
        assert_eq!(File::open(&path).unwrap().attributes("/x", &limits).unwrap().len(), 2001);
        assert!(run_python(&python, CHECK_ATTRIBUTES, &[path.as_os_str()]).starts_with("ok"));
        assert_eq!(File::open(&path).unwrap().attributes("/x", &limits).unwrap().len(), 1701);
    }
}
