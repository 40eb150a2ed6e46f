//! What makes no sense when a file is made or changed: one clear error, nothing left behind, nothing lost.
//!
//! What a slash means: in a path it separates names, and several of them, or one at either end, say nothing more, as in
//! libhdf5; in the name of an attribute it is a letter like any other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

use hyperslab_core::container::Fill;
use hyperslab_core::{
    ArrayLayout, ArrayOptions, Container, ContainerWriter, Dtype, Error, Kind, Limits, LinkTo, Result,
    Selection, Shape, Value, View,
};
use hyperslab_hdf5::image::MemoryFile;
use hyperslab_hdf5::write::DatasetBuilder;
use hyperslab_hdf5::{Change, File, Writer};
use std::path::Path;
use std::process::Command;

type Step = fn(&mut dyn ContainerWriter) -> Result<()>;

/// A step that is refused, of which kind the error is, and what it says.
struct Case {
    step: Step,
    kind: Kind,
    says: &'static str,
}

const fn usage(says: &'static str, step: Step) -> Case {
    Case { step, kind: Kind::Usage, says }
}

const fn unsupported(says: &'static str, step: Step) -> Case {
    Case { step, kind: Kind::Unsupported, says }
}

fn rows() -> View<'static> {
    View::from_slice([4, 3], &[1i32; 12]).unwrap().into_owned().unwrap()
}

/// Writes rows with options.
fn put(w: &mut dyn ContainerWriter, path: &str, options: &ArrayOptions) -> Result<()> {
    w.array(path, &rows(), options)
}

fn named(w: &mut dyn ContainerWriter, path: &str) -> Result<()> {
    put(w, path, &ArrayOptions::default())
}

fn scalar(w: &mut dyn ContainerWriter, options: &ArrayOptions) -> Result<()> {
    w.array("/new", &View::from_slice([], &[1i32])?, options)
}

fn soft(w: &mut dyn ContainerWriter, path: &str, to: &str) -> Result<()> {
    w.link(path, &LinkTo::Soft(to.into())).map(drop)
}

fn options(f: impl FnOnce(&mut ArrayOptions)) -> ArrayOptions {
    let mut o = ArrayOptions::default();
    f(&mut o);
    o
}

