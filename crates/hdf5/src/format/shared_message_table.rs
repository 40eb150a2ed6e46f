//! The shared-message table: which fractal heaps hold the messages that many objects have in common.
//!
//! The table has one entry for each index; an index is for some kinds of messages. A message in the table is named
//! by the identifier of its object in the heap of the index for its kind. The lists and B-trees of an index, which
//! find equal messages on writing, say nothing that a reader needs.
//!
//! Source: HDF5 File Format Specification 3.0, section III.I ("Shared Object Header Message Table").

use super::{Cursor, Sizes, checksum};
use crate::format::message::kind;
use hyperslab_core::Result;

const WHAT: &str = "shared-message table";
/// How many indexes a table can have.
pub const MAX_INDEXES: u8 = 8;

/// One index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// The kinds of messages in it, by bit.
    pub kinds: u16,
    /// Messages that its list has room for; `None` when it is a B-tree.
    pub list: Option<u16>,
    /// The list or B-tree that finds its messages.
    pub address: Option<u64>,
    /// The heap that has its messages.
    pub heap: Option<u64>,
}

impl Index {
    /// Whether messages of a kind are in this index.
    pub fn holds(&self, kind: u16) -> bool {
        // The old fill value goes with the new one.
        let kind = if kind == kind::FILL_VALUE_OLD { kind::FILL_VALUE } else { kind };
        1u16.checked_shl(kind.into()).is_some_and(|bit| self.kinds & bit != 0)
    }
}

/// Bytes of a list with room for so many messages.
pub fn list_len(messages: u16, sizes: Sizes) -> u64 {
    8 + u64::from(messages) * (5 + (4 + u64::from(sizes.offset)).max(12))
}

/// Bytes of a table of so many indexes.
pub fn len(indexes: u8, sizes: Sizes) -> u64 {
    8 + u64::from(indexes) * (14 + 2 * u64::from(sizes.offset))
}

/// Parses a table, `bytes` being the [`len`] bytes at `base`.
///
/// # Errors
/// `Invalid` for a wrong signature or checksum, `Unsupported` for another version.
pub fn parse(bytes: &[u8], indexes: u8, sizes: Sizes, base: u64) -> Result<Vec<Index>> {
    let mut c = Cursor::new(bytes, WHAT, base);
    c.signature(*b"SMTB")?;
    checksum::verify(bytes, WHAT, base)?;
    let mut out = Vec::new();
    for _ in 0..indexes.min(MAX_INDEXES) {
        c.version(0, 0)?;
        let is_list = c.u8()? == 0;
        let kinds = c.u16()?;
        // The least size of a message in it.
        c.skip(4)?;
        let list = Some(c.u16()?).filter(|_| is_list);
        // When it becomes a list again, and how many messages there are.
        c.skip(4)?;
        out.push(Index { kinds, list, address: c.address(sizes)?, heap: c.address(sizes)? });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Put;

    #[test]
    fn a_table_with_two_indexes() {
        let mut out = b"SMTB".to_vec();
        for (kinds, heap) in [(0x0008u16, 77u64), (0x1020, 99)] {
            out.extend([0, 0]);
            out.put_u16(kinds);
            out.extend([0; 10]);
            out.put_address(None);
            out.put_u64(heap);
        }
        checksum::seal(&mut out, 0);
        assert_eq!(out.len() as u64, len(2, Sizes::STANDARD));
        let got = parse(&out, 2, Sizes::STANDARD, 0).unwrap();
        assert_eq!((got[0].heap, got[1].heap), (Some(77), Some(99)));
        assert!(got[0].holds(kind::DATATYPE) && !got[0].holds(kind::ATTRIBUTE));
        assert!(got[1].holds(kind::ATTRIBUTE) && got[1].holds(kind::FILL_VALUE_OLD));
        for n in 0..out.len() {
            assert!(parse(&out[..n], 2, Sizes::STANDARD, 0).is_err());
        }
        out[7] ^= 1;
        assert!(parse(&out, 2, Sizes::STANDARD, 0).is_err());
    }
}
