//! Steps that we and h5py carry out on the same files, every prefix of our writes, and what both readers see in it.

use crate::append::tests::recorder::{Op, Recorder};
use crate::change::Change;
use crate::write::{Reference, references};
use crate::{File, Writer};
use hyperslab_core::digest::digest;
use hyperslab_core::dtype::{Charset, Padding, StringType};
use hyperslab_core::testing::{oracle, run_python};
use hyperslab_core::view::Heap;
use hyperslab_core::{
    ArrayOptions, Container, Dtype, Error, Limits, NodeKind, Result, Selection, Shape, Value, View,
};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const SCRIPT: &str = include_str!("../../../../../fixtures/make/fresh/changing.py");
pub(super) const PYTHONS: [&str; 3] = ["HYPERSLAB_PYTHON", "HYPERSLAB_PYTHON_112", "HYPERSLAB_PYTHON_114"];

/// Steps, as JSON that the script knows; `mixes` where elements are written in place, so that a kill leaves some old and
/// some new.
pub(super) struct Case {
    pub(super) steps: &'static str,
    pub(super) mixes: bool,
}

/// A file to change: who made it, and its bytes.
pub(super) struct Base {
    pub(super) name: String,
    pub(super) image: Vec<u8>,
}

/// The files that the oracles make.
pub(super) fn bases() -> Vec<Base> {
    let mut out = Vec::new();
    for variable in PYTHONS {
        let Some(python) = oracle(variable) else { continue };
        let dir = tempfile::tempdir().unwrap();
        let made = run_python(&python, SCRIPT, &["make".as_ref(), dir.path().as_os_str()]);
        for path in made.lines().map(Path::new) {
            let libver = path.file_stem().unwrap().to_str().unwrap();
            // The choices between are those of another version.
            let wanted = variable == PYTHONS[0] && matches!(libver, "earliest" | "v108");
            if wanted || libver == "latest" {
                out.push(Base { name: format!("{libver} {variable}"), image: std::fs::read(path).unwrap() });
            }
        }
    }
    if !out.is_empty() {
        out.push(our_own());
    }
    out
}

/// A file of our own with the names of the oracles'.
pub(super) fn our_own() -> Base {
    let mut w = Writer::in_memory();
    let numbers: Vec<i64> = (0..200).collect();
    let view = |shape: &[u64]| {
        let shape = Shape::new(shape);
        View::from_slice(shape.clone(), &numbers[..shape.count().unwrap() as usize])
            .unwrap()
            .into_owned()
            .unwrap()
    };
    w.dataset("/contiguous").attribute("unit", "m").write(&view(&[10, 6])).unwrap();
    w.dataset("/big").write(&view(&[5, 3])).unwrap();
    w.dataset("/never").dtype(Dtype::F64).shape([4, 4]).create().unwrap();
    w.dataset("/compact").compact().write(&view(&[3, 4])).unwrap();
    w.dataset("/early").chunks([4, 4]).write(&view(&[6, 6])).unwrap();
    let growing =
        |w: &mut Writer, name: &str, dims: &[u64], max: &[Option<u64>], chunks: &[u64], packed: bool| {
            let d = w.dataset(name).chunks(Shape::new(chunks)).max_shape(max.iter().copied());
            if packed { d.gzip(4).shuffle() } else { d }.write(&view(dims)).unwrap();
        };
    growing(&mut w, "/packed", &[10, 8], &[None, Some(8)], &[4, 3], true);
    growing(&mut w, "/plain", &[10], &[None], &[4], false);
    growing(&mut w, "/wide", &[4, 3], &[Some(4), None], &[3, 2], true);
    growing(&mut w, "/two", &[5, 5], &[None, None], &[2, 3], false);
    growing(&mut w, "/two packed", &[5, 5], &[None, None], &[2, 3], true);
    growing(&mut w, "/bounded", &[5, 5], &[Some(12), Some(9)], &[2, 4], false);
    growing(&mut w, "/bounded packed", &[5, 5], &[Some(12), Some(9)], &[2, 4], true);
    growing(&mut w, "/empty", &[0, 3], &[None, Some(3)], &[5, 3], true);
    w.dataset("/one").chunks([6, 4]).gzip(1).write(&view(&[6, 4])).unwrap();
    w.dataset("/scalar").write(&view(&[])).unwrap();
    w.dataset("/type").write(&view(&[2])).unwrap();
    let some = texts([4].into(), &[1, 2, 3, 4]);
    w.dataset("/text").chunks([3]).max_shape([None]).write(&some).unwrap();
    for group in
        ["/g/sub/deep", "/many", "/ordered/x", "/ordered/y", "/ordered/z", "/crowd", "/none", "/away"]
    {
        w.group(group).unwrap();
    }
    for i in 0..40 {
        w.soft_link(&format!("/crowd/link {i}"), &format!("/target {i}")).unwrap();
    }
    for i in 0..14 {
        w.attribute("/many", &format!("attribute {i}"), &Value::from(i)).unwrap();
    }
    for name in ["x", "y", "z"] {
        w.attribute("/ordered", name, &name.into()).unwrap();
        w.attribute("/g", name, &name.into()).unwrap();
    }
    w.attribute("/", "title", &"a file".into()).unwrap();
    w.attribute("/", "n", &Value::from(3)).unwrap();
    w.attribute("/g", "a", &Value::from(3)).unwrap();
    w.soft_link("/soft", "/g/sub").unwrap();
    w.hard_link("/again", "/contiguous").unwrap();
    w.hard_link("/g/big", "/big").unwrap();
    Base { name: "ours".into(), image: w.into_image().unwrap() }
}

