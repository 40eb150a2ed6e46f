//! Trees to bytes and back, and files in memory.

use super::super::*;
use crate::append::{self, Existing, Names, Options, Schema, Storage};
use crate::format::superblock::WRITING;
use crate::{Change, File, Writer};
use hyperslab_core::walk::Seen;
use hyperslab_core::{
    ArrayOptions, Container, Dtype, Kind, Limits, LinkTo, NodeKind, Selection, Source, Value, View, digest,
};

/// Groups, arrays of several types and layouts, attributes, links of every kind, a group with two names, a circle.
fn tree() -> Vec<u8> {
    let values: Vec<f64> = (0..600).map(f64::from).collect();
    let mut w = Writer::in_memory();
    w.attribute("/", "title", &"längé".into()).unwrap();
    w.dataset("/run/plain").shape([20, 30]).attribute("unit", "mm").write(&values).unwrap();
    w.dataset("/run/packed")
        .shape([20, 30])
        .chunks([7, 10])
        .gzip(6)
        .shuffle()
        .fletcher32()
        .write(&values)
        .unwrap();
    w.dataset("/run/lzf").shape([600]).chunks([100]).lzf().write(&values).unwrap();
    let longer = w.dataset("/run/longer").shape([600]).max_shape([None]).chunks([64]).fill(-1.5);
    longer.write(&values).unwrap();
    w.dataset("/run/compact").compact().write(&[1u8, 2, 3]).unwrap();
    w.dataset("/run/empty").write(&[0f32; 0]).unwrap();
    w.dataset("/run/never").dtype(Dtype::I64).shape([4]).fill(7).create().unwrap();
    w.dataset("/run/null").dtype(Dtype::F32).null().unwrap();
    w.dataset("/run/scalar").write(&2.5).unwrap();
    let times = View::new("<M8[s]".parse().unwrap(), [1].into(), &[1u8, 0, 0, 0, 0, 0, 0, 0][..]).unwrap();
    w.dataset("/times").write(&times).unwrap();
    w.group("/deep/er/est").unwrap();
    w.attribute("/deep/er", "list", &Value::list([1.into(), 2.into()])).unwrap();
    w.hard_link("/again", "/run/packed").unwrap();
    w.hard_link("/run too", "/run").unwrap();
    w.hard_link("/deep/er/circle", "/deep").unwrap();
    w.soft_link("/soft", "/run/plain").unwrap();
    w.external_link("/other", "elsewhere.h5", "/x").unwrap();
    w.into_image().unwrap()
}

/// Every node with what is in it, by path.
fn contents(file: &File<'_>) -> Vec<(String, String)> {
    let limits = Limits::default();
    let nodes = file.nodes("/", None, true, &limits).unwrap();
    let mut out: Vec<(String, String)> = nodes
        .into_iter()
        .map(|n| {
            assert!(n.error.is_none(), "{n:?}");
            let elements = match (n.kind, &n.shape) {
                (NodeKind::Array, Some(_)) => {
                    digest::digest(&file.read(&n.path, &Selection::ALL, &limits).unwrap()).unwrap()
                }
                _ => None,
            };
            let how = match n.kind {
                NodeKind::Array => file.storage(&n.path, &limits).unwrap(),
                _ => ArrayOptions::default(),
            };
            let link = (n.kind == NodeKind::Link).then(|| file.link(&n.path, &limits).unwrap());
            let node = (n.kind, n.dtype, n.shape, n.max_shape, n.layout, n.filters, n.attributes, n.target);
            (n.path, format!("{node:?} {elements:?} {how:?} {link:?}"))
        })
        .collect();
    out.sort();
    out
}

