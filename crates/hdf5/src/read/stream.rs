//! Chunked elements from the first to the last in bounded memory, where one row of chunks does not fit in it.
//!
//! Chunks that reach over many rows and few columns give the elements of one row only after all of them were
//! decoded. Each is decoded once: a row of chunks is laid out in a temporary file, which nobody else can open, and
//! handed out from there. Where rows of chunks are small, parts are read by selection and nothing of this is needed.

use super::File;
use hyperslab_core::container::Stream;
use hyperslab_core::view::Buffer;
use hyperslab_core::{Dtype, Error, Limits, Result, Selection, Shape, View};
use smallvec::SmallVec;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;

/// Rows of chunks up to this size are read as a whole.
const BAND: u64 = 64 << 20;
/// Bytes that are decoded at once, about.
const BOX: u64 = 32 << 20;
/// Bytes of a part.
const PART: u64 = 4 << 20;

/// What is known of a dataset that has to be laid out anew.
pub(crate) struct Layout {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Shape,
    pub(crate) chunk: Shape,
}

impl Layout {
    /// Whether a row of chunks is too large to be read as a whole.
    pub(crate) fn is_wide(&self) -> bool {
        !self.shape.contains(&0) && self.shape.len() > 1 && self.band_bytes(self.rows()) > BAND
    }

    /// Rows of a row of chunks.
    fn rows(&self) -> u64 {
        let (rows, chunk) = (self.shape.first(), self.chunk.first());
        rows.copied().unwrap_or(1).min(chunk.copied().unwrap_or(1))
    }

    fn band_bytes(&self, rows: u64) -> u64 {
        let rest = self.shape.iter().skip(1).fold(self.dtype.itemsize(), |n, d| n.saturating_mul(*d));
        rest.saturating_mul(rows)
    }

    /// The axis that boxes divide, and how far they reach along it: boxes have one chunk along the axes before it
    /// and everything along those behind it.
    fn cut(&self) -> (usize, u64) {
        let item = self.dtype.itemsize();
        let last = self.shape.len().saturating_sub(1);
        for axis in 1..=last {
            let extents = self.shape.iter().zip(self.chunk.iter()).enumerate();
            let one = extents.fold(item, |n, (d, (&all, &chunk))| {
                n.saturating_mul(if d > axis { all } else { chunk.min(all) })
            });
            if one <= BOX || axis == last {
                let chunks = (BOX / one.max(1)).max(1);
                return (axis, self.chunk.get(axis).map_or(1, |c| c.saturating_mul(chunks)));
            }
        }
        (last, 1)
    }
}

/// A stream by way of a temporary file.
pub(crate) struct Wide<'a> {
    file: &'a File<'a>,
    path: String,
    layout: Layout,
    limits: &'a Limits,
    spill: std::fs::File,
    /// Rows that were laid out, and bytes of them that were not handed out.
    done: u64,
    left: u64,
    part: Buffer,
}

impl<'a> Wide<'a> {
    pub(crate) fn new(
        file: &'a File<'a>,
        path: &str,
        layout: Layout,
        limits: &'a Limits,
    ) -> Result<Wide<'a>> {
        let spill = tempfile::tempfile().map_err(fail)?;
        let item = layout.dtype.itemsize().max(1);
        let part = Buffer::zeroed((PART / item).max(1).saturating_mul(item), limits)?;
        Ok(Wide { file, path: path.into(), layout, limits, spill, done: 0, left: 0, part })
    }

    /// Lays out the next rows of chunks.
    fn lay_out(&mut self) -> Result<()> {
        let rows = self.layout.shape.first().copied().unwrap_or(0);
        let band = self.done..self.done.saturating_add(self.layout.rows()).min(rows);
        let (axis, reach) = self.layout.cut();
        // The box, as ranges along each axis; it moves like the digits of a number.
        let start = |d: usize| if d == 0 { band.start } else { 0 };
        let end = |d: usize| if d == 0 { band.end } else { self.layout.shape.get(d).copied().unwrap_or(1) };
        let step = |d: usize| match d {
            _ if d > axis => u64::MAX,
            _ if d == axis => reach,
            _ => self.layout.chunk.get(d).copied().unwrap_or(1),
        };
        let mut at: SmallVec<[u64; 4]> = (0..self.layout.shape.len()).map(start).collect();
        loop {
            let ranges: SmallVec<[Range<u64>; 4]> =
                at.iter().enumerate().map(|(d, &a)| a..a.saturating_add(step(d)).min(end(d))).collect();
            let selection = Selection::block(&ranges);
            let view = self.file.read(&self.path, &selection, self.limits)?;
            write(&mut self.spill, &view, &ranges, axis, &self.layout, band.start)?;
            let Some(next) =
                (0..=axis).rev().find(|&d| at.get(d).is_some_and(|a| a.saturating_add(step(d)) < end(d)))
            else {
                break;
            };
            for d in next..=axis {
                let Some(a) = at.get_mut(d) else { break };
                *a = if d == next { a.saturating_add(step(d)) } else { start(d) };
            }
        }
        self.left = self.layout.band_bytes(band.end - band.start);
        self.done = band.end;
        self.spill.seek(SeekFrom::Start(0)).map_err(fail)?;
        Ok(())
    }
}

/// Writes the elements of a box to their places among the rows from `first` on.
fn write(
    file: &mut std::fs::File,
    view: &View<'_>,
    ranges: &[Range<u64>],
    axis: usize,
    layout: &Layout,
    first: u64,
) -> Result<()> {
    let bytes = view.to_bytes(&Limits::default())?;
    // From `axis` on, elements lie behind one another in both.
    let len = |d: usize| ranges.get(d).map_or(1, |r| r.end - r.start);
    let run = (axis..ranges.len()).fold(layout.dtype.itemsize(), |n, d| n.saturating_mul(len(d)));
    let run =
        usize::try_from(run).ok().filter(|&n| n > 0).ok_or_else(|| Error::limit("a run of elements"))?;
    let mut index: SmallVec<[u64; 4]> = SmallVec::from_elem(0, axis);
    for piece in bytes.chunks_exact(run) {
        let mut place = 0u64;
        for (d, &all) in layout.shape.iter().enumerate() {
            let from = ranges.get(d).map_or(0, |r| r.start) - if d == 0 { first } else { 0 };
            let i = from + index.get(d).copied().unwrap_or(0);
            place = if d == 0 { i } else { place.saturating_mul(all).saturating_add(i) };
        }
        let place = place.saturating_mul(layout.dtype.itemsize());
        file.seek(SeekFrom::Start(place)).and_then(|_| file.write_all(piece)).map_err(fail)?;
        for d in (0..axis).rev() {
            let Some(i) = index.get_mut(d) else { break };
            *i += 1;
            if *i < len(d) {
                break;
            }
            *i = 0;
        }
    }
    Ok(())
}

fn fail(e: std::io::Error) -> Error {
    Error::io(e, "cannot write a temporary file").hint("TMPDIR says where it is made")
}

impl Stream for Wide<'_> {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        if self.left == 0 {
            if self.done >= self.layout.shape.first().copied().unwrap_or(0) {
                return Ok(None);
            }
            self.lay_out()?;
        }
        let n = (self.part.len() as u64).min(self.left);
        let part = usize::try_from(n).ok().and_then(|n| self.part.get_mut(..n)).unwrap_or_default();
        self.spill.read_exact(part).map_err(fail)?;
        self.left -= n;
        let dtype = self.layout.dtype.clone();
        let count = n / dtype.itemsize().max(1);
        View::new(dtype, [count].into(), &*part).map(Some)
    }
}
