//! A loaded pickle as a metadata tree.
//!
//! The tree has no sharing, so a short pickle can describe one without end: depth, number of values and bytes are
//! bounded by the size of the pickle. What the tree has no kind for becomes [`Value::Opaque`]: dates, dtypes, text
//! with lone surrogates, names, objects of unknown classes, and the place where a value holds itself. Ordered and
//! default dicts become maps, byte arrays become bytes, arrays keep dtype and order.

use crate::item::{Item, OpaqueItem, Pickle, TimeItem};
use crate::node::NodeId;
use crate::write_numpy::describe;
use hyperslab_core::value::{ListKind, MAX_DEPTH, Opaque, Value};
use hyperslab_core::{Error, Limits, Result};

/// Values and bytes that any pickle may become, however short.
const FREE_VALUES: u64 = 1 << 17;
const FREE_BYTES: u64 = 16 << 20;

/// How many values a tree may have for each byte of the pickle; what repeats nothing has at most one.
const VALUES_PER_BYTE: u64 = 2;

/// How many times more bytes than the pickle a tree may have.
const GROWTH: u64 = 4;

/// How many values one counts as that is only described, or is an array: names, parts and shapes take memory, too, and
/// a reference to one takes two bytes of the pickle.
const HEAVY: u64 = 12;

/// The name of the value that stands where a value holds itself.
pub const CYCLE: &str = "recursive reference";

impl<'a> Pickle<'a> {
    /// The tree of the whole pickle.
    ///
    /// # Errors
    /// `Limit` when it is deeper than `limits` or [`MAX_DEPTH`] allow or much larger than the pickle,
    /// `Unsupported` for what [`hyperslab_core::View`] cannot own.
    pub fn to_value(&self, limits: &Limits) -> Result<Value> {
        self.value_of(self.root(), limits)
    }

    /// The tree below one node.
    ///
    /// # Errors
    /// As [`Pickle::to_value`].
    pub fn value_of(&self, id: NodeId, limits: &Limits) -> Result<Value> {
        let mut walk = self.walk(limits);
        let value = walk.value(id)?;
        limits.count_objects(walk.uncounted)?;
        Ok(value)
    }

    /// The trees below several nodes, all of them together no larger than that of the whole pickle may be.
    ///
    /// # Errors
    /// As [`Pickle::to_value`].
    pub fn values_of(&self, ids: &[NodeId], limits: &Limits) -> Result<Vec<Value>> {
        let mut walk = self.walk(limits);
        let values = walk.all(ids)?;
        limits.count_objects(walk.uncounted)?;
        Ok(values)
    }

    fn walk<'l>(&self, limits: &'l Limits) -> Walk<'_, 'a, 'l> {
        Walk {
            pickle: self,
            limits,
            depth: limits.depth().min(MAX_DEPTH),
            open: Vec::new(),
            values: FREE_VALUES.saturating_add((self.consumed() as u64).saturating_mul(VALUES_PER_BYTE)),
            bytes: FREE_BYTES.saturating_add((self.consumed() as u64).saturating_mul(GROWTH)),
            uncounted: 0,
        }
    }
}

struct Walk<'p, 'a, 'l> {
    pickle: &'p Pickle<'a>,
    limits: &'l Limits,
    depth: u32,
    /// The containers that the walk is inside of.
    open: Vec<NodeId>,
    values: u64,
    bytes: u64,
    uncounted: u64,
}

