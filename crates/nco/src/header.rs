//! The header of a Nengo cache object: magic, version, and where pickle and array lie in the file.
//!
//! The header is C's struct `"@3sBLLLL"` in the writer's own layout, and nothing in it says which. On 64-bit Unix it
//! takes 40 bytes; Windows and 32-bit systems have 4-byte offsets and no padding, in 20 bytes. Which one it is shows
//! in the offsets: the pickle starts at the first multiple of 16 after the header, the array at the first after the
//! pickle. All offsets count from the start of the *file*, so an object cut out of a pack cannot be read alone.
//! Performs no I/O. Source: `nengo/utils/nco.py` of nengo 4.1, and files written by it.

use hyperslab_core::{Error, Result};
use std::ops::Range;

/// The first three bytes.
pub const MAGIC: &[u8; 3] = b"NCO";

/// The one version.
pub const VERSION: u8 = 0;

/// Bytes of the longest header, which are what is read where an object may start.
pub const HEADER_LEN: usize = 40;

/// Pickle and array start at multiples of this, counted from the start of the file.
pub const ALIGNMENT: u64 = 16;

/// How the writing machine lays out C's `unsigned long`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// 64-bit Unix, little-endian: what is written here.
    Lp64Little,
    /// Windows, and 32-bit systems that are little-endian.
    Long32Little,
    /// 64-bit Unix, big-endian.
    Lp64Big,
    /// 32-bit systems that are big-endian.
    Long32Big,
}

impl Layout {
    const ALL: [Layout; 4] = [Layout::Lp64Little, Layout::Long32Little, Layout::Lp64Big, Layout::Long32Big];

    /// Bytes of the header.
    pub fn header_len(self) -> u64 {
        match self {
            Layout::Lp64Little | Layout::Lp64Big => 40,
            Layout::Long32Little | Layout::Long32Big => 20,
        }
    }

    fn offsets(self, bytes: &[u8]) -> Option<[u64; 4]> {
        let (at, width) = match self {
            Layout::Lp64Little | Layout::Lp64Big => (8, 8),
            Layout::Long32Little | Layout::Long32Big => (4, 4),
        };
        let mut out = [0; 4];
        for (value, field) in out.iter_mut().zip(bytes.get(at..at + 4 * width)?.chunks_exact(width)) {
            *value = match self {
                Layout::Lp64Little => u64::from_le_bytes(field.try_into().ok()?),
                Layout::Lp64Big => u64::from_be_bytes(field.try_into().ok()?),
                Layout::Long32Little => u32::from_le_bytes(field.try_into().ok()?).into(),
                Layout::Long32Big => u32::from_be_bytes(field.try_into().ok()?).into(),
            };
        }
        Some(out)
    }
}

/// What a header says. Offsets are absolute; ranges may lie (see [`Header::check`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the header itself starts.
    pub start: u64,
    /// The layout of the machine that wrote it.
    pub layout: Layout,
    /// The metadata pickle.
    pub pickle: Range<u64>,
    /// The array, an NPY file.
    pub array: Range<u64>,
}

/// The first multiple of 16 at or after an offset.
pub fn align(offset: u64) -> Option<u64> {
    offset.checked_next_multiple_of(ALIGNMENT)
}

impl Header {
    /// The header of an object that starts at `start`, with a pickle and an array of these lengths, as nengo would
    /// place them. `None` when the file would pass 2^64 bytes.
    pub fn place(start: u64, pickle_len: u64, array_len: u64) -> Option<Header> {
        Header::place_behind(start, 0, pickle_len, array_len)
    }

    /// The header of an object as [`Header::place`] makes it, with room for an extension block of `block_len` bytes
    /// between header and pickle.
    pub fn place_behind(start: u64, block_len: u64, pickle_len: u64, array_len: u64) -> Option<Header> {
        let layout = Layout::Lp64Little;
        let pickle = align(start.checked_add(layout.header_len())?.checked_add(block_len)?)?;
        let pickle = pickle..pickle.checked_add(pickle_len)?;
        let array = align(pickle.end)?;
        let array = array..array.checked_add(array_len)?;
        Some(Header { start, layout, pickle, array })
    }

    /// The header's bytes in the layout of 64-bit little-endian Unix.
    pub fn emit(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        let fields = [self.pickle.start, self.pickle.end, self.array.start, self.array.end];
        let bytes = MAGIC
            .iter()
            .copied()
            .chain([VERSION, 0, 0, 0, 0])
            .chain(fields.iter().flat_map(|f| f.to_le_bytes()));
        out.iter_mut().zip(bytes).for_each(|(o, b)| *o = b);
        out
    }

    /// Parses the header at the start of `bytes`, which lies at `start` in a file of `size` bytes. As many bytes as
    /// there are, up to [`HEADER_LEN`], must be given.
    ///
    /// # Errors
    /// `Invalid` when this is no Nengo cache object or ends inside its header, `Unsupported` for another version.
    /// Where the offsets lead is checked by [`Header::check`].
    pub fn parse(bytes: &[u8], start: u64, size: u64) -> Result<Header> {
        Self::parse_at(bytes, start, size).map_err(|e| e.reading("NCO header").at(start))
    }

