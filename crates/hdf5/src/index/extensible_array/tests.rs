use super::*;
use crate::format::extensible_array::{Parameters, Shape};
use hyperslab_core::source::SliceSource;
use std::collections::BTreeMap;

const HEADER: u64 = 64;

/// An array in memory that holds the given chunks and only the blocks that they need.
fn build(filtered: bool, chunks: &[u64], max_set: u64) -> Vec<u8> {
    let mut header = Header::new(filtered, if filtered { 15 } else { 8 });
    header.max_set = max_set;
    let shape: Shape = header.shape;
    let p = shape.parameters;
    let mut file = vec![0; 4096];
    let mut index = IndexBlock::new(&shape);
    let mut blocks: BTreeMap<(u32, u64), Vec<Element>> = BTreeMap::new();
    for &n in chunks {
        let e = element(n, filtered);
        match p.place(n) {
            Place::Index(i) => index.elements[i] = e,
            Place::Block { u, block, element: i, .. } => {
                let b = blocks
                    .entry((u, block))
                    .or_insert_with(|| vec![Element::default(); p.block_len(u) as usize]);
                b[i as usize] = e;
            }
        }
    }
    let mut supers: BTreeMap<u32, SuperBlock> = BTreeMap::new();
    for ((u, block), elements) in &blocks {
        let at = file.len() as u64;
        let first = p.super_start(*u) + block * p.block_len(*u);
        if u < &p.first_super() {
            let direct = (0..*u).map(|v| p.blocks_of(v)).sum::<u64>() + block;
            index.data_blocks[direct as usize] = Some(at);
        } else {
            supers.entry(*u).or_insert_with(|| SuperBlock::new(&shape, *u)).data_blocks[*block as usize] =
                Some(at);
        }
        if p.pages_of(*u) == 0 {
            DataBlock::emit(elements, &shape, first, HEADER, &mut file);
        } else {
            DataBlock::emit_prefix(&shape, first, HEADER, &mut file);
            for (page, e) in elements.chunks(1024).enumerate() {
                if e.iter().any(|e| e.address.is_some()) {
                    supers.get_mut(u).unwrap().set_page(&shape, *block, page as u64);
                    DataBlock::emit_page(e, &shape, &mut file);
                } else {
                    // Space of a page that was never written holds anything.
                    file.resize(file.len() + DataBlock::page_len(&shape).unwrap() as usize, 0xAA);
                }
            }
        }
    }
    for (u, s) in &supers {
        index.super_blocks[(u - p.first_super()) as usize] = Some(file.len() as u64);
        s.emit(&shape, HEADER, &mut file);
    }
    header.index_block = Some(256);
    let mut out = Vec::new();
    header.emit(&mut out);
    file[HEADER as usize..HEADER as usize + out.len()].copy_from_slice(&out);
    let mut out = Vec::new();
    index.emit(&shape, HEADER, &mut out);
    file[256..256 + out.len()].copy_from_slice(&out);
    file
}

fn element(n: u64, filtered: bool) -> Element {
    if filtered {
        Element { address: Some(10_000_000 + n), size: n % 16_384, mask: 1 }
    } else {
        Element { address: Some(10_000_000 + n), size: 0, mask: 0 }
    }
}

#[test]
fn chunks_are_found_in_every_kind_of_block() {
    let chunks = [0, 3, 4, 19, 20, 243, 244, 245, 5000, 131_059, 131_060, 131_061, 133_107, 135_000, 262_131];
    let limits = Limits::default();
    for filtered in [true, false] {
        let file = build(filtered, &chunks, 262_132);
        let source = SliceSource(&file);
        let array = ExtensibleArray::open(&source, HEADER, Sizes::STANDARD, &limits).unwrap();
        let mut seen = Vec::new();
        array
            .visit(&source, 0..u64::MAX, &limits, |n, c| {
                assert_eq!(Some(c.address), element(n, filtered).address);
                assert_eq!((c.size, c.filter_mask), (element(n, filtered).size, element(n, filtered).mask));
                seen.push(n);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, chunks);
        for n in (0..262_200).step_by(7).chain(chunks) {
            let found = array.chunk(&source, n, &limits).unwrap();
            assert_eq!(found.is_some(), chunks.contains(&n), "{n}");
        }
    }
}

#[test]
fn nothing_is_seen_beyond_the_greatest_index_set() {
    let file = build(true, &[0, 1, 2, 50], 2);
    let source = SliceSource(&file);
    let limits = Limits::default();
    let array = ExtensibleArray::open(&source, HEADER, Sizes::STANDARD, &limits).unwrap();
    assert!(array.chunk(&source, 1, &limits).unwrap().is_some());
    assert!(array.chunk(&source, 2, &limits).unwrap().is_none());
    assert!(array.chunk(&source, 50, &limits).unwrap().is_none());
    assert!(array.chunk(&source, u64::MAX, &limits).unwrap().is_none());
}

#[test]
fn a_claim_beyond_what_can_be_numbered_is_an_error_not_a_hang() {
    let file = build(true, &[0], u64::MAX);
    let source = SliceSource(&file);
    let limits = Limits::default();
    let array = ExtensibleArray::open(&source, HEADER, Sizes::STANDARD, &limits).unwrap();
    assert!(array.chunk(&source, Parameters::STANDARD.capacity(), &limits).is_err());
    let end = array.visit(&source, 0..u64::MAX, &limits, |_, _| Ok(()));
    assert!(end.unwrap_err().to_string().contains("beyond"));
}

#[test]
fn truncation_is_an_error_with_its_place() {
    let file = build(true, &[0, 5, 300], 301);
    let limits = Limits::default();
    for len in (0..file.len()).step_by(13) {
        let source = SliceSource(&file[..len]);
        let all = ExtensibleArray::open(&source, HEADER, Sizes::STANDARD, &limits)
            .and_then(|a| a.visit(&source, 0..301, &limits, |_, _| Ok(())));
        assert!(all.unwrap_err().offset().is_some(), "{len}");
    }
}

#[test]
fn chunks_are_numbered_with_the_unlimited_dimension_slowest() {
    assert_eq!(chunk_number(&[0, 5, 7], 0, &[2, 3, 4]), Some((2 * 5 + 3) * 7 + 4));
    assert_eq!(chunk_number(&[5, 0, 7], 1, &[3, 2, 4]), Some((2 * 5 + 3) * 7 + 4));
    assert_eq!(chunk_number(&[5, 7, 0], 2, &[3, 4, 2]), Some((2 * 5 + 3) * 7 + 4));
    assert_eq!(chunk_number(&[1, u64::MAX], 0, &[2, 0]), None);
    assert_eq!(chunk_number(&[1], 0, &[2, 0]), None);
}
