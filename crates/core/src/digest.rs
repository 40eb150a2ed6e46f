//! The content digest: SHA-256 over a canonical form, so that the same data has the same digest in every
//! container.
//!
//! Canonical form: elements in C order; numbers and bitfields as their stored bytes in little-endian order; bool
//! its one stored byte; complex as real then imaginary; byte strings padded with zero to the item size; Unicode as
//! UTF-32-LE; datetimes as their int64; enums as their integer; opaque and void as their bytes; compounds as their
//! fields in order without padding; subarrays in C order; variable-length sequences and strings as a u64-LE count
//! (of items, or of bytes) and the items, HDF5 variable-length strings ending at their first NUL. References,
//! Python objects, integers with unused bits, VAX floats and floats that are not 2, 4 or 8 bytes have no digest.

use crate::dtype::{ByteOrder, FloatFormat, Int};
use crate::view::{Heap, View};
use crate::{Dtype, Error, Result};
use sha2::{Digest as _, Sha256};

/// How deep variable-length sequences may nest in one element.
const MAX_DEPTH: u32 = 32;

/// Whether a dtype has a canonical form.
pub fn is_digestible(dtype: &Dtype) -> bool {
    let plain = |i: &Int| i.bit_offset == 0 && i.precision == u16::from(i.size) * 8;
    match dtype {
        Dtype::Int(i) => plain(i),
        Dtype::Enum(e) => plain(&e.base),
        Dtype::Float(f) | Dtype::Complex(f) => {
            let vax = matches!(&f.format, FloatFormat::Custom(l) if l.vax);
            matches!(f.size, 2 | 4 | 8) && !vax
        }
        Dtype::Object | Dtype::Reference(..) => false,
        Dtype::Struct(s) => s.fields.iter().all(|f| is_digestible(&f.dtype)),
        Dtype::Array(a) => is_digestible(&a.base),
        Dtype::Vlen(v) => is_digestible(&v.base),
        _ => true,
    }
}

/// The digest of a view as 64 hexadecimal digits; `None` when its type has none.
///
/// # Errors
/// What resolving variable-length elements reports.
pub fn digest(view: &View<'_>) -> Result<Option<String>> {
    if !is_digestible(view.dtype()) {
        return Ok(None);
    }
    let mut hasher = Hasher::new();
    hasher.update(view)?;
    Ok(Some(hasher.finish()))
}

/// Digests an array that arrives in parts, in C order.
pub struct Hasher {
    sha: Sha256,
    buffer: Vec<u8>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl Hasher {
    /// A hasher of no elements.
    pub fn new() -> Self {
        Hasher { sha: Sha256::new(), buffer: Vec::new() }
    }

    /// Adds the elements of a view.
    ///
    /// # Errors
    /// `Unsupported` for a type without digest, and what resolving variable-length elements reports.
    pub fn update(&mut self, view: &View<'_>) -> Result<()> {
        let Hasher { sha, buffer } = self;
        // A string type without a length has one character as soon as NumPy converts it, and so its elements here.
        let width = match view.dtype() {
            Dtype::Bytes(0) => 1,
            Dtype::Unicode(0, _) => 4,
            _ => 0,
        };
        if width > 0 {
            (0..view.len()).for_each(|_| sha.update([0; 4].get(..width).unwrap_or_default()));
            return Ok(());
        }
        if is_canonical(view.dtype()) {
            return view.pieces(|bytes| {
                sha.update(bytes);
                Ok(())
            });
        }
        let heap = view.heap().map(|h| &**h);
        view.for_each(|element| {
            emit(view.dtype(), element, heap, buffer, 0)?;
            if buffer.len() >= 1 << 16 {
                sha.update(&buffer[..]);
                buffer.clear();
            }
            Ok(())
        })?;
        sha.update(&buffer[..]);
        buffer.clear();
        Ok(())
    }

    /// The digest as 64 hexadecimal digits.
    pub fn finish(self) -> String {
        self.sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// The canonical bytes of a view (small arrays only: everything is in memory at once).
///
/// # Errors
/// `Unsupported` for a type without canonical form.
pub fn canonical(view: &View<'_>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let heap = view.heap().map(|h| &**h);
    view.for_each(|element| emit(view.dtype(), element, heap, &mut out, 0))?;
    Ok(out)
}

/// Whether stored bytes are their own canonical form.
fn is_canonical(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::VlenString(_) | Dtype::Vlen(_) | Dtype::Object | Dtype::Reference(..) => false,
        Dtype::Array(a) => is_canonical(&a.base),
        Dtype::Struct(s) => {
            let mut at = 0;
            s.fields.iter().all(|f| {
                let dense = f.offset == at;
                at = f.offset.saturating_add(f.dtype.itemsize());
                dense && is_canonical(&f.dtype)
            }) && at == s.itemsize
        }
        other => other.byte_order() != Some(ByteOrder::Big),
    }
}

fn emit(
    dtype: &Dtype,
    element: &[u8],
    heap: Option<&(dyn Heap + '_)>,
    out: &mut Vec<u8>,
    depth: u32,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("type nested deeper than {MAX_DEPTH} levels")));
    }
    let big = dtype.byte_order() == Some(ByteOrder::Big);
    match dtype {
        Dtype::Int(_)
        | Dtype::Bitfield(_)
        | Dtype::Float(_)
        | Dtype::Enum(_)
        | Dtype::Datetime(..)
        | Dtype::Timedelta(..)
            if big =>
        {
            out.extend(element.iter().rev());
        }
        Dtype::Complex(f) if big => {
            element.chunks_exact(usize::from(f.size).max(1)).for_each(|part| out.extend(part.iter().rev()));
        }
        Dtype::Unicode(..) if big => element.chunks_exact(4).for_each(|c| out.extend(c.iter().rev())),
        Dtype::Struct(s) => {
            for f in &s.fields {
                emit(&f.dtype, slice(element, f.offset, f.dtype.itemsize())?, heap, out, depth + 1)?;
            }
        }
        Dtype::Array(a) => {
            let size = a.base.itemsize();
            for i in 0..a.shape.count()? {
                emit(&a.base, slice(element, i * size, size)?, heap, out, depth + 1)?;
            }
        }
        Dtype::VlenString(_) => {
            let (_, bytes) = resolve(heap, element)?;
            let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
            out.extend((end as u64).to_le_bytes());
            out.extend(&bytes[..end]);
        }
        Dtype::Vlen(v) => {
            let (count, bytes) = resolve(heap, element)?;
            out.extend(count.to_le_bytes());
            let size = v.base.itemsize();
            if is_canonical(&v.base) {
                out.extend(&*bytes);
            } else {
                for i in 0..count {
                    emit(&v.base, slice(&bytes, i.saturating_mul(size), size)?, heap, out, depth + 1)?;
                }
            }
        }
        Dtype::Object | Dtype::Reference(..) => {
            return Err(Error::unsupported(format!("{dtype} has no content digest")));
        }
        _ => out.extend(element),
    }
    Ok(())
}

