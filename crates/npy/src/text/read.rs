//! Text to arrays: whole, or a part at a time.

use super::Layout;
use super::parser::{self, Parse, WINDOW};
use crate::dense;
use bytes::Bytes;
use hyperslab_core::container::Stream;
use hyperslab_core::{Error, Limits, Reservation, Result, Shape, Source, View};

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
    while parser.next(&mut |bytes| elements.extend(bytes))? {}
    let found = parser.found();
    elements.into_view(layout, layout.resolve(found)?)
}

/// Bytes of elements as they are found, within the limits.
pub(super) struct Elements {
    bytes: Vec<u8>,
    limits: Limits,
    /// One for each time that the bytes grew.
    reservations: Vec<Reservation>,
}

impl Elements {
    pub(super) fn new(limits: &Limits) -> Result<Elements> {
        Ok(Elements { bytes: Vec::new(), limits: limits.clone(), reservations: Vec::new() })
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) -> Result<()> {
        let room = self.bytes.capacity() - self.bytes.len();
        if let Some(more) = bytes.len().checked_sub(room).filter(|more| *more > 0) {
            let more = more.max(self.bytes.capacity() / 2);
            self.reservations.push(self.limits.reserve(more as u64)?);
            let room = self.bytes.try_reserve_exact(room + more);
            room.map_err(|_| Error::limit(format!("no memory for {more} more bytes of elements")))?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
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
        &self.bytes
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
            let more = self.parser.next(&mut |bytes| {
                part.extend_from_slice(bytes);
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
