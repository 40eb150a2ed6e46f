//! HDF5 files of all kinds written anew, for every version: nothing changes that our reader or libhdf5 sees, and what
//! cannot be written is refused as `docs/support.md` says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::hdf5::write::Libver;
use hyperslab::repack::{RepackOptions, repack};
use hyperslab::{ConvertOptions, Kind, Limits, NodeKind, Place, Selection, convert, open, testing};
use std::path::{Path, PathBuf};

/// Compares the files of each pair of names that it is given.
const SAME: &str = concat!(
    include_str!("../../hdf5/tests/oracle/same.py"),
    "\nfor pair in zip(sys.argv[2::2], sys.argv[3::2]):\n",
    "    try:\n        main(*pair, sys.argv[1])\n",
    "    except OSError as e:\n        print('unread', pair[0], e)\n",
    "    except SystemExit as e:\n        raise SystemExit(f'{pair[0]}: {e}')\n",
);

fn all_below(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { all_below(&path, out) } else { out.push(path) }
    }
}

/// What the table of `docs/support.md` says is refused.
fn refused() -> Vec<String> {
    let text = std::fs::read_to_string(testing::repo().join("docs/support.md")).unwrap();
    let section = text.split("### refused\n").nth(1).unwrap().split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|l| l.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(why, _)| why.to_owned()).collect()
}

/// Bytes of all elements, decoded.
fn bytes(file: &Path) -> u64 {
    let nodes = open(file).and_then(|c| c.nodes("", None, false, &Limits::default()));
    nodes.unwrap_or_default().iter().filter_map(|n| n.nbytes).fold(0, u64::saturating_add)
}

fn anew(files: &[PathBuf], least: usize) {
    let (dir, refused) = (tempfile::tempdir().unwrap(), refused());
    assert!(!refused.is_empty());
    let (mut pairs, mut written) = (Vec::new(), 0);
    for (i, file) in files.iter().enumerate() {
        if bytes(file) > 64 << 20 {
            continue;
        }
        // All of them for the default, and each for one of the others.
        let others = [Libver::Earliest, Libver::Latest];
        for libver in [Libver::V110, others[i % 2]] {
            let out = dir.path().join(format!("{i} {libver:?}.h5"));
            let options = RepackOptions { libver: Some(libver), ..RepackOptions::default() };
            match repack(file, &out, &options) {
                Ok(_) => {
                    written += 1;
                    pairs.extend([file.clone(), out]);
                }
                Err(e) => {
                    let told = refused.iter().any(|why| e.message().contains(why.as_str()));
                    // What is damaged cannot be read, and files that are no HDF5 lie beside the others.
                    let damaged = e.kind() == Kind::Invalid || hyperslab::open(file).is_err();
                    assert!(told || damaged, "{}: {e}", file.display());
                    assert!(!out.exists());
                }
            }
        }
    }
    assert!(written >= least, "{written}");
    let Some(python) = testing::oracle_python() else { return };
    let args = [std::ffi::OsStr::new("values")].into_iter().chain(pairs.iter().map(|p| p.as_os_str()));
    let said = testing::run_python(&python, SAME, &args.collect::<Vec<_>>());
    let same = said.lines().filter(|l| l.starts_with("same")).count();
    println!("{} files, {written} written anew, {same} the same to libhdf5", files.len());
    assert!(2 * same > written, "{said}");
}

#[test]
#[ignore = "takes minutes"]
fn the_corpus_is_written_anew() {
    let Some(corpus) = testing::corpus() else { return };
    let mut files = Vec::new();
    all_below(&corpus.join("hdf5/files"), &mut files);
    anew(&files, 230);
}

#[test]
fn fixtures_are_written_anew() {
    let mut files = Vec::new();
    all_below(&testing::fixture("hdf5"), &mut files);
    anew(&files, 10);
}

/// References, named types, null dataspaces and every kind of attribute go from file to file, also of a part of it.
#[test]
fn what_has_no_digest_is_carried_over() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("in.h5");
    let make = r#"
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], 'w') as f:
    g = f.create_group('part')
    x = g.create_dataset('x', data=np.arange(20).reshape(4, 5))
    g['scale'] = np.arange(4.0)
    g['scale'].make_scale('s')
    x.dims[0].attach_scale(g['scale'])
    g.create_dataset('refs', data=[x.ref, g.ref, h5py.Reference()], dtype=h5py.ref_dtype, chunks=(2,), maxshape=(None,))
    g.create_dataset('regions', data=[x.regionref[1:3, ::2], x.regionref[...]], dtype=h5py.regionref_dtype)
    g['named'] = np.dtype([('a', '<i4'), ('b', '<f8')])
    g.create_dataset('typed', (3,), dtype=g['named'])
    g.attrs.create('typed', np.zeros(2, g['named'].dtype), dtype=g['named'])
    g['named'].attrs['why'] = 'shared'
    g['null'] = h5py.Empty('>i2')
    g.attrs['null'] = h5py.Empty('<f4')
    g.attrs['ref'] = x.ref
    g.attrs['fixed'] = np.array([b'ab', b'c'], dtype='S3')
    g.attrs['lists'] = np.array([np.arange(3), np.arange(2)], dtype=h5py.vlen_dtype('<i4'))
    g.attrs['texts'] = ['', 'grüße']
