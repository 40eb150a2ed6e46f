//! What of a metadata tree JSON cannot hold.
//!
//! [`hyperslab_core::json`] writes every tree, spelling out what JSON has no kind for. What is read back is then another
//! kind of value; this names the places. Where it names none, the tree comes back as it was.

use hyperslab_core::Value;
use hyperslab_core::json::MOST_DECIMAL_BITS;
use hyperslab_core::value::{ListKind, MAX_DEPTH};
use std::collections::HashSet;
use std::fmt::Write as _;

/// A place of a tree whose value JSON holds as something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Keys and positions that lead there, each after a slash; empty for the whole.
    pub path: String,
    /// What is there, and what JSON makes of it.
    pub what: &'static str,
}

/// How many places are named.
const MOST: usize = 1000;

/// The places of a tree that are not the same after [`hyperslab_core::json::from_value`] and
/// [`to_value`](hyperslab_core::json::to_value): at most 1,000, in order, and nothing inside of them.
pub fn json_losses(value: &Value) -> Vec<Loss> {
    let mut walk = Walk { path: String::new(), found: Vec::new() };
    walk.value(value, 0);
    walk.found
}

struct Walk {
    path: String,
    found: Vec<Loss>,
}

impl Walk {
    fn value(&mut self, value: &Value, depth: u32) {
        let what = match value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::String(_) | Value::Bytes(_) => {
                return;
            }
            Value::BigInt(i) if i.bits() <= MOST_DECIMAL_BITS => return,
            Value::BigInt(_) => "an integer of more than 4,300 digits, which becomes text",
            Value::Float(f) if f.is_finite() => return,
            Value::Float(_) => "not a finite number, which becomes text",
            Value::Complex(..) => "a complex number, which becomes a map of its parts",
            Value::List(ListKind::List, items) if depth < MAX_DEPTH => {
                for (i, item) in items.iter().enumerate() {
                    self.within(format_args!("{i}"), item, depth);
                }
                return;
            }
            Value::List(ListKind::Tuple, _) => "a tuple, which becomes a list",
            Value::List(ListKind::Set | ListKind::FrozenSet, _) => "a set, which becomes a list",
            Value::Map(pairs) => {
                let mut seen = HashSet::new();
                if pairs.iter().any(|(k, _)| k.as_str().is_none()) {
                    "a map with keys that are no text, which becomes a list of pairs"
                } else if !pairs.iter().all(|(k, _)| seen.insert(k.as_str())) {
                    "a map with equal keys, of which the last stays"
                } else if matches!(pairs.as_slice(), [(k, Value::String(_))] if k.as_str() == Some("base64"))
                {
                    "a map that is taken for bytes"
                } else if depth < MAX_DEPTH {
                    for (key, item) in pairs {
                        self.within(format_args!("{}", key.as_str().unwrap_or_default()), item, depth);
                    }
                    return;
                } else {
                    "deeper than JSON is read"
                }
            }
            Value::Array(_) => "an array, which becomes lists without a dtype, or has no text",
            Value::Opaque(_) => "an object, which becomes a map of its parts",
            _ => "a kind of value that JSON lacks",
        };
        if self.found.len() < MOST {
            self.found.push(Loss { path: self.path.clone(), what });
        }
    }

    fn within(&mut self, name: std::fmt::Arguments<'_>, value: &Value, depth: u32) {
        let before = self.path.len();
        // Writing to text does not fail.
        let _ = write!(self.path, "/{name}");
        self.value(value, depth + 1);
        self.path.truncate(before);
    }
}
