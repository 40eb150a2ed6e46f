//! What must hold before a view is handed out: each check has an image that breaks it and nothing else.
//!
//! Every image is tried as the fast path takes it, and with an attribute that sends it to the general reader.

use super::super::*;
use super::aligned;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::{attribute, datatype, group_info, layout, link_info};
use crate::format::object_header::{MessageArea, SHARED};
use crate::format::superblock::Superblock;
use crate::format::{Put, UNDEFINED, checksum};
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Kind, Shape, View};

/// Where the elements are, and how many bytes they take.
const AT: u64 = 512;
const SIZE: u64 = 48;

/// An image of a matrix of 2 by 3 doubles, and what is to be wrong with it.
struct Draft {
    messages: Vec<(u16, u8, Vec<u8>)>,
    root: Vec<(u16, u8, Vec<u8>)>,
    superblock: Superblock,
}

fn body(emit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    emit(&mut out);
    out
}

fn link(name: &str, target: Target<'_>) -> Vec<u8> {
    body(|o| Link { name: name.as_bytes(), creation_order: None, target }.emit(o).unwrap())
}

fn space(dims: &[u64]) -> Vec<u8> {
    body(|o| Dataspace::fixed(dims.into()).emit(o).unwrap())
}

fn dtype(d: &str) -> Vec<u8> {
    body(|o| datatype::emit(&d.parse().unwrap(), o).unwrap())
}

fn contiguous(at: u64, size: u64) -> Vec<u8> {
    let mut out = vec![3, 1];
    out.put_u64(at);
    out.put_u64(size);
    out
}

impl Draft {
    fn new() -> Draft {
        Draft {
            messages: vec![
                (kind::DATASPACE, 0, space(&[2, 3])),
                (kind::DATATYPE, 1, dtype("<f8")),
                (kind::LAYOUT, 0, contiguous(AT, SIZE)),
            ],
            root: vec![
                (kind::LINK_INFO, 0, body(link_info::LinkInfo::emit_compact)),
                (kind::GROUP_INFO, 0, body(group_info::emit_default)),
                (kind::LINK, 0, link("data", Target::Hard(48))),
            ],
            superblock: Superblock::new(2, AT + SIZE, 320),
        }
    }

    /// With the message of a kind replaced.
    fn with(mut self, kind: u16, body: Vec<u8>) -> Draft {
        let m = self.messages.iter_mut().find(|m| m.0 == kind).unwrap();
        m.2 = body;
        self
    }

    /// With one more message.
    fn and(mut self, kind: u16, flags: u8, body: Vec<u8>) -> Draft {
        self.messages.push((kind, flags, body));
        self
    }

    fn without(mut self, kind: u16) -> Draft {
        self.messages.retain(|m| m.0 != kind);
        self
    }

    fn image(&self, general: bool) -> Buffer {
        let mut dataset = MessageArea::new();
        let mut push = |m: &(u16, u8, Vec<u8>)| {
            dataset
                .push(m.0, m.1, |o| {
                    o.extend_from_slice(&m.2);
                    Ok(())
                })
                .unwrap();
        };
        self.messages.iter().for_each(&mut push);
        if general {
            let note = |o: &mut Vec<u8>| {
                let one = Dataspace::fixed(Shape::default());
                attribute::emit("note", &Dtype::U8, &one, &[7], o).unwrap();
            };
            push(&(kind::ATTRIBUTE, 0, body(note)));
        }
        let mut root = MessageArea::new();
        for m in &self.root {
            let put = |o: &mut Vec<u8>| {
                o.extend_from_slice(&m.2);
                Ok(())
            };
            root.push(m.0, m.1, put).unwrap();
        }
        let mut out = Vec::new();
        self.superblock.emit(&mut out).unwrap();
        out.resize(48, 0);
        dataset.emit(None, &mut out).unwrap();
        assert!(out.len() <= 320);
        out.resize(320, 0);
        root.emit(None, &mut out).unwrap();
        assert!(out.len() <= AT as usize);
        out.resize(AT as usize, 0);
        (0..6).for_each(|i| out.extend_from_slice(&f64::from(i).to_le_bytes()));
        aligned(&out)
    }

    /// Read by both paths.
    #[track_caller]
    fn gives(&self, want: Result<bool, Kind>) {
        for general in [false, true] {
            let image = self.image(general);
            let found = deserialize(&image);
            assert_eq!(found.as_ref().map(View::is_view).map_err(|e| e.kind()), want, "{general} {found:?}");
            if let Ok(view) = found
                && view.is_view()
                && !view.is_empty()
            {
                let (all, part) = (image.as_ptr_range(), view.bytes().unwrap().as_ptr_range());
                assert!(all.start <= part.start && part.end <= all.end);
            }
        }
    }

