//! Every chunk index: a dataset whose index is the input, in one of the shapes that lead to each kind.
#![no_main]

use hyperslab_core::container::Container;
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Limits, Selection};
use hyperslab_fuzz::{Positioned, rooted};
use hyperslab_hdf5::File;
use libfuzzer_sys::fuzz_target;

/// Where the input begins in the file.
const AT: u64 = 512;

fn push(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend((body.len() as u16).to_le_bytes());
    out.push(0);
    out.extend(body);
}

/// The header of a dataset of 4-byte integers.
fn dataset(how: u8, size: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let chunk = 1 + size % 7;
    // 40 x 30, growing along none, the first or both dimensions.
    let unlimited = u64::MAX;
    let max = [[40, 30], [unlimited, 30], [unlimited; 2], [90, 80]][usize::from(how >> 3 & 3)];
    let mut space = vec![2, 2, 1, 1];
    space.extend([40u64, 30, max[0], max[1]].iter().flat_map(|d| d.to_le_bytes()));
    push(&mut out, 1, &space);
    push(&mut out, 3, &[0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]);
    if how & 0x20 != 0 {
        // Fletcher32, so that chunks have sizes of their own.
        push(&mut out, 11, &[2, 1, 3, 0, 0, 0, 0, 0]);
    }
    let address = AT.to_le_bytes();
    let mut layout = match how & 7 {
        0 | 6 => [vec![3, 2, 3], address.to_vec(), vec![chunk, 0, 0, 0, chunk, 0, 0, 0, 4, 0, 0, 0]].concat(),
        _ => vec![4, 2, how >> 6 & 1, 3, 1, chunk, chunk, 4],
    };
    match how & 7 {
        0 | 6 => {}
        1 => layout.push(1),
        2 => layout.push(2),
        3 => layout.extend([3, 1 + size % 12]),
        4 => layout.extend([4, 32, 4, 4, 16, 10]),
        7 => layout.extend([4, 20, 1 + size % 5, 2, 2, 1 + size % 4]),
        _ => layout.extend([5, 0, 2, 0, 0, 100, 40]),
    }
    if how & 7 != 0 && how & 7 != 6 {
        layout.extend(address);
    }
    push(&mut out, 8, &layout);
    out
}

fuzz_target!(|data: &[u8]| {
    let Some(([how, size], index)) = data.split_first_chunk() else { return };
    let bytes = rooted(&dataset(*how, *size), AT, index);
    let read = |file: hyperslab_core::Result<File<'_>>| {
        let limits = Limits::new(1 << 20, 20_000, 32);
        let file = file.unwrap();
        let all =
            file.read("/", &Selection::ALL, &limits).and_then(|v| Ok(v.to_bytes(&limits)?.into_owned()));
        let part = file
            .read("/", &Selection::rows(3, 9), &limits)
            .and_then(|v| Ok(v.to_bytes(&limits)?.into_owned()));
        if let (Ok(all), Ok(part)) = (&all, &part) {
            assert_eq!(all.get(3 * 120..9 * 120), Some(&part[..]));
        }
        let _ = file.walk(&limits, &mut |_| Ok(()));
        (all.map_err(|e| e.to_string()), part.map_err(|e| e.to_string()))
    };
    assert_eq!(read(File::from_image(&bytes)), read(File::from_source(Positioned(SliceSource(&bytes)))));
});
