//! Every chunk index: a dataset whose index is the input, in one of the shapes that lead to each kind.
#![no_main]

use hyperslab_core::container::Container;
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Limits, Selection};
use hyperslab_fuzz::{Positioned, rooted};
use hyperslab_hdf5::File;
use libfuzzer_sys::fuzz_target;

/// Where the index can begin in the file.
const AT: u64 = 512;
/// The array: large enough for nodes on several levels, small enough to be read a thousand times a second when every
/// chunk is there.
const DIMS: [u8; 2] = [12, 10];
const ROW: usize = 4 * DIMS[1] as usize;

fn push(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend((body.len() as u16).to_le_bytes());
    out.push(0);
    out.extend(body);
}

/// The header of a dataset of 4-byte integers whose index is at `address`.
fn dataset(how: u8, size: u8, address: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let chunk = 1 + size % 7;
    // Growing along none, the first or both dimensions.
    let (unlimited, dims) = (u64::MAX, DIMS.map(u64::from));
    let max = [dims, [unlimited, dims[1]], [unlimited; 2], [30, 20]][usize::from(how >> 3 & 3)];
    let mut space = vec![2, 2, 1, 1];
    space.extend([dims, max].iter().flatten().flat_map(|d| d.to_le_bytes()));
    push(&mut out, 1, &space);
    push(&mut out, 3, &[0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]);
    push(&mut out, 5, &[3, if how & 0x80 == 0 { 0x2a } else { 0x29 }, 4, 0, 0, 0, 7, 0, 0, 0]);
    let filtered = how & 0x20 != 0;
    if filtered {
        // Fletcher32, so that chunks have sizes of their own.
        push(&mut out, 11, &[2, 1, 3, 0, 0, 0, 0, 0]);
    }
    // In layouts of version 5, sizes of chunks have eight bytes.
    let (version, index) = match how & 7 {
        6 => (5, 3),
        7 => (5, 4),
        index => (4, index),
    };
    let mut layout = match index {
        0 => [&[3, 2, 3][..], &address.to_le_bytes(), &[chunk, 0, 0, 0, chunk, 0, 0, 0, 4, 0, 0, 0]].concat(),
        1 => vec![4, 2, u8::from(filtered) << 1 | (how >> 6 & 1), 3, 1, DIMS[0], DIMS[1], 4, 1],
        _ => vec![version, 2, how >> 6 & 1, 3, 1, chunk, chunk, 4, index],
    };
    match index {
        1 if filtered => layout.extend([0xe4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        3 => layout.push(1 + size % 12),
        4 => layout.extend([32, 4, 4, 16, 10]),
        5 => layout.extend([0, 8, 0, 0, 100, 40]),
        _ => {}
    }
    if index != 0 {
        layout.extend(address.to_le_bytes());
    }
    push(&mut out, 8, &layout);
    out
}

fuzz_target!(|data: &[u8]| {
    // Where the bytes begin, and the index in them.
    let Some(([how, size, a, b, c, d], rest)) = data.split_first_chunk() else { return };
    let at = AT + u64::from(u16::from_le_bytes([*a, b & 15]));
    let address = at + u64::from(u16::from_le_bytes([*c, *d]));
    let bytes = rooted(&dataset(*how, *size, address), at, rest);
    let read = |file: hyperslab_core::Result<File<'_>>| {
        let limits = Limits::new(1 << 20, 2000, 32);
        let file = file.unwrap();
        let all =
            file.read("/", &Selection::ALL, &limits).and_then(|v| Ok(v.to_bytes(&limits)?.into_owned()));
        let part = file
            .read("/", &Selection::rows(3, 9), &limits)
            .and_then(|v| Ok(v.to_bytes(&limits)?.into_owned()));
        if let (Ok(all), Ok(part)) = (&all, &part) {
            assert_eq!(all.get(3 * ROW..9 * ROW), Some(&part[..]));
        }
        let _ = file.walk(&limits, &mut |_| Ok(()));
        (all.map_err(|e| e.to_string()), part.map_err(|e| e.to_string()))
    };
    assert_eq!(read(File::from_image(&bytes)), read(File::from_source(Positioned(SliceSource(&bytes)))));
});