fn resolve<'h>(
    heap: Option<&'h (dyn Heap + '_)>,
    reference: &[u8],
) -> Result<(u64, std::borrow::Cow<'h, [u8]>)> {
    heap.ok_or_else(|| Error::usage("a variable-length array without its heap"))?.resolve(reference)
}

fn slice(bytes: &[u8], at: u64, len: u64) -> Result<&[u8]> {
    let start = usize::try_from(at).ok();
    let end = start.and_then(|s| s.checked_add(usize::try_from(len).ok()?));
    start
        .zip(end)
        .and_then(|(s, e)| bytes.get(s..e))
        .ok_or_else(|| Error::invalid(format!("{len} bytes at {at} of an element of {}", bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::{Field, Struct};
    use std::sync::Arc;

    #[test]
    fn byte_order_and_padding_do_not_matter() {
        let le = View::from_slice([2], &[1.0f64, 2.0]).unwrap();
        let bytes: Vec<u8> = [1.0f64, 2.0].iter().flat_map(|v| v.to_be_bytes()).collect();
        let be = View::new(">f8".parse().unwrap(), [2].into(), &bytes[..]).unwrap();
        assert_eq!(digest(&le).unwrap(), digest(&be).unwrap());

        let field = |name: &str, offset| Field { name: name.into(), title: None, offset, dtype: Dtype::U8 };
        let padded =
            Dtype::Struct(Arc::new(Struct { fields: vec![field("a", 0), field("b", 4)], itemsize: 8 }));
        let v = View::new(padded, [1].into(), &[1, 9, 9, 9, 2, 9, 9, 9][..]).unwrap();
        assert_eq!(canonical(&v).unwrap(), [1, 2]);
    }

    #[test]
    fn strings_without_a_length_are_one_nul() {
        let of = |descr: &str, bytes: &[u8]| {
            digest(&View::new(descr.parse().unwrap(), [2].into(), bytes).unwrap()).unwrap()
        };
        assert_eq!(of("|S0", &[]), of("|S1", &[0; 2]));
        assert_eq!(of("<U0", &[]), of("<U1", &[0; 8]));
        assert_ne!(of("|V0", &[]), of("|V1", &[0; 2]));
    }

    #[test]
    fn nothing_has_the_digest_of_nothing() {
        let v = View::from_slice::<f64>([0, 3], &[]).unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&v).unwrap().as_deref(), Some(empty));
    }
}
