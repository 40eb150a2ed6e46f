//! The mappings of a virtual dataset: which elements of which datasets stand where in it.
//!
//! They are one object of the global heap. Not here: which files and datasets the names lead to (`read`).
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.i ("Virtual Dataset Global Heap Block", version 0), and
//! libhdf5 2.0 for version 1, in which a name that an earlier mapping has is given by the number of that mapping.

use super::selection::Stored;
use super::{Cursor, Sizes, checksum};
use hyperslab_core::Result;
use std::sync::Arc;

const WHAT: &str = "virtual dataset mapping";
/// Flags of a mapping in version 1.
const SAME_FILE: u8 = 4;
const FILE_SHARED: u8 = 1;
const DATASET_SHARED: u8 = 2;

/// One mapping: the elements of `source` in their order are those of `target` in theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Name of the source's file; `.` for the file of the virtual dataset.
    pub file: Arc<[u8]>,
    /// Path of the source dataset.
    pub dataset: Arc<[u8]>,
    /// Elements of the source.
    pub source: Stored,
    /// Elements of the virtual dataset.
    pub target: Stored,
}

/// Parses the heap object, `bytes` being all of it.
///
/// # Errors
/// `Invalid`, `Unsupported` for unknown versions.
pub fn parse(bytes: &[u8], sizes: Sizes, base: u64) -> Result<Vec<Mapping>> {
    let mut c = Cursor::new(bytes, WHAT, base);
    let version = c.version(0, 1)?;
    // Objects of the heap are padded, so where the block ends is known only after the last mapping.
    let count = c.length(sizes)?;
    if count > c.remaining() as u64 / 16 {
        return Err(c.invalid(format!("{count} mappings in {} bytes", c.remaining())));
    }
    let mut out: Vec<Mapping> = Vec::new();
    for _ in 0..count {
        let flags = if version == 0 { 0 } else { c.u8()? };
        if flags & !(SAME_FILE | FILE_SHARED | DATASET_SHARED) != 0 {
            return Err(c.invalid(format!("flags {flags:#04x} of a mapping")));
        }
        let earlier = |c: &mut Cursor<'_>| -> Result<Mapping> {
            let n = c.length(sizes)?;
            let known = usize::try_from(n).ok().and_then(|n| out.get(n));
            known.cloned().ok_or_else(|| c.invalid(format!("name of mapping {n} in mapping {}", out.len())))
        };
        let file = if flags & SAME_FILE != 0 {
            Arc::from(&b"."[..])
        } else if flags & FILE_SHARED != 0 {
            earlier(&mut c)?.file
        } else {
            Arc::from(c.until_nul()?)
        };
        let dataset =
            if flags & DATASET_SHARED != 0 { earlier(&mut c)?.dataset } else { Arc::from(c.until_nul()?) };
        let source = Stored::parse(&mut c)?;
        let target = Stored::parse(&mut c)?;
        out.push(Mapping { file, dataset, source, target });
    }
    let end = c.position();
    let stored = c.u32()?;
    checksum::compare(stored, checksum::lookup3(bytes.get(..end).unwrap_or_default()), WHAT, base)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Put;

    const ALL: [u8; 16] = [3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn both_versions() {
        let mut v0 = vec![0];
        v0.put_u64(1);
        v0.extend(b"a.h5\0/x\0");
        v0.extend(ALL);
        v0.extend(ALL);
        checksum::seal(&mut v0, 0);
        let got = parse(&v0, Sizes::STANDARD, 0).unwrap();
        assert_eq!((&*got[0].file, &*got[0].dataset), (&b"a.h5"[..], &b"/x"[..]));

        let mut v1 = vec![1];
        v1.put_u64(2);
        v1.extend(b"\x04/x\0");
        v1.extend(ALL);
        v1.extend(ALL);
        v1.push(FILE_SHARED | DATASET_SHARED);
        v1.put_u64(0);
        v1.put_u64(0);
        v1.extend(ALL);
        v1.extend(ALL);
        checksum::seal(&mut v1, 0);
        let got = parse(&v1, Sizes::STANDARD, 0).unwrap();
        assert_eq!((&*got[1].file, &*got[1].dataset), (&b"."[..], &b"/x"[..]));
        for n in 0..v1.len() {
            assert!(parse(&v1[..n], Sizes::STANDARD, 0).is_err());
        }
        v1[9] = 0;
        assert!(parse(&v1, Sizes::STANDARD, 0).is_err());
    }

    #[test]
    fn counts_are_not_trusted() {
        let mut b = vec![0];
        b.put_u64(u64::MAX / 2);
        assert!(parse(&b, Sizes::STANDARD, 0).is_err());
    }
}
