use super::*;
use crate::write::Writer;
use hyperslab_core::source::MemorySource;
use hyperslab_core::{Container, Dtype, Kind, NodeKind, Shape};

fn sample() -> Vec<u8> {
    let mut w = Writer::in_memory();
    let v: Vec<i32> = (0..60).collect();
    w.dataset("/run/x").write(&View::from_slice([3, 4, 5], &v).unwrap()).unwrap();
    w.dataset("/run/deep/er/y").write(&View::from_slice([2], &[1.5f32, 2.5]).unwrap()).unwrap();
    let text = View::new("<U2".parse().unwrap(), [1].into(), &[0xe9, 0, 0, 0, 0, 0, 0, 0][..]).unwrap();
    w.dataset("/text").write(&text).unwrap();
    w.group("/empty").unwrap();
    w.attribute("/run", "who", &Value::from("Änne")).unwrap();
    w.attribute("/run/x", "scale", &Value::from(0.5)).unwrap();
    w.attribute("/", "n", &Value::from(3i64)).unwrap();
    w.into_image().unwrap()
}

/// A file by position of the same bytes: nothing lies in memory.
struct ByPosition(Vec<u8>);

impl Source for ByPosition {
    fn len(&self) -> Result<u64> {
        Ok(self.0.len() as u64)
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        SliceSource(&self.0).read_exact_at(offset, out)
    }
}

