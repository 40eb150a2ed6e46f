//! The descriptions that `numpy.dtype` is called with: text, a list of fields, a dict of fields, a pair of base and
//! shape.
//!
//! NumPy's own pickles use text only; the other forms are how a struct is written portably. Source: NumPy 2.4,
//! `numpy.dtype`.

use crate::dtype::{DtypeNode, MAX_DEPTH, Sum, array_of};
use crate::machine::Machine;
use crate::node::{Node, NodeId};
use hyperslab_core::dtype::{Field, Struct};
use hyperslab_core::{Dtype, Error, Result};
use std::sync::Arc;

fn bad(what: &str) -> Error {
    Error::invalid(format!("{what} in the description of a dtype"))
}

impl Machine<'_> {
    pub(crate) fn describe_dtype(&mut self, id: NodeId, depth: u8) -> Result<DtypeNode> {
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!("a dtype nested deeper than {MAX_DEPTH} levels")));
        }
        match self.arena.node(id) {
            Node::Dtype(_) => self.fixed_dtype(id).cloned(),
            Node::List(items) => {
                let items = self.arena.links(items).to_vec();
                self.describe_list(&items, depth + 1)
            }
            Node::Dict(pairs) => {
                let pairs = self.arena.links(pairs).to_vec();
                self.describe_dict(&pairs, depth + 1)
            }
            Node::Tuple { items, .. } => {
                let &[base, shape] = self.arena.links(items) else {
                    return Err(bad("no pair of base and shape"));
                };
                let shape = self.shape(shape)?;
                array_of(self.describe_dtype(base, depth + 1)?, shape)
            }
            _ => {
                let text =
                    self.arena.as_text(id).ok_or_else(|| bad("neither text nor a list, dict or pair"))?;
                Dtype::from_descr(text).map(DtypeNode::plain)
            }
        }
    }

    /// `[(name, type[, shape]), ..]`, packed.
    fn describe_list(&mut self, items: &[NodeId], depth: u8) -> Result<DtypeNode> {
        let (mut fields, mut at, mut sum) = (Vec::new(), 0u64, Sum::default());
        for &item in items {
            let parts = self.arena.as_tuple(item).ok_or_else(|| bad("a field that is not a tuple"))?;
            let (name, kind, shape) = match *parts {
                [name, kind] => (name, kind, None),
                [name, kind, shape] => (name, kind, Some(shape)),
                _ => return Err(bad("a field of neither two nor three parts")),
            };
            let (title, name) = match self.arena.as_tuple(name) {
                Some(&[title, name]) => (Some(self.owned_text(title)?), name),
                Some(_) => return Err(bad("a name of several parts")),
                None => (None, name),
            };
            let name = self.owned_text(name)?;
            if name.is_empty() {
                return Err(Error::unsupported("a dtype with a field that NumPy is to name"));
            }
            let mut dtype = self.describe_dtype(kind, depth)?;
            if let Some(shape) = shape {
                dtype = array_of(dtype, self.shape(shape)?)?;
            }
            let dtype = sum.add(&dtype)?;
            let next = at.checked_add(dtype.itemsize()).ok_or_else(|| bad("an overflow"))?;
            fields.push(Field { name, title, offset: at, dtype });
            at = next;
        }
        finish(fields, at, sum)
    }

    /// `{'names': .., 'formats': .., 'offsets': .., 'titles': .., 'itemsize': ..}`, the last two optional.
    fn describe_dict(&mut self, pairs: &[NodeId], depth: u8) -> Result<DtypeNode> {
        let (mut names, mut formats, mut offsets, mut titles, mut itemsize) = (None, None, None, None, None);
        for pair in pairs.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            let slot = match self.arena.as_text(key) {
                Some("names") => &mut names,
                Some("formats") => &mut formats,
                Some("offsets") => &mut offsets,
                Some("titles") => &mut titles,
                Some("itemsize") => {
                    itemsize = Some(self.arena.as_int(value).and_then(|s| u64::try_from(s).ok()))
                        .ok_or_else(|| bad("no size"))?;
                    continue;
                }
                _ => return Err(Error::unsupported("a dtype described by other keys than its fields")),
            };
            let (Node::List(l) | Node::Tuple { items: l, .. }) = self.arena.node(value) else {
                return Err(bad("no list"));
            };
            *slot = Some(self.arena.links(l).to_vec());
        }
        let (Some(names), Some(formats), Some(offsets)) = (names, formats, offsets) else {
            return Err(Error::unsupported("a dtype described without names, formats or offsets"));
        };
        let titles = titles.unwrap_or_else(|| vec![NodeId::NONE; names.len()]);
        if formats.len() != names.len() || offsets.len() != names.len() || titles.len() != names.len() {
            return Err(bad("lists of different lengths"));
        }
        let (mut fields, mut end, mut sum) = (Vec::new(), 0u64, Sum::default());
        for (((name, format), offset), title) in names.into_iter().zip(formats).zip(offsets).zip(titles) {
            let name = self.owned_text(name)?;
            let title = match self.arena.node(title) {
                Node::None => None,
                _ => Some(self.owned_text(title)?),
            };
            let offset = self.arena.as_int(offset).and_then(|o| u64::try_from(o).ok());
            let offset = offset.ok_or_else(|| bad("an offset that is not a non-negative integer"))?;
            let dtype = sum.add(&self.describe_dtype(format, depth)?)?;
            end = end.max(offset.checked_add(dtype.itemsize()).ok_or_else(|| bad("an overflow"))?);
            fields.push(Field { name, title, offset, dtype });
        }
        finish(fields, itemsize.unwrap_or(end), sum)
    }

    fn owned_text(&self, id: NodeId) -> Result<String> {
        self.arena.as_text(id).map(str::to_owned).ok_or_else(|| bad("a name that is not text"))
    }
}

fn finish(fields: Vec<Field>, itemsize: u64, sum: Sum) -> Result<DtypeNode> {
    let made = Struct { fields, itemsize };
    made.check()?;
    sum.finish(Dtype::Struct(Arc::new(made)))
}