impl Walk<'_, '_, '_> {
    fn value(&mut self, id: NodeId) -> Result<Value> {
        self.uncounted += 1;
        if self.uncounted == 4096 {
            self.limits.count_objects(std::mem::take(&mut self.uncounted))?;
        }
        let value = self.made(id)?;
        let weight = if matches!(value, Value::Opaque(_) | Value::Array(_)) { HEAVY } else { 1 };
        self.values = self.values.checked_sub(weight).ok_or_else(too_large)?;
        Ok(value)
    }

    fn made(&mut self, id: NodeId) -> Result<Value> {
        Ok(match self.pickle.get(id) {
            Item::None => Value::Null,
            Item::Bool(b) => Value::Bool(b),
            Item::Int(i) => Value::Int(i.into()),
            Item::BigInt(b) => match i128::try_from(b) {
                Ok(i) => Value::Int(i),
                Err(_) => {
                    self.spend(b.bits() / 8)?;
                    Value::BigInt(Box::new(b.clone()))
                }
            },
            Item::Float(f) => Value::Float(f),
            Item::Complex(re, im) => Value::Complex(re, im),
            Item::Str(s) => self.text(s)?,
            Item::Surrogates(b) => opaque("str", [("surrogatepass", self.bytes(b)?)]),
            Item::Bytes(b) | Item::ByteArray(b) => self.bytes(b)?,
            Item::Py2Str(b) => match std::str::from_utf8(b) {
                Ok(s) if s.is_ascii() => self.text(s)?,
                _ => self.bytes(b)?,
            },
            Item::List(l) => self.list(id, ListKind::List, l)?,
            Item::Tuple(l) => self.list(id, ListKind::Tuple, l)?,
            Item::Set(l) => self.list(id, ListKind::Set, l)?,
            Item::FrozenSet(l) => self.list(id, ListKind::FrozenSet, l)?,
            Item::Dict(l) | Item::OrderedDict(l) | Item::DefaultDict(l, _) => {
                self.within(id, |w| Ok(Value::Map(w.pairs(l)?)))?
            }
            Item::Time(t) => self.within(id, |w| w.time(t))?,
            Item::Dtype(d) => {
                let weight = self.pickle.dtype_weight(id);
                self.values = self.values.checked_sub(weight).ok_or_else(too_large)?;
                opaque("numpy.dtype", [("descr", describe(d)?)])
            }
            Item::Array(..) | Item::Scalar(..) => {
                let view = self.pickle.view(id)?;
                self.spend(view.nbytes())?;
                Value::Array(Box::new(view.into_owned()?))
            }
            Item::ObjectArray(dtype, shape, items) => {
                let dtype = dtype.to_string();
                let shape =
                    Value::List(ListKind::Tuple, shape.iter().map(|&d| Value::Int(d.into())).collect());
                let items = self.list(id, ListKind::List, items)?;
                opaque("numpy.ndarray", [("dtype", dtype.into()), ("shape", shape), ("items", items)])
            }
            Item::Global(module, name) => {
                self.spend((module.len() + name.len()) as u64)?;
                opaque(format!("{module}.{name}"), [])
            }
            Item::Opaque(o) => self.within(id, |w| w.object(o))?,
        })
    }

    /// Enters a container, unless the walk is inside it already.
    fn within(&mut self, id: NodeId, f: impl FnOnce(&mut Self) -> Result<Value>) -> Result<Value> {
        if let Some(outer) = self.open.iter().rposition(|&o| o == id) {
            let up = (self.open.len() - outer) as i128;
            return Ok(opaque(CYCLE, [("levels_up", Value::Int(up))]));
        }
        if self.open.len() as u64 >= self.depth.into() {
            return Err(Error::limit(format!("metadata nested deeper than {} levels", self.depth)));
        }
        self.open.push(id);
        let value = f(self);
        self.open.pop();
        value
    }

    fn list(&mut self, id: NodeId, kind: ListKind, items: &[NodeId]) -> Result<Value> {
        self.within(id, |w| Ok(Value::List(kind, w.all(items)?)))
    }

    fn all(&mut self, items: &[NodeId]) -> Result<Vec<Value>> {
        items.iter().map(|&i| self.value(i)).collect()
    }

    fn pairs(&mut self, items: &[NodeId]) -> Result<Vec<(Value, Value)>> {
        let mut out = Vec::with_capacity((items.len() / 2).min(1024));
        for pair in items.chunks_exact(2) {
            if let &[key, value] = pair {
                out.push((self.value(key)?, self.value(value)?));
            }
        }
        Ok(out)
    }

    fn time(&mut self, t: TimeItem) -> Result<Value> {
        let mut parts = vec![("isoformat".to_owned(), Value::String(t.text()))];
        if let Some(zone) = t.zone() {
            let name = if t.class() == "timezone" { "name" } else { "tzinfo" };
            parts.push((name.into(), self.value(zone)?));
        }
        if t.fold() {
            parts.push(("fold".into(), Value::Int(1)));
        }
        Ok(Value::Opaque(Box::new(Opaque { name: format!("datetime.{}", t.class()), parts })))
    }

    fn object(&mut self, o: OpaqueItem<'_>) -> Result<Value> {
        let mut parts = Vec::new();
        if !o.args.is_empty() {
            parts.push(("args".to_owned(), Value::List(ListKind::Tuple, self.all(o.args)?)));
        }
        if let Some(k) = o.kwargs {
            parts.push(("kwargs".into(), self.value(k)?));
        }
        if let Some(s) = o.state {
            parts.push(("state".into(), self.value(s)?));
        }
        if !o.items.is_empty() {
            parts.push(("items".into(), Value::List(ListKind::List, self.all(o.items)?)));
        }
        if !o.pairs.is_empty() {
            parts.push(("pairs".into(), Value::Map(self.pairs(o.pairs)?)));
        }
        let name = self.pickle.class_name(o);
        self.spend(name.len() as u64)?;
        Ok(Value::Opaque(Box::new(Opaque { name, parts })))
    }

    fn text(&mut self, s: &str) -> Result<Value> {
        self.spend(s.len() as u64)?;
        Ok(Value::String(s.to_owned()))
    }

    fn bytes(&mut self, b: &[u8]) -> Result<Value> {
        self.spend(b.len() as u64)?;
        Ok(Value::Bytes(b.to_vec()))
    }

    /// Pays for bytes that the tree will own.
    fn spend(&mut self, n: u64) -> Result<()> {
        self.bytes = self.bytes.checked_sub(n).ok_or_else(|| {
            Error::limit("metadata that repeats its bytes into a tree much larger than the pickle")
        })?;
        Ok(())
    }
}

fn too_large() -> Error {
    Error::limit("metadata that repeats its parts into a tree much larger than the pickle")
}

fn opaque<const N: usize>(name: impl Into<String>, parts: [(&str, Value); N]) -> Value {
    let parts = parts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Value::Opaque(Box::new(Opaque { name: name.into(), parts }))
}
