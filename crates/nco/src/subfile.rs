//! A bounded range of a source, read like a file of its own.
//!
//! What nengo's `Subfile` is meant to be, without its defects: it owns its position, and nothing reads past its
//! end. Seeking is clamped to the range, as there.

use hyperslab_core::{Error, Result, Source};
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

/// Bytes looked at ahead of the position, for reading lines.
const AHEAD: usize = 4096;

/// The bytes `range` of a source, with a position of its own.
///
/// ```
/// use hyperslab_core::source::SliceSource;
/// use hyperslab_nco::SubFile;
/// use std::io::{BufRead, Read};
///
/// let source = SliceSource(b"0123456789\n123456789\nabcdef");
/// let mut part = SubFile::new(&source, 2..14)?;
/// let mut line = String::new();
/// part.read_line(&mut line)?;
/// assert_eq!(line, "23456789\n");
/// let mut rest = String::new();
/// part.read_to_string(&mut rest)?;
/// assert_eq!(rest, "123");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SubFile<S> {
    source: S,
    range: Range<u64>,
    /// Offset from the range's start.
    position: u64,
    ahead: Vec<u8>,
    /// Where in the range `ahead` starts.
    ahead_at: u64,
}

impl<S: Source> SubFile<S> {
    /// A range of a source; what of it lies past the source's end is not there.
    ///
    /// # Errors
    /// `Usage` when the range ends before it starts, `Io`.
    pub fn new(source: S, range: Range<u64>) -> Result<SubFile<S>> {
        if range.end < range.start {
            return Err(Error::usage(format!("the range {range:?} ends before it starts")));
        }
        let size = source.len()?;
        let range = range.start.min(size)..range.end.min(size);
        Ok(SubFile { source, range, position: 0, ahead: Vec::new(), ahead_at: 0 })
    }

    /// Number of bytes in the range.
    pub fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Whether the range is empty.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    fn left(&self) -> u64 {
        self.len().saturating_sub(self.position)
    }

    /// What of `ahead` is still to come.
    fn buffered(&self) -> &[u8] {
        let skip = self.position.checked_sub(self.ahead_at).and_then(|n| usize::try_from(n).ok());
        skip.and_then(|n| self.ahead.get(n..)).unwrap_or_default()
    }
}

impl<S: Source> Read for SubFile<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = usize::try_from(self.left()).unwrap_or(usize::MAX).min(out.len());
        let Some(out) = out.get_mut(..n) else { return Ok(0) };
        self.source.read_exact_at(self.range.start + self.position, out).map_err(io::Error::other)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl<S: Source> BufRead for SubFile<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffered().is_empty() {
            let n = usize::try_from(self.left()).unwrap_or(usize::MAX).min(AHEAD);
            self.ahead.resize(n, 0);
            let at = self.range.start + self.position;
            self.source.read_exact_at(at, &mut self.ahead).map_err(io::Error::other)?;
            self.ahead_at = self.position;
        }
        Ok(self.buffered())
    }

    fn consume(&mut self, n: usize) {
        self.position = self.position.saturating_add(n as u64).min(self.len());
    }
}

impl<S: Source> Seek for SubFile<S> {
    /// Clamped to the range: before its start is its start, past its end is its end.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => i128::from(n),
            SeekFrom::Current(n) => i128::from(self.position) + i128::from(n),
            SeekFrom::End(n) => i128::from(self.len()) + i128::from(n),
        };
        self.position = u64::try_from(target.clamp(0, self.len().into())).unwrap_or(0);
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::source::SliceSource;

    const DATA: &[u8] = b"0123456789\n123456789\nabcdef";

    fn sub(range: Range<u64>) -> SubFile<SliceSource<'static>> {
        SubFile::new(SliceSource(DATA), range).unwrap()
    }

    fn rest(f: &mut impl Read) -> String {
        let mut s = String::new();
        f.read_to_string(&mut s).unwrap();
        s
    }

    #[test]
    fn reads_stay_inside() {
        let mut f = sub(2..6);
        assert_eq!(rest(&mut f), "2345");
        assert_eq!(rest(&mut f), "");
        let mut four = [0; 8];
        assert_eq!(sub(2..6).read(&mut four).unwrap(), 4);
        assert_eq!(sub(2..6).read(&mut four[..2]).unwrap(), 2);
        assert_eq!(sub(2..6).read(&mut []).unwrap(), 0);
        assert_eq!(rest(&mut sub(20..100)), "\nabcdef");
        assert_eq!(rest(&mut sub(90..100)), "");
        assert!(SubFile::new(SliceSource(DATA), Range { start: 6, end: 2 }).is_err());
    }

    #[test]
    fn lines_end_at_newlines_and_at_the_end() {
        let lines: Vec<String> = sub(2..14).lines().map(|l| l.unwrap()).collect();
        assert_eq!(lines, ["23456789", "123"]);
        let mut f = sub(2..14);
        let mut line = String::new();
        f.read_line(&mut line).unwrap();
        assert_eq!(f.stream_position().unwrap(), 9);
        assert_eq!(rest(&mut f), "123");
    }

    #[test]
    fn seeks_are_clamped() {
        for (to, want) in [
            (SeekFrom::Start(2), "45"),
            (SeekFrom::End(-2), "45"),
            (SeekFrom::End(-8), "2345"),
            (SeekFrom::Current(-4), "2345"),
            (SeekFrom::Start(8), ""),
            (SeekFrom::Current(8), ""),
            (SeekFrom::End(8), ""),
        ] {
            let mut f = sub(2..6);
            f.seek(to).unwrap();
            assert_eq!(rest(&mut f), want, "{to:?}");
        }
        let mut f = sub(2..6);
        f.read_exact(&mut [0]).unwrap();
        assert_eq!(f.seek(SeekFrom::Current(2)).unwrap(), 3);
        assert_eq!(rest(&mut f), "5");
        assert_eq!(f.seek(SeekFrom::End(0)).unwrap(), 4);
    }
}