"#;
    testing::run_python(&python, make, &[file.as_os_str()]);
    for (name, libver) in Libver::NAMES {
        let out = dir.path().join(format!("{name}.h5"));
        repack(&file, &out, &RepackOptions { libver: Some(libver), ..RepackOptions::default() }).unwrap();
        let args = [std::ffi::OsStr::new("all"), file.as_os_str(), out.as_os_str()];
        assert!(testing::run_python(&python, SAME, &args).starts_with("same"));
    }
    // The group as a file of its own: paths are shorter, and references lead to them.
    let (out, limits) = (dir.path().join("part.h5"), Limits::default());
    let place = Place { path: "/part".into(), ..Place::default() };
    convert(&*open(&file).unwrap(), &place, &out, Vec::new(), &ConvertOptions::default()).unwrap();
    let check = "import sys, h5py\n\
        with h5py.File(sys.argv[1]) as f:\n \
            assert [f[r].name if r else None for r in f['refs'][:]] == ['/x', '/', None]\n \
            assert f['x'].dims[0][0].name == '/scale' and f['null'].shape is None\n \
            assert f['typed'].id.get_type().committed() and f.attrs['ref'] and f[f.attrs['ref']].name == '/x'\n\
        print('ok')";
    assert!(testing::run_python(&python, check, &[out.as_os_str()]).starts_with("ok"));
    let made = open(&out).unwrap();
    assert!(made.nodes("", None, false, &limits).unwrap().iter().any(|n| n.kind == NodeKind::Type));
    assert!(made.read("/refs", &Selection::ALL, &limits).is_ok());
    // What it refers to is not there.
    let place = Place { path: "/part/refs".into(), ..Place::default() };
    let e = convert(
        &*open(&file).unwrap(),
        &place,
        dir.path().join("refs.h5"),
        vec![],
        &ConvertOptions::default(),
    );
    assert_eq!(e.unwrap_err().kind(), Kind::Unsupported);
    assert!(!dir.path().join("refs.h5").exists());
}

/// References to objects that were deleted: refused, or null and told where something may be lost.
#[test]
fn references_to_what_was_deleted_lead_nowhere() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("in.h5"), dir.path().join("out.h5"));
    let make = "import sys, h5py, numpy as np\n\
        with h5py.File(sys.argv[1], 'w') as f:\n \
            x, y = f.create_dataset('x', data=np.arange(4)), f.create_dataset('y', data=np.arange(4))\n \
            f.create_dataset('refs', data=[x.ref, y.ref, h5py.Reference()], dtype=h5py.ref_dtype)\n \
            f.create_dataset('regions', data=[y.regionref[:2], x.regionref[1:]], dtype=h5py.regionref_dtype)\n \
            f.attrs['to'] = np.array([y.ref, x.ref], dtype=h5py.ref_dtype)\n \
            del f['y']\n";
    testing::run_python(&python, make, &[file.as_os_str()]);
    let e = repack(&file, &out, &RepackOptions::default()).unwrap_err();
    assert!(e.kind() == Kind::Unsupported && e.message().contains("which no path leads to"), "{e}");
    let options = ConvertOptions { allow_loss: true, ..ConvertOptions::default() };
    let all = Place::default();
    let done = convert(&*open(&file).unwrap(), &all, &out, Vec::new(), &options).unwrap();
    let mut lost = done.lost;
    lost.sort();
    let why = "1 references to what is not in the new file; they lead nowhere";
    assert_eq!(lost, [format!("/refs: {why}"), format!("/regions: {why}"), format!("@to: {why}")]);
    let check = "import sys, h5py\n\
        with h5py.File(sys.argv[1]) as f:\n \
            assert [f[r].name if r else None for r in f['refs'][:]] == ['/x', None, None]\n \
            assert [f[r].name if r else None for r in f['regions'][:]] == [None, '/x']\n \
            assert [f[r].name if r else None for r in f.attrs['to']] == [None, '/x']\n\
        print('ok')";
    assert!(testing::run_python(&python, check, &[out.as_os_str()]).starts_with("ok"));
}