/// Carries out a step as the script does.
pub(super) fn step(f: &mut Change<Recorder>, step: &Json) -> Result<()> {
    let text = |i: usize| step[i].as_str().unwrap();
    match text(0) {
        "attribute" => f.attribute(text(1), text(2), value(&step[3])),
        "remove_attribute" => f.remove_attribute(text(1), text(2)),
        "group" => f.group(text(1)),
        "put" => {
            let shape: Shape = step[2].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            let start = step[3].as_i64().unwrap();
            let values: Vec<i32> = (0..shape.count()? as i64).map(|i| ((i + start) % 89) as i32).collect();
            f.put(text(1), &View::from_slice(shape, &values)?, &ArrayOptions::default())
        }
        "resize" => {
            let shape: Shape = step[2].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            f.dataset(text(1))?.resize(shape).map(drop)
        }
        "long" => {
            let n = step[3].as_i64().unwrap();
            f.attribute(text(1), text(2), Value::list((0..n).map(|i| Value::from(i % 91))))
        }
        "put references" => f.put(text(1), &refers(&step[2])?, &ArrayOptions::default()),
        "write references" => f.dataset(text(1))?.write(&Selection::ALL, &refers(&step[2])?).map(drop),
        "attribute of references" => f.attribute(text(1), text(2), Value::from(refers(&step[3])?)),
        "soft" => f.soft_link(text(1), text(2)),
        "external" => f.external_link(text(1), text(2), text(3)),
        "hard" => f.hard_link(text(1), text(2)),
        "remove" => f.remove(text(1)),
        "extend" => {
            let shape: Shape = step[2].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
            f.dataset(text(1))?.extend(shape).map(drop)
        }
        "write" => {
            let selection: Selection = text(2).parse()?;
            let mut d = f.dataset(text(1))?;
            let ranges = selection.resolve(d.shape().unwrap())?;
            let shape: Shape = ranges.iter().filter(|r| !r.dropped).map(|r| r.count).collect();
            let start = step[3].as_i64().unwrap();
            // Of a damaged file.
            if shape.count()? > 1 << 20 {
                return Err(Error::limit("elements"));
            }
            let values: Vec<i64> = (0..shape.count()? as i64).map(|i| (i + start) % 89).collect();
            match text(1).contains("text") {
                true => d.write(&selection, &texts(shape, &values)).map(drop),
                false => d.write(&selection, &View::from_slice(shape, &values)?).map(drop),
            }
        }
        other => panic!("{other}"),
    }
}

/// References to these paths, a null one for none.
fn refers(targets: &Json) -> Result<View<'static>> {
    let each = targets.as_array().unwrap().iter().map(|t| match t.as_str() {
        Some(path) => Reference::Object(path.into()),
        None => Reference::Null,
    });
    let each: Vec<Reference> = each.collect();
    references([each.len() as u64].into(), each)
}

