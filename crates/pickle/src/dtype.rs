//! NumPy dtypes as pickles spell them: `numpy.dtype(description, False, True)`, then `BUILD` with the rest.
//!
//! Descriptions are parsed in `descr.rs`. The kind and size are in the description, the byte order in the state, so `BUILD` refines the dtype in place
//! and never replaces it. Sizes are taken from descriptions only; what the state claims must agree. Source: NumPy
//! 2.4 and 1.26, `dtype.__reduce__` and `__setstate__` (state versions 3 and 4).

use crate::machine::Machine;
use crate::node::{Node, NodeId, next_index};
use hyperslab_core::dtype::{ArrayType, ByteOrder, Field, Struct};
use hyperslab_core::{Dtype, Error, Result, Shape};
use std::sync::Arc;

/// How deep dtypes may nest.
pub(crate) const MAX_DEPTH: u8 = 32;

/// How many types a dtype may mention, repetitions counted: what walks a dtype takes time by this number.
const MAX_WEIGHT: u32 = 1 << 16;

#[derive(Clone, Debug)]
pub(crate) struct DtypeNode {
    pub(crate) dtype: Dtype,
    depth: u8,
    pub(crate) weight: u32,
    /// Whether its state is set, or something was made from it: it no longer changes.
    fixed: bool,
}

