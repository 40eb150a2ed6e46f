//! Names that are no text, paths without end, circles: what is listed is different where it is different, and leads
//! to its object.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::testing::{oracle_python, run_python};
use hyperslab_core::walk::Seen;
use hyperslab_core::{Container, Kind, Limits, NodeKind, Selection};
use hyperslab_hdf5::File;
use std::collections::BTreeSet;

const MAKE: &str = r#"
import os, sys, h5py, numpy as np
from h5py import h5a, h5d, h5s, h5t
os.chdir(sys.argv[1])
space = h5s.create_simple((1,))
for name, libver, count in (("old.h5", "earliest", 0), ("compact.h5", "latest", 0), ("dense.h5", "latest", 40)):
    with h5py.File(name, "w", libver=libver) as f:
        names = [b"x\xfe", b"x\xff", b"x\xef\xbf\xbd", b"plain"] + [b"%d\xfe" % i for i in range(count)]
        for i, n in enumerate(names):
            d = h5d.create(f.id, n, h5t.STD_I32LE, space)
            d.write(h5s.ALL, h5s.ALL, np.array([i], "i4"))
        d = f["plain"]
        for i, n in enumerate(names):
            h5a.create(d.id, n, h5t.STD_I32LE, h5s.create(h5s.SCALAR)).write(np.array(i, "i4"))
with h5py.File("two.h5", "w", libver="latest") as f:
    for i, n in enumerate((b"x\xfe", b"x\\xfe")):
        h5d.create(f.id, n, h5t.STD_I32LE, space).write(h5s.ALL, h5s.ALL, np.array([i], "i4"))
with h5py.File("paths.h5", "w", libver="latest") as f:
    # 2^26 paths to the last group.
    f.create_group("0")
    for i in range(26):
        g = f.create_group(str(i + 1))
        g["a"] = g["b"] = f[str(i)]
with h5py.File("deep.h5", "w", libver="latest") as f:
    f["data"] = np.arange(3)
    g = f
    for i in range(70):
        g = g.create_group("g")
with h5py.File("circle.h5", "w", libver="latest") as f:
    g = f.create_group("a/b")
    g["again"] = f["a"]
"#;

#[test]
fn every_name_leads_to_its_object() {
    let Some(python) = oracle_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_python(&python, MAKE, &[folder.path().as_os_str()]);
    let open = |name: &str| File::open(folder.path().join(name)).unwrap();
    let limits = Limits::default();

    for (name, count) in [("old.h5", 4), ("compact.h5", 4), ("dense.h5", 44)] {
        let file = open(name);
        let nodes = file.nodes("/", None, true, &limits).unwrap();
        let paths: BTreeSet<&str> = nodes.iter().map(|n| n.path.as_str()).collect();
        assert_eq!((nodes.len(), paths.len()), (count + 1, count + 1), "{name}: {paths:?}");
        let mut values = BTreeSet::new();
        for node in nodes.iter().filter(|n| n.kind == NodeKind::Array) {
            let value = file.read(&node.path, &Selection::ALL, &limits).unwrap().to_vec::<i32>().unwrap()[0];
            assert!(values.insert(value), "{name}: {} gives {value} again", node.path);
        }
        let plain = nodes.iter().find(|n| n.path == "/plain").unwrap();
        let attributes: BTreeSet<&str> = plain.attributes.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(attributes.len(), count, "{name}: {attributes:?}");
        for (attribute, value) in &plain.attributes {
            assert_eq!(&file.attribute("/plain", attribute, &limits).unwrap(), value, "{name}: {attribute}");
        }
        let e = file.read("/x\\xfd", &Selection::ALL, &limits).unwrap_err();
        assert_eq!(e.kind(), Kind::Usage);
    }

    // Two names that look the same are never taken for each other.
    let e = open("two.h5").read("/x\\xfe", &Selection::ALL, &limits).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported, "{e}");

    let mut regions = 0;
    let walked = open("paths.h5").walk(&Limits::new(1 << 20, 1000, 64), &mut |seen| {
        regions += usize::from(matches!(seen, Seen::Region(_)));
        Ok(())
    });
    walked.unwrap();
    assert!((28..200).contains(&regions), "{regions}");

    let nodes = open("deep.h5").nodes("/", None, false, &limits).unwrap();
    let failed: Vec<_> = nodes.iter().filter_map(|n| n.error.as_ref()).collect();
    assert!(nodes.iter().any(|n| n.path == "/data") && failed.len() == 1, "{failed:?}");
    assert_eq!(failed[0].kind(), Kind::Limit);
    let path = failed[0].object_path().unwrap().to_owned();
    assert_eq!(open("deep.h5").nodes(&path, None, false, &limits).unwrap().len(), 70 - 63);

    let nodes = open("circle.h5").nodes("/", None, false, &limits).unwrap();
    assert_eq!(nodes.last().unwrap().target.as_deref(), Some("/a"), "{nodes:?}");
}