/// What every writer refuses, of a file in which `/x` and `/run/x` are arrays and `/soft` is a soft link.
fn cases() -> Vec<Case> {
    vec![
        // Names.
        usage("name", |w| named(w, "")),
        usage("name", |w| named(w, "/")),
        usage("name", |w| named(w, "///")),
        usage("\"..\" cannot be the name", |w| named(w, "/new/../x")),
        usage("\"..\" cannot be the name", |w| named(w, "..")),
        usage("\".\" cannot be the name", |w| named(w, "/new/.")),
        usage("a\\0b\" cannot be the name", |w| named(w, "/new/a\0b")),
        usage("cannot be the name", |w| named(w, "\0")),
        usage("cannot be the name", |w| w.group("/new/a\0b/c")),
        usage("cannot be the name", |w| w.group("/..")),
        usage("cannot be the name", |w| soft(w, "/run/a\0b", "/x")),
        usage("cannot be the name", |w| soft(w, "/run/..", "/x")),
        usage("name", |w| soft(w, "/", "/x")),
        usage("name", |w| soft(w, "", "/x")),
        unsupported("bytes", |w| named(w, &"n".repeat(70_000))),
        unsupported("bytes", |w| w.group(&"n".repeat(70_000))),
        unsupported("bytes", |w| soft(w, &"n".repeat(70_000), "/x")),
        unsupported("nested deeper", |w| w.group(&"/d".repeat(300))),
        unsupported("nested deeper", |w| named(w, &"/d".repeat(300))),
        // Taken.
        usage("taken", |w| named(w, "/x")),
        usage("taken", |w| named(w, "//run//x/")),
        usage("taken", |w| named(w, "/run")),
        usage("taken", |w| named(w, "/soft")),
        usage("taken", |w| soft(w, "/x", "/run")),
        usage("taken", |w| soft(w, "/soft", "/run")),
        usage("dataset", |w| w.group("/x")),
        usage("group", |w| w.group("/x/deeper")),
        usage("group", |w| named(w, "/x/y")),
        usage("group", |w| soft(w, "/x/y", "/run")),
        // Links to nothing that can be.
        usage("nothing that a link can lead to", |w| soft(w, "/run/l", "")),
        usage("nothing that a link can lead to", |w| soft(w, "/run/l", "/a\0b")),
        usage("nothing that a link can lead to", |w| {
            w.link("/run/l", &LinkTo::External { file: String::new(), path: "/".into() }).map(drop)
        }),
        usage("nothing that a link can lead to", |w| {
            w.link("/run/l", &LinkTo::External { file: "a\0b".into(), path: "/".into() }).map(drop)
        }),
        // Attributes.
        usage("cannot be the name of an HDF5 attribute", |w| w.attribute("/x", "", &1i64.into())),
        usage("cannot be the name of an HDF5 attribute", |w| w.attribute("/x", "a\0b", &1i64.into())),
        usage("no ", |w| w.attribute("/none", "a", &1i64.into())),
        unsupported("too large for the attribute name", |w| {
            w.attribute("/x", &"n".repeat(70_000), &1i64.into())
        }),
        unsupported("NUL", |w| w.attribute("/x", "a", &"a\0b".into())),
        unsupported("cannot hold", |w| w.attribute("/x", "a", &Value::map([("k", Value::Int(1))]))),
        unsupported("cannot hold", |w| w.attribute("/x", "a", &Value::Int(1 << 70))),
        // Filters that do not apply.
        usage("a scalar has neither", |w| scalar(w, &options(|o| o.deflate = Some(4)))),
        usage("a scalar has neither", |w| scalar(w, &options(|o| o.shuffle = true))),
        usage("a scalar has neither", |w| scalar(w, &options(|o| o.fletcher32 = true))),
        usage("a scalar has neither", |w| scalar(w, &options(|o| o.layout = ArrayLayout::Chunked))),
        usage("greatest extents", |w| scalar(w, &options(|o| o.max_shape = vec![None]))),
        usage("need a chunked layout", |w| {
            put(
                w,
                "/new",
                &options(|o| {
                    o.layout = ArrayLayout::Compact;
                    o.deflate = Some(4);
                }),
            )
        }),
        usage("need a chunked layout", |w| {
            put(
                w,
                "/new",
                &options(|o| {
                    o.layout = ArrayLayout::Contiguous;
                    o.shuffle = true;
                }),
            )
        }),
        usage("level 10", |w| put(w, "/new", &options(|o| o.deflate = Some(10)))),
        usage("level 0", |w| put(w, "/new", &options(|o| o.bzip2 = Some(0)))),
        usage("several compressions", |w| {
            put(
                w,
                "/new",
                &options(|o| {
                    o.deflate = Some(4);
                    o.lzf = true;
                }),
            )
        }),
        usage("neither chunks nor filters", |w| {
            w.null("/new", &Dtype::F64, &options(|o| o.deflate = Some(1))).map(drop)
        }),
        usage("greatest extents", |w| {
            w.null("/new", &Dtype::F64, &options(|o| o.max_shape = vec![None])).map(drop)
        }),
        // Shapes.
        usage("chunks of shape", |w| put(w, "/new", &options(|o| o.chunks = Some([0, 3].into())))),
        usage("chunks of shape", |w| put(w, "/new", &options(|o| o.chunks = Some([5, 3].into())))),
        usage("chunks of shape", |w| put(w, "/new", &options(|o| o.chunks = Some([4].into())))),
        usage("4 GiB", |w| {
            put(
                w,
                "/new",
                &options(|o| {
                    o.max_shape = vec![None, None];
                    o.chunks = Some([1 << 40, 1 << 40].into());
                }),
            )
        }),
        usage("beyond the greatest extent", |w| {
            put(w, "/new", &options(|o| o.max_shape = vec![Some(3), None]))
        }),
        usage("greatest extents", |w| put(w, "/new", &options(|o| o.max_shape = vec![None]))),
        usage("leave it unlimited", |w| {
            put(w, "/new", &options(|o| o.max_shape = vec![Some(u64::MAX), None]))
        }),
        usage("a fill value of 3 bytes", |w| put(w, "/new", &options(|o| o.fill = Fill::Value(vec![0; 3])))),
        usage("no ", |w| put(w, "/new", &options(|o| o.named_type = Some("/x".into())))),
        unsupported("rank 33", |w| {
            w.array("/new", &View::from_slice(Shape::new(&[1; 33]), &[1i32])?, &ArrayOptions::default())
        }),
    ]
}

