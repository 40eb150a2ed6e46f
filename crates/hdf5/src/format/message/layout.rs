//! The data-layout message: how and where the elements of a dataset are stored.
//!
//! Source: HDF5 File Format Specification 4.0, section IV.A.2.i, versions 1 to 5.

use crate::format::extensible_array::Parameters;
use crate::format::{Cursor, Put, Sizes};
use hyperslab_core::{Error, Result, Shape};

/// Where the elements are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout<'a> {
    /// In the message itself.
    Compact {
        /// The elements.
        data: &'a [u8],
        /// Where they lie in the file.
        offset: u64,
    },
    /// In one run of bytes.
    Contiguous {
        /// Where, unless nothing was ever written.
        address: Option<u64>,
        /// How many bytes; versions 1 and 2 leave that to shape and type.
        size: Option<u64>,
    },
    /// In chunks of equal shape that an index finds.
    Chunked(Chunked),
    /// In other datasets: the mapping is a global heap object.
    Virtual {
        /// The heap collection, unless nothing is mapped.
        heap: Option<u64>,
        /// The object in it.
        object: u32,
    },
}

/// Chunked storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunked {
    /// Version of the message: sizes of filtered chunks are 8 bytes wide in every index since version 5.
    pub version: u8,
    /// Extents of a chunk, in elements.
    pub dims: Shape,
    /// Bytes of an element as the message has it.
    pub element_size: u64,
    /// Whether chunks that reach over the edge of the array are stored without filters.
    pub edge_unfiltered: bool,
    /// The index.
    pub index: ChunkIndex,
    /// Where the index lies (or the one chunk, or the first of them), unless there is none yet.
    pub address: Option<u64>,
}

/// The chunk indexes with their parameters. Each is read by the module of the same name in `index`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkIndex {
    /// Version 1 B-tree (layout versions 1 to 3).
    BtreeV1,
    /// One chunk is the whole array.
    Single {
        /// Stored bytes and filter mask, when it is filtered.
        filtered: Option<(u64, u32)>,
    },
    /// All chunks one after another, without an index.
    Implicit,
    /// Fixed array.
    FixedArray {
        /// Bits of the number of elements in a page.
        page_bits: u8,
    },
    /// Extensible array.
    ExtensibleArray(Parameters),
    /// Version 2 B-tree.
    BtreeV2 {
        /// Bytes of a node.
        node_size: u32,
    },
}

/// The greatest number of dimensions, one more than the rank for the element.
const MAX_DIMS: u8 = 33;

impl<'a> Layout<'a> {
    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions, classes and indexes.
    #[inline]
    pub fn parse(body: &'a [u8], sizes: Sizes, offset: u64) -> Result<Layout<'a>> {
        let mut c = Cursor::new(body, "data layout", offset);
        let version = c.version(1, 5)?;
        if version < 3 {
            return parse_old(version, c, sizes);
        }
        match c.u8()? {
            0 => {
                let n = c.u16()?;
                let offset = c.offset_in_file();
                Ok(Layout::Compact { data: c.bytes(n.into())?, offset })
            }
            1 => {
                let address = c.address(sizes)?;
                Ok(Layout::Contiguous { address, size: Some(c.length(sizes)?) })
            }
            2 if version == 3 => {
                let rank = c.u8()?;
                let address = c.address(sizes)?;
                let (dims, element_size) = chunk_dims(&mut c, rank, 4)?;
                let index = ChunkIndex::BtreeV1;
                Ok(Layout::Chunked(Chunked {
                    version,
                    dims,
                    element_size,
                    edge_unfiltered: false,
                    index,
                    address,
                }))
            }
            2 => parse_chunked(version, c, sizes),
            3 if version >= 4 => {
                let heap = c.address(sizes)?;
                Ok(Layout::Virtual { heap, object: c.u32()? })
            }
            n => Err(c.unsupported(format!("layout class {n}"))),
        }
    }
}

/// Versions 1 and 2: one shape for all classes, of which only that of chunks can be trusted.
fn parse_old<'a>(version: u8, mut c: Cursor<'a>, sizes: Sizes) -> Result<Layout<'a>> {
    let rank = c.u8()?;
    let class = c.u8()?;
    c.skip(5)?;
    let address = if class == 0 { None } else { c.address(sizes)? };
    if class == 2 {
        let (dims, element_size) = chunk_dims(&mut c, rank, 4)?;
        let index = ChunkIndex::BtreeV1;
        return Ok(Layout::Chunked(Chunked {
            version,
            dims,
            element_size,
            edge_unfiltered: false,
            index,
            address,
        }));
    }
    if rank == 0 || rank > MAX_DIMS {
        return Err(c.invalid(format!("layout of {rank} dimensions")));
    }
    c.skip(4 * usize::from(rank))?;
    match class {
        0 => {
            let n = c.u32()? as usize;
            let offset = c.offset_in_file();
            Ok(Layout::Compact { data: c.bytes(n)?, offset })
        }
        1 => Ok(Layout::Contiguous { address, size: None }),
        n => Err(c.unsupported(format!("layout class {n}"))),
    }
}

