//! From a source to elements, in bounded memory: the text is taken a window at a time, the window is cut at
//! separators, and its pieces are parsed side by side.
//!
//! What a number or separator at the end of a window may still become is left for the next one, so where windows and
//! pieces end changes nothing.

use super::number::{Bad, Bool, Complex, Integer, LongDouble, Real, Scan};
use super::piece::{self, Around};
use super::separator::{Match, Pattern};
use super::{Layout, position};
use hyperslab_core::dtype::FloatFormat;
use hyperslab_core::{Dtype, Error, Limits, Reservation, Result, Source};
use rayon::prelude::*;

/// Bytes of text that are taken at a time. Their elements may take eight times as much memory.
pub(super) const WINDOW: usize = 4 << 20;
/// A window is cut into pieces of at least this many bytes.
const PIECE: usize = 128 << 10;
/// Bytes within which an element with its separator must end. White space can make one long.
const LONGEST: usize = 64 << 20;

/// Bytes that one thread reads at a time.
const READ: usize = 512 << 10;

/// What takes the elements' bytes, those of some pieces.
pub(super) type Sink<'s> = &'s mut dyn FnMut(&[&[u8]]) -> Result<()>;

/// A parser of some kind of element and separator.
pub(super) trait Parse {
    /// Hands the elements of the next window to `sink` and says whether there may be more.
    fn next(&mut self, sink: Sink<'_>) -> Result<bool>;

    /// Number of elements so far.
    fn found(&self) -> u64;

    /// How many there may be in the end, if the rest of the text is as what was read.
    fn estimate(&self) -> u64;

    /// Counts the rest by its separators, without looking at the numbers, and says whether that could be done.
    fn skim(&mut self) -> Result<bool>;
}

/// A parser of a source as a layout says.
///
/// # Errors
/// `Unsupported` for a dtype or a separator that text cannot be read with; `Io`, `Limit`.
pub(super) fn open<'a, S: Source + ?Sized>(
    source: &'a S,
    layout: &'a Layout,
    window: usize,
    limits: &Limits,
) -> Result<Box<dyn Parse + 'a>> {
    if !layout.separator.as_str().is_ascii() {
        return Err(Error::unsupported(format!(
            "text with the separator {:?} cannot be read: NumPy finds ASCII separators only",
            layout.separator.as_str()
        )));
    }
    let text = Text::new(source, layout, window, limits)?;
    let plain = |f: &hyperslab_core::dtype::Float| f.format == FloatFormat::Ieee;
    match &layout.dtype {
        Dtype::Bool => text.parser(Bool),
        Dtype::Int(i) if i.is_plain() => match i.size {
            1 => text.parser(Integer::<1>::new(i.signed, i.order)),
            2 => text.parser(Integer::<2>::new(i.signed, i.order)),
            4 => text.parser(Integer::<4>::new(i.signed, i.order)),
            _ => text.parser(Integer::<8>::new(i.signed, i.order)),
        },
        Dtype::Float(f) if plain(f) && f.size == 2 => text.parser(Real::<2> { order: f.order }),
        Dtype::Float(f) if plain(f) && f.size == 4 => text.parser(Real::<4> { order: f.order }),
        Dtype::Float(f) if plain(f) && f.size == 8 => text.parser(Real::<8> { order: f.order }),
        Dtype::Float(f) if f.format == FloatFormat::LongDouble && f.size == 16 => {
            text.parser(LongDouble { order: f.order })
        }
        Dtype::Complex(f) if plain(f) && f.size == 4 => text.parser(Complex::<8> { order: f.order }),
        Dtype::Complex(f) if plain(f) && f.size == 8 => text.parser(Complex::<16> { order: f.order }),
        other => Err(Error::unsupported(format!("elements of {other} cannot be read from text"))
            .hint("text holds bools, integers, floats and complex numbers")),
    }
}

/// The text and where it has been read to.
struct Text<'a, S: ?Sized> {
    source: &'a S,
    layout: &'a Layout,
    /// Bytes of it.
    size: u64,
    /// The first byte that is not parsed.
    at: u64,
    window: usize,
    /// Bytes from `at` on, of a source that is not memory.
    buffer: Vec<u8>,
    limits: Limits,
    /// For the buffer.
    reservation: Reservation,
}

