//! What an object header keeps beside messages of elements and attributes: orders of creation, times, a comment.

use super::object::Object;
use super::{Context, group, names};
use crate::format::message::{comment, kind, modification_time};
use crate::format::object_header::{INDEXED, MAX_PREFIX, ORDERED, Prefix};
use hyperslab_core::container::{Bookkeeping, Order, Times};
use hyperslab_core::{Error, Result, ResultExt, Source};

/// All of it for one object.
pub(crate) fn of(cx: Context<'_, '_>, object: &Object<'_>) -> Result<Bookkeeping> {
    let mut kept = Bookkeeping {
        attributes: match object.flags & (ORDERED | INDEXED) {
            ORDERED => Order::Kept,
            0 | INDEXED => Order::Unkept,
            _ => Order::Indexed,
        },
        times: times(cx, object)?,
        ..Bookkeeping::default()
    };
    if let Some(info) = group::link_info(cx, object)?
        && info.max_creation_order.is_some()
    {
        kept.links = if info.indexed { Order::Indexed } else { Order::Kept };
        let (entries, error) = group::entries(cx, object);
        if let Some(e) = error {
            return Err(e);
        }
        kept.names = entries.into_iter().map(|e| e.name).collect();
    }
    if let Some(m) = object.first(kind::COMMENT) {
        let text = names::shown(comment::parse(m.body));
        if names::escaped(&text).is_some() {
            return Err(Error::unsupported(format!("a comment that is no text, {text:?}")).at(m.offset));
        }
        kept.comment = Some(text);
    }
    Ok(kept)
}

fn times(cx: Context<'_, '_>, object: &Object<'_>) -> Result<Option<Times>> {
    let one = |t: u32| Times { accessed: t, modified: t, changed: t, born: t };
    if let Some(m) = object.first(kind::MODIFICATION_TIME) {
        return modification_time::parse(m.body, m.offset).map(|t| Some(one(t)));
    }
    if let Some(m) = object.first(kind::MODIFICATION_TIME_OLD) {
        return Ok(modification_time::parse_old(m.body).map(one));
    }
    let at = object.address;
    let len = cx.source.len()?.saturating_sub(at).min(MAX_PREFIX as u64);
    let bytes = cx.source.bytes_at(at, len, cx.limits).reading("object header", at)?;
    let times = Prefix::parse(&bytes, at)?.times(&bytes);
    Ok(times.map(|[accessed, modified, changed, born]| Times { accessed, modified, changed, born }))
}