    fn parse_at(bytes: &[u8], start: u64, size: u64) -> Result<Header> {
        let magic = bytes.get(..3).unwrap_or(bytes);
        if !MAGIC.starts_with(magic) || magic.is_empty() && size > start {
            return Err(Error::invalid("not a Nengo cache object file"));
        }
        if let Some(&version) = bytes.get(3).filter(|v| **v != VERSION) {
            return Err(Error::unsupported(format!("NCO protocol version {version} is not supported")));
        }
        // No object is shorter than the longest header: pickle and array follow the shorter one.
        if bytes.len() < HEADER_LEN {
            return Err(Error::invalid(format!(
                "the file ends after {} bytes of a header of {HEADER_LEN}",
                bytes.len()
            )));
        }
        let read = |layout: Layout| {
            let [a, b, c, d] = layout.offsets(bytes)?;
            Some(Header { start, layout, pickle: a..b, array: c..d })
        };
        let mut all = Layout::ALL.into_iter().filter_map(read);
        // A header that nobody placed as nengo does is taken in the first layout in which it makes sense, and one
        // that never does is blamed in the usual layout.
        let header = all
            .clone()
            .find(Header::is_canonical)
            .or_else(|| all.clone().find(|h| h.is_ordered() && h.array.start <= size))
            .or_else(|| all.next());
        header.ok_or_else(|| Error::invalid("not a Nengo cache object file"))
    }

    /// The bytes between header and pickle, which no reader of nengo's looks at.
    pub fn gap(&self) -> Range<u64> {
        let end = self.start.saturating_add(self.layout.header_len());
        end..self.pickle.start.max(end)
    }

    /// Whether pickle and array start where nengo places them.
    pub fn is_canonical(&self) -> bool {
        self.is_ordered()
            && self.start.checked_add(self.layout.header_len()).and_then(align) == Some(self.pickle.start)
            && align(self.pickle.end) == Some(self.array.start)
    }

    /// Whether the pickle starts at a multiple of 16, and the array at the first one behind it.
    pub(crate) fn has_aligned_parts(&self) -> bool {
        self.pickle.start.is_multiple_of(ALIGNMENT) && align(self.pickle.end) == Some(self.array.start)
    }

    /// Whether header, pickle and array follow one another.
    pub fn is_ordered(&self) -> bool {
        self.start.checked_add(self.layout.header_len()).is_some_and(|end| end <= self.pickle.start)
            && self.pickle.start <= self.pickle.end
            && self.pickle.end <= self.array.start
            && self.array.start <= self.array.end
    }

    /// The header with ends that leave a file of `size` bytes drawn in to it, as nengo reads such files: what is
    /// missing shows when pickle or array end too early.
    ///
    /// # Errors
    /// `Invalid` when pickle or array start outside the file or inside the header, or end before they start.
    pub fn check(&self, size: u64) -> Result<Header> {
        let bad = |message: String| Err(Error::invalid(message).reading("NCO header").at(self.start));
        let header_end = self.start.saturating_add(self.layout.header_len());
        let mut checked = self.clone();
        for (what, range) in [("metadata", &mut checked.pickle), ("array", &mut checked.array)] {
            let Range { start, end } = *range;
            if start < header_end {
                return bad(format!(
                    "the {what} would start at byte {start}, before the header's end at {header_end}"
                ));
            }
            if end < start {
                return bad(format!("the {what} would end at byte {end}, before its start at {start}"));
            }
            if start > size {
                return bad(format!(
                    "the {what} would start at byte {start}, but the file is truncated at {size}"
                ));
            }
            range.end = end.min(size);
        }
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_as_nengo_does() {
        for (start, want) in
            [(0, [48, 52, 64, 200]), (8, [48, 52, 64, 200]), (9, [64, 68, 80, 216]), (24, [64, 68, 80, 216])]
        {
            let h = Header::place(start, 4, 136).unwrap();
            assert_eq!([h.pickle.start, h.pickle.end, h.array.start, h.array.end], want);
            assert!(h.is_canonical());
        }
        assert_eq!(Header::place(u64::MAX - 60, 4, 136), None);
        assert_eq!((align(0), align(5), align(16), align(u64::MAX)), (Some(0), Some(16), Some(16), None));
    }

    #[test]
    fn what_is_emitted_is_parsed() {
        let h = Header::place(209, 21, 130).unwrap();
        let bytes = h.emit();
        assert_eq!(&bytes[..8], b"NCO\0\0\0\0\0");
        assert_eq!(Header::parse(&bytes, 209, 418).unwrap(), h);
    }

    #[test]
    fn the_layout_shows_in_the_offsets() {
        let mut short = b"NCO\0".to_vec();
        short.extend([32u32, 53, 64, 240].iter().flat_map(|v| v.to_be_bytes()));
        short.resize(40, 0);
        let h = Header::parse(&short, 0, 240).unwrap();
        assert_eq!((h.layout, h.pickle, h.array), (Layout::Long32Big, 32..53, 64..240));
    }

    #[test]
    fn refusals_name_what_is_there() {
        let error = |b: &[u8]| Header::parse(b, 7, 100).unwrap_err().to_string();
        assert_eq!(error(&[0; 40]), "NCO header at byte 7: not a Nengo cache object file");
        assert_eq!(error(b"NC"), "NCO header at byte 7: the file ends after 2 bytes of a header of 40");
        let mut b = Header::place(0, 4, 136).unwrap().emit();
        b[3] = 255;
        assert_eq!(error(&b), "NCO header at byte 7: NCO protocol version 255 is not supported");
        let h = Header { start: 0, layout: Layout::Lp64Little, pickle: 48..52, array: 64..u64::MAX };
        assert_eq!(h.check(100).unwrap().array, 64..100);
        assert!(Header { pickle: std::ops::Range { start: 48, end: 47 }, ..h.clone() }.check(100).is_err());
        assert!(Header { pickle: 39..52, ..h.clone() }.check(100).is_err());
        assert!(Header { array: 101..200, ..h }.check(100).is_err());
    }
}