#[test]
fn a_tree_is_taken_changed_and_taken_back() {
    let (image, limits) = (tree(), Limits::default());
    let want = contents(&File::from_image(&image).unwrap());
    assert!(want.len() > 25, "{}", want.len());

    // To bytes and back: of a file on disk, of counted bytes, behind a user block.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tree.h5");
    std::fs::write(&path, &image).unwrap();
    assert_eq!(File::open(&path).unwrap().to_image(&limits).unwrap(), image);
    let counted = File::from_bytes(image.clone()).unwrap();
    assert_eq!(counted.to_image(&limits).unwrap(), image);
    assert_eq!(contents(&counted), want);
    let behind = [&[7; 512][..], &image, b"and more"].concat();
    let behind = File::from_image(&behind).unwrap();
    assert_eq!(behind.to_image(&limits).unwrap(), [&[7; 512][..], &image].concat());
    assert_eq!(behind.to_image(&Limits::new(100, 100, 8)).unwrap_err().kind(), Kind::Limit);

    // Written anew without a change it is the same; with one it has that, too.
    let anew = Writer::holding(&counted, &limits).unwrap().into_image().unwrap();
    assert_eq!(contents(&File::from_image(&anew).unwrap()), want);
    let mut w = Writer::holding(&behind, &limits).unwrap();
    w.dataset("/deep/new").chunks([10]).gzip(1).write(&[1i16; 100]).unwrap();
    w.attribute("/run", "who", &"Noether".into()).unwrap();
    assert_eq!(w.dataset("/times").write(&[1u8]).unwrap_err().kind(), Kind::Usage);
    let changed = File::from_bytes(w.into_image().unwrap()).unwrap();
    let now = contents(&changed);
    assert_eq!(now.iter().filter(|n| want.contains(n)).count(), want.len() - 2);
    assert_eq!(changed.attribute("/run too", "who", &limits).unwrap().as_str(), Some("Noether"));
    assert_eq!(changed.read("/deep/er/circle/new", &Selection::ALL, &limits).unwrap().len(), 100);
    assert_eq!(
        changed.link("/other", &limits).unwrap(),
        Some(LinkTo::External { file: "elsewhere.h5".into(), path: "/x".into() })
    );

    // Contiguous elements of a tree are views, packed ones are not.
    let aligned = super::aligned(&image);
    let plain = deserialize_named(&aligned, "/run/plain").unwrap();
    assert!(plain.is_view());
    assert_eq!(plain.bytes().unwrap().as_ptr() as usize % 64, 0);
    assert!(!deserialize_named(&aligned, "/run/packed").unwrap().is_view());
    let ask = DeserializeOptions { name: Some("run/packed"), elements: Elements::Borrowed };
    assert_eq!(deserialize_with(&aligned, &ask).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn memory_is_taken_in_blocks() {
    let block = 4096;
    let mut f = MemoryFile::new().unwrap().with_block_size(block);
    let small = f.image().len();
    f.rewrite(|w| w.dataset("/x").write(&[7u8; 10_000])).unwrap();
    let len = f.image().len();
    assert!(len > small + 10_000 && f.capacity() >= len && f.capacity() - len < block, "{len}");
    assert_eq!(f.capacity() % block, 0);
    // By position: what lies between is zero, and reading behind the end is an error.
    f.write_all_at(20_000, &[1, 2]).unwrap();
    assert_eq!((f.len().unwrap(), f.capacity()), (20_002, 5 * block));
    assert_eq!(f.image()[len..20_000], vec![0; 20_000 - len]);
    let mut two = [0; 2];
    f.read_exact_at(20_000, &mut two).unwrap();
    assert_eq!(two, [1, 2]);
    for at in [20_001, 1 << 40, u64::MAX] {
        assert_eq!(f.read_exact_at(at, &mut two).unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(f.set_len(u64::MAX).unwrap_err().kind(), Kind::Limit);
    assert_eq!(f.write_all_at(u64::MAX, &[1]).unwrap_err().kind(), Kind::Limit);
    f.set_len(len as u64).unwrap();
    assert_eq!(f.file().unwrap().read("/x", &Selection::ALL, &Limits::default()).unwrap().len(), 10_000);
    assert_eq!(f.into_image().len(), len);
    assert_eq!(MemoryFile::from_image(vec![1; 100]).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let mut f = MemoryFile::from_image(tree()).unwrap();
    let before = f.image().to_vec();
    let e = f.rewrite(|w| {
        w.dataset("/new").write(&[1u8])?;
        w.dataset("/run/plain").write(&[1u8])
    });
    assert_eq!(e.unwrap_err().kind(), Kind::Usage);
    assert_eq!(f.image(), before);
}

#[test]
fn changed_where_it_lies() {
    let (image, limits) = (tree(), Limits::default());
    let mut f = MemoryFile::from_image(image.clone()).unwrap().with_block_size(1 << 16);
    let grow = |c: &mut Change<&MemoryFile>| {
        c.dataset("/run/longer")?.extend([700])?.write(&"[600:]".parse()?, &[7.0; 100])?;
        c.dataset("/run/plain")?.write(&"[3]".parse()?, &[-1.0; 30])?;
        c.attribute("/run", "who", "Noether")?;
        c.remove_attribute("/", "title")?;
        c.put("/deep/new", &[1i32, 2, 3], &ArrayOptions::default())?;
        c.remove("/again")
    };
    f.change(grow).unwrap();
    let before = f.image().to_vec();
    // The elements that were there still lie where they were: nothing is written anew.
    let at = |image: &[u8]| File::from_image(image).unwrap().contiguous("/run/plain").unwrap();
    assert_eq!(at(&before), at(&image));
    let file = f.file().unwrap();
    let read = |path: &str| file.read(path, &Selection::ALL, &limits).unwrap();
    let longer = read("/run/longer").to_vec::<f64>().unwrap();
    assert_eq!((longer.len(), longer[599], longer[699]), (700, 599.0, 7.0));
    assert_eq!(read("/run/plain").to_vec::<f64>().unwrap()[89..92], [89.0, -1.0, -1.0]);
    assert_eq!(read("/deep/new").len(), 3);
    assert_eq!(file.attribute("/run", "who", &limits).unwrap().as_str(), Some("Noether"));
    assert!(file.attribute("/", "title", &limits).is_err());
    assert!(file.read("/again", &Selection::ALL, &limits).is_err());
    drop(file);

    // An error after changes that have taken effect: they are taken back, byte for byte.
    let e = f.change(|c| {
        c.dataset("/run/plain")?.write(&"[0]".parse()?, &[9.0; 30])?;
        c.dataset("/run/longer")?.extend([2000])?.write(&"[700:]".parse()?, &[8.0; 1300])?;
        c.put("/more", &[0u8; 100_000], &ArrayOptions::default())?;
        c.remove("/run")?;
        c.attribute("/nowhere", "x", 1)
    });
    assert_eq!(e.unwrap_err().kind(), Kind::Usage);
    assert_eq!(f.image(), before);
    // What was left behind unused is gone when it is written anew.
    f.rewrite(|_| Ok(())).unwrap();
    assert_eq!(contents(&f.file().unwrap()), contents(&File::from_image(&before).unwrap()));
}

#[test]
fn a_file_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, limits) = (dir.path().join("run.h5"), Limits::default());
    let mut f = MemoryFile::new().unwrap().backed_by(&path, false).unwrap();
    f.rewrite(|w| w.dataset("/x").write(&[1.0, 2.0])).unwrap();
    assert!(!path.exists());
    f.flush().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), f.image());
    // What is not flushed is not kept.
    f.rewrite(|w| w.attribute("/x", "unit", &"mm".into())).unwrap();
    drop(f);
    assert_eq!(File::open(&path).unwrap().attributes("/x", &limits).unwrap(), []);

    let mut f = MemoryFile::open(&path).unwrap();
    f.flush().unwrap();
    f.rewrite(|w| w.attribute("/x", "unit", &"mm".into())).unwrap();
    f.flush().unwrap();
    f.rewrite(|w| w.dataset("/y").write(&[3u8])).unwrap();
    f.flush().unwrap();
    assert_eq!(File::open(&path).unwrap().nodes("/", None, false, &limits).unwrap().len(), 3);

    // Somebody else has written it meanwhile: theirs stays.
    f.rewrite(|w| w.dataset("/z").write(&[3u8])).unwrap();
    std::fs::write(&path, b"theirs").unwrap();
    assert_eq!(f.flush().unwrap_err().kind(), Kind::Conflict);
    assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    // A file that is there is replaced only when that was said.
    assert_eq!(MemoryFile::new().unwrap().backed_by(&path, false).unwrap_err().kind(), Kind::Usage);
    assert_eq!(MemoryFile::open(&path).unwrap_err().kind(), Kind::Invalid);
    MemoryFile::new().unwrap().backed_by(&path, true).unwrap().flush().unwrap();
    assert!(File::open(&path).is_ok());
    let late = dir.path().join("late.h5");
    let f = MemoryFile::new().unwrap().backed_by(&late, false).unwrap();
    std::fs::write(&late, b"theirs").unwrap();
    assert_eq!(f.flush().unwrap_err().kind(), Kind::Usage);
    assert_eq!(std::fs::read(&late).unwrap(), b"theirs");
    // A folder that is not there is known of at once.
    let nowhere = dir.path().join("no/such/run.h5");
    assert_eq!(MemoryFile::new().unwrap().backed_by(nowhere, false).unwrap_err().kind(), Kind::Usage);
}

/// The writer of growing files writes into memory as it does into a file.
#[test]
fn rows_are_appended_in_memory() {
    let column = append::ColumnSpec { name: "x".into(), dtype: Dtype::I64, chunk_rows: 16, deflate: None };
    let schema = Schema { columns: vec![column], group: None };
    let names = Names { columns: &["x"], group: None };
    let mut f = MemoryFile::from_image(append::image(&schema).unwrap()).unwrap().with_block_size(1 << 16);
    let options = Options { step: 256 << 10, max_step: 256 << 10, ..Options::default() };
    for round in 0..3i64 {
        let mut rows = Existing::new(&f, &names, false).unwrap().resume(options).unwrap();
        for i in 0..100 {
            rows.push(0, &(round * 100 + i).to_le_bytes()).unwrap();
        }
        rows.publish(1.0).unwrap();
        rows.close(1.0).unwrap();
    }
    let limits = Limits::default();
    let read = f.file().unwrap().read("/x", &Selection::ALL, &limits).unwrap().to_vec::<i64>().unwrap();
    assert_eq!(read, (0..300).collect::<Vec<_>>());
    // A copy of every element: nothing of it is contiguous.
    assert_eq!(deserialize(f.image()).unwrap().len(), 300);
}

/// libhdf5 1.12 and 1.14 take the mark of an open file out of its image and leave the checksum as it was.
#[test]
fn images_that_libhdf5_made_and_does_not_open() {
    for version in [2, 3] {
        let image = tree();
        let mut superblock = *File::from_image(&image).unwrap().superblock();
        (superblock.version, superblock.flags) = (version, WRITING);
        let mut front = Vec::new();
        superblock.emit(&mut front).unwrap();
        front[11] = 0;
        let broken = [&front[..], &image[48..]].concat();
        let file = File::from_image(&broken).unwrap();
        assert_eq!(contents(&file), contents(&File::from_image(&image).unwrap()));
        assert!(deserialize_named(&super::aligned(&broken), "/run/plain").unwrap().is_view());
        // It is read, and not called sound.
        let damage = |file: &File<'_>| {
            let mut found = Vec::new();
            let mut visit = |seen: Seen| {
                if let Seen::Damage(e) = seen {
                    found.push(e.to_string());
                }
                Ok(())
            };
            file.walk(&Limits::default(), &mut visit).unwrap();
            found
        };
        let found = damage(&file);
        assert!(found.len() == 1 && found[0].contains("marked as open"), "{found:?}");
        let anew = Writer::holding(&file, &Limits::default()).unwrap().into_image().unwrap();
        assert_eq!(damage(&File::from_image(&anew).unwrap()), Vec::<String>::new());
    }
}
