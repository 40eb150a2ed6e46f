//! The filter-pipeline message: what is done to every chunk, in the order in which it was applied on writing.
//!
//! The filters themselves live in [`crate::filter`].
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.l, versions 1 and 2.

use crate::format::put::narrow;
use crate::format::{Cursor, Put};
use hyperslab_core::Result;

/// Ids from here on carry a name in version 2.
const FIRST_NAMED: u16 = 256;
/// As many filters as libhdf5 allows.
const MAX_FILTERS: u8 = 32;

pub use hyperslab_core::container::ChunkFilter as Filter;

/// Parses a message body.
///
/// # Errors
/// `Invalid`, `Unsupported` for unknown versions.
pub fn parse(body: &[u8], offset: u64) -> Result<Vec<Filter>> {
    let mut c = Cursor::new(body, "filter pipeline", offset);
    let version = c.version(1, 2)?;
    let count = c.u8()?;
    if count > MAX_FILTERS {
        return Err(c.invalid(format!("{count} filters (greatest: {MAX_FILTERS})")));
    }
    if version == 1 {
        c.skip(6)?;
    }
    let mut out = Vec::new();
    for _ in 0..count {
        let id = c.u16()?;
        let name_len = if version == 1 || id >= FIRST_NAMED { c.u16()? } else { 0 };
        let flags = c.u16()?;
        let values = c.u16()?;
        let name = c.bytes(name_len.into())?;
        let name = name.split(|&b| b == 0).next().filter(|n| !n.is_empty());
        let name = name.map(|n| String::from_utf8_lossy(n).into_owned());
        let values = (0..values).map(|_| c.u32()).collect::<Result<Vec<_>>>()?;
        if version == 1 && values.len() % 2 == 1 {
            c.skip(4)?;
        }
        out.push(Filter { id, name, optional: flags & 1 != 0, values });
    }
    Ok(out)
}

/// Appends a version 2 body.
///
/// # Errors
/// `Unsupported` for more than 32 filters or names and parameters too long for the format.
pub fn emit(filters: &[Filter], out: &mut Vec<u8>) -> Result<()> {
    let count: u8 = narrow(filters.len(), "filter count")?;
    if count > MAX_FILTERS {
        return Err(hyperslab_core::Error::unsupported(format!(
            "{count} filters (HDF5 ends at {MAX_FILTERS})"
        )));
    }
    out.extend_from_slice(&[2, count]);
    for f in filters {
        let name = f.name.as_deref().unwrap_or_default();
        out.put_u16(f.id);
        if f.id >= FIRST_NAMED {
            out.put_u16(narrow(if name.is_empty() { 0 } else { name.len() + 1 }, "filter name")?);
        }
        out.put_u16(f.optional.into());
        out.put_u16(narrow(f.values.len(), "filter parameter count")?);
        if f.id >= FIRST_NAMED && !name.is_empty() {
            out.extend_from_slice(name.as_bytes());
            out.put_u8(0);
        }
        f.values.iter().for_each(|&v| out.put_u32(v));
    }
    Ok(())
}

/// Appends a version 1 body, which HDF5 1.6 reads.
///
/// # Errors
/// As [`emit`].
pub fn emit_old(filters: &[Filter], out: &mut Vec<u8>) -> Result<()> {
    let count: u8 = narrow(filters.len(), "filter count")?;
    out.extend_from_slice(&[1, count, 0, 0, 0, 0, 0, 0]);
    for f in filters {
        let name = f.name.as_deref().unwrap_or_default();
        let room = if name.is_empty() { 0 } else { (name.len() + 1).next_multiple_of(8) };
        out.put_u16(f.id);
        out.put_u16(narrow(room, "filter name")?);
        out.put_u16(f.optional.into());
        out.put_u16(narrow(f.values.len(), "filter parameter count")?);
        out.extend_from_slice(name.as_bytes());
        out.put_zeros(room - name.len());
        f.values.iter().for_each(|&v| out.put_u32(v));
        if f.values.len() % 2 == 1 {
            out.put_u32(0);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        let filters = vec![
            Filter { id: 2, name: None, optional: true, values: vec![8] },
            Filter { id: 1, name: None, optional: true, values: vec![4] },
            Filter { id: 32001, name: Some("blosc".into()), optional: false, values: vec![1, 2, 3] },
        ];
        let mut out = Vec::new();
        emit(&filters, &mut out).unwrap();
        assert_eq!(parse(&out, 0).unwrap(), filters);
        for n in 0..out.len() {
            assert!(parse(&out[..n], 0).is_err());
        }
        let mut out = Vec::new();
        emit_old(&filters, &mut out).unwrap();
        assert_eq!(parse(&out, 0).unwrap(), filters);
    }

    #[test]
    fn version_1_is_padded() {
        let mut b = vec![1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 1, 0, 1, 0];
        b.extend(b"deflate\0");
        b.extend([6, 0, 0, 0, 0, 0, 0, 0]);
        let f = parse(&b, 0).unwrap();
        assert_eq!(f, [Filter { id: 1, name: Some("deflate".into()), optional: true, values: vec![6] }]);
    }
}
