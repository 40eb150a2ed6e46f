//! A file under pieces of metadata that stand in place of its own bytes: what a metadata cache image is read through.

use hyperslab_core::{Error, Result, Source};
use std::collections::BTreeMap;
use std::path::Path;

/// A source with pieces laid over it. Pieces can lie beyond the end of the source.
pub(crate) struct Overlaid<'s> {
    inner: Box<dyn Source + 's>,
    /// By where they begin. They do not overlap: a later piece at the same place replaces an earlier one, and of
    /// pieces that overlap otherwise the one that begins later wins.
    pieces: BTreeMap<u64, Vec<u8>>,
    /// Bytes of the longest piece.
    longest: u64,
    end: u64,
}

impl<'s> Overlaid<'s> {
    pub(crate) fn new(inner: Box<dyn Source + 's>, pieces: Vec<(u64, Vec<u8>)>) -> Overlaid<'s> {
        let longest = pieces.iter().map(|(_, b)| b.len() as u64).max().unwrap_or(0);
        let end = pieces.iter().map(|(at, b)| at.saturating_add(b.len() as u64)).max().unwrap_or(0);
        Overlaid { inner, pieces: pieces.into_iter().collect(), longest, end }
    }
}

impl Source for Overlaid<'_> {
    fn name(&self) -> Option<&Path> {
        self.inner.name()
    }

    fn len(&self) -> Result<u64> {
        Ok(self.inner.len()?.max(self.end))
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let under = self.inner.len()?.saturating_sub(offset);
        let below = usize::try_from(under).unwrap_or(usize::MAX).min(out.len());
        let (low, high) = out.split_at_mut(below);
        high.fill(0);
        if !low.is_empty() {
            self.inner.read_exact_at(offset, low)?;
        }
        let end = offset.saturating_add(out.len() as u64);
        for (&at, piece) in self.pieces.range(offset.saturating_sub(self.longest)..end) {
            let (from, to) = (at.max(offset), at.saturating_add(piece.len() as u64).min(end));
            if from >= to {
                continue;
            }
            let part = |b: u64, start: u64| usize::try_from(b.saturating_sub(start)).unwrap_or(usize::MAX);
            let src = piece.get(part(from, at)..part(to, at));
            match (out.get_mut(part(from, offset)..part(to, offset)), src) {
                (Some(dst), Some(src)) => dst.copy_from_slice(src),
                _ => return Err(Error::invalid("a piece outside the file").at(at)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::source::SliceSource;

    #[test]
    fn pieces_stand_in_place() {
        let pieces = vec![(2, b"CD".to_vec()), (9, b"JK".to_vec()), (5, b"F".to_vec())];
        let o = Overlaid::new(Box::new(SliceSource(b"abcdefghij")), pieces);
        let whole = b"abCDeFghiJK";
        assert_eq!(o.len().unwrap(), 11);
        for from in 0..whole.len() {
            for to in from..=whole.len() {
                let mut out = vec![0; to - from];
                o.read_exact_at(from as u64, &mut out).unwrap();
                assert_eq!(out, whole[from..to]);
            }
        }
    }
}