impl<'a, S: Source + ?Sized> Text<'a, S> {
    fn new(source: &'a S, layout: &'a Layout, window: usize, limits: &Limits) -> Result<Text<'a, S>> {
        let reservation = limits.reserve(0)?;
        let (size, limits) = (source.len()?, limits.clone());
        let window = window.max(1);
        Ok(Text { source, layout, size, at: 0, window, buffer: Vec::new(), limits, reservation })
    }

    fn parser<const N: usize, K: Scan<N> + 'a>(self, scan: K) -> Result<Box<dyn Parse + 'a>> {
        let layout = self.layout;
        Ok(match layout.separator.pattern() {
            Pattern::Blank(s) => Parser::boxed(self, scan, s),
            Pattern::Byte(s) => Parser::boxed(self, scan, s),
            Pattern::Bytes(s) => Parser::boxed(self, scan, s),
        })
    }

    /// Bytes in the window.
    fn len(&self) -> usize {
        let left = self.size.saturating_sub(self.at);
        usize::try_from(left).map_or(self.window, |left| left.min(self.window))
    }

    /// Makes the window's bytes ready.
    fn fill(&mut self) -> Result<()> {
        if self.source.as_slice().is_some() {
            return Ok(());
        }
        let (have, want) = (self.buffer.len(), self.len());
        if want > self.buffer.capacity() {
            self.reservation = self.limits.reserve(self.window as u64)?;
            let room = self.buffer.try_reserve_exact(want - have);
            room.map_err(|_| Error::limit(format!("no memory for {want} bytes of text")))?;
        }
        self.buffer.resize(want, 0);
        let new = self.buffer.get_mut(have..).unwrap_or_default();
        let from = self.at.saturating_add(have as u64);
        if new.len() <= READ || rayon::current_num_threads() == 1 {
            return self.source.read_exact_at(from, new);
        }
        let source = self.source;
        let parts = new.par_chunks_mut(READ).enumerate();
        parts.try_for_each(|(i, part)| source.read_exact_at(from.saturating_add((i * READ) as u64), part))
    }

    fn bytes(&self) -> &[u8] {
        match self.source.as_slice() {
            Some(all) => {
                let from = usize::try_from(self.at).unwrap_or(usize::MAX);
                let rest = all.get(from..).unwrap_or_default();
                rest.get(..self.len()).unwrap_or(rest)
            }
            None => &self.buffer,
        }
    }

    /// Leaves bytes behind.
    fn advance(&mut self, n: usize) {
        self.at = self.at.saturating_add(n as u64);
        self.buffer.drain(..n.min(self.buffer.len()));
    }

    /// Takes a longer window next time.
    fn widen(&mut self) -> Result<()> {
        if self.window >= LONGEST {
            return Err(
                Error::limit(format!("an element takes more than {LONGEST} bytes of text")).at(self.at)
            );
        }
        self.window = self.window.saturating_mul(2).min(LONGEST);
        Ok(())
    }
}

struct Parser<'a, const N: usize, S: ?Sized, K, M> {
    text: Text<'a, S>,
    scan: K,
    separator: &'a M,
    found: u64,
    done: bool,
    /// The elements of each piece; kept for their memory.
    elements: Vec<Vec<[u8; N]>>,
}

