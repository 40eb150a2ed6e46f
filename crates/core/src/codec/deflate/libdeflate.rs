//! The back end on libdeflate: whole streams in memory.
//!
//! Unpacking says only whether it went well: what did not is unpacked again by the Rust back end, which says why.

use super::{Form, MAX_RATIO, check_level};
use crate::{Error, Limits, Result};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use std::cell::RefCell;

/// libdeflate's own level for each of ours. At 6 the sizes are within 2 % of zlib's and the time is the least.
const LEVELS: [i32; 10] = [0, 1, 1, 2, 2, 3, 4, 6, 8, 10];

/// The header of a gzip member without name and time (RFC 1952).
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Memory for the copy of a member that a thread keeps, in bytes.
const KEPT: usize = 16 << 20;

thread_local! {
    // Making the states takes longer than packing a small array.
    static PACKER: RefCell<Option<(i32, Compressor)>> = const { RefCell::new(None) };
    // Fresh memory costs more than the copy into it.
    static MEMBER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static UNPACKER: RefCell<Option<Decompressor>> = const { RefCell::new(None) };
}

pub(super) fn deflate(bytes: &[u8], level: u32, form: Form) -> Result<Vec<u8>> {
    check_level(level)?;
    at(bytes, LEVELS.get(level as usize).copied().unwrap_or(6), form)
}

/// Packs at one of libdeflate's own levels.
pub(super) fn at(bytes: &[u8], level: i32, form: Form) -> Result<Vec<u8>> {
    PACKER.with_borrow_mut(|slot| {
        let packer = match slot {
            Some((l, packer)) if *l == level => packer,
            _ => {
                let known = CompressionLvl::new(level).map_err(|_| Error::usage("no such deflate level"))?;
                &mut slot.insert((level, Compressor::new(known))).1
            }
        };
        let room = match form {
            Form::Raw => packer.deflate_compress_bound(bytes.len()),
            Form::Zlib => packer.zlib_compress_bound(bytes.len()),
        };
        let mut out = vec![0; room];
        let packed = match form {
            Form::Raw => packer.deflate_compress(bytes, &mut out),
            Form::Zlib => packer.zlib_compress(bytes, &mut out),
        };
        out.truncate(packed.map_err(|e| Error::limit(format!("deflate: {e}")))?);
        Ok(out)
    })
}

fn with_unpacker<T>(work: impl FnOnce(&mut Decompressor) -> T) -> T {
    UNPACKER.with_borrow_mut(|slot| work(slot.get_or_insert_with(Decompressor::new)))
}

/// How many bytes a zlib stream gives, when it is sound and they fit.
pub(super) fn inflate_zlib(stream: &[u8], out: &mut [u8]) -> Option<usize> {
    with_unpacker(|z| z.zlib_decompress(stream, out)).ok()
}

/// What a zlib stream gives, when it is sound and that is about what is expected.
pub(super) fn inflate_zlib_within(
    stream: &[u8],
    expected: u64,
    most: u64,
    limits: &Limits,
) -> Option<Vec<u8>> {
    let possible = (stream.len() as u64).saturating_mul(MAX_RATIO).min(most);
    let (mut out, _reservation) = limits.vec(expected.min(possible)).ok()?;
    out.resize(out.capacity().min(usize::try_from(possible).ok()?), 0);
    let got = inflate_zlib(stream, &mut out)?;
    out.truncate(got);
    Some(out)
}

/// Whether a raw stream uses exactly `stream` and gives exactly `out.len()` bytes with this CRC-32.
///
/// libdeflate's safe interface does not say where a stream ended. As a gzip member it must end where the checksum
/// and the length follow; that they stand nowhere else in the bytes is looked at first.
pub(super) fn inflate_raw(stream: &[u8], out: &mut [u8], crc: u32) -> bool {
    let mut member = MEMBER.take();
    let done = inflate_member(&mut member, stream, out, crc);
    if member.capacity() <= KEPT {
        MEMBER.set(member);
    }
    done
}

fn inflate_member(member: &mut Vec<u8>, stream: &[u8], out: &mut [u8], crc: u32) -> bool {
    member.clear();
    member.reserve(stream.len().saturating_add(18));
    member.extend_from_slice(&GZIP);
    member.extend_from_slice(stream);
    let mut trailer = [0; 8];
    let (a, b) = trailer.split_at_mut(4);
    a.copy_from_slice(&crc.to_le_bytes());
    b.copy_from_slice(&((out.len() as u64 & u64::from(u32::MAX)) as u32).to_le_bytes());
    member.extend_from_slice(&trailer);
    let body = member.get(GZIP.len()..).unwrap_or_default();
    memchr::memmem::find(body, &trailer) == Some(stream.len())
        && with_unpacker(|z| z.gzip_decompress(member, out)) == Ok(out.len())
}