/// Texts made of numbers: each element is its number.
fn texts(shape: Shape, values: &[i64]) -> View<'static> {
    #[derive(Debug)]
    struct Numbered;
    impl Heap for Numbered {
        fn resolve(&self, element: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
            let text = format!("text {}", i64::from_le_bytes(*element.first_chunk().unwrap()));
            Ok((text.len() as u64, Cow::Owned(text.into_bytes())))
        }
    }
    let kind = StringType { size: 16, charset: Charset::Utf8, padding: Padding::NullTerminated };
    let bytes: Vec<u8> = values.iter().flat_map(|v| [v.to_le_bytes(), [0; 8]].concat()).collect();
    View::new(Dtype::VlenString(kind), shape, bytes).unwrap().with_heap(Arc::new(Numbered))
}

fn value(json: &Json) -> Value {
    match json {
        Json::String(s) => Value::from(s.as_str()),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap()), Value::from),
        Json::Bool(b) => Value::from(*b),
        Json::Array(items) => Value::list(items.iter().map(value)),
        other => panic!("{other}"),
    }
}

/// Everything that our reader finds.
pub(super) fn ours(image: &[u8]) -> Result<String> {
    let limits = Limits::default();
    let file = File::from_image(image)?;
    let mut out = String::new();
    for node in file.nodes("/", None, true, &limits)? {
        if let Some(e) = node.error {
            return Err(e);
        }
        out += &format!("{} {:?} {:?} {:?} {:?}", node.path, node.kind, node.dtype, node.shape, node.target);
        if node.kind == NodeKind::Array && node.shape.is_some() {
            let view = file.read(&node.path, &Selection::ALL, &limits)?;
            out += &format!(" {:?}", digest(&view)?);
        }
        for (name, value) in &node.attributes {
            out += &format!(" {name}={value:?}");
        }
        out.push('\n');
    }
    Ok(out)
}

/// What a step does to a file: the operations of each step.
fn run(base: &Base, steps: &[Json]) -> Vec<Vec<Op>> {
    let r = Recorder::new(base.image.clone());
    let mut f = Change::over(r.clone()).unwrap();
    assert_eq!(r.take().len(), 0, "opening writes nothing");
    let mut out = Vec::new();
    for s in steps {
        step(&mut f, s).unwrap_or_else(|e| panic!("{}: {s}: {e}", base.name));
        f.settle().unwrap();
        out.push(r.take());
    }
    f.finish().unwrap();
    assert_eq!(r.take().len(), 0);
    out
}

/// The states that h5py finds in files.
pub(super) fn states(python: &Path, paths: &[PathBuf]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    let names: String = paths.iter().map(|p| format!("{}\n", p.display())).collect();
    std::fs::write(&list, names).unwrap();
    let out = run_python(python, SCRIPT, &["state".as_ref(), list.as_os_str()]);
    let out: Vec<String> = out.lines().map(str::to_owned).collect();
    assert_eq!(out.len(), paths.len());
    out
}

/// Changes a file by h5py.
pub(super) fn apply(python: &Path, path: &Path, steps: &str) {
    run_python(python, SCRIPT, &["apply".as_ref(), path.as_os_str(), OsStr::new(steps)]);
}