    /// The fast path's image, changed and with its checksums as they should be, or not.
    #[track_caller]
    fn changed(&self, at: usize, with: &[u8], repaired: bool, want: Result<bool, Kind>) {
        let mut image = self.image(false);
        image[at..at + with.len()].copy_from_slice(with);
        if repaired {
            crate::testing::repair(&mut image);
        }
        let found = deserialize(&image);
        assert_eq!(found.as_ref().map(View::is_view).map_err(|e| e.kind()), want, "{found:?}");
    }
}

#[test]
fn the_draft_itself_is_sound() {
    Draft::new().gives(Ok(true));
    for general in [false, true] {
        let image = Draft::new().image(general);
        assert_eq!(deserialize(&image).unwrap().as_slice::<f64>().unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}

#[test]
fn the_superblock() {
    let d = Draft::new;
    d().changed(0, b"\x88", false, Err(Kind::Invalid));
    d().changed(8, &[4], true, Err(Kind::Unsupported));
    d().changed(8, &[200], true, Err(Kind::Unsupported));
    // Widths of addresses that nobody writes.
    d().changed(9, &[3], true, Err(Kind::Unsupported));
    d().changed(10, &[16], true, Err(Kind::Unsupported));
    // A wrong checksum, here and in both object headers.
    for at in [20, 44, 60, 340] {
        d().changed(at, &[0x5a], false, Err(Kind::Invalid));
    }
    // The end lies behind the bytes that there are; at the end or before them.
    for (end, want) in [
        (AT + SIZE, Ok(true)),
        (AT + SIZE + 1, Err(Kind::Invalid)),
        (u64::MAX - 1, Err(Kind::Invalid)),
        (AT + SIZE - 1, Err(Kind::Invalid)),
        (AT, Err(Kind::Invalid)),
    ] {
        let mut draft = d();
        draft.superblock.end = end;
        draft.gives(want);
    }
    // The root is nowhere, or no object.
    for root in [7, 47, AT, AT + SIZE, 1 << 40, u64::MAX - 5] {
        let mut draft = d();
        draft.superblock.root = root;
        draft.gives(Err(Kind::Invalid));
    }
}

#[test]
fn a_base_that_is_not_where_the_file_is() {
    // As if the file had stood behind a user block that was cut off: libhdf5 takes it, and so is it read here.
    let mut draft = Draft::new();
    draft.superblock.base = 512;
    draft.superblock.end += 512;
    draft.gives(Ok(true));
}

#[test]
fn object_headers() {
    let d = Draft::new;
    // Another version of a header; reserved flags; an area beyond the image.
    d().changed(52, &[3], true, Err(Kind::Unsupported));
    d().changed(53, &[0xc0], true, Err(Kind::Invalid));
    d().changed(53, &[3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], true, Err(Kind::Invalid));
    // A message that leaves its header: the first one's size.
    d().changed(56, &[0xff, 0xff], true, Err(Kind::Invalid));
    // A link whose name is longer than the link, or has no length.
    let root = |link: Vec<u8>| {
        let mut draft = d();
        draft.root[2].2 = link;
        draft
    };
    root(vec![1, 0, 200, b'd']).gives(Err(Kind::Invalid));
    root(vec![1, 0, 0]).gives(Err(Kind::Invalid));
    // It points outside the image, or into the elements.
    for at in [AT + SIZE, AT, 1 << 50, u64::MAX - 3] {
        root(link("data", Target::Hard(at))).gives(Err(Kind::Invalid));
    }
    // Soft to nowhere; user-defined: no array.
    root(link("data", Target::Soft(b"/nowhere"))).gives(Err(Kind::Usage));
    // A message that says: who does not know me must not open this.
    d().and(0x70, 0x80, vec![1, 2, 3]).gives(Err(Kind::Unsupported));
    // One that may be passed over.
    d().and(0x70, 0, vec![1, 2, 3]).gives(Ok(true));
}

#[test]
fn links() {
    // Two names, one object: the array is found by either, but which is meant must be said.
    let mut draft = Draft::new();
    draft.root.push((kind::LINK, 0, link("more", Target::Hard(48))));
    draft.gives(Err(Kind::Usage));
    for general in [false, true] {
        let image = draft.image(general);
        for name in ["data", "more", "/more"] {
            assert!(deserialize_named(&image, name).unwrap().is_view());
        }
        assert_eq!(deserialize_named(&image, "neither").unwrap_err().kind(), Kind::Usage);
    }
    // A soft link is followed when it is named.
    let mut draft = Draft::new();
    draft.root.push((kind::LINK, 0, link("way", Target::Soft(b"/data"))));
    draft.gives(Ok(true));
    assert!(deserialize_named(&draft.image(false), "way").unwrap().is_view());
}

#[test]
fn shared_messages_are_resolved_or_refused() {
    // A committed type: the message names an object header, here that of the root, which holds no type.
    let mut to_root = vec![3, 2];
    to_root.put_u64(320);
    let mut draft = Draft::new();
    draft.messages[1] = (kind::DATATYPE, SHARED, to_root.clone());
    draft.gives(Err(Kind::Invalid));
    // It does when the root has one.
    draft.root.push((kind::DATATYPE, 0, dtype("<f8")));
    for general in [false, true] {
        assert!(deserialize_named(&draft.image(general), "data").unwrap().is_view());
    }
    // Nonsense in its place.
    draft.messages[1] = (kind::DATATYPE, SHARED, vec![9, 9]);
    draft.gives(Err(Kind::Unsupported));
}

#[test]
fn exactly_one_of_each_description() {
    for (kind, body) in [
        (kind::DATASPACE, space(&[2, 3])),
        (kind::DATATYPE, dtype("<f8")),
        (kind::LAYOUT, contiguous(AT, SIZE)),
    ] {
        Draft::new().and(kind, 0, body).gives(Err(Kind::Invalid));
        // Without a layout there is no dataset.
        let missing = Draft::new().without(kind);
        for general in [false, true] {
            assert!(deserialize(&missing.image(general)).is_err());
        }
    }
}

#[test]
fn spaces() {
    let with = |dims: &[u64]| Draft::new().with(kind::DATASPACE, space(dims));
    with(&[3, 2]).gives(Ok(true));
    with(&[6]).gives(Ok(true));
    with(&[2, 4]).gives(Err(Kind::Invalid));
    with(&[1 << 40, 1 << 40]).gives(Err(Kind::Invalid));
    with(&[u64::MAX, 2, 3]).gives(Err(Kind::Invalid));
    with(&[0, 1 << 62, 8]).gives(Err(Kind::Invalid));
    // Greater than what HDF5 has, a maximum below the extent, an unknown kind, a rank without extents.
    let body = |b: Vec<u8>| Draft::new().with(kind::DATASPACE, b);
    body(vec![2, 33, 0, 1]).gives(Err(Kind::Invalid));
    body([&[2, 1, 1, 1][..], &6u64.to_le_bytes(), &5u64.to_le_bytes()].concat()).gives(Err(Kind::Invalid));
    body(vec![2, 0, 0, 3]).gives(Err(Kind::Unsupported));
    body(vec![2, 1, 0, 2, 6, 0, 0, 0, 0, 0, 0, 0]).gives(Err(Kind::Invalid));
    body(vec![2, 1, 0, 1, 6, 0, 0]).gives(Err(Kind::Invalid));
    body(vec![9, 1, 0, 1]).gives(Err(Kind::Unsupported));
    // A null space has no elements.
    body(vec![2, 0, 0, 2]).gives(Err(Kind::Usage));
}

#[test]
fn types() {
    let with = |d: &str| Draft::new().with(kind::DATATYPE, dtype(d));
    with("<i8").gives(Ok(true));
    with(">f8").gives(Ok(true));
    with("<f4").gives(Err(Kind::Invalid));
    with("<c16").gives(Err(Kind::Invalid));
    let body = |b: Vec<u8>| Draft::new().with(kind::DATATYPE, b);
    // Of no bytes; of a class or version that there is not; cut off.
    body(vec![0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).gives(Err(Kind::Invalid));
    body(vec![0x1f, 0, 0, 0, 8, 0, 0, 0]).gives(Err(Kind::Unsupported));
    body(vec![0xf0, 0, 0, 0, 8, 0, 0, 0]).gives(Err(Kind::Unsupported));
    body(dtype("<f8")[..10].to_vec()).gives(Err(Kind::Invalid));
    // Asked for as a type, byte order is part of the check.
    for general in [false, true] {
        let image = with(">f8").image(general);
        let native = deserialize_as::<f64>(&image).unwrap();
        assert!(!native.is_view());
        assert_eq!(native.as_slice::<f64>().unwrap()[1].to_bits(), 1f64.to_bits().swap_bytes());
        assert_eq!(deserialize_as::<i64>(&image).unwrap_err().kind(), Kind::Usage);
        assert_eq!(deserialize_as::<f32>(&image).unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn layouts() {
    let with = |b: Vec<u8>| Draft::new().with(kind::LAYOUT, b);
    // What does not fit the shape, the image or this machine.
    for (at, size) in [
        (AT, SIZE - 1),
        (AT, SIZE - 48),
        (AT + 1, SIZE),
        (AT + SIZE, SIZE),
        (1 << 60, SIZE),
        (u64::MAX - 40, SIZE),
        (AT, u64::MAX),
    ] {
        with(contiguous(at, size)).gives(Err(Kind::Invalid));
    }
    // Elements that overlap the superblock, the dataset's own header, the root's (which the fast path has seen).
    for at in [0, 8, 40, 47, 48, 60, 96] {
        with(contiguous(at, SIZE)).gives(Err(Kind::Invalid));
    }
    let found = with(contiguous(330, SIZE));
    assert_eq!(deserialize(&found.image(false)).unwrap_err().kind(), Kind::Invalid);
    // Never written: fill values.
    with(contiguous(UNDEFINED, SIZE)).gives(Ok(false));
    // In the header: a copy.
    let compact = body(|o| layout::emit_compact(&[1; 48], o).unwrap());
    with(compact).gives(Ok(false));
    let short = body(|o| layout::emit_compact(&[1; 47], o).unwrap());
    with(short).gives(Err(Kind::Invalid));
    // Unknown versions and classes; cut off.
    with(vec![9, 1]).gives(Err(Kind::Unsupported));
    with(vec![3, 7]).gives(Err(Kind::Unsupported));
    with(contiguous(AT, SIZE)[..17].to_vec()).gives(Err(Kind::Invalid));
    // Chunks that were never written: fill values.
    let chunked = body(|o| layout::emit_chunked(&[1, 3], 8, None, o).unwrap());
    with(chunked).gives(Ok(false));
}

#[test]
fn filters_and_other_files_give_no_view() {
    // Deflate on contiguous elements: nobody can have filtered them.
    let deflate = vec![2, 1, 1, 0, 0, 0, 1, 0, 6, 0, 0, 0];
    Draft::new().and(kind::FILTER_PIPELINE, 0, deflate).gives(Err(Kind::Invalid));
    // A list of files that hold the elements: one of 48 bytes, its name in a heap that is not there.
    let mut files = vec![1, 0, 0, 0, 1, 0, 1, 0];
    files.put_u64(400);
    files.put_u64(0);
    files.put_u64(0);
    files.put_u64(48);
    let draft = Draft::new().and(kind::EXTERNAL_FILES, 0, files);
    for general in [false, true] {
        assert!(deserialize(&draft.image(general)).is_err());
    }
}

#[test]
fn the_signature_behind_a_user_block() {
    for block in [512, 1024, 2048] {
        let image = aligned(&[&vec![7; block], &Draft::new().image(false)[..]].concat());
        assert!(deserialize(&image).unwrap().is_view());
    }
    for block in [1, 256, 513, 1536] {
        let image = [&vec![7; block], &Draft::new().image(false)[..]].concat();
        assert_eq!(deserialize(&image).unwrap_err().kind(), Kind::Invalid);
    }
}

#[test]
fn addresses_of_four_bytes() {
    let mut out = b"\x89HDF\r\n\x1a\n\x02\x04\x04\x00".to_vec();
    // Superblock of 32 bytes, dataset at 64, root at 256, elements at 512.
    for address in [0, u32::MAX, 560, 256] {
        out.extend(u32::to_le_bytes(address));
    }
    checksum::seal(&mut out, 0);
    out.resize(64, 0);
    let mut dataset = MessageArea::new();
    let mut push = |kind, body: Vec<u8>| {
        let put = |o: &mut Vec<u8>| {
            o.extend_from_slice(&body);
            Ok(())
        };
        dataset.push(kind, 0, put).unwrap();
    };
    push(kind::DATASPACE, vec![2, 2, 0, 1, 2, 0, 0, 0, 3, 0, 0, 0]);
    push(kind::DATATYPE, dtype("<f8"));
    push(kind::LAYOUT, [&[3, 1][..], &512u32.to_le_bytes(), &48u32.to_le_bytes()].concat());
    dataset.emit(None, &mut out).unwrap();
    out.resize(256, 0);
    let mut root = MessageArea::new();
    let mut push = |kind, body: Vec<u8>| {
        let put = |o: &mut Vec<u8>| {
            o.extend_from_slice(&body);
            Ok(())
        };
        root.push(kind, 0, put).unwrap();
    };
    push(kind::LINK_INFO, [&[0, 0][..], &[0xff; 8]].concat());
    push(kind::LINK, [&[1, 0, 4][..], b"data", &64u32.to_le_bytes()].concat());
    root.emit(None, &mut out).unwrap();
    out.resize(512, 0);
    (0..6).for_each(|i| out.extend_from_slice(&f64::from(i).to_le_bytes()));
    let image = aligned(&out);
    let view = deserialize(&image).unwrap();
    assert!(view.is_view());
    assert_eq!(view.as_slice::<f64>().unwrap()[5], 5.0);
    for cut in 0..image.len() {
        assert!(deserialize(&image[..cut]).is_err());
    }
}
