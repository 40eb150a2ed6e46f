//! Who owns the bytes of a view.

use super::Buffer;
use bytes::Bytes;
use std::fmt;
use std::ops::Deref;

/// Bytes that are borrowed, shared by reference count (a map, a Python object, a heap block), or our own.
pub enum Data<'a> {
    /// Of somebody who outlives the view.
    Borrowed(&'a [u8]),
    /// Kept alive by a count.
    Shared(Bytes),
    /// Decoded for this view.
    Owned(Buffer),
}

impl Data<'_> {
    /// The same bytes without a borrow: a copy only when they were borrowed.
    pub fn into_owned(self) -> Data<'static> {
        match self {
            Data::Borrowed(b) => Data::Owned(Buffer::copy_of(b)),
            Data::Shared(b) => Data::Shared(b),
            Data::Owned(b) => Data::Owned(b),
        }
    }

    /// Whether the bytes are somebody else's, used where they lie.
    pub fn is_view(&self) -> bool {
        !matches!(self, Data::Owned(_))
    }
}

impl Deref for Data<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Data::Borrowed(b) => b,
            Data::Shared(b) => b,
            Data::Owned(b) => b,
        }
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self {
            Data::Borrowed(_) => "borrowed",
            Data::Shared(_) => "shared",
            Data::Owned(_) => "owned",
        };
        write!(f, "{} {who} bytes", self.len())
    }
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(b: &'a [u8]) -> Self {
        Data::Borrowed(b)
    }
}

impl From<Bytes> for Data<'_> {
    fn from(b: Bytes) -> Self {
        Data::Shared(b)
    }
}

impl From<Buffer> for Data<'_> {
    fn from(b: Buffer) -> Self {
        Data::Owned(b)
    }
}

impl From<Vec<u8>> for Data<'_> {
    fn from(b: Vec<u8>) -> Self {
        Data::Shared(Bytes::from(b))
    }
}