impl Machine<'_> {
    /// `numpy.dtype(description[, align[, copy]])`.
    pub(crate) fn dtype(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let (&descr, _flags) = args.split_first().ok_or_else(|| Error::invalid("numpy.dtype of nothing"))?;
        if let Node::Dtype(_) = self.arena.node(descr) {
            return Ok(descr);
        }
        let aligned = args.get(1).is_some_and(|&align| self.arena.as_int(align) != Some(0));
        if aligned && !matches!(self.arena.node(descr), Node::Str(_) | Node::Py2Str(_)) {
            return Err(Error::unsupported("numpy.dtype of a struct that NumPy is to align"));
        }
        let node = DtypeNode { fixed: false, ..self.describe_dtype(descr, 0)? };
        self.arena.spend_fields(node.weight.into())?;
        let i = next_index(&self.arena.dtypes)?;
        self.arena.dtypes.push(node);
        self.arena.push(Node::Dtype(i))
    }

    /// The dtype of a node, which from now on does not change.
    pub(crate) fn use_dtype(&mut self, id: NodeId) -> Result<Dtype> {
        self.fixed_dtype(id).map(|d| d.dtype.clone())
    }

    pub(crate) fn fixed_dtype(&mut self, id: NodeId) -> Result<&DtypeNode> {
        let i = match self.arena.node(id) {
            Node::Dtype(i) => i,
            Node::Opaque(_) => return Err(Error::unsupported("a dtype over a class of scalars")),
            _ => return Err(Error::invalid("a value that is not a numpy.dtype where one belongs")),
        };
        let node = self.arena.dtypes.get_mut(i as usize).ok_or_else(|| Error::invalid("no such dtype"))?;
        node.fixed = true;
        Ok(node)
    }

    /// `BUILD` of a dtype: `(version, order, subarray, names, fields, size, alignment, flags[, metadata])`.
    pub(crate) fn build_dtype(&mut self, index: u32, state: NodeId) -> Result<()> {
        let old = self.arena.dtypes.get(index as usize).filter(|d| !d.fixed).cloned();
        let old = old.ok_or_else(|| Error::invalid("the state of a dtype that is already in use"))?;
        let bad = |what: &str| Error::invalid(format!("{what} in the state of dtype {}", old.dtype));
        let state = self.arena.as_tuple(state).ok_or_else(|| bad("no tuple"))?.to_vec();
        let (&[version, order, subarray, names, fields, size, _alignment, _flags], metadata) =
            state.split_first_chunk::<8>().ok_or_else(|| bad("fewer than 8 parts"))?;
        if !matches!(self.arena.as_int(version), Some(3 | 4)) || metadata.len() > 1 {
            return Err(Error::unsupported("the state of a dtype in another version than 3 or 4"));
        }
        let order = match self.short_text(order) {
            Some(b"<") | Some(b"|") => ByteOrder::Little,
            Some(b">") => ByteOrder::Big,
            Some(b"=") => ByteOrder::NATIVE,
            _ => return Err(bad("no byte order")),
        };
        let is_none = |id| matches!(self.arena.node(id), Node::None);
        let new = match (is_none(subarray), is_none(names)) {
            (true, true) => DtypeNode::plain(with_order(&old.dtype, order)),
            (false, true) => self.subarray(subarray)?,
            (true, false) => self.fields(&old.dtype, names, fields)?,
            (false, false) => return Err(bad("both a subarray and fields")),
        };
        let new = match (&new.dtype, metadata.first().map(|&m| self.arena.node(m))) {
            (Dtype::Datetime(..) | Dtype::Timedelta(..), Some(Node::Tuple { items, .. })) => {
                let parts = self.arena.links(items).to_vec();
                DtypeNode::plain(self.time_unit(&new.dtype, &parts)?)
            }
            // Other metadata is a caller's private dictionary, which no stored bytes depend on.
            _ => new,
        };
        let size = self.arena.as_int(size).ok_or_else(|| bad("no size"))?;
        if new.dtype.itemsize() != old.dtype.itemsize()
            || (size >= 0
                && !matches!(new.dtype, Dtype::Object)
                && size.unsigned_abs() != new.dtype.itemsize())
        {
            return Err(bad("another size"));
        }
        if let Some(slot) = self.arena.dtypes.get_mut(index as usize) {
            *slot = new;
        }
        Ok(())
    }

    /// `(base, shape)`.
    fn subarray(&mut self, id: NodeId) -> Result<DtypeNode> {
        let bad = || Error::invalid("the subarray of a dtype is not a pair of base and shape");
        let &[base, shape] = self.arena.as_tuple(id).ok_or_else(bad)? else { return Err(bad()) };
        let shape = self.shape(shape)?;
        let base = self.fixed_dtype(base)?.clone();
        array_of(base, shape)
    }

    /// `names`, and the dict of each name's `(dtype, offset[, title])`.
    fn fields(&mut self, whole: &Dtype, names: NodeId, fields: NodeId) -> Result<DtypeNode> {
        let bad = |what: &str| Error::invalid(format!("{what} in the fields of a dtype"));
        if !matches!(whole, Dtype::Void(_)) {
            return Err(bad("a kind other than V"));
        }
        let names = self.arena.as_tuple(names).ok_or_else(|| bad("no tuple of names"))?.to_vec();
        self.arena.spend_fields(names.len() as u64)?;
        let pairs = match self.arena.node(fields) {
            Node::Dict(pairs) => self.arena.links(pairs).to_vec(),
            Node::None if names.is_empty() => Vec::new(),
            _ => return Err(bad("no dict")),
        };
        // A name is found by its text; of equal keys the last counts. A sorted list keeps many names quick.
        let mut by_name: Vec<(&str, NodeId)> = pairs
            .chunks_exact(2)
            .filter_map(|p| Some((self.arena.as_text(*p.first()?)?, *p.get(1)?)))
            .collect();
        by_name.sort_by(|a, b| a.0.cmp(b.0));
        let mut found = Vec::with_capacity(names.len());
        for &n in &names {
            let name = self.arena.as_text(n).ok_or_else(|| bad("a name that is not text"))?;
            let end = by_name.partition_point(|(k, _)| *k <= name);
            let value = end.checked_sub(1).and_then(|i| by_name.get(i)).filter(|(k, _)| *k == name);
            let (_, value) = value.ok_or_else(|| bad("a name without its field"))?;
            found.push((name.to_owned(), *value));
        }
        let mut out = Vec::with_capacity(found.len());
        let mut sum = Sum::default();
        for (name, value) in found {
            let parts = self.arena.as_tuple(value).ok_or_else(|| bad("no tuple"))?;
            let (dtype, offset, title) = match *parts {
                [dtype, offset] => (dtype, offset, None),
                [dtype, offset, title] => (
                    dtype,
                    offset,
                    Some(self.arena.as_text(title).ok_or_else(|| bad("a title that is not text"))?),
                ),
                _ => return Err(bad("neither two nor three parts")),
            };
            let title = title.map(str::to_owned);
            let offset = self.arena.as_int(offset).and_then(|o| u64::try_from(o).ok());
            let offset = offset.ok_or_else(|| bad("an offset that is not a non-negative integer"))?;
            let dtype = sum.add(self.fixed_dtype(dtype)?)?;
            out.push(Field { name, title, offset, dtype });
        }
        let itemsize = whole.itemsize();
        let made = Struct { fields: out, itemsize };
        made.check()?;
        sum.finish(Dtype::Struct(Arc::new(made)))
    }

    /// `(metadata, (unit, count, divisor, events))` of a datetime.
    fn time_unit(&self, dtype: &Dtype, parts: &[NodeId]) -> Result<Dtype> {
        let bad = || Error::invalid("the unit of a datetime is not (base, count, 1, 1)");
        let &[_, unit] = parts else { return Err(bad()) };
        let &[base, count, divisor, _events] = self.arena.as_tuple(unit).ok_or_else(bad)? else {
            return Err(bad());
        };
        let base = self.short_text(base).and_then(|b| std::str::from_utf8(b).ok()).ok_or_else(bad)?;
        let count = self.arena.as_int(count).ok_or_else(bad)?;
        if self.arena.as_int(divisor) != Some(1) {
            return Err(bad());
        }
        let (kind, order) = match dtype {
            Dtype::Datetime(_, o) => ('M', o),
            Dtype::Timedelta(_, o) => ('m', o),
            _ => return Err(bad()),
        };
        let order = if *order == ByteOrder::Big { '>' } else { '<' };
        match base {
            "generic" => Ok(dtype.clone()),
            base => Dtype::from_descr(&format!("{order}{kind}8[{count}{base}]")),
        }
    }

    /// Text or bytes.
    fn short_text(&self, id: NodeId) -> Option<&[u8]> {
        match self.arena.node(id) {
            Node::Str(t) => Some(self.arena.text(t).as_bytes()),
            Node::Bytes(d) | Node::Py2Str(d) => Some(self.arena.bytes(d)),
            _ => None,
        }
    }
}

