//! Metadata: a tree of plain values that hangs on every node of every container.
//!
//! HDF5 holds it as attributes, NPZ and raw files as JSON, an NCO as its pickled dict. Decoders bound its depth,
//! so walking and dropping it by recursion is safe.

use crate::view::View;
use num_bigint::BigInt;

/// The greatest depth a decoder may build.
pub const MAX_DEPTH: u32 = 100;

/// One value of a metadata tree.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Value {
    /// Nothing (`None`, `null`).
    #[default]
    Null,
    /// Truth.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// An integer beyond 128 bits.
    BigInt(Box<BigInt>),
    /// A double.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// Text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An ordered list (also a tuple or a set: the kind is in the tag).
    List(ListKind, Vec<Value>),
    /// Pairs in order; keys are usually strings.
    Map(Vec<(Value, Value)>),
    /// An array or a NumPy scalar (rank 0), with its own dtype.
    Array(Box<View<'static>>),
    /// Something named that has no plain value here: a class of some Python module, a reference, a date. It is
    /// never executed.
    Opaque(Box<Opaque>),
}

/// What a sequence was where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ListKind {
    /// A list.
    #[default]
    List,
    /// A tuple.
    Tuple,
    /// A set.
    Set,
    /// An immutable set.
    FrozenSet,
}

/// A value that is only described.
#[derive(Debug, Default)]
pub struct Opaque {
    /// What it is, for example `module.Class`.
    pub name: String,
    /// What it was made from (arguments, state), in order.
    pub parts: Vec<(String, Value)>,
}

impl Value {
    /// A map with string keys.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Value {
        Value::Map(pairs.into_iter().map(|(k, v)| (Value::String(k.into()), v)).collect())
    }

    /// A plain list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
        Value::List(ListKind::List, items.into_iter().collect())
    }

    /// The value under a string key of a map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(m) => {
                m.iter().find(|(k, _)| matches!(k, Value::String(s) if s == key)).map(|(_, v)| v)
            }
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }
}

impl PartialEq for Value {
    /// By kind and content; NaN equals itself bit for bit, so that a round trip can be checked.
    fn eq(&self, other: &Value) -> bool {
        use Value::*;
        match (self, other) {
            (Null, Null) => true,
            (Bool(a), Bool(b)) => a == b,
            (Int(a), Int(b)) => a == b,
            (BigInt(a), BigInt(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits(),
            (Complex(a, b), Complex(c, d)) => a.to_bits() == c.to_bits() && b.to_bits() == d.to_bits(),
            (String(a), String(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (List(k, a), List(l, b)) => k == l && a == b,
            (Map(a), Map(b)) => a == b,
            (Array(a), Array(b)) => a == b,
            (Opaque(a), Opaque(b)) => a.name == b.name && a.parts == b.parts,
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::String(s.into())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::String(s)
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Self {
        Value::Float(v)
    }
}
impl From<bool> for Value {
    fn from(v: bool) -> Self {
        Value::Bool(v)
    }
}
impl From<i64> for Value {
    fn from(v: i64) -> Self {
        Value::Int(v.into())
    }
}
impl From<View<'static>> for Value {
    fn from(v: View<'static>) -> Self {
        Value::Array(Box::new(v))
    }
}