/// Extents of a chunk, the last of which is the bytes of an element.
fn chunk_dims(c: &mut Cursor<'_>, rank: u8, width: usize) -> Result<(Shape, u64)> {
    if !(2..=MAX_DIMS).contains(&rank) {
        return Err(c.invalid(format!("chunks of {rank} dimensions")));
    }
    let mut dims = Shape::default();
    for _ in 1..rank {
        dims.push(c.uint(width)?);
    }
    let element_size = c.uint(width)?;
    if dims.contains(&0) || element_size == 0 {
        return Err(c.invalid(format!("chunks of shape {dims} and {element_size}-byte elements")));
    }
    dims.bytes(element_size).map_err(|e| c.invalid(e.message().to_owned()))?;
    Ok((dims, element_size))
}

fn parse_chunked<'a>(version: u8, mut c: Cursor<'a>, sizes: Sizes) -> Result<Layout<'a>> {
    let flags = c.u8()?;
    if flags & !3 != 0 {
        return Err(c.unsupported(format!("chunk flags {flags:#04x}")));
    }
    let rank = c.u8()?;
    let width = usize::from(c.u8()?);
    if !(1..=8).contains(&width) {
        return Err(c.invalid(format!("chunk extents of {width} bytes")));
    }
    let (dims, element_size) = chunk_dims(&mut c, rank, width)?;
    let index = match c.u8()? {
        1 if flags & 2 != 0 => ChunkIndex::Single { filtered: Some((c.length(sizes)?, c.u32()?)) },
        1 => ChunkIndex::Single { filtered: None },
        2 => ChunkIndex::Implicit,
        3 => ChunkIndex::FixedArray { page_bits: nonzero(&mut c)? },
        4 => ChunkIndex::ExtensibleArray(Parameters {
            max_bits: nonzero(&mut c)?,
            index_elements: nonzero(&mut c)?,
            super_pointers: nonzero(&mut c)?,
            block_elements: nonzero(&mut c)?,
            page_bits: nonzero(&mut c)?,
        }),
        5 => {
            let node_size = c.u32()?;
            c.skip(2)?;
            ChunkIndex::BtreeV2 { node_size }
        }
        n => return Err(c.unsupported(format!("chunk index {n}"))),
    };
    let address = c.address(sizes)?;
    let edge_unfiltered = flags & 1 != 0;
    Ok(Layout::Chunked(Chunked { version, dims, element_size, edge_unfiltered, index, address }))
}

fn nonzero(c: &mut Cursor<'_>) -> Result<u8> {
    match c.u8()? {
        0 => Err(c.invalid("chunk index with a parameter of 0")),
        n => Ok(n),
    }
}

/// Appends a version 3 contiguous layout. Without bytes there is no address.
pub fn emit_contiguous(address: u64, size: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&[3, 1]);
    out.put_address((size > 0).then_some(address));
    out.put_u64(size);
}

/// Appends a version 3 compact layout.
///
/// # Errors
/// `Unsupported` beyond 65535 bytes.
pub fn emit_compact(data: &[u8], out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(&[3, 0]);
    out.put_u16(crate::format::put::narrow(data.len(), "compact data size")?);
    out.extend_from_slice(data);
    Ok(())
}

