//! The reference-count message: how many links lead to an object, where that is more than one.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.w. Nothing is read through it, so it is not parsed.

use crate::format::Put;

/// Appends a body.
pub fn emit(links: u32, out: &mut Vec<u8>) {
    out.put_u8(0);
    out.put_u32(links);
}
