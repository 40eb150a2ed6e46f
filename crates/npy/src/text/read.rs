//! Text to arrays: whole, or a part at a time.

use super::Layout;
use super::parser::{self, Parse, WINDOW};
use crate::dense;
use bytes::Bytes;
use hyperslab_core::container::Stream;
use hyperslab_core::view::Buffer;
use hyperslab_core::{Error, Limits, Result, Shape, Source, View};
use rayon::prelude::*;

/// Reads an array from text.
///
/// Integers that the type does not hold are refused, any byte order is right, and nothing but white space is an empty
/// array; otherwise what `numpy.fromfile` accepts is accepted, with the same values.
///
/// ```
/// use hyperslab_core::{Dtype, Limits, source::SliceSource};
/// use hyperslab_npy::text::{self, Layout};
///
/// let layout = Layout::new(Dtype::F64, ",".parse()?);
/// let view = text::read(&SliceSource(b"1, 2.5,\n-3e2"), &layout, &Limits::default())?;
/// assert_eq!(view.to_vec::<f64>()?, [1.0, 2.5, -300.0]);
///
/// let e = text::read(&SliceSource(b"1,2\n3,4"), &layout, &Limits::default()).unwrap_err();
/// assert!(e.to_string().starts_with("line 1, column 4 (element 2) at byte 3: expected the separator"));
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
///
/// # Errors
/// `Invalid` with line, column and byte where there is no number, a wrong one or no separator, and for fewer elements
/// than the layout's count; `Unsupported` for element types that are not numbers, `Limit`, `Io`.
pub fn read<S: Source + ?Sized>(source: &S, layout: &Layout, limits: &Limits) -> Result<View<'static>> {
    whole(source, layout, WINDOW, limits).map_err(|e| dense::named(e, source))
}

/// As [`read`], taking so many bytes of text at a time: for tests, which it must not matter to.
///
/// # Errors
/// As [`read`].
#[doc(hidden)]
pub fn read_in_windows<S: Source + ?Sized>(
    source: &S,
    layout: &Layout,
    window: usize,
    limits: &Limits,
) -> Result<View<'static>> {
    whole(source, layout, window, limits)
}

pub(super) fn whole<S: Source + ?Sized>(
    source: &S,
    layout: &Layout,
    window: usize,
    limits: &Limits,
) -> Result<View<'static>> {
    let mut elements = Elements::new(limits)?;
    let mut parser = parser::open(source, layout, window, limits)?;
    while parser.next(&mut |parts| elements.extend(parts))? {
        elements.expect(parser.estimate().saturating_mul(layout.dtype.itemsize()));
    }
    let found = parser.found();
    elements.into_view(layout, layout.resolve(found)?)
}

/// From so many bytes on more than one thread copies them.
const SHARED: usize = 256 << 10;

/// Bytes of elements as they are found, within the limits.
pub(super) struct Elements {
    /// The first `len` bytes are elements'.
    buffer: Buffer,
    len: usize,
    /// Bytes that all elements may come to: a guess.
    expected: u64,
    limits: Limits,
}

impl Elements {
    pub(super) fn new(limits: &Limits) -> Result<Elements> {
        Ok(Elements { buffer: Buffer::zeroed(0, limits)?, len: 0, expected: 0, limits: limits.clone() })
    }

    /// Says how many bytes there may be in the end, so that they need not be moved often.
    fn expect(&mut self, bytes: u64) {
        self.expected = bytes;
    }

    pub(super) fn extend(&mut self, parts: &[&[u8]]) -> Result<()> {
        let more: usize = parts.iter().map(|part| part.len()).sum();
        let end = self.len + more;
        if end > self.buffer.len() {
            let least = end.max(self.len + self.len / 2) as u64;
            // The guess may be beyond what the limits allow, and wrong.
            let larger = Buffer::zeroed(least.max(self.expected), &self.limits);
            let mut larger = larger.or_else(|_| Buffer::zeroed(least, &self.limits))?;
            copy(larger.get_mut(..self.len), self.as_ref());
            self.buffer = larger;
        }
        let mut room = self.buffer.get_mut(self.len..end).unwrap_or_default();
        let places = parts.iter().map(|part| {
            let (place, rest) =
                std::mem::take(&mut room).split_at_mut_checked(part.len()).unwrap_or_default();
            room = rest;
            (Some(place), *part)
        });
        // Most of the time goes into memory that is new, which each thread takes for itself.
        if more >= SHARED && rayon::current_num_threads() > 1 {
            places.collect::<Vec<_>>().into_par_iter().for_each(|(place, part)| copy(place, part));
        } else {
            places.for_each(|(place, part)| copy(place, part));
        }
        self.len = end;
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn into_shared(self) -> Bytes {
        Bytes::from_owner(self)
    }

    fn into_view(self, layout: &Layout, shape: Shape) -> Result<View<'static>> {
        View::with_order(layout.dtype.clone(), shape, layout.order, self.into_shared())
    }
}

impl AsRef<[u8]> for Elements {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

/// Copies where there is room of just that length.
fn copy(room: Option<&mut [u8]>, bytes: &[u8]) {
    if let Some(room) = room.filter(|room| room.len() == bytes.len()) {
        room.copy_from_slice(bytes);
    }
}

/// An array's elements in order, a window of text at a time.
pub(super) struct Parts<'a, S: ?Sized> {
    source: &'a S,
    parser: Box<dyn Parse + 'a>,
    layout: &'a Layout,
    /// As many as were counted before.
    expected: u64,
    part: Vec<u8>,
}

impl<'a, S: Source + ?Sized> Parts<'a, S> {
    pub(super) fn new(source: &'a S, layout: &'a Layout, expected: u64, limits: &Limits) -> Result<Self> {
        let parser = parser::open(source, layout, WINDOW, limits).map_err(|e| dense::named(e, source))?;
        Ok(Parts { source, parser, layout, expected, part: Vec::new() })
    }

    fn fill(&mut self) -> Result<()> {
        let part = &mut self.part;
        part.clear();
        while part.is_empty() {
            let more = self.parser.next(&mut |parts| {
                parts.iter().for_each(|bytes| part.extend_from_slice(bytes));
                Ok(())
            })?;
            if !more {
                return self.check();
            }
        }
        Ok(())
    }

    /// At the end.
    fn check(&self) -> Result<()> {
        let (found, expected) = (self.parser.found(), self.expected);
        if found == expected {
            return Ok(());
        }
        Err(Error::conflict(format!("{found} elements where {expected} were counted before"))
            .hint("another program has changed the file: open it again"))
    }
}

impl<S: Source + ?Sized> Stream for Parts<'_, S> {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        self.fill().map_err(|e| dense::named(e, self.source))?;
        if self.part.is_empty() {
            return Ok(None);
        }
        let count = (self.part.len() as u64).checked_div(self.layout.dtype.itemsize()).unwrap_or(0);
        View::new(self.layout.dtype.clone(), [count].into(), &self.part[..]).map(Some)
    }
}