/// Appends a version 3 chunked layout, whose B-tree is at `address` once there are chunks.
///
/// # Errors
/// `Unsupported` for a rank beyond 32, for empty chunks and for extents of 4 Gi.
pub fn emit_chunked(chunk: &[u64], element_size: u64, address: Option<u64>, out: &mut Vec<u8>) -> Result<()> {
    let extents = chunk.iter().copied().chain([element_size]);
    let extents: Option<Vec<u32>> = extents.map(|d| u32::try_from(d).ok().filter(|&d| d > 0)).collect();
    let rank = u8::try_from(chunk.len() + 1).ok().filter(|n| (2..=MAX_DIMS).contains(n));
    let (Some(extents), Some(rank)) = (extents, rank) else {
        return Err(Error::unsupported(format!(
            "chunks of shape {chunk:?} and {element_size}-byte elements"
        )));
    };
    out.extend_from_slice(&[3, 2, rank]);
    out.put_address(address);
    extents.iter().for_each(|&d| out.put_u32(d));
    Ok(())
}

/// Appends a version 4 chunked layout whose index is an extensible array at `address`.
///
/// # Errors
/// `Unsupported` for a rank beyond 32 and for empty chunks.
pub fn emit_extensible_array(
    chunk: &[u64],
    element_size: u64,
    parameters: &Parameters,
    address: u64,
    out: &mut Vec<u8>,
) -> Result<()> {
    put_chunked(0, chunk, element_size, out)?;
    let p = parameters;
    out.extend_from_slice(&[
        4,
        p.max_bits,
        p.index_elements,
        p.super_pointers,
        p.block_elements,
        p.page_bits,
    ]);
    out.put_u64(address);
    Ok(())
}

/// Appends a chunked layout: version 3 for chunks that a version 1 B-tree finds, version 4 for all others. The index (or
/// the one chunk, or the first of them) is at `address`, once there is one.
///
/// # Errors
/// `Unsupported` for a rank beyond 32 and for empty chunks.
pub fn emit_indexed(
    chunk: &[u64],
    element_size: u64,
    index: &ChunkIndex,
    address: Option<u64>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let flags = if matches!(index, ChunkIndex::Single { filtered: Some(_) }) { 2 } else { 0 };
    match index {
        ChunkIndex::BtreeV1 => return emit_chunked(chunk, element_size, address, out),
        ChunkIndex::ExtensibleArray(p) => {
            let address = address.unwrap_or(crate::format::UNDEFINED);
            return emit_extensible_array(chunk, element_size, p, address, out);
        }
        _ => put_chunked(flags, chunk, element_size, out)?,
    }
    match index {
        ChunkIndex::Single { filtered } => {
            out.put_u8(1);
            if let Some((size, mask)) = filtered {
                out.put_u64(*size);
                out.put_u32(*mask);
            }
        }
        ChunkIndex::Implicit => out.put_u8(2),
        ChunkIndex::FixedArray { page_bits } => out.extend_from_slice(&[3, *page_bits]),
        ChunkIndex::BtreeV2 { node_size } => {
            out.put_u8(5);
            out.put_u32(*node_size);
            // Nodes are split when they are full, and merged below two fifths.
            out.extend_from_slice(&[100, 40]);
        }
        ChunkIndex::BtreeV1 | ChunkIndex::ExtensibleArray(_) => {}
    }
    out.put_address(address);
    Ok(())
}

