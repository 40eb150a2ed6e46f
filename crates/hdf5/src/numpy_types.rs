//! NumPy's types that HDF5 lacks: stored as their nearest HDF5 type, named by an attribute, and restored.
//!
//! `U` becomes UTF-8 in the same number of bytes (a code point takes at most four in either form), `M8` and `m8`
//! become int64, `S` a NUL-padded ASCII string, `V` opaque bytes. Every stored type has the size and the field
//! offsets of the NumPy type, so all but `U` is a matter of names. The attribute [`ATTRIBUTE`] holds NumPy's
//! description as JSON (`<U5` is `"<U5"`, a struct its list of fields).

use hyperslab_core::dtype::{ArrayType, Charset, Field, Padding, StringType, Struct};
use hyperslab_core::view::Buffer;
use hyperslab_core::{ByteOrder, Dtype, Error, Limits, Result, View};
use std::sync::Arc;

/// The attribute that restores the NumPy type of a dataset.
pub const ATTRIBUTE: &str = "numpy_descr";

/// The HDF5 type under which elements of `dtype` are stored, when it is another one.
///
/// # Errors
/// `Unsupported` for types of no size and for Python objects.
pub fn stored_as(dtype: &Dtype) -> Result<Option<Dtype>> {
    let string =
        |size: u32, charset| Dtype::FixedString(StringType { size, charset, padding: Padding::NullPadded });
    if dtype.itemsize() == 0 {
        return Err(Error::unsupported(format!(
            "elements of {dtype} take no bytes, which HDF5 cannot store"
        )));
    }
    Ok(Some(match dtype {
        Dtype::Bytes(n) => string(*n, Charset::Ascii),
        Dtype::Unicode(n, _) => {
            let size = n.checked_mul(4).ok_or_else(|| Error::unsupported(format!("elements of {dtype}")))?;
            string(size, Charset::Utf8)
        }
        Dtype::Datetime(_, order) | Dtype::Timedelta(_, order) => Dtype::int(8, true, *order),
        Dtype::Struct(s) => {
            let mut changed = s.fields.iter().any(|f| f.title.is_some());
            let mut fields = Vec::with_capacity(s.fields.len());
            for f in &s.fields {
                let stored = stored_as(&f.dtype)?;
                changed |= stored.is_some();
                let dtype = stored.unwrap_or_else(|| f.dtype.clone());
                fields.push(Field { dtype, title: None, ..f.clone() });
            }
            if !changed {
                return Ok(None);
            }
            Dtype::Struct(Arc::new(Struct { fields, itemsize: s.itemsize }))
        }
        Dtype::Array(a) => match stored_as(&a.base)? {
            Some(base) => Dtype::Array(Arc::new(ArrayType::new(base, a.shape.clone())?)),
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// The text of the attribute for a type that is stored as another one.
pub fn describe(dtype: &Dtype) -> String {
    dtype.to_json().to_string()
}

/// The NumPy type that a dataset's attribute names, if it goes with the stored type.
///
/// # Errors
/// `Invalid` when the text is no description or describes a type that is stored otherwise.
pub fn restored(stored: &Dtype, text: &str) -> Result<Dtype> {
    let bad = |why: String| Error::invalid(format!("attribute {ATTRIBUTE:?} holds {text:?}: {why}"));
    let json = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
    let dtype = Dtype::from_json(&json).map_err(|e| bad(e.message().to_owned()))?;
    match stored_as(&dtype)? {
        Some(s) if s == *stored => Ok(dtype),
        _ => Err(bad(format!("the elements are stored as {stored}"))),
    }
}

/// Elements of `dtype` as they are stored: the same bytes but for Unicode.
///
/// # Errors
/// `Invalid` for code points that are no characters, `Limit`.
pub fn encode(view: &View<'_>, limits: &Limits) -> Result<Buffer> {
    convert(view, limits, &|bytes, order| {
        let mut out = [0u8; 4];
        let mut end = 0;
        let mut text = vec![0u8; bytes.len()];
        for c in bytes.chunks_exact(4) {
            let point = read_point(c, order);
            let ch = char::from_u32(point).ok_or_else(|| {
                Error::invalid(format!("code point {point:#x} is not a character, so it has no UTF-8 form"))
            })?;
            let utf8 = ch.encode_utf8(&mut out).as_bytes();
            if let Some(dst) = text.get_mut(end..end + utf8.len()) {
                dst.copy_from_slice(utf8);
            }
            // NULs that only fill the element stay what they are; those inside the text count.
            end += utf8.len();
        }
        bytes.copy_from_slice(&text);
        Ok(())
    })
}

/// Stored elements as the NumPy type `view` already carries: the inverse of [`encode`].
///
/// # Errors
/// `Invalid` for text that is not UTF-8 or too long for its element, `Limit`.
pub fn decode(view: &View<'_>, limits: &Limits) -> Result<Buffer> {
    convert(view, limits, &|bytes, order| {
        let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |p| p + 1);
        let text = std::str::from_utf8(bytes.get(..end).unwrap_or_default())
            .map_err(|e| Error::invalid(format!("text of a Unicode element: {e}")))?;
        let points: Vec<u32> = text.chars().map(u32::from).collect();
        let room = bytes.len() / 4;
        if points.len() > room {
            return Err(Error::invalid(format!("{} characters in an element of {room}", points.len())));
        }
        bytes.fill(0);
        for (dst, p) in bytes.chunks_exact_mut(4).zip(points) {
            let raw = if order == ByteOrder::Big { p.to_be_bytes() } else { p.to_le_bytes() };
            dst.copy_from_slice(&raw);
        }
        Ok(())
    })
}

/// Whether elements contain Unicode, the only kind whose bytes change.
pub fn has_unicode(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::Unicode(..) => true,
        Dtype::Struct(s) => s.fields.iter().any(|f| has_unicode(&f.dtype)),
        Dtype::Array(a) => has_unicode(&a.base),
        _ => false,
    }
}

fn read_point(c: &[u8], order: ByteOrder) -> u32 {
    let mut raw = [0; 4];
    raw.copy_from_slice(c);
    if order == ByteOrder::Big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) }
}

type Change<'f> = &'f dyn Fn(&mut [u8], ByteOrder) -> Result<()>;

/// A dense copy of the elements in C order, every Unicode part of them changed in place.
fn convert(view: &View<'_>, limits: &Limits, change: Change<'_>) -> Result<Buffer> {
    let mut out = Buffer::zeroed(view.nbytes(), limits)?;
    let mut at = 0;
    let size = view.dtype().itemsize() as usize;
    view.for_each(|e| {
        let Some(dst) = out.get_mut(at..at + size) else { return Ok(()) };
        at += size;
        dst.copy_from_slice(e);
        change_parts(view.dtype(), dst, change)
    })?;
    Ok(out)
}

fn change_parts(dtype: &Dtype, bytes: &mut [u8], change: Change<'_>) -> Result<()> {
    match dtype {
        Dtype::Unicode(_, order) => change(bytes, *order),
        Dtype::Struct(s) => s.fields.iter().filter(|f| has_unicode(&f.dtype)).try_for_each(|f| {
            let start = f.offset as usize;
            let part = bytes.get_mut(start..start + f.dtype.itemsize() as usize);
            part.map_or(Ok(()), |p| change_parts(&f.dtype, p, change))
        }),
        Dtype::Array(a) => {
            let size = (a.base.itemsize() as usize).max(1);
            bytes.chunks_exact_mut(size).try_for_each(|p| change_parts(&a.base, p, change))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf32(text: &str, room: usize, order: ByteOrder) -> Vec<u8> {
        let mut points: Vec<u32> = text.chars().map(u32::from).collect();
        points.resize(room, 0);
        points
            .iter()
            .flat_map(|p| if order == ByteOrder::Big { p.to_be_bytes() } else { p.to_le_bytes() })
            .collect()
    }

    #[test]
    fn unicode_survives() {
        for order in [ByteOrder::Little, ByteOrder::Big] {
            let dtype = Dtype::Unicode(3, order);
            let bytes: Vec<u8> = ["a", "é\0𝄞", ""].iter().flat_map(|t| utf32(t, 3, order)).collect();
            let view = View::new(dtype.clone(), [3].into(), &bytes[..]).unwrap();
            let stored = encode(&view, &Limits::default()).unwrap();
            assert_eq!(&stored[12..19], "é\0𝄞".as_bytes());
            let back = View::new(dtype, [3].into(), &stored[..]).unwrap();
            assert_eq!(&decode(&back, &Limits::default()).unwrap()[..], &bytes[..]);
        }
    }

    #[test]
    fn a_struct_keeps_its_offsets() {
        let json =
            serde_json::json!([["t", "<M8[ns]"], ["", "|V3"], ["u", "<U2", [2]], [["Title", "s"], "|S3"]]);
        let dtype = Dtype::from_json(&json).unwrap();
        let stored = stored_as(&dtype).unwrap().unwrap();
        assert_eq!(stored.itemsize(), dtype.itemsize());
        assert_eq!(restored(&stored, &describe(&dtype)).unwrap(), dtype);
        assert!(restored(&Dtype::F64, &describe(&dtype)).is_err());
    }

    #[test]
    fn plain_types_stay() {
        for d in ["<f8", "|b1", ">i2", "<c16", "|V4"] {
            assert!(stored_as(&d.parse().unwrap()).unwrap().is_none(), "{d}");
        }
        assert!(stored_as(&"|S0".parse().unwrap()).is_err());
        let lone = [0x00, 0xd8, 0, 0];
        let view = View::new("<U1".parse().unwrap(), [1].into(), &lone[..]).unwrap();
        assert!(encode(&view, &Limits::default()).is_err());
    }
}
