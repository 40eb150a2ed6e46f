//! Filter 2, shuffle: the first bytes of all elements, then the second bytes, and so on; what is left over at the
//! end stays as it is.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l; measured on libhdf5.

use super::Room;
use super::codec::transpose;
use hyperslab_core::{Error, Limits, Result};
use std::borrow::Cow;

/// Undoes the shuffle of elements of `values[0]` bytes.
pub(super) fn undo<'a>(
    values: &[u32],
    bytes: Cow<'a, [u8]>,
    _: Room,
    limits: &Limits,
) -> Result<Cow<'a, [u8]>> {
    let size = match values.first() {
        Some(&n) if n > 0 => n as usize,
        _ => return Err(Error::invalid("shuffle filter without an element size")),
    };
    if size == 1 || bytes.len() / size <= 1 {
        return Ok(bytes);
    }
    let (mut out, _held) = limits.vec(bytes.len() as u64)?;
    out.resize(bytes.len(), 0);
    transpose::unshuffle(size, &bytes, &mut out);
    Ok(Cow::Owned(out))
}

/// Shuffles elements of `values[0]` bytes.
pub(super) fn apply(values: &[u32], bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let size = match values.first() {
        Some(&n) if n > 0 => n as usize,
        _ => return Err(Error::usage("the shuffle filter needs the size of an element")),
    };
    let mut out = vec![0; bytes.len()];
    transpose::shuffle(size, bytes, &mut out);
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let bytes: Vec<u8> = (0..=250).collect();
        for size in [1, 2, 3, 4, 8, 16, 100, 200, 251, 300] {
            let shuffled = Cow::Owned(apply(&[size as u32], &bytes).unwrap().unwrap());
            let back = undo(&[size as u32], shuffled, Room::exactly(251), &Limits::default()).unwrap();
            assert_eq!(&*back, bytes, "{size}");
        }
        assert_eq!(apply(&[2], &[1, 2, 3, 4, 5]).unwrap().unwrap(), [1, 3, 2, 4, 5]);
        assert!(apply(&[], &[1]).is_err());
        assert!(undo(&[], Cow::Borrowed(&[]), Room::exactly(0), &Limits::default()).is_err());
    }
}
