//! References of HDF5 1.12 and later, and elements of files with short addresses, written anew: they lead where they led,
//! to libhdf5 too.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle, repo, run_python};
use hyperslab_core::{Container, ContainerWriter, Limits, NodeKind, Selection, View, scalar};
use hyperslab_hdf5::write::Libver;
use hyperslab_hdf5::{File, Writer};
use std::path::Path;

const ORACLES: [&str; 3] = ["HYPERSLAB_PYTHON", "HYPERSLAB_PYTHON_114", "HYPERSLAB_PYTHON_112"];
const REFERENCES: &str = include_str!("oracle/references.py");
const SAME: &str = include_str!("oracle/same.py");

/// Elements as values: what references lead to, not their bytes.
fn shown(view: &View<'_>) -> Vec<String> {
    let (mut out, heap) = (Vec::new(), view.heap().map(|h| &**h));
    view.for_each(|e| {
        out.push(format!("{:?}", scalar::decode(view.dtype(), e, heap)?));
        Ok(())
    })
    .unwrap();
    out
}

/// Writes a file anew as far as there are groups, arrays and attributes; everything is the same to our reader.
fn anew(from: &Path, to: &Path, libver: Libver) {
    let (file, limits) = (File::open(from).unwrap(), Limits::default());
    let mut w = Writer::create(to, false).unwrap().libver(libver).unwrap();
    let nodes = file.nodes("/", None, false, &limits).unwrap();
    for node in &nodes {
        match node.kind {
            NodeKind::Group => ContainerWriter::group(&mut w, &node.path).unwrap(),
            NodeKind::Array => {
                let view = file.read(&node.path, &Selection::ALL, &limits).unwrap();
                let storage = file.storage(&node.path, &limits).unwrap();
                ContainerWriter::array(&mut w, &node.path, &view, &storage).unwrap();
            }
            _ => continue,
        }
        for (name, stored) in file.stored_attributes(&node.path, &limits).unwrap() {
            assert!(w.stored_attribute(&node.path, &name, &stored).unwrap());
        }
    }
    w.finish().unwrap();
    let made = File::open(to).unwrap();
    for node in nodes.iter().filter(|n| n.kind == NodeKind::Array) {
        let read = |f: &File<'_>| shown(&f.read(&node.path, &Selection::ALL, &limits).unwrap());
        assert_eq!(read(&file), read(&made), "{}", node.path);
        let attributes = |f: &File<'_>| format!("{:?}", f.attributes(&node.path, &limits).unwrap());
        assert_eq!(attributes(&file), attributes(&made), "{}", node.path);
    }
}

#[test]
fn later_references_lead_where_they_led() {
    let folder = repo().join("crates/hdf5/tests/oracle");
    let dir = tempfile::tempdir().unwrap();
    for variable in ORACLES {
        let Some(python) = oracle(variable) else { continue };
        let theirs = dir.path().join(format!("{variable}.h5"));
        let run = |what: &str, file: &Path| {
            run_python(&python, REFERENCES, &[what.as_ref(), file.as_os_str(), folder.as_os_str()])
        };
        run("make", &theirs);
        let want = run("tell", &theirs);
        assert!(want.contains("unit") && want.lines().count() == 4);
        for (name, libver) in Libver::NAMES {
            let ours = dir.path().join(format!("{variable} {name}.h5"));
            anew(&theirs, &ours, libver);
            assert_eq!(run("tell", &ours), want, "{name}");
        }
    }
}

/// Without references but null ones: h5py itself does not read those that it writes to such files.
const SHORT: &str = r#"
import sys, h5py, numpy as np
from h5py import h5f, h5p
fcpl = h5p.create(h5p.FILE_CREATE)
fcpl.set_sizes(int(sys.argv[2]), int(sys.argv[2]))
f = h5py.File(h5f.create(sys.argv[1].encode(), h5f.ACC_TRUNC, fcpl))
x = f.create_dataset('x', data=np.arange(20).reshape(4, 5))
g = f.create_group('g')
f.create_dataset('texts', data=['', 'grüße', 'b'], dtype=h5py.string_dtype(), chunks=(2,), shuffle=True, compression='gzip')
f.create_dataset('lists', data=np.array([np.arange(3), np.arange(0), np.arange(7)], dtype=object), dtype=h5py.vlen_dtype('<i4'))
t = np.dtype([('n', 'u1'), ('text', h5py.string_dtype()), ('list', h5py.vlen_dtype('<u2')), ('m', '<f8', (2,))])
a = np.zeros(3, t)
for i in range(3):
    a[i] = (i, 'no %d' % i, np.arange(i, dtype='<u2'), (i, 2 * i))
f.create_dataset('members', data=a, dtype=t)
f.create_dataset('none', shape=(3,), dtype=h5py.ref_dtype)
x.attrs['texts'] = ['a', 'bc']
x.attrs.create('members', a, dtype=t)
f.close()
"#;

#[test]
fn elements_with_short_addresses_are_written_anew() {
    let dir = tempfile::tempdir().unwrap();
    // HDF5 1.12 does not survive the making of such files.
    for (i, variable) in ORACLES[..2].iter().enumerate() {
        let Some(python) = oracle(variable) else { continue };
        for (k, size) in ["2", "4"].into_iter().enumerate() {
            let theirs = dir.path().join(format!("{variable} {size}.h5"));
            run_python(&python, SHORT, &[theirs.as_os_str(), size.as_ref()]);
            let (name, libver) = Libver::NAMES[i + k];
            let ours = dir.path().join(format!("{variable} {size} {name}.h5"));
            anew(&theirs, &ours, libver);
            let said = run_python(&python, SAME, &[theirs.as_os_str(), ours.as_os_str(), "values".as_ref()]);
            assert!(said.starts_with("same"), "{said}");
        }
    }
}
