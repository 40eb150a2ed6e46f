//! Frames put together by hand: what the real filter writes is in the oracle tests.

use super::*;

/// A chunk of bytes as they are.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut v = vec![5, 1, 0x07, 1];
    for n in [bytes.len(), bytes.len().max(1), 32 + bytes.len()] {
        v.extend((n as u32).to_le_bytes());
    }
    v.extend([0; 16]);
    v.extend(bytes);
    v
}

/// A frame: metadata, bytes that come out, those of a chunk, those of an element; chunks, or what they are instead.
fn frame(
    layers: &[u8],
    len: u64,
    chunk: u32,
    item: u32,
    chunks: &[std::result::Result<Vec<u8>, u64>],
) -> Vec<u8> {
    let (mut body, mut offsets) = (Vec::<u8>::new(), Vec::<u8>::new());
    for c in chunks {
        match c {
            Ok(bytes) => {
                offsets.extend((body.len() as u64).to_le_bytes());
                body.extend(bytes);
            }
            Err(special) => offsets.extend(((1u64 << 63) | (special << 56)).to_le_bytes()),
        }
    }
    let mut v = b"\x9e\xa8b2frame\0\xd2".to_vec();
    v.extend((87 + layers.len() as u32).to_be_bytes());
    v.push(0xcf);
    v.extend([0; 8]);
    v.extend([0xa4, 0x12, 0, 0, 0, 0xd3]);
    v.extend(len.to_be_bytes());
    v.push(0xd3);
    v.extend((body.len() as u64).to_be_bytes());
    for n in [item, 0, chunk] {
        v.push(0xd2);
        v.extend(n.to_be_bytes());
    }
    v.resize(87, 0);
    v.extend(layers);
    v.extend(body);
    v.extend(plain(&offsets));
    v
}

const NO_LAYERS: &[u8] = &[0x93, 0xcd, 0, 7, 0xde, 0, 0, 0xdc, 0, 0];

fn run(frame: &[u8], n: u64) -> Result<Vec<u8>> {
    undo(&[], Cow::Borrowed(frame), Room::exactly(n), &Limits::default()).map(Cow::into_owned)
}

#[test]
fn chunks_one_after_the_other() {
    let chunks = [Ok(plain(&[1, 2, 3, 4])), Err(1), Ok(plain(&[5, 6]))];
    let whole = frame(NO_LAYERS, 10, 4, 1, &chunks);
    assert_eq!(run(&whole, 10).unwrap(), [1, 2, 3, 4, 0, 0, 0, 0, 5, 6]);
    for n in 0..whole.len() {
        assert!(run(&whole[..n], 10).is_err(), "{n}");
    }
    assert!(run(&whole, 9).is_err());
    assert!(run(&frame(NO_LAYERS, 0, 4, 1, &[]), 0).unwrap().is_empty());
}

#[test]
fn what_chunks_are_instead() {
    let nans = run(&frame(NO_LAYERS, 8, 8, 4, &[Err(2)]), 8).unwrap();
    assert_eq!(nans, [0x7fc0_0000u32.to_le_bytes(); 2].concat());
    assert_eq!(
        run(&frame(NO_LAYERS, 8, 8, 8, &[Err(2)]), 8).unwrap(),
        0x7ff8_0000_0000_0000u64.to_le_bytes()
    );
    assert_eq!(run(&frame(NO_LAYERS, 8, 8, 3, &[Err(4)]), 8).unwrap(), [0; 8]);
    assert!(run(&frame(NO_LAYERS, 8, 8, 3, &[Err(2)]), 8).is_err());
    assert!(run(&frame(NO_LAYERS, 8, 8, 4, &[Err(5)]), 8).is_err());
    // A value that is repeated.
    let mut chunk = vec![5, 1, 5, 2];
    for n in [6u32, 6, 34] {
        chunk.extend(n.to_le_bytes());
    }
    chunk.extend([0; 15]);
    chunk.extend([0x30, 7, 8]);
    assert_eq!(run(&frame(NO_LAYERS, 6, 6, 2, &[Ok(chunk)]), 6).unwrap(), [7, 8, 7, 8, 7, 8]);
}

#[test]
fn what_is_not_there_is_refused() {
    for (at, value) in [(31, 1), (31, 4), (31, 8), (31, 0x80), (31, 0x50), (0, 6), (16, 35), (2, 0xc5)] {
        let mut chunk = plain(&[1, 2, 3, 4]);
        chunk[2] = 5;
        chunk[at] = value;
        let e = run(&frame(NO_LAYERS, 4, 4, 1, &[Ok(chunk)]), 4).unwrap_err();
        assert_eq!(e.kind(), hyperslab_core::Kind::Unsupported, "{e}");
    }
}

/// The layer that gives the dimensions of the array, its chunks and their blocks.
fn dimensions(shape: [u64; 2], chunk: [u32; 2], block: [u32; 2]) -> Vec<u8> {
    let mut v = vec![0x93, 0xcd, 0, 17, 0xde, 0, 1, 0xa4, b'b', b'2', b'n', b'd', 0xd2];
    v.extend((87 + 20u32).to_be_bytes());
    v.extend([0xdc, 0, 1, 0xc6, 0, 0, 0, 45, 0x95, 0, 2, 0x92]);
    for n in shape {
        v.push(0xd3);
        v.extend(n.to_be_bytes());
    }
    for dims in [chunk, block] {
        v.push(0x92);
        for n in dims {
            v.push(0xd2);
            v.extend(n.to_be_bytes());
        }
    }
    v
}

#[test]
fn blocks_find_their_places() {
    // 3 by 5 in chunks of 2 by 3 in blocks of 2 by 2: each chunk is filled up to 2 by 4.
    let (shape, chunk, block) = ([3u64, 5], [2u64, 3], [2u64, 2]);
    let mut chunks = Vec::new();
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut bytes = Vec::new();
        for b in 0..2 {
            for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let (row, within) = (i * chunk[0] + y, b * block[1] + x);
                let column = j * chunk[1] + within;
                let inside = within < chunk[1] && row < shape[0] && column < shape[1];
                bytes.push(if inside { (row * 10 + column) as u8 } else { 99 });
            }
        }
        chunks.push(Ok(plain(&bytes)));
    }
    let layers = dimensions(shape, [2, 3], [2, 2]);
    let whole = frame(&layers, 32, 8, 1, &chunks);
    let want: Vec<u8> = (0..3).flat_map(|y| (0..5).map(move |x| y * 10 + x)).collect();
    assert_eq!(run(&whole, 15).unwrap(), want);
    assert!(run(&frame(&layers, 32, 9, 1, &chunks), 15).is_err());
    assert!(run(&frame(&layers, 24, 8, 1, &chunks[..3]), 15).is_err());
    // Blocks larger than chunks, and chunks that are nearly all filling.
    assert!(run(&frame(&dimensions(shape, [2, 3], [2, 4]), 32, 8, 1, &chunks), 15).is_err());
    let filling = dimensions([1 << 30, 1], [1, 1 << 30], [1, 1 << 30]);
    assert!(run(&frame(&filling, 1 << 30, 1 << 30, 1, &[Err(1)]), 1 << 30).is_err());
}
