//! Symbol nodes: the entries of an old-style group, sorted by name.
//!
//! Source: HDF5 File Format Specification 3.0, sections III.B and III.C.

use super::{Cursor, Put, Sizes};
use hyperslab_core::Result;

const SIGNATURE: [u8; 4] = *b"SNOD";
const WHAT: &str = "symbol node";

/// Bytes of an entry: the offset of its name is as wide as a length, whatever the specification says, since libhdf5
/// writes it so.
pub fn entry_len(sizes: Sizes) -> u64 {
    u64::from(sizes.offset) + u64::from(sizes.length) + 24
}

/// Bytes of a node as it lies in the file, with room for more entries.
pub fn capacity(sizes: Sizes) -> u64 {
    8 + 2 * u64::from(sizes.group_leaf_k) * entry_len(sizes)
}

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Offset of the name in the group's local heap.
    pub name: u64,
    /// What it points at.
    pub target: Target,
}

/// What an entry points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The object header at this address.
    Hard(u64),
    /// The path at this offset of the group's local heap.
    Soft(u32),
}

/// The number of entries, from the first 8 bytes of a node.
///
/// # Errors
/// `Invalid`, `Unsupported` for unknown versions.
pub fn parse_count(bytes: &[u8], base: u64) -> Result<u16> {
    let mut c = Cursor::new(bytes, WHAT, base);
    c.signature(SIGNATURE)?;
    c.version(1, 1)?;
    c.skip(1)?;
    c.u16()
}

/// The entries, `bytes` being the node with all of them.
///
/// # Errors
/// `Invalid`, `Unsupported` for unknown kinds of entries.
pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Vec<Entry>> {
    let count = parse_count(bytes, base)?;
    let mut c = Cursor::new(bytes, WHAT, base);
    c.skip(8)?;
    let mut out = Vec::new();
    for _ in 0..count {
        let name = c.length(sizes)?;
        let header = c.address(sizes)?;
        let kind = c.u32()?;
        c.skip(4)?;
        let scratch = c.u32()?;
        c.skip(12)?;
        // Kind 1 only caches the group's own addresses beside the object header's.
        let target = match (kind, header) {
            (2, _) => Target::Soft(scratch),
            (0 | 1, Some(a)) => Target::Hard(a),
            (0 | 1, None) => return Err(c.invalid("entry without an address")),
            (k, _) => return Err(c.unsupported(format!("entry of kind {k}"))),
        };
        out.push(Entry { name, target });
    }
    Ok(out)
}

/// Appends a node, padded to its full size of `2 * leaf_k` entries.
///
/// # Errors
/// `Unsupported` for more entries than the node holds.
pub fn emit(entries: &[Entry], leaf_k: u16, out: &mut Vec<u8>) -> Result<()> {
    let capacity = 2 * usize::from(leaf_k);
    if entries.len() > capacity {
        return Err(hyperslab_core::Error::unsupported(format!(
            "{} entries in a symbol node of {capacity}",
            entries.len()
        )));
    }
    let start = out.len();
    out.extend_from_slice(&SIGNATURE);
    out.extend_from_slice(&[1, 0]);
    out.put_u16(entries.len() as u16);
    for entry in entries {
        out.put_u64(entry.name);
        match entry.target {
            Target::Hard(address) => {
                out.put_u64(address);
                out.put_zeros(24);
            }
            Target::Soft(at) => {
                out.put_address(None);
                out.put_u32(2);
                out.put_u32(0);
                out.put_u32(at);
                out.put_zeros(12);
            }
        }
    }
    out.put_zeros(start + 8 + 40 * capacity - out.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let mut out = Vec::new();
        let hard = |name, a| Entry { name, target: Target::Hard(a) };
        let entries = [hard(8, 96), Entry { name: 16, target: Target::Soft(40) }];
        emit(&entries, 4, &mut out).unwrap();
        assert_eq!(out.len(), 328);
        assert_eq!(parse(&out, Sizes::STANDARD, 0).unwrap(), entries);
        out[6] = 0xff;
        assert!(parse(&out, Sizes::STANDARD, 0).is_err());
        assert!(emit(&[hard(0, 0); 9], 4, &mut out).is_err());
    }
}
