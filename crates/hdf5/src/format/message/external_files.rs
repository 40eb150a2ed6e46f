//! The external-files message: the files that hold a dataset's elements, one segment after another.
//!
//! Names are in a local heap, so the message has offsets into that. Not here: where the files are (`read`).
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.h, version 1.

use crate::format::{Cursor, Sizes};
use hyperslab_core::Result;

/// A segment without bound: to the end of the file.
pub const UNLIMITED: u64 = u64::MAX;

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where the local heap has the name of its file.
    pub name: u64,
    /// Where it begins in the file.
    pub offset: u64,
    /// Bytes, or [`UNLIMITED`].
    pub len: u64,
}

/// The segments in order, with the local heap of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalFiles {
    /// Address of the local heap.
    pub heap: u64,
    /// The segments.
    pub segments: Vec<Segment>,
}

/// Parses a message body.
///
/// # Errors
/// `Invalid`, `Unsupported` for another version.
pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<ExternalFiles> {
    let mut c = Cursor::new(body, "external files", offset);
    c.version(1, 1)?;
    c.skip(5)?;
    let count = c.u16()?;
    let heap = c.address(sizes)?.ok_or_else(|| c.invalid("no heap of names"))?;
    let unlimited = if sizes.length >= 8 { u64::MAX } else { (1 << (8 * sizes.length)) - 1 };
    let mut segments = Vec::new();
    for _ in 0..count {
        let (name, offset, len) = (c.length(sizes)?, c.length(sizes)?, c.length(sizes)?);
        segments.push(Segment { name, offset, len: if len == unlimited { UNLIMITED } else { len } });
    }
    Ok(ExternalFiles { heap, segments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Put;

    #[test]
    fn two_segments() {
        let mut b = vec![1, 0, 0, 0, 2, 0, 2, 0];
        for n in [400u64, 8, 16, 32, 24, 0, u64::MAX] {
            b.put_u64(n);
        }
        let got = parse(&b, Sizes::STANDARD, 0).unwrap();
        assert_eq!(got.heap, 400);
        let want =
            [Segment { name: 8, offset: 16, len: 32 }, Segment { name: 24, offset: 0, len: UNLIMITED }];
        assert_eq!(got.segments, want);
        for n in 0..b.len() {
            assert!(parse(&b[..n], Sizes::STANDARD, 0).is_err());
        }
    }
}
