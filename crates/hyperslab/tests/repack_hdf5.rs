//! HDF5 files of all kinds written anew, for every version: nothing changes that our reader or libhdf5 sees, and what
//! cannot be written is refused as `docs/support.md` says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::hdf5::write::Libver;
use hyperslab::repack::{RepackOptions, repack};
use hyperslab::{
    ConvertOptions, Kind, Limits, NodeKind, Place, Selection, convert, open, scalar, sum, testing,
};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Compares the files of each pair of names that it is given, and how: a line for every pair.
const SAME: &str = concat!(
    include_str!("../../hdf5/tests/oracle/same.py"),
    "\nfor how, a, b in zip(sys.argv[1::3], sys.argv[2::3], sys.argv[3::3]):\n",
    "    print(*told(a, b, how), sep='\\t', flush=True)\n",
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

/// Everything that our reader tells of a file but where in it things lie.
fn contents(file: &Path) -> Vec<String> {
    let limits = Limits::default();
    let container = open(file).unwrap();
    let nodes = container.nodes("", None, true, &limits).unwrap();
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    for n in &nodes {
        let first = n.object.map(|o| names.entry(o).or_insert_with(|| n.path.clone()));
        first.filter(|p| **p > n.path).into_iter().for_each(|p| p.clone_from(&n.path));
    }
    let mut out = Vec::new();
    for mut n in nodes {
        // Those of a pipeline are applied in one order here, which is told.
        n.filters.sort();
        // Not where an object is, but which of the names lead to the same one.
        let object = n.object.map(|o| &names[&o]);
        // Digests stand for elements; those that have none are told by what they say.
        let mut elements = None;
        if n.kind == NodeKind::Array && n.error.is_none() && n.shape.is_some() {
            let node = container.nodes(&n.path, Some(0), false, &limits).unwrap().remove(0);
            elements = sum::array(&*container, node, &limits, &mut |_| {}).sha256.or_else(|| {
                let view = container.read(&n.path, &Selection::ALL, &limits).ok()?;
                Some(format!("{:?}", scalar::tree(&view, &limits)))
            });
        }
        // Elements that lay in other files lie in this one.
        let elsewhere = matches!(n.layout.as_deref(), Some("external" | "virtual"));
        let layout = n.layout.take().filter(|_| !elsewhere);
        let error = n.error.as_ref().map(|e| e.message().to_owned());
        let kept = match n.kind {
            NodeKind::Link => None,
            _ => {
                let kept = container.bookkeeping(&n.path, &limits).unwrap();
                // Headers of HDF5 1.6 have one time.
                Some((kept.links, kept.names, kept.attributes, kept.comment, kept.times.map(|t| t.changed)))
            }
        };
        let how = (n.max_shape, layout, n.chunks, n.filters, kept);
        out.push(format!(
            "{} {:?} {object:?} {:?} {:?} {how:?} {elements:?} {:?} {:?} {error:?}",
            n.path, n.kind, n.dtype, n.shape, n.attributes, n.target
        ));
    }
    // Orders that mean something are among it.
    out.sort();
    out
}

/// One file, written anew for one version.
struct Anew {
    file: PathBuf,
    libver: &'static str,
    out: PathBuf,
    /// Why it was refused.
    refused: Option<String>,
    ours: String,
    h5py: String,
}

/// Writes files anew, each for the versions that `versions` gives for its number, and compares them.
fn anew(files: &[PathBuf], versions: impl Fn(usize) -> Vec<(&'static str, Libver)>) -> Vec<Anew> {
    let (dir, refused) = (tempfile::tempdir().unwrap(), refused());
    assert!(!refused.is_empty());
    let mut all = Vec::new();
    for (i, file) in files.iter().enumerate() {
        let mut was = None;
        for (name, libver) in versions(i) {
            let out = dir.path().join(format!("{i} {name}.h5"));
            let options = RepackOptions { libver: Some(libver), ..RepackOptions::default() };
            let (mut reason, mut ours) = (None, String::new());
            match repack(file, &out, &options) {
                Ok(_) => {
                    let was = was.get_or_insert_with(|| contents(file));
                    let is = contents(&out);
                    let other = was.iter().zip(&is).find(|(a, b)| a != b);
                    ours = match other {
                        None if was.len() == is.len() => "same".into(),
                        other => format!("other: {other:#?}"),
                    };
                }
                Err(e) => {
                    let told = refused.iter().any(|why| e.message().contains(why.as_str()));
                    // What is damaged cannot be read, and files that are no HDF5 lie beside the others.
                    let damaged = e.kind() == Kind::Invalid || open(file).is_err();
                    assert!(told || damaged, "{}: {e}", file.display());
                    assert!(!out.exists());
                    let object = e.object_path().map(|p| format!("{p}: ")).unwrap_or_default();
                    reason = Some(format!("{object}{}", e.message()));
                }
            }
            all.push(Anew {
                file: file.clone(),
                libver: name,
                out,
                refused: reason,
                ours,
                h5py: String::new(),
            });
        }
    }
    let Some(python) = testing::oracle_python() else { return all };
    // The fill-value message of HDF5 1.6 does not tell an undefined value from none.
    let how = |a: &Anew| OsStr::new(if a.libver == "earliest" { "values" } else { "all" });
    let written = all.iter().filter(|a| a.refused.is_none());
    let args: Vec<_> = written.flat_map(|a| [how(a), a.file.as_os_str(), a.out.as_os_str()]).collect();
    let said = testing::run_python(&python, SAME, &args);
    let mut lines = said.lines();
    for a in all.iter_mut().filter(|a| a.refused.is_none()) {
        a.h5py = lines.next().unwrap().replace('\t', ": ");
    }
    let other = |a: &&Anew| a.ours.starts_with("other") || a.h5py.starts_with("other");
    let others: Vec<String> = all
        .iter()
        .filter(other)
        .map(|a| format!("{} {}\n us: {}\n h5py: {}", a.file.display(), a.libver, a.ours, a.h5py))
        .collect();
    assert!(others.is_empty(), "{}", others.join("\n"));
    all
}

/// How many were written, and how many of them are the same to libhdf5.
fn counts(all: &[Anew]) -> (usize, usize) {
    let written = all.iter().filter(|a| a.refused.is_none());
    (written.clone().count(), written.filter(|a| a.h5py.starts_with("same")).count())
}

/// The long form, with a table: `HYPERSLAB_SOAK=1`.
#[test]
fn the_corpus_is_written_anew() {
    let Some(corpus) = testing::corpus() else { return };
    let folder = corpus.join("hdf5/files");
    let mut files = Vec::new();
    all_below(&folder, &mut files);
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    if !soak {
        println!("the corpus: every eighth file (HYPERSLAB_SOAK=1 for all)");
        files = files.into_iter().step_by(8).collect();
    }
    let start = std::time::Instant::now();
    let all = anew(&files, |_| Libver::NAMES.to_vec());
    let (written, same) = counts(&all);
    println!("| file | libver | written | same to us | same to h5py |\n|---|---|---|---|---|");
    for a in &all {
        let file = a.file.strip_prefix(&folder).unwrap_or(&a.file).display();
        let done = a.refused.as_ref().map_or_else(|| "yes".to_owned(), |why| format!("no: {why}"));
        println!("| {file} | {} | {done} | {} | {} |", a.libver, a.ours, a.h5py);
    }
    let seconds = start.elapsed().as_secs();
    println!(
        "soak: {} HDF5 files, {} times written anew, {same} the same to libhdf5, {seconds} s",
        files.len(),
        written
    );
    assert!(!soak || (written > 340 && same > 330), "{written} {same}");
}

#[test]
fn fixtures_are_written_anew() {
    let mut files = Vec::new();
    all_below(&testing::fixture("hdf5"), &mut files);
    // All of them for the default, and each for one of the others.
    let versions = |i: usize| vec![Libver::NAMES[1], Libver::NAMES[i % 2 * 2]];
    let (written, same) = counts(&anew(&files, versions));
    println!("{} files, {written} written anew, {same} the same to libhdf5", files.len());
    assert!(written >= 10 && (same > written / 2 || testing::oracle_python().is_none()), "{written} {same}");
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
        let args = [OsStr::new("all"), file.as_os_str(), out.as_os_str()];
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