/// What makes the file that steps are refused of.
fn start(w: &mut dyn ContainerWriter) {
    named(w, "/x").unwrap();
    named(w, "/run/x").unwrap();
    soft(w, "/soft", "/run").unwrap();
}

fn base() -> Vec<u8> {
    let mut w = Writer::in_memory();
    start(&mut w);
    w.into_image().unwrap()
}

/// An error says what is wrong with what, in one line.
fn check(e: &Error, case: &Case, number: usize, how: &str) {
    let text = e.to_string();
    assert_eq!(e.kind(), case.kind, "{number} {how}: {text}");
    assert!(e.message().contains(case.says), "{number} {how}: {text}: not {}", case.says);
    assert!(e.object_path().is_some(), "{number} {how}: of which object? {text}");
    assert!(
        text.len() < 80_000 && !text.contains('\n') && !e.message().ends_with('.'),
        "{number} {how}: {text}"
    );
    assert!(!e.message().starts_with(|c: char| c.is_ascii_uppercase()), "{number} {how}: {text}");
}

/// The names in a folder.
fn names(dir: &Path) -> Vec<String> {
    let all = std::fs::read_dir(dir).unwrap();
    let mut all: Vec<String> = all.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

/// Everything that is in a file, as text.
fn listed(image: &[u8]) -> Vec<String> {
    let (file, limits) = (File::from_image(image).unwrap(), Limits::default());
    let nodes = file.nodes("/", None, true, &limits).unwrap();
    assert!(nodes.iter().all(|n| n.error.is_none()));
    nodes.iter().map(|n| format!("{} {:?} {:?} {:?}", n.path, n.shape, n.target, n.attributes)).collect()
}

#[test]
fn new_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let expected = listed(&base());
    for (i, case) in cases().iter().enumerate() {
        // Given up.
        let mut w = File::create(&path).unwrap();
        start(&mut w);
        let e = (case.step)(&mut w).map(|()| i).expect_err("refused");
        check(&e, case, i, "new");
        drop(w);
        assert_eq!(names(dir.path()), [""; 0], "{i}");
        // Gone on with: what was refused is not there, what comes after it is.
        let mut w = File::create(&path).unwrap();
        start(&mut w);
        (case.step)(&mut w).unwrap_err();
        named(&mut w, "/new").unwrap();
        w.finish().unwrap();
        assert_eq!(names(dir.path()), ["x.h5"], "{i}");
        let mut found = listed(&std::fs::read(&path).unwrap());
        let new = found.iter().position(|n| n.starts_with("/new ")).unwrap();
        found.remove(new);
        assert_eq!(found, expected, "{i}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn files_that_are_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    std::fs::write(&path, b"somebody's").unwrap();
    for case in cases() {
        let mut w = Writer::create(&path, true).unwrap();
        start(&mut w);
        (case.step)(&mut w).unwrap_err();
        drop(w);
        assert_eq!(names(dir.path()), ["x.h5"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"somebody's");
    }
    let e = File::create(&path).map(drop).unwrap_err();
    assert_eq!((e.kind(), e.message()), (Kind::Usage, "already exists"));
    assert_eq!(e.file_path(), Some(&*path));
}

#[test]
fn files_that_are_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.h5");
    let image = base();
    std::fs::write(&path, &image).unwrap();
    for (i, case) in cases().iter().enumerate() {
        let mut f = Change::open(&path).unwrap();
        let e = (case.step)(&mut f).map(|()| i).expect_err("refused");
        check(&e, case, i, "changed");
        assert_eq!(e.file_path(), Some(&*path), "{i}: {e}");
        // The same through a writer that adds to a group.
        f.add("/", |w| {
            named(w, "/before")?;
            (case.step)(w)
        })
        .unwrap_err();
        f.finish().unwrap();
        assert!(std::fs::read(&path).unwrap() == image, "{i}: something was written");
        assert_eq!(names(dir.path()), ["x.h5"], "{i}");
    }
}

#[test]
fn images() {
    let mut f = MemoryFile::from_image(base()).unwrap();
    let image = base();
    for (i, case) in cases().iter().enumerate() {
        let e = f.change(|f| (case.step)(f)).expect_err("refused");
        check(&e, case, i, "image");
        assert!(f.image() == image, "{i}: something was written");
        let e = f.rewrite(|w| (case.step)(w)).expect_err("refused");
        check(&e, case, i, "image written anew");
        assert!(f.image() == image, "{i}: something was written");
    }
}

fn integer(value: &Value) -> i64 {
    match value {
        Value::Array(view) => view.to_vec::<i64>().unwrap()[0],
        other => panic!("{other:?}"),
    }
}

/// What is no mistake: slashes that say nothing more, names that look odd.
#[test]
fn what_a_slash_means() {
    let write = |w: &mut dyn ContainerWriter| -> Result<()> {
        w.group("late//")?;
        named(w, "//late///y/")?;
        w.attribute("late/y/", "a/b", &1i64.into())?;
        w.attribute("//late", "..", &2i64.into())?;
        w.attribute("/", "/", &3i64.into())?;
        named(w, " ")?;
        named(w, "...")?;
        named(w, "a\\b")
    };
    let mut w = Writer::in_memory();
    start(&mut w);
    write(&mut w).unwrap();
    let mut f = MemoryFile::from_image(base()).unwrap();
    f.change(|f| write(f)).unwrap();
    let made = w.into_image().unwrap();
    for image in [&*made, f.image()] {
        let (file, limits) = (File::from_image(image).unwrap(), Limits::default());
        for (path, name, want) in [("/late/y", "a/b", 1), ("/late", "..", 2), ("/", "/", 3)] {
            assert_eq!(integer(&file.attribute(path, name, &limits).unwrap()), want, "{path}@{name}");
        }
        for path in ["/ ", "/...", "/a\\b", "//late//y/"] {
            assert_eq!(file.read(path, &Selection::ALL, &limits).unwrap().len(), 12, "{path}");
        }
    }
}

/// Shapes of more elements, or bytes, than there can be, where no array says otherwise.
#[test]
fn shapes_that_overflow() {
    type Ask = for<'w> fn(DatasetBuilder<'w>) -> Result<()>;
    let asks: [(&str, Ask); 9] = [
        ("overflows", |d| d.shape([1 << 40, 1 << 40]).dtype(Dtype::F64).create()),
        ("overflows", |d| d.shape([u64::MAX]).dtype(Dtype::F64).create()),
        ("overflows", |d| d.shape([u64::MAX, 0]).dtype(Dtype::F64).chunks([4, 1]).create()),
        ("overflows", |d| d.shape([1 << 61]).dtype(Dtype::F64).gzip(1).create()),
        ("overflows", |d| d.shape([1 << 40, 1 << 40]).dtype(Dtype::F64).stream().map(drop)),
        ("overflows", |d| d.shape([1 << 40, 1 << 40]).write(&[1.0])),
        ("a compact layout", |d| d.shape([1 << 13]).dtype(Dtype::F64).compact().create()),
        ("a type", |d| d.shape([4]).create()),
        ("a shape", |d| d.dtype(Dtype::F64).create()),
    ];
    for (i, (says, ask)) in asks.into_iter().enumerate() {
        let mut w = Writer::in_memory();
        start(&mut w);
        let e = ask(w.dataset("/new")).unwrap_err();
        assert!(e.kind() == Kind::Usage && e.object_path() == Some("/new"), "{i}: {:?} {e}", e.kind());
        assert!(e.message().contains(says), "{i}: {e}");
        assert_eq!(listed(&w.into_image().unwrap()), listed(&base()), "{i}");
        let mut f = MemoryFile::from_image(base()).unwrap();
        let e = f.change(|f| f.add("/", |w| ask(w.dataset("/new")))).unwrap_err();
        assert!(e.kind() == Kind::Usage && e.message().contains(says), "{i}: {e}");
        assert!(f.image() == base(), "{i}");
    }
    // Extents that a file can have and no disk.
    let mut w = Writer::in_memory();
    w.dataset("/x").max_shape([None, Some(3)]).chunks([2, 3]).write(&rows()).unwrap();
    let image = w.into_image().unwrap();
    let mut f = MemoryFile::from_image(image.clone()).unwrap();
    for shape in [[u64::MAX, 3], [1 << 62, 3]] {
        let e = f.change(|f| f.dataset("/x")?.extend(shape).map(drop)).unwrap_err();
        assert_eq!((e.kind(), e.object_path()), (Kind::Usage, Some("/x")), "{e}");
        assert!(f.image() == image);
    }
}

/// Folders and files that cannot be written, whoever asks.
#[test]
fn places_where_nothing_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.h5");
    std::fs::write(&file, base()).unwrap();
    let mut places = vec![
        (dir.path().join("none/new.h5"), Kind::Usage),
        (file.join("new.h5"), Kind::Usage),
        (dir.path().to_path_buf(), Kind::Usage),
    ];
    // Nobody makes files there, not even who may write everywhere.
    if cfg!(target_os = "linux") {
        places.push(("/proc/new.h5".into(), Kind::Io));
        places.push(("/dev/full".into(), Kind::Usage));
    }
    for (place, kind) in places {
        for replace in [false, true] {
            let e = Writer::create(&place, replace).map(drop).unwrap_err();
            assert_eq!((e.kind(), e.file_path()), (kind, Some(&*place)), "{e}");
            let e = MemoryFile::new().unwrap().backed_by(&place, replace).unwrap_err();
            assert_eq!((e.kind(), e.file_path()), (kind, Some(&*place)), "{e}");
        }
        assert!(Change::open(&place).is_err());
    }
    assert_eq!(names(dir.path()), ["x.h5"]);
    assert!(std::fs::read(&file).unwrap() == base());
}

