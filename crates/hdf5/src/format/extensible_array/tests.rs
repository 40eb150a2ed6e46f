use super::*;
use hyperslab_core::Kind;

fn filtered() -> Shape {
    Header::new(true, 15).shape
}

#[test]
fn the_standard_division() {
    let p = Parameters::STANDARD;
    p.check().unwrap();
    assert_eq!((p.super_blocks(), p.first_super(), p.direct_blocks(), p.super_addresses()), (29, 4, 6, 25));
    assert_eq!((p.blocks_of(3), p.block_len(3), p.super_start(4)), (2, 64, 240));
    assert_eq!(p.pages_of(12), 0);
    // The first paged blocks: 2048 elements, from chunk 131060 on.
    assert_eq!((p.blocks_of(13), p.block_len(13), p.pages_of(13)), (64, 2048, 2));
    assert_eq!(p.super_start(13) + 4, 131_060);
    assert_eq!(IndexBlock::len(&filtered()), 326);
}

/// Element numbers are dealt out without gap or overlap, in the order of the blocks.
#[test]
fn places_follow_each_other() {
    let p = Parameters::STANDARD;
    for i in 0..4 {
        assert_eq!(p.place(i), Place::Index(i as usize));
    }
    let mut next = 4;
    let mut direct = 0;
    for u in 0..14 {
        for block in 0..p.blocks_of(u) {
            let want = (u < 4).then_some(direct);
            for element in [0, 1, p.block_len(u) - 1] {
                let place = Place::Block { u, block, element, direct: want };
                assert_eq!(p.place(next + element), place);
            }
            direct += 1;
            next += p.block_len(u);
        }
    }
    // The greatest number of all still has a place.
    let Place::Block { u, .. } = p.place(p.capacity() - 1) else { panic!() };
    assert_eq!(u, 28);
}

/// The header that h5py 3.16 on HDF5 2.0 wrote for a log of three messages.
#[test]
fn a_header_of_libhdf5() {
    let mut bytes = b"EAHD\x00\x01\x14\x20\x04\x10\x04\x0a".to_vec();
    for n in [0u64, 0, 0, 0, 1, 4, 0x439] {
        bytes.put_u64(n);
    }
    checksum::seal(&mut bytes, 0);
    let h = Header::parse(&bytes, Sizes::STANDARD, 0x3f1).unwrap();
    assert_eq!((h.shape.filtered, h.shape.element_size, h.max_set, h.elements), (true, 20, 1, 4));
    assert_eq!(h.shape.parameters, Parameters::STANDARD);
    assert_eq!(h.index_block, Some(0x439));
    let mut out = Vec::new();
    h.emit(&mut out);
    assert_eq!(out, bytes);
}

#[test]
fn sizes_of_elements() {
    assert_eq!([1, 16_384, 1 << 32].map(size_width_v4), [2, 3, 6]);
    assert_eq!(size_width_v4(u64::MAX), 8);
}

