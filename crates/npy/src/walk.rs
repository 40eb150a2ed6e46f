//! The regions of NPY and raw files.

use hyperslab_core::walk::{Region, Seen, Visit};
use hyperslab_core::{Result, Shape};

use crate::Header;

/// A header and the array behind it, in a file of `size` bytes.
pub(crate) fn npy(header: &Header, size: u64, visit: Visit<'_>) -> Result<()> {
    let at = header.data_offset;
    visit(Seen::Region(Region::new(0, at, "NPY header", "")))?;
    let (len, what) = match header.dtype.has_indirection() {
        true => (size.saturating_sub(at), "pickled objects"),
        false => (header.nbytes, "array data"),
    };
    visit(Seen::Region(Region::new(at, len, what, "")))
}

/// Elements alone.
pub(crate) fn raw(offset: u64, itemsize: u64, shape: &Shape, visit: Visit<'_>) -> Result<()> {
    visit(Seen::Region(Region::new(offset, shape.bytes(itemsize)?, "array data", "")))
}