/// Carries out cases on files and checks every prefix, and that the end is what h5py makes of the same steps.
pub(super) fn check(cases: &[Case]) {
    let bases = bases();
    let Some(python) = oracle(PYTHONS[0]) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut paths: Vec<PathBuf> = Vec::new();
    // Of each case on each file: where its images begin, after which of them a step is done, and h5py's.
    let mut runs = Vec::new();
    let mut count = 0;
    let mut save = |image: &[u8], paths: &mut Vec<PathBuf>| {
        let path = dir.path().join(format!("{count}.h5"));
        count += 1;
        std::fs::write(&path, image).unwrap();
        paths.push(path);
    };
    // Every case on every file takes long.
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    for (b, base) in bases.iter().enumerate() {
        let mut models = Vec::new();
        for case in cases.iter().enumerate().filter(|(c, _)| soak || (b + c) % 3 == 0).map(|(_, case)| case) {
            let steps: Vec<Json> = serde_json::from_str(case.steps).unwrap();
            let mut image = base.image.clone();
            let first = paths.len();
            save(&image, &mut paths);
            let mut seen = vec![ours(&image).unwrap()];
            let mut ends = vec![0];
            for ops in run(base, &steps) {
                let old = seen.last().unwrap().clone();
                let mut between = Vec::new();
                let last = ops.len().saturating_sub(1);
                for (i, op) in ops.iter().enumerate() {
                    let before = image.len() as u64;
                    op.apply(&mut image, usize::MAX);
                    // New bytes behind the end are nothing to another reader: those of a part will do.
                    if i == last || i % 4 == 0 || matches!(op, Op::Write(at, _) if *at < before) {
                        save(&image, &mut paths);
                    }
                    let now = ours(&image).unwrap_or_else(|e| panic!("{}: {}: {e}", base.name, case.steps));
                    between.push(now);
                }
                let new = between.last().unwrap_or(&old).clone();
                let switched = between.iter().skip_while(|s| **s == old);
                assert!(
                    case.mixes || switched.into_iter().all(|s| *s == new),
                    "{}: {}",
                    base.name,
                    case.steps
                );
                seen.push(new);
                ends.push(paths.len() - 1 - first);
            }
            let model = dir.path().join(format!("model {}.h5", runs.len()));
            std::fs::write(&model, &base.image).unwrap();
            models.push((model.clone(), case.steps));
            paths.push(model);
            runs.push((format!("{}: {}", base.name, case.steps), first, ends, case.mixes));
        }
        let each: Vec<String> =
            models.iter().map(|(p, s)| format!("[{:?}, {s}]", p.to_str().unwrap())).collect();
        run_python(&python, SCRIPT, &["apply_all".as_ref(), OsStr::new(&format!("[{}]", each.join(",")))]);
    }
    for (i, variable) in PYTHONS.iter().enumerate() {
        let Some(python) = oracle(variable) else { continue };
        // Files that newer versions made are not for older ones; of the others a part will do.
        let mine: Vec<usize> = (0..runs.len())
            .filter(|&r| {
                i == 0 || (r % 4 == i && (runs[r].0.contains(variable) || !runs[r].0.contains("latest")))
            })
            .collect();
        let range = |r: usize| runs[r].1..=runs[r].1 + runs[r].2.last().unwrap() + 1;
        let some: Vec<PathBuf> = mine.iter().flat_map(|&r| paths[range(r)].to_vec()).collect();
        let mut found = states(&python, &some).into_iter();
        for r in mine {
            let (name, _, ends, mixes) = &runs[r];
            let states: Vec<String> = range(r).map(|_| found.next().unwrap()).collect();
            for s in &states {
                assert!(!s.starts_with("ERROR"), "{name} ({variable}): {s}");
            }
            for pair in ends.windows(2) {
                let (old, new) = (&states[pair[0]], &states[pair[1]]);
                let mut between = states[pair[0]..=pair[1]].iter().skip_while(|s| *s == old);
                assert!(*mixes || between.all(|s| s == new), "{name} ({variable}): a state between");
            }
            let (end, model) = (&states[states.len() - 2], &states[states.len() - 1]);
            assert!(end == model, "{name} ({variable}):\n{}", first_difference(end, model));
        }
    }
    // h5dump knows no file of HDF5 2.0 in its own dialect.
    let old = runs.iter().filter(|(name, ..)| !name.starts_with("latest HYPERSLAB_PYTHON:"));
    for (name, first, ends, _) in old {
        let end = first + ends.last().unwrap();
        let (ours, model) = (dump(&paths[end]), dump(&paths[end + 1]));
        assert!(ours == model, "{name}: h5dump sees another file:\n{ours:?}\n{model:?}");
    }
    println!(
        "soak: every prefix of changes, h5py: {} states of {} runs on {} files",
        paths.len(),
        runs.len(),
        bases.len()
    );
}

/// What h5dump says of a file, without its name; nothing where there is no h5dump.
fn dump(path: &Path) -> Option<String> {
    let out = std::process::Command::new("h5dump").arg(path).output().ok()?;
    // What it cannot show, it cannot in the model either.
    let said = String::from_utf8_lossy(&out.stderr).replace(path.to_str().unwrap(), "");
    let shown = String::from_utf8_lossy(&out.stdout);
    Some(shown.lines().skip(1).chain(said.lines()).collect::<Vec<_>>().join("\n"))
}

pub(super) fn first_difference(a: &str, b: &str) -> String {
    let (a, b): (Json, Json) = (serde_json::from_str(a).unwrap(), serde_json::from_str(b).unwrap());
    let (a, b) = (a.as_object().unwrap(), b.as_object().unwrap());
    let keys = a.keys().chain(b.keys());
    keys.filter(|k| a.get(*k) != b.get(*k))
        .take(3)
        .map(|k| format!("{k}: {:?}\nh5py: {:?}\n", a.get(k), b.get(k)))
        .collect()
}