impl<'a, const N: usize, S: Source + ?Sized, K: Scan<N> + 'a, M: Match + 'a> Parser<'a, N, S, K, M> {
    fn boxed(text: Text<'a, S>, scan: K, separator: &'a M) -> Box<dyn Parse + 'a> {
        Box::new(Parser { text, scan, separator, found: 0, done: false, elements: Vec::new() })
    }

    /// Parses the pieces of a window into `self.elements`: how far each came.
    fn pieces(&mut self, ends: &[usize], around: Around) -> Vec<Result<usize, Bad>> {
        let (scan, separator, bytes) = (self.scan, self.separator, self.text.bytes());
        let count = ends.len();
        self.elements.resize_with(count.max(self.elements.len()), Vec::new);
        let one = |i: usize, elements: &mut Vec<[u8; N]>| {
            elements.clear();
            let from = i.checked_sub(1).and_then(|i| ends.get(i)).copied().unwrap_or(0);
            let to = ends.get(i).copied().unwrap_or(from);
            let around =
                Around { first: around.first && i == 0, last: around.last && i + 1 == count, ..around };
            piece::parse(scan, separator, bytes.get(from..to).unwrap_or_default(), around, elements)
        };
        let elements = self.elements.get_mut(..count).unwrap_or_default();
        match count {
            1 => elements.iter_mut().map(|e| one(0, e)).collect(),
            _ => elements.par_iter_mut().enumerate().map(|(i, e)| one(i, e)).collect(),
        }
    }

    /// Where the pieces of a window end.
    fn cuts(&self) -> Vec<usize> {
        let bytes = self.text.bytes();
        let threads = rayon::current_num_threads();
        let mut ends = Vec::new();
        if threads > 1 {
            let piece = (bytes.len() / (4 * threads)).max(PIECE);
            let mut at = 0;
            while let Some(end) = self.separator.cut(bytes, at + piece).filter(|end| *end < bytes.len()) {
                ends.push(end);
                at = end;
            }
        }
        ends.push(bytes.len());
        ends
    }
}

impl<'a, const N: usize, S: Source + ?Sized, K: Scan<N> + 'a, M: Match + 'a> Parse
    for Parser<'a, N, S, K, M>
{
    fn found(&self) -> u64 {
        self.found
    }

    fn estimate(&self) -> u64 {
        let all = u128::from(self.found) * u128::from(self.text.size) / u128::from(self.text.at.max(1));
        // What follows may be a little denser.
        let all = u64::try_from(all + all / 64).unwrap_or(u64::MAX);
        all.min(self.text.layout.count.unwrap_or(u64::MAX))
    }

    fn skim(&mut self) -> Result<bool> {
        let Some(mut tally) = self.separator.tally() else { return Ok(false) };
        while !self.done {
            self.text.fill()?;
            let len = self.text.len();
            tally.add(self.text.bytes());
            self.text.advance(len);
            self.done = self.text.at >= self.text.size;
        }
        self.found = self.found.saturating_add(tally.finish());
        self.found = self.found.min(self.text.layout.count.unwrap_or(u64::MAX));
        Ok(true)
    }

    fn next(&mut self, sink: Sink<'_>) -> Result<bool> {
        let wanted = self.text.layout.count.map_or(u64::MAX, |n| n - self.found.min(n));
        if self.done || wanted == 0 {
            return Ok(false);
        }
        self.text.fill()?;
        let len = self.text.len();
        let last = self.text.at.saturating_add(len as u64) >= self.text.size;
        let around = Around { first: self.found == 0, last, wanted };
        let ends = self.cuts();
        let results = self.pieces(&ends, around);
        let (mut from, mut used, mut left) = (0, 0, wanted);
        let (mut taken, mut wrong) = (Vec::with_capacity(ends.len()), None);
        for ((result, &end), elements) in results.into_iter().zip(&ends).zip(&self.elements) {
            let take = usize::try_from(left).map_or(elements.len(), |left| left.min(elements.len()));
            taken.push(elements.get(..take).unwrap_or_default().as_flattened());
            self.found = self.found.saturating_add(take as u64);
            left -= left.min(take as u64);
            if left == 0 {
                break;
            }
            match result {
                Ok(n) => used = from + n,
                Err(bad) => {
                    wrong = Some(Bad { at: from + bad.at, ..bad });
                    break;
                }
            }
            if used < end {
                break;
            }
            from = end;
        }
        sink(&taken)?;
        if let Some(bad) = wrong {
            let Text { source, layout, at, .. } = self.text;
            return Err(position::explain(source, layout, at, bad, self.found));
        }
        if left == 0 {
            return Ok(false);
        }
        self.done = last && used >= len;
        if used == 0 && !last {
            self.text.widen()?;
        }
        self.text.advance(used);
        Ok(!self.done)
    }
}
