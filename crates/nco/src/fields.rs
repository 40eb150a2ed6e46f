//! Extension blocks as named values, for listings and for carrying them from file to file. The bytes are in
//! [`ext`](crate::ext).

use crate::ext::{Block, Extension};
use hyperslab_core::value::ListKind;
use hyperslab_core::{Dtype, Error, Result, Shape, Value, View};

/// What a block says, with its time as `datetime64[ns]` and its key as text where it is text.
pub(crate) fn of(block: &Block) -> Result<Vec<(String, Value)>> {
    let mut out = Vec::new();
    let mut add = |name: &str, value: Value| out.push((name.to_owned(), value));
    let (e, checks) = match block {
        Block::Known(extension, checks) => (extension, checks),
        Block::Other { version, bytes } => {
            add("version", Value::Int((*version).into()));
            add("block", Value::Bytes(bytes.clone()));
            return Ok(out);
        }
    };
    if let Some(key) = &e.key {
        add("key", str::from_utf8(key).map_or_else(|_| Value::Bytes(key.clone()), Value::from));
    }
    if let Some(created) = e.created {
        let view = View::new("<M8[ns]".parse::<Dtype>()?, Shape::default(), created.to_le_bytes().to_vec())?;
        add("created", Value::Array(Box::new(view)));
    }
    if let Some(tag) = &e.tag {
        add("tag", tag.as_str().into());
    }
    if let Some(writer) = &e.writer {
        add("writer", writer.as_str().into());
    }
    if e.flags != 0 {
        add("flags", Value::Int(e.flags.into()));
    }
    if !e.other.is_empty() {
        let one = |(kind, bytes): &(u8, Vec<u8>)| {
            Value::List(ListKind::Tuple, vec![Value::Int((*kind).into()), Value::Bytes(bytes.clone())])
        };
        add("fields", Value::list(e.other.iter().map(one)));
    }
    let summed = [("metadata", checks.pickle), ("array", checks.array)];
    let summed: Vec<Value> = summed.into_iter().filter(|(_, c)| c.is_some()).map(|(n, _)| n.into()).collect();
    if !summed.is_empty() {
        add("checksums", Value::list(summed));
    }
    Ok(out)
}

/// The extension that says the same; checksums are made anew.
pub(crate) fn parse(fields: &[(String, Value)]) -> Result<Extension> {
    let mut e = Extension::default();
    for (name, value) in fields {
        let known = match (name.as_str(), value) {
            ("key", Value::String(key)) => e.key.replace(key.clone().into_bytes()).is_none(),
            ("key", Value::Bytes(key)) => e.key.replace(key.clone()).is_none(),
            ("created", Value::Array(time)) => match time.bytes().and_then(|b| b.try_into().ok()) {
                Some(bytes) => e.created.replace(i64::from_le_bytes(bytes)).is_none(),
                None => false,
            },
            ("tag", Value::String(tag)) => e.tag.replace(tag.clone()).is_none(),
            ("writer", Value::String(writer)) => e.writer.replace(writer.clone()).is_none(),
            ("flags", Value::Int(flags)) => {
                e.flags = u8::try_from(*flags).unwrap_or_default();
                true
            }
            ("fields", Value::List(_, fields)) => {
                let parsed: Option<Vec<_>> = fields.iter().map(field).collect();
                let known = parsed.is_some();
                e.other = parsed.unwrap_or_default();
                known
            }
            ("checksums", _) => true,
            _ => false,
        };
        if !known {
            return Err(Error::unsupported(format!("an extension block has no place for this {name:?}")));
        }
    }
    Ok(e)
}

fn field(value: &Value) -> Option<(u8, Vec<u8>)> {
    match value {
        Value::List(_, parts) => match parts.as_slice() {
            [Value::Int(kind), Value::Bytes(bytes)] => Some((u8::try_from(*kind).ok()?, bytes.clone())),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ext::Place;

    #[test]
    fn what_is_named_is_understood() {
        let place = Place { start: 0, pickle_len: 2, array_len: 136 };
        for key in [&b"text"[..], &[0xff; 20]] {
            let tag = Some("t".to_owned());
            let e = Extension { tag, flags: 4, other: vec![(77, vec![1])], ..Extension::for_key(key) };
            let block = Block::parse(&e.emit(place, 1, 2).unwrap(), 40).unwrap().unwrap();
            let fields = of(&block).unwrap();
            let names: Vec<&str> = fields.iter().map(|(n, _)| n.as_str()).collect();
            assert_eq!(names, ["key", "created", "tag", "writer", "flags", "fields", "checksums"]);
            assert_eq!(parse(&fields).unwrap(), e);
        }
        let other = of(&Block::Other { version: 7, bytes: vec![1] }).unwrap();
        assert_eq!(
            other,
            [("version".to_owned(), Value::Int(7)), ("block".to_owned(), Value::Bytes(vec![1]))]
        );
        assert!(parse(&other).is_err());
    }
}