/// What the process on a full disk is to do, and where.
const FULL: &str = "HYPERSLAB_TEST_BAD_INPUT_FULL";

/// Not a test of its own: what is done where no file may have more than 64 KiB (a limit stands for a full disk).
#[test]
fn full_disk_process() {
    let Some(dir) = std::env::var_os(FULL) else { return };
    let dir = Path::new(&dir);
    let noise: Vec<u64> =
        (0..1u64 << 15).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)).collect();
    let full = |e: Error, path: &Path| {
        assert!(e.io_error().is_some() && e.file_path() == Some(path), "{e}");
    };
    let left = |expected: &[&str]| assert_eq!(names(dir), expected);
    let (new, old, there) = (dir.join("new.h5"), dir.join("old.h5"), dir.join("there.h5"));
    // New files, at every size that is cut somewhere else.
    for rows in [8 << 10, (8 << 10) - 40, 32 << 10] {
        for path in [&new, &there] {
            let mut w = Writer::create(path, true).unwrap();
            let written = w.dataset("/noise").write(&noise[..rows]).and_then(|()| {
                w.attribute("/noise", "text", &"t".repeat(3000).as_str().into())?;
                w.finish()
            });
            full(written.unwrap_err(), path);
            left(&["old.h5", "there.h5"]);
            assert_eq!(std::fs::read(&there).unwrap(), b"somebody's");
        }
    }
    // Many small writes.
    let mut w = Writer::create(&new, false).unwrap();
    let mut all = (0..).map(|i| w.dataset(&format!("/{i}")).chunks([100]).gzip(1).write(&noise[..900]));
    full(all.find_map(Result::err).unwrap(), &new);
    drop(all);
    drop(w);
    left(&["old.h5", "there.h5"]);
    // An image that is put on the disk.
    let mut f = MemoryFile::new().unwrap().backed_by(&new, false).unwrap();
    f.change(|f| f.put("/noise", &noise, &ArrayOptions::default())).unwrap();
    full(f.flush().unwrap_err(), &new);
    left(&["old.h5", "there.h5"]);
    let mut f = MemoryFile::open(&old).unwrap();
    f.change(|f| f.put("/noise", &noise, &ArrayOptions::default())).unwrap();
    let before = std::fs::read(&old).unwrap();
    full(f.flush().unwrap_err(), &old);
    left(&["old.h5", "there.h5"]);
    assert!(std::fs::read(&old).unwrap() == before);
    // A file that is changed: each change that does not fit is not there, and the next one can be.
    type Ask = fn(&mut Change, &[u64]) -> Result<()>;
    let asks: [Ask; 5] = [
        |f, noise| f.put("/noise", noise, &ArrayOptions::default()),
        |f, noise| f.attribute("/run", "long", Value::list(noise.iter().map(|&v| (v as f64).into()))),
        |f, noise| {
            let all = Selection::ALL;
            f.dataset("/grows")?.extend([1 << 15])?.write(&all, noise).map(drop)
        },
        |f, noise| f.dataset("/never")?.write(&Selection::ALL, noise).map(drop),
        |f, noise| {
            f.add("/run", |w| (0..9).try_for_each(|i| w.dataset(&format!("/{i}")).write(&noise[..900])))
        },
    ];
    for (i, ask) in asks.iter().enumerate() {
        let mut f = Change::open(&old).unwrap();
        let e = ask(&mut f, &noise).and_then(|()| f.attribute("/run", "after", 1)).unwrap_err();
        full(e, &old);
        drop(f);
        assert!(std::fs::read(&old).unwrap() == before, "{i}: something was left");
    }
    let mut f = Change::open(&old).unwrap();
    asks[0](&mut f, &noise).unwrap_err();
    f.attribute("/run", "after", 1).unwrap();
    f.finish().unwrap();
    let file = File::open(&old).unwrap();
    assert_eq!(integer(&file.attribute("/run", "after", &Limits::default()).unwrap()), 1);
    println!("was full");
}

#[cfg(unix)]
#[test]
fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = Writer::create(dir.path().join("old.h5"), false).unwrap();
    start(&mut w);
    w.dataset("/grows")
        .shape([4])
        .dtype("<u8".parse().unwrap())
        .max_shape([None])
        .chunks([512])
        .gzip(1)
        .create()
        .unwrap();
    w.dataset("/never").shape([1 << 15]).dtype("<u8".parse().unwrap()).create().unwrap();
    w.finish().unwrap();
    std::fs::write(dir.path().join("there.h5"), b"somebody's").unwrap();
    // The size of files is counted in blocks of 512 bytes or of 1024. The signal that comes with the error is not for
    // libraries to handle.
    let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact full_disk_process --nocapture";
    let out = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .env(FULL, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("was full"), "{said}");
}