impl DtypeNode {
    /// A dtype that mentions no other.
    pub(crate) fn plain(dtype: Dtype) -> DtypeNode {
        DtypeNode { dtype, depth: 0, weight: 1, fixed: true }
    }
}

/// Depth and weight of a dtype made of others.
#[derive(Default)]
pub(crate) struct Sum {
    depth: u8,
    weight: u32,
}

impl Sum {
    pub(crate) fn add(&mut self, part: &DtypeNode) -> Result<Dtype> {
        self.depth = self.depth.max(part.depth);
        self.weight = self.weight.saturating_add(part.weight);
        if self.weight > MAX_WEIGHT {
            return Err(Error::limit(format!("a dtype that mentions more than {MAX_WEIGHT} types")));
        }
        Ok(part.dtype.clone())
    }

    pub(crate) fn finish(self, dtype: Dtype) -> Result<DtypeNode> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::limit(format!("a dtype nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(DtypeNode { dtype, depth: self.depth + 1, weight: self.weight.saturating_add(1), fixed: true })
    }
}

pub(crate) fn array_of(base: DtypeNode, shape: Shape) -> Result<DtypeNode> {
    let mut sum = Sum::default();
    let dtype = sum.add(&base)?;
    sum.finish(Dtype::Array(Arc::new(ArrayType::new(dtype, shape)?)))
}

fn with_order(dtype: &Dtype, order: ByteOrder) -> Dtype {
    match dtype.clone() {
        Dtype::Int(mut i) if i.size > 1 => {
            i.order = order;
            Dtype::Int(i)
        }
        Dtype::Float(mut f) => {
            f.order = order;
            Dtype::Float(f)
        }
        Dtype::Complex(mut f) => {
            f.order = order;
            Dtype::Complex(f)
        }
        Dtype::Unicode(n, _) => Dtype::Unicode(n, order),
        Dtype::Datetime(u, _) => Dtype::Datetime(u, order),
        Dtype::Timedelta(u, _) => Dtype::Timedelta(u, order),
        other => other,
    }
}
