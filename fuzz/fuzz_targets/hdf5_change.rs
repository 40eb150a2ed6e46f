//! HDF5 files, changed: where a file whose structures do not overlap is changed, everything that was in it is in it
//! afterwards, and what was not touched has the elements that it had. Whatever a file claims, a change ends, in bounded
//! memory.
#![no_main]

use hyperslab_core::walk::Seen;
use hyperslab_core::{
    ArrayOptions, Container, Error, Kind, Limits, Node, NodeKind, Result, Selection, Shape, Value, View,
    cast, digest,
};
use hyperslab_fuzz::{choice, pool};
use hyperslab_hdf5::append::Sync;
use hyperslab_hdf5::image::MemoryFile;
use hyperslab_hdf5::{Change, File};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

/// Elements of a selection that is written, and bytes of arrays that are compared.
const MOST: u64 = 1 << 12;
/// How far extents grow in all.
const FAR: u64 = 1 << 16;

/// What a small file honestly holds, and no more: all that a lie can cost is time.
fn limits() -> Limits {
    Limits::new(1 << 20, 2000, 32)
}

/// What is in a file; `None` where something cannot be read.
fn nodes(file: &File<'_>) -> Option<Vec<Node>> {
    let nodes = file.nodes("/", None, true, &limits()).ok()?;
    nodes.iter().all(|n| n.error.is_none()).then_some(nodes)
}

/// Whether every byte of a file is one thing at most, and all of it is there.
fn is_sound(file: &File<'_>, len: u64) -> bool {
    let mut regions: BTreeMap<u64, u64> = BTreeMap::new();
    let mut sound = true;
    let walked = file.walk(&limits(), &mut |seen| {
        match seen {
            Seen::Region(r) if r.len > 0 => {
                let known = regions.insert(r.offset, r.len);
                sound &= known.is_none_or(|n| n == r.len);
            }
            Seen::Region(_) => {}
            _ => sound = false,
        }
        Ok(())
    });
    let mut end = 0;
    for (at, n) in regions {
        sound &= at >= end && at.checked_add(n).is_some_and(|end| end <= len);
        end = at.saturating_add(n);
    }
    walked.is_ok() && sound
}

/// The elements of arrays that are small.
fn digests(file: &File<'_>, nodes: &[Node]) -> BTreeMap<String, String> {
    let small = |n: &&Node| n.kind == NodeKind::Array && n.nbytes.is_some_and(|b| b < MOST);
    let known = nodes.iter().filter(small).filter_map(|n| {
        let dtype = n.dtype.as_ref()?;
        // What references lead to is told by a path, of which there may be another one now.
        if dtype.has_references() {
            return None;
        }
        let view = file.read(&n.path, &Selection::ALL, &limits()).ok()?;
        Some((n.path.clone(), digest::digest(&view).ok()??))
    });
    known.collect()
}

/// What changes are made: of which object each, and whether elements are among them.
struct Made {
    elements: bool,
}

fn change(f: &mut Change<&MemoryFile>, nodes: &[Node], how: u32, made: &mut Made) -> Result<()> {
    let mut bits = how;
    let mut take = |n: u32| {
        let found = bits % n;
        bits /= n;
        found as usize
    };
    let any = &nodes[take(8) % nodes.len()].path.clone();
    let groups: Vec<&Node> = nodes.iter().filter(|n| n.kind == NodeKind::Group).collect();
    let arrays: Vec<&Node> = nodes.iter().filter(|n| n.kind == NodeKind::Array).collect();
    let group = groups.get(take(4) % groups.len().max(1)).map_or("", |n| n.path.trim_end_matches('/'));
    let new = format!("{group}/fuzz");
    match take(8) {
        0 => match take(3) {
            0 => f.attribute(any, "fuzz", 7)?,
            1 => f.attribute(any, "fuzz", "a text of the fuzzer's")?,
            _ => f.attribute(any, "fuzz", Value::list((0..40).map(Value::from)))?,
        },
        1 => {
            f.attribute(any, "fuzz", 1)?;
            f.remove_attribute(any, "fuzz")?;
        }
        2 => f.group(&format!("{new}/a/b"))?,
        3 => {
            let packed = ArrayOptions { deflate: (take(2) == 0).then_some(1), ..ArrayOptions::default() };
            f.put(&new, &[1i32, 2, 3], &packed)?;
        }
        4 => {
            f.soft_link(&new, "/")?;
            f.remove(&new)?;
        }
        5 => f.hard_link(&new, any)?,
        _ if arrays.is_empty() => {}
        _ => {
            let node = arrays[take(8) % arrays.len()];
            made.elements = true;
            let mut d = f.dataset(&node.path)?;
            let Some(shape) = d.shape().cloned() else { return Ok(()) };
            let grown: Shape =
                shape.iter().map(|n| n.saturating_add(take(3) as u64).saturating_sub(1)).collect();
            if take(2) == 0 && grown.count().is_ok_and(|n| n < FAR) {
                d.resize(grown)?;
            }
            let Some(shape) = d.shape().cloned() else { return Ok(()) };
            if shape.count().is_ok_and(|n| (1..MOST).contains(&n))
                && let Some(dtype) = &node.dtype
            {
                let ones = vec![1i8; shape.count()? as usize];
                let ones = View::from_slice(shape, &ones)?.into_owned()?;
                if let Ok(ones) = cast::cast(&ones, dtype, &limits()) {
                    d.write(&Selection::ALL, &ones)?;
                }
            }
        }
    }
    Ok(())
}

// Checksums do not count in a fuzzer's build, so nothing has to be put right.
fuzz_target!(init: pool(), |data: &[u8]| {
    let Ok(file) = File::from_image(data) else { return };
    let Some(before) = nodes(&file) else { return };
    let elements = digests(&file, &before);
    let sound = is_sound(&file, data.len() as u64);
    let memory = MemoryFile::from_image(data.to_vec()).unwrap().with_block_size(1);
    let mut made = Made { elements: false };
    let mut done = 0;
    if let Ok(f) = Change::over(&memory) {
        let how = [data, &data[data.len() / 2..], &data[data.len() / 3..], &data[..data.len() / 2]].map(choice);
        let sync = if how[3] % 2 == 0 { Sync::None } else { Sync::Ordered };
        let mut f = f.with_limits(limits()).with_sync(sync);
        for turn in 0..3 {
            let how = u32::from_le_bytes(how).rotate_left(11 * turn);
            match change(&mut f, &before, how, &mut made) {
                Ok(()) => done += 1,
                // The second time around a name is there.
                Err(e) => assert_ne!(e.kind(), Kind::Io, "{e}"),
            }
        }
        done += u32::from(f.finish().is_ok());
    }
    let image = memory.into_image();
    assert!(image.len() < data.len() + (8 << 20), "{} bytes of {}", image.len(), data.len());
    if !sound {
        return;
    }
    let file = File::from_image(&image).unwrap();
    let after = file.nodes("/", None, true, &limits()).unwrap();
    let by_path: BTreeMap<&str, &Node> = after.iter().map(|n| (n.path.as_str(), n)).collect();
    for node in &before {
        let now = by_path.get(node.path.as_str()).unwrap_or_else(|| panic!("{} is gone", node.path));
        let error = now.error.as_ref().map(Error::to_string);
        assert!(now.kind == node.kind && error.is_none(), "{}: {error:?}", node.path);
    }
    if !made.elements {
        for (path, digest) in digests(&file, &after) {
            assert!(elements.get(&path).is_none_or(|d| *d == digest), "{path} has other elements");
        }
    }
    std::hint::black_box(done);
});