fn over_every_source(check: impl Fn(&File<'_>)) {
    let image = sample();
    check(&File::from_image(&image).unwrap());
    check(&File::from_source(MemorySource::new(image.clone())).unwrap());
    check(&File::from_source(ByPosition(image.clone())).unwrap());
    for user_block in [512, 1024, 4096, 65536] {
        let moved = [&vec![1; user_block][..], &image].concat();
        check(&File::from_image(&moved).unwrap());
        check(&File::from_source(ByPosition(moved.clone())).unwrap());
    }
}

#[test]
fn threads_share_a_file() {
    fn shared<T: Send + Sync>(_: &T) {}
    let image = sample();
    shared(&File::from_image(&image).unwrap());
}

#[test]
fn the_tree() {
    over_every_source(|f| {
        let limits = Limits::default();
        let nodes = f.nodes("", None, true, &limits).unwrap();
        let paths: Vec<_> = nodes.iter().map(|n| (n.path.as_str(), n.kind)).collect();
        use NodeKind::{Array, Group};
        let want = [
            ("/", Group),
            ("/run", Group),
            ("/run/x", Array),
            ("/run/deep", Group),
            ("/run/deep/er", Group),
            ("/run/deep/er/y", Array),
            ("/text", Array),
            ("/empty", Group),
        ];
        assert_eq!(paths, want);
        assert!(nodes.iter().all(|n| n.error.is_none()));
        assert_eq!(nodes[2].shape, Some([3, 4, 5].into()));
        assert_eq!(nodes[6].dtype, Some("<U2".parse().unwrap()));
        assert!(nodes[6].attributes.is_empty(), "what restores the type is not metadata");
        assert_eq!(nodes[1].attributes, [("who".to_owned(), Value::from("Änne"))]);
        assert_eq!(f.nodes("/run", Some(1), false, &limits).unwrap().len(), 3);
        assert_eq!(f.nodes("/run/x", None, false, &limits).unwrap().len(), 1);
        assert_eq!(f.nodes("/nowhere", None, false, &limits).unwrap_err().kind(), Kind::Usage);
    });
}

#[test]
fn selections() {
    over_every_source(|f| {
        let limits = Limits::default();
        let v: Vec<i32> = (0..60).collect();
        let whole = View::from_slice([3, 4, 5], &v).unwrap();
        for s in ["", "1", "..., 2", "::2, 1:3", "::-1, ::-2, ::-3", "2, -1, 4", "0:0", ":, 3:0:-1, 1::3"] {
            let s: Selection = s.parse().unwrap();
            let got = f.read("/run/x", &s, &limits).unwrap();
            assert_eq!(got, whole.borrow().select(&s).unwrap(), "{s:?}");
        }
        let text = f.read("/text", &Selection::ALL, &limits).unwrap();
        assert_eq!(text.bytes().unwrap(), [0xe9, 0, 0, 0, 0, 0, 0, 0]);
        for (path, s) in [("/run/x", "3"), ("/run", ""), ("/run/x/y", ""), ("/nothing", "")] {
            let e = f.read(path, &s.parse().unwrap(), &limits).unwrap_err();
            assert_eq!(e.kind(), Kind::Usage, "{path} {e}");
        }
    });
}

#[test]
fn data_in_memory_is_a_view_and_has_an_offset() {
    let image = sample();
    let f = File::from_image(&image).unwrap();
    let limits = Limits::default();
    let view = f.read("/run/x", &Selection::ALL, &limits).unwrap();
    assert!(view.is_view());
    let range = f.contiguous("/run/x").unwrap().unwrap();
    assert_eq!(&image[range.start as usize..range.end as usize], view.bytes().unwrap());
    let moved = [&vec![0; 512][..], &image].concat();
    let f = File::from_image(&moved).unwrap();
    assert_eq!(f.contiguous("/run/x").unwrap().unwrap().start, range.start + 512);
}

#[test]
fn attributes_one_by_one() {
    over_every_source(|f| {
        let limits = Limits::default();
        assert_eq!(f.attribute("/run", "who", &limits).unwrap().as_str(), Some("Änne"));
        let scale = f.attribute("/run/x", "scale", &limits).unwrap();
        assert_eq!(
            scale,
            Value::from(View::new(Dtype::F64, Shape::default(), 0.5f64.to_le_bytes().to_vec()).unwrap())
        );
        assert_eq!(f.attribute("/run", "nobody", &limits).unwrap_err().kind(), Kind::Usage);
    });
}

#[test]
fn foreign_and_truncated_files() {
    for bytes in [&b""[..], b"\x89HDF\r\n\x1a", &[0; 5000], b"\x93NUMPY"] {
        let e = File::from_image(bytes).err().unwrap();
        assert_eq!(e.kind(), Kind::Invalid);
    }
    let image = sample();
    for n in 0..image.len() {
        assert!(File::from_image(&image[..n]).is_err(), "{n}");
    }
    let e = File::from_image(&image[..image.len() - 1]).err().unwrap();
    assert!(e.to_string().contains("truncated"), "{e}");
}

/// Group headers by hand: what no writer makes.
mod by_hand {
    use super::*;
    use crate::format::message::link::{Link, Target};
    use crate::format::message::{kind, link_info};
    use crate::format::object_header::MessageArea;

    fn group(links: &[(&str, Target<'_>)], out: &mut Vec<u8>) -> u64 {
        let at = out.len() as u64;
        let mut area = MessageArea::new();
        area.push(kind::LINK_INFO, 0, |o| {
            link_info::LinkInfo::emit_compact(o);
            Ok(())
        })
        .unwrap();
        for (name, target) in links {
            let link = Link { name: name.as_bytes(), creation_order: None, target: *target };
            area.push(kind::LINK, 0, |o| link.emit(o)).unwrap();
        }
        area.emit(None, out).unwrap();
        at
    }

    fn file(root: impl FnOnce(&mut Vec<u8>) -> u64) -> Vec<u8> {
        let mut body = vec![0; 48];
        let root = root(&mut body);
        let mut out = Vec::new();
        Superblock::new(2, body.len() as u64, root).emit(&mut out).unwrap();
        out.extend_from_slice(&body[48..]);
        out
    }

    #[test]
    fn circles_are_cut() {
        let image = file(|o| {
            let at = o.len() as u64;
            group(
                &[
                    ("self", Target::Hard(at)),
                    ("soft", Target::Soft(b"/soft")),
                    ("up", Target::Soft(b"/self/self")),
                ],
                o,
            )
        });
        let f = File::from_image(&image).unwrap();
        let limits = Limits::default();
        let nodes = f.nodes("/", None, false, &limits).unwrap();
        let found: Vec<_> = nodes.iter().map(|n| (n.path.as_str(), n.kind)).collect();
        let want = [
            ("/", NodeKind::Group),
            ("/self", NodeKind::Group),
            ("/soft", NodeKind::Link),
            ("/up", NodeKind::Link),
        ];
        assert_eq!(found, want);
        assert_eq!(f.attributes("/self/self/self/up", &limits).unwrap(), []);
        assert_eq!(f.attributes("/soft", &limits).unwrap_err().kind(), Kind::Invalid);
    }

    #[test]
    fn a_tree_that_doubles_meets_the_limit() {
        let image = file(|o| {
            let mut at = group(&[], o);
            for _ in 0..60 {
                at = group(&[("a", Target::Hard(at)), ("b", Target::Hard(at))], o);
            }
            at
        });
        let f = File::from_image(&image).unwrap();
        let e = f.nodes("/", None, false, &Limits::new(1 << 26, 10_000, 64)).unwrap_err();
        assert_eq!(e.kind(), Kind::Limit);
        // What lies too deep is an error of its own.
        let nodes = f.nodes("/", None, false, &Limits::new(1 << 26, 10_000, 10)).unwrap();
        let deep = nodes.iter().filter_map(|n| n.error.as_ref());
        assert_eq!(deep.filter(|e| e.kind() == Kind::Limit).count(), 1 << 10);
    }

    #[test]
    fn one_bad_object_leaves_the_others_readable() {
        let image = file(|o| {
            let good = group(&[], o);
            group(
                &[("far", Target::Hard(1 << 40)), ("bad", Target::Hard(3)), ("good", Target::Hard(good))],
                o,
            )
        });
        let f = File::from_image(&image).unwrap();
        let nodes = f.nodes("/", None, true, &Limits::default()).unwrap();
        assert_eq!(nodes.len(), 4);
        for (n, path) in nodes.iter().zip(["/", "/far", "/bad", "/good"]) {
            assert_eq!((n.path.as_str(), n.error.is_some()), (path, path == "/far" || path == "/bad"));
        }
        assert_eq!(nodes[1].error.as_ref().and_then(hyperslab_core::Error::object_path), Some("/far"));
    }
}