/// What all version 4 chunked layouts start with.
fn put_chunked(flags: u8, chunk: &[u64], element_size: u64, out: &mut Vec<u8>) -> Result<()> {
    let extents = || chunk.iter().copied().chain([element_size]);
    let rank = u8::try_from(chunk.len() + 1).ok().filter(|&n| (2..=MAX_DIMS).contains(&n));
    let (Some(rank), false) = (rank, extents().any(|d| d == 0)) else {
        return Err(Error::unsupported(format!(
            "chunks of shape {chunk:?} and {element_size}-byte elements"
        )));
    };
    let largest = extents().max().unwrap_or(1);
    let width = (largest.ilog2() / 8 + 1) as usize;
    out.extend_from_slice(&[4, 2, flags, rank, width as u8]);
    extents().for_each(|d| out.put_uint(d, width));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    const STD: Sizes = Sizes::STANDARD;

    #[test]
    fn every_index_round_trips() {
        let extensible = ChunkIndex::ExtensibleArray(Parameters::STANDARD);
        for index in [
            ChunkIndex::BtreeV1,
            ChunkIndex::Single { filtered: None },
            ChunkIndex::Single { filtered: Some((77, 1)) },
            ChunkIndex::Implicit,
            ChunkIndex::FixedArray { page_bits: 10 },
            extensible,
            ChunkIndex::BtreeV2 { node_size: 2048 },
        ] {
            for at in [None, Some(4096)] {
                let mut out = Vec::new();
                emit_indexed(&[7, 300], 8, &index, at, &mut out).unwrap();
                let Layout::Chunked(c) = Layout::parse(&out, STD, 0).unwrap() else { panic!() };
                assert_eq!((c.index, c.address, c.element_size), (index, at, 8));
                assert_eq!(c.dims, [7, 300].into());
            }
        }
    }

    #[test]
    fn round_trips() {
        let mut out = Vec::new();
        emit_contiguous(256, 80, &mut out);
        let want = Layout::Contiguous { address: Some(256), size: Some(80) };
        assert_eq!(Layout::parse(&out, STD, 0).unwrap(), want);

        let mut out = Vec::new();
        emit_contiguous(256, 0, &mut out);
        let want = Layout::Contiguous { address: None, size: Some(0) };
        assert_eq!(Layout::parse(&out, STD, 0).unwrap(), want);

        let mut out = Vec::new();
        emit_compact(&[1, 2, 3], &mut out).unwrap();
        assert_eq!(Layout::parse(&out, STD, 9).unwrap(), Layout::Compact { data: &[1, 2, 3], offset: 13 });

        let mut out = Vec::new();
        emit_chunked(&[1024], 36, Some(256), &mut out).unwrap();
        assert!(emit_chunked(&[1 << 32], 1, None, &mut Vec::new()).is_err());
        assert!(emit_chunked(&[], 1, None, &mut Vec::new()).is_err());
        match Layout::parse(&out, STD, 0).unwrap() {
            Layout::Chunked(c) => {
                assert_eq!((c.index, c.address), (ChunkIndex::BtreeV1, Some(256)));
                assert_eq!((c.dims, c.element_size), ([1024].into(), 36));
            }
            other => panic!("{other:?}"),
        }

        let p = Parameters::STANDARD;
        let mut out = Vec::new();
        emit_extensible_array(&[1024], 16, &p, 0x3f1, &mut out).unwrap();
        // As h5py 3.16 wrote it, but for the version: 5 there, 4 here.
        assert_eq!(out, b"\x04\x02\0\x02\x02\x00\x04\x10\x00\x04\x20\x04\x04\x10\x0a\xf1\x03\0\0\0\0\0\0");
        match Layout::parse(&out, STD, 0).unwrap() {
            Layout::Chunked(c) => {
                assert_eq!((c.index, c.address), (ChunkIndex::ExtensibleArray(p), Some(0x3f1)));
                assert_eq!((c.dims, c.element_size), ([1024].into(), 16));
            }
            other => panic!("{other:?}"),
        }
        for n in 0..out.len() {
            assert!(Layout::parse(&out[..n], STD, 0).is_err());
        }
    }

    #[test]
    fn chunks_must_have_a_size() {
        assert!(Layout::parse(&[3, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0], STD, 0).is_err());
        let all = [0xff; 60];
        let mut b = vec![4, 2, 0, 4, 8];
        b.extend(all);
        assert!(Layout::parse(&b, STD, 0).is_err());
    }

    #[test]
    fn version_1_chunked() {
        let mut b = vec![1, 2, 2, 0, 0, 0, 0, 0];
        b.extend([0x10, 0, 0, 0, 0, 0, 0, 0]);
        b.extend([5, 0, 0, 0, 4, 0, 0, 0]);
        match Layout::parse(&b, STD, 0).unwrap() {
            Layout::Chunked(c) => {
                assert_eq!((c.dims, c.element_size, c.address), ([5].into(), 4, Some(16)));
            }
            other => panic!("{other:?}"),
        }
    }
}
