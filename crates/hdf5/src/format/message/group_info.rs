//! The group-info message: hints for the storage of a new-style group.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.k. Nothing in it changes what a group holds, so it is
//! not parsed.

/// Appends a body without any hint.
pub fn emit_default(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0]);
}