#[test]
fn blocks_round_trip() {
    for (shape, element) in [
        (filtered(), Element { address: Some(0x1234), size: 16_384, mask: 1 }),
        (Header::new(false, 8).shape, Element { address: Some(0x1234), size: 0, mask: 0 }),
        (Header::new(true, 20).shape, Element { address: Some(5), size: 1 << 40, mask: u32::MAX }),
    ] {
        let mut index = IndexBlock::new(&shape);
        index.elements[3] = element;
        index.data_blocks[5] = Some(77);
        index.super_blocks[24] = Some(78);
        let mut out = Vec::new();
        index.emit(&shape, 0x400, &mut out);
        assert_eq!(out.len() as u64, IndexBlock::len(&shape));
        assert_eq!(IndexBlock::parse(&out, &shape, 0x400, 0).unwrap(), index);
        assert!(IndexBlock::parse(&out, &shape, 0x401, 0).is_err());

        for u in [4, 13] {
            let mut block = SuperBlock::new(&shape, u);
            block.data_blocks[3] = Some(9);
            if u == 13 {
                block.set_page(&shape, 3, 1);
                assert!(block.has_page(&shape, 3, 1) && !block.has_page(&shape, 3, 0));
                // Two pages a block, packed: bit 7 of the first byte.
                assert_eq!(block.bitmap[0], 1);
            }
            let mut out = Vec::new();
            block.emit(&shape, 0x400, &mut out);
            assert_eq!(out.len() as u64, SuperBlock::len(&shape, u).unwrap());
            assert_eq!(SuperBlock::parse(&out, &shape, u, 0x400, 0).unwrap(), block);
            assert!(SuperBlock::parse(&out, &shape, u + 1, 0x400, 0).is_err());
        }

        let block = DataBlock { elements: vec![element; 32] };
        let mut out = Vec::new();
        DataBlock::emit(&block.elements, &shape, 16, 0x400, &mut out);
        assert_eq!(out.len() as u64, DataBlock::len(&shape, 1).unwrap());
        assert_eq!(DataBlock::parse(&out, &shape, 1, 16, 0x400, 0).unwrap(), block);
        assert_eq!(DataBlock::parse(&out, &shape, 1, 17, 0x400, 0).unwrap_err().kind(), Kind::Invalid);

        let mut out = Vec::new();
        let first = shape.parameters.super_start(13);
        DataBlock::emit_prefix(&shape, first, 0x400, &mut out);
        assert_eq!(out.len() as u64, DataBlock::prefix_len(&shape));
        assert!(DataBlock::parse(&out, &shape, 13, first, 0x400, 0).unwrap().elements.is_empty());
        let mut page = Vec::new();
        DataBlock::emit_page(&vec![element; 1024], &shape, &mut page);
        assert_eq!(page.len() as u64, DataBlock::page_len(&shape).unwrap());
        assert_eq!(DataBlock::parse_page(&page, &shape, 0).unwrap(), vec![element; 1024]);
        assert_eq!(
            DataBlock::len(&shape, 13).unwrap(),
            DataBlock::page_at(&shape, shape.parameters.pages_of(13)).unwrap()
        );
    }
}

#[test]
fn damage_is_seen() {
    let shape = filtered();
    let mut out = Vec::new();
    IndexBlock::new(&shape).emit(&shape, 0x400, &mut out);
    for i in 0..out.len() {
        out[i] ^= 4;
        assert!(IndexBlock::parse(&out, &shape, 0x400, 0).is_err(), "byte {i}");
        out[i] ^= 4;
        assert!(IndexBlock::parse(&out[..i], &shape, 0x400, 0).is_err(), "length {i}");
    }
}

#[test]
fn impossible_parameters_are_refused() {
    let mut bytes = Vec::new();
    Header::new(true, 15).emit(&mut bytes);
    // Element size, maximum bits, then index, block, super, page: each with values no array can have.
    for (at, values) in [
        (6, &[0u8, 8, 12, 21, 255][..]),
        (7, &[0, 4, 65]),
        (9, &[0, 3, 255]),
        (10, &[0, 1, 3, 255]),
        (11, &[33]),
    ] {
        for &v in values {
            let mut bad = bytes.clone();
            bad[at] = v;
            bad.truncate(68);
            checksum::seal(&mut bad, 0);
            let e = Header::parse(&bad, Sizes::STANDARD, 0).unwrap_err();
            assert_eq!(e.kind(), Kind::Invalid, "byte {at} = {v}");
        }
    }
}

/// Whatever the parameters say, nothing overflows or panics.
#[test]
fn any_parameters_can_be_asked_for_lengths() {
    for max_bits in [1, 2, 31, 32, 33, 63, 64] {
        for block_elements in [1, 2, 16, 128] {
            for super_pointers in [2, 4, 128] {
                for page_bits in [0, 10, 32] {
                    let p = Parameters {
                        max_bits,
                        index_elements: 255,
                        block_elements,
                        super_pointers,
                        page_bits,
                    };
                    if p.check().is_err() {
                        continue;
                    }
                    let shape = Shape { parameters: p, ..filtered() };
                    IndexBlock::len(&shape);
                    for u in 0..p.super_blocks() {
                        let _ = (
                            SuperBlock::len(&shape, u),
                            DataBlock::len(&shape, u),
                            DataBlock::page_len(&shape),
                        );
                        p.super_start(u);
                    }
                    for i in [0, 254, 255, 256, 1 << 20, u64::MAX] {
                        p.place(i);
                    }
                }
            }
        }
    }
}
