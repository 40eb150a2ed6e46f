//! Metadata trees as pickles that load alike under every Python from 3.4 on, with NumPy 1 or 2.
//!
//! Protocol 4 unless another is asked for, in one frame. Arrays and scalars are calls of names that NumPy 1 and 2 share
//! (`write_numpy.rs`): NumPy's own form names modules that moved between the two. Not written: the sharing of equal
//! parts, which trees do not have, and objects of unknown classes. What protocols 2 and 3 lack is spelled as CPython
//! 3.11 spells it: bytes as text that is encoded, sets as calls with a list, names of protocol 2 in Python 2's modules.

use crate::opcode as op;
use crate::protocol::Protocol;
use crate::time::{self, Clock, Date};
use hyperslab_core::value::{ListKind, MAX_DEPTH, Opaque};
use hyperslab_core::{Dtype, Error, Result, Value};
use num_bigint::BigInt;
use std::collections::HashSet;

/// CPython appends and sets items in batches of this many.
pub(crate) const BATCH: usize = 1000;

/// The pickle of a metadata tree.
///
/// The kinds that [`load`](crate::load) tells apart and a tree does not come back as their plain kin: ordered and
/// default dicts as dicts, byte arrays as bytes. An array of rank 0 is written as a NumPy scalar where that keeps
/// its dtype.
///
/// # Errors
/// `Unsupported` for an opaque value other than a date, a dtype or text with lone surrogates, and for arrays of
/// types that NumPy lacks; `Usage` for a map or set whose keys Python could not hash; `Limit` for a tree deeper than
/// [`MAX_DEPTH`].
pub fn dump(value: &Value) -> Result<Vec<u8>> {
    dump_as(value, Protocol::default())
}

/// The pickle of a metadata tree in a protocol of choice.
///
/// # Errors
/// As [`dump`]; `Unsupported` for text or bytes of 4 GiB and more before protocol 4.
pub fn dump_as(value: &Value, protocol: Protocol) -> Result<Vec<u8>> {
    let mut writer = Writer::new(protocol);
    writer.value(value, 0)?;
    Ok(writer.finish())
}

/// The pickle of a map with text for keys, written pair by pair.
pub struct MapDump {
    writer: Writer,
    keys: HashSet<String>,
}

impl Default for MapDump {
    fn default() -> Self {
        Self::new()
    }
}

impl MapDump {
    /// An empty map.
    pub fn new() -> MapDump {
        let mut writer = Writer::new(Protocol::default());
        writer.out.push(op::EMPTY_DICT);
        MapDump { writer, keys: HashSet::new() }
    }

    /// Adds a pair. After an error the map is what it was before.
    ///
    /// # Errors
    /// As [`dump`]; `Usage` for a key that is there already.
    pub fn insert(&mut self, key: &str, value: &Value) -> Result<()> {
        if self.keys.contains(key) {
            return Err(Error::usage(format!("{key:?} is there already")));
        }
        let w = &mut self.writer;
        let before = (w.out.len(), w.memo, w.globals.len(), w.dtypes.len());
        if let Err(e) = w.text(key.as_bytes()).and_then(|()| w.value(value, 1)) {
            w.out.truncate(before.0);
            w.memo = before.1;
            w.globals.truncate(before.2);
            w.dtypes.truncate(before.3);
            return Err(e);
        }
        w.out.push(op::SETITEM);
        self.keys.insert(key.to_owned());
        Ok(())
    }

    /// The finished pickle.
    pub fn finish(self) -> Vec<u8> {
        self.writer.finish()
    }
}

pub(crate) struct Writer {
    pub(crate) out: Vec<u8>,
    protocol: Protocol,
    memo: u32,
    globals: Vec<(&'static str, &'static str, u32)>,
    pub(crate) dtypes: Vec<(Dtype, u32)>,
}

/// `PROTO 4`, `FRAME` and its length.
const HEAD: usize = 11;

impl Writer {
    pub(crate) fn new(protocol: Protocol) -> Writer {
        let mut out = Vec::with_capacity(256);
        out.extend([op::PROTO, protocol.number()]);
        if protocol >= Protocol::Four {
            out.push(op::FRAME);
            out.extend([0; 8]);
        }
        Writer { out, protocol, memo: 0, globals: Vec::new(), dtypes: Vec::new() }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.out.push(op::STOP);
        if self.protocol < Protocol::Four {
            return self.out;
        }
        let len = self.out.len().saturating_sub(HEAD);
        if let Some(slot) = self.out.get_mut(3..HEAD) {
            slot.copy_from_slice(&(len as u64).to_le_bytes());
        }
        // CPython writes no frame around less than four bytes.
        if len < 4 {
            self.out.drain(2..HEAD);
        }
        self.out
    }

    pub(crate) fn value(&mut self, value: &Value, depth: u32) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::limit(format!("metadata nested deeper than {MAX_DEPTH} levels")));
        }
        match value {
            Value::Null => self.out.push(op::NONE),
            Value::Bool(b) => self.bool(*b),
            Value::Int(i) => self.int(*i),
            Value::BigInt(b) => self.long(b)?,
            Value::Float(f) => self.float(*f),
            Value::Complex(re, im) => self.complex(*re, *im)?,
            Value::String(s) => self.text(s.as_bytes())?,
            Value::Bytes(b) => self.bytes(b)?,
            Value::List(ListKind::List, items) => {
                self.out.push(op::EMPTY_LIST);
                self.batches(items, op::APPEND, op::APPENDS, |w, v| w.value(v, depth + 1))?;
            }
            Value::List(ListKind::Tuple, items) => {
                self.tuple(items.len(), |w| items.iter().try_for_each(|v| w.value(v, depth + 1)))?;
            }
            Value::List(ListKind::Set, items) => {
                items.iter().try_for_each(hashable)?;
                if self.protocol < Protocol::Four {
                    return self.set_call("set", items, depth);
                }
                self.out.push(op::EMPTY_SET);
                self.batches(items, op::ADDITEMS, op::ADDITEMS, |w, v| w.value(v, depth + 1))?;
            }
            Value::List(ListKind::FrozenSet, items) => {
                items.iter().try_for_each(hashable)?;
                if self.protocol < Protocol::Four {
                    return self.set_call("frozenset", items, depth);
                }
                self.out.push(op::MARK);
                items.iter().try_for_each(|v| self.value(v, depth + 1))?;
                self.out.push(op::FROZENSET);
            }
            Value::Map(pairs) => {
                pairs.iter().try_for_each(|(k, _)| hashable(k))?;
                self.out.push(op::EMPTY_DICT);
                self.batches(pairs, op::SETITEM, op::SETITEMS, |w, (k, v)| {
                    w.value(k, depth + 1)?;
                    w.value(v, depth + 1)
                })?;
            }
            Value::Array(view) => self.array(view)?,
            Value::Opaque(o) => self.opaque(o, depth)?,
            _ => return Err(Error::unsupported("a kind of metadata that pickles cannot hold yet")),
        }
        Ok(())
    }

    /// `set([..])`.
    fn set_call(&mut self, class: &'static str, items: &[Value], depth: u32) -> Result<()> {
        self.global("builtins", class)?;
        self.out.push(op::EMPTY_LIST);
        self.batches(items, op::APPEND, op::APPENDS, |w, v| w.value(v, depth + 1))?;
        self.out.extend([op::TUPLE1, op::REDUCE]);
        Ok(())
    }

    /// Items into the container on the stack, as CPython does it: one alone, several after a mark.
    fn batches<T>(
        &mut self,
        items: &[T],
        one: u8,
        many: u8,
        mut item: impl FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        for batch in items.chunks(BATCH) {
            match batch {
                [single] if one != many => {
                    item(self, single)?;
                    self.out.push(one);
                }
                _ => {
                    self.out.push(op::MARK);
                    batch.iter().try_for_each(|i| item(self, i))?;
                    self.out.push(many);
                }
            }
        }
        Ok(())
    }

    /// A tuple of `n` items that `items` writes.
    pub(crate) fn tuple(&mut self, n: usize, items: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        match n {
            0 => self.out.push(op::EMPTY_TUPLE),
            1..=3 => {
                items(self)?;
                self.out.push(match n {
                    1 => op::TUPLE1,
                    2 => op::TUPLE2,
                    _ => op::TUPLE3,
                });
            }
            _ => {
                self.out.push(op::MARK);
                items(self)?;
                self.out.push(op::TUPLE);
            }
        }
        Ok(())
    }

    pub(crate) fn bool(&mut self, b: bool) {
        self.out.push(if b { op::NEWTRUE } else { op::NEWFALSE });
    }

    pub(crate) fn int(&mut self, i: i128) {
        if let Ok(v) = u8::try_from(i) {
            self.out.extend([op::BININT1, v]);
        } else if let Ok(v) = u16::try_from(i) {
            self.out.push(op::BININT2);
            self.out.extend(v.to_le_bytes());
        } else if let Ok(v) = i32::try_from(i) {
            self.out.push(op::BININT);
            self.out.extend(v.to_le_bytes());
        } else {
            let bytes = BigInt::from(i).to_signed_bytes_le();
            self.out.extend([op::LONG1, bytes.len() as u8]);
            self.out.extend(bytes);
        }
    }

    fn long(&mut self, b: &BigInt) -> Result<()> {
        if let Ok(i) = i128::try_from(b) {
            self.int(i);
            return Ok(());
        }
        let bytes = b.to_signed_bytes_le();
        match (u8::try_from(bytes.len()), i32::try_from(bytes.len())) {
            (Ok(n), _) => self.out.extend([op::LONG1, n]),
            (_, Ok(n)) => {
                self.out.push(op::LONG4);
                self.out.extend(n.to_le_bytes());
            }
            _ => return Err(Error::unsupported("an integer of more than 2 GiB")),
        }
        self.out.extend(bytes);
        Ok(())
    }

    pub(crate) fn float(&mut self, f: f64) {
        self.out.push(op::BINFLOAT);
        self.out.extend(f.to_be_bytes());
    }

    pub(crate) fn complex(&mut self, re: f64, im: f64) -> Result<()> {
        self.global("builtins", "complex")?;
        self.float(re);
        self.float(im);
        self.out.extend([op::TUPLE2, op::REDUCE]);
        Ok(())
    }

    /// Text in UTF-8 (surrogates allowed).
    pub(crate) fn text(&mut self, b: &[u8]) -> Result<()> {
        let short = (self.protocol >= Protocol::Four).then_some(op::SHORT_BINUNICODE);
        self.sized(b, short, op::BINUNICODE, op::BINUNICODE8)
    }

    pub(crate) fn bytes(&mut self, b: &[u8]) -> Result<()> {
        if self.protocol >= Protocol::Three {
            return self.sized(b, Some(op::SHORT_BINBYTES), op::BINBYTES, op::BINBYTES8);
        }
        if b.is_empty() {
            self.global("builtins", "bytes")?;
            self.out.extend([op::EMPTY_TUPLE, op::REDUCE]);
            return Ok(());
        }
        self.global("_codecs", "encode")?;
        self.latin1(b)?;
        self.text(b"latin1")?;
        self.out.extend([op::TUPLE2, op::REDUCE]);
        Ok(())
    }

    pub(crate) fn byte_array(&mut self, b: &[u8]) -> Result<()> {
        if self.protocol == Protocol::Five {
            self.out.push(op::BYTEARRAY8);
            self.out.extend((b.len() as u64).to_le_bytes());
            self.out.extend_from_slice(b);
            return Ok(());
        }
        self.global("builtins", "bytearray")?;
        if self.protocol >= Protocol::Three {
            self.bytes(b)?;
            self.out.push(op::TUPLE1);
        } else {
            self.latin1(b)?;
            self.text(b"latin-1")?;
            self.out.push(op::TUPLE2);
        }
        self.out.push(op::REDUCE);
        Ok(())
    }

    /// Text whose characters are these bytes.
    fn latin1(&mut self, b: &[u8]) -> Result<()> {
        if b.is_ascii() {
            return self.text(b);
        }
        self.text(b.iter().map(|&b| char::from(b)).collect::<String>().as_bytes())
    }

    fn sized(&mut self, b: &[u8], short: Option<u8>, medium: u8, long: u8) -> Result<()> {
        if let (Some(short), Ok(n)) = (short, u8::try_from(b.len())) {
            self.out.extend([short, n]);
        } else if let Ok(n) = u32::try_from(b.len()) {
            self.out.push(medium);
            self.out.extend(n.to_le_bytes());
        } else if self.protocol >= Protocol::Four {
            self.out.push(long);
            self.out.extend((b.len() as u64).to_le_bytes());
        } else {
            return Err(Error::unsupported("text or bytes of 4 GiB and more in a pickle before protocol 4"));
        }
        self.out.extend_from_slice(b);
        Ok(())
    }

    /// A name, written once and then taken from the memo.
    pub(crate) fn global(&mut self, module: &'static str, name: &'static str) -> Result<()> {
        if let Some(&(_, _, slot)) = self.globals.iter().find(|g| (g.0, g.1) == (module, name)) {
            self.get(slot);
            return Ok(());
        }
        if self.protocol >= Protocol::Four {
            self.text(module.as_bytes())?;
            self.text(name.as_bytes())?;
            self.out.push(op::STACK_GLOBAL);
        } else {
            let old = match module {
                "builtins" if self.protocol == Protocol::Two => "__builtin__",
                other => other,
            };
            self.out.push(op::GLOBAL);
            self.out.extend([old.as_bytes(), b"\n", name.as_bytes(), b"\n"].concat());
        }
        let slot = self.memoize();
        self.globals.push((module, name, slot));
        Ok(())
    }

    pub(crate) fn memoize(&mut self) -> u32 {
        let slot = self.memo;
        self.memo += 1;
        if self.protocol >= Protocol::Four {
            self.out.push(op::MEMOIZE);
        } else if let Ok(n) = u8::try_from(slot) {
            self.out.extend([op::BINPUT, n]);
        } else {
            self.out.push(op::LONG_BINPUT);
            self.out.extend(slot.to_le_bytes());
        }
        slot
    }

    pub(crate) fn get(&mut self, slot: u32) {
        if let Ok(n) = u8::try_from(slot) {
            self.out.extend([op::BINGET, n]);
        } else {
            self.out.push(op::LONG_BINGET);
            self.out.extend(slot.to_le_bytes());
        }
    }

    /// What a tree has no kind for but a pickle does.
    fn opaque(&mut self, o: &Opaque, depth: u32) -> Result<()> {
        let part = |name: &str| o.parts.iter().find(|(n, _)| n == name).map(|(_, v)| v);
        let text = part("isoformat").and_then(Value::as_str);
        let bad = || Error::usage(format!("{:?} in metadata is not a {}", text.unwrap_or_default(), o.name));
        let fold = part("fold").is_some();
        let zone = part("tzinfo");
        match o.name.as_str() {
            "str" => match part("surrogatepass") {
                Some(Value::Bytes(b)) if crate::literal::is_utf8_with_surrogates(b) => self.text(b)?,
                _ => return Err(Error::usage("text in metadata without its bytes")),
            },
            "numpy.dtype" => {
                let descr = part("descr")
                    .ok_or_else(|| Error::usage("a dtype in metadata without its description"))?;
                self.dtype_call(descr)?;
            }
            "datetime.date" => {
                let date = text.and_then(Date::parse).ok_or_else(bad)?;
                self.packed("date", &date.pack(), None, depth)?;
            }
            "datetime.time" => {
                let clock = text.and_then(Clock::parse).ok_or_else(bad)?;
                self.packed("time", &Clock { fold, ..clock }.pack(), zone, depth)?;
            }
            "datetime.datetime" => {
                let parsed = text
                    .and_then(|t| t.split_once('T'))
                    .and_then(|(d, c)| Some((Date::parse(d)?, Clock::parse(c)?)));
                let (date, clock) = parsed.ok_or_else(bad)?;
                self.packed("datetime", &time::pack_datetime(date, Clock { fold, ..clock }), zone, depth)?;
            }
            "datetime.timedelta" => {
                let numbers: Option<Vec<i64>> =
                    text.and_then(|t| t.split(':').map(|n| n.parse().ok()).collect());
                let Some([days, seconds, microseconds]) = numbers.as_deref() else { return Err(bad()) };
                self.delta([*days, *seconds, *microseconds])?;
            }
            "datetime.timezone" => {
                let us = text.and_then(time::parse_offset).ok_or_else(bad)?;
                self.global("datetime", "timezone")?;
                let name = part("name");
                self.tuple(1 + usize::from(name.is_some()), |w| {
                    w.delta([
                        us.div_euclid(time::DAY),
                        us.rem_euclid(time::DAY) / 1_000_000,
                        us.rem_euclid(1_000_000),
                    ])?;
                    name.map_or(Ok(()), |n| w.value(n, depth + 1))
                })?;
                self.out.push(op::REDUCE);
            }
            other => {
                return Err(Error::unsupported(format!("metadata holds a {other}, which cannot be written")));
            }
        }
        Ok(())
    }

    /// A date or time from its packed bytes, and its zone.
    fn packed(&mut self, class: &'static str, bytes: &[u8], zone: Option<&Value>, depth: u32) -> Result<()> {
        self.global("datetime", class)?;
        self.tuple(1 + usize::from(zone.is_some()), |w| {
            w.bytes(bytes)?;
            zone.map_or(Ok(()), |z| w.value(z, depth + 1))
        })?;
        self.out.push(op::REDUCE);
        Ok(())
    }

    fn delta(&mut self, parts: [i64; 3]) -> Result<()> {
        self.global("datetime", "timedelta")?;
        self.tuple(3, |w| {
            parts.iter().for_each(|&p| w.int(p.into()));
            Ok(())
        })?;
        self.out.push(op::REDUCE);
        Ok(())
    }
}

/// Whether Python could use a value as a key.
fn hashable(value: &Value) -> Result<()> {
    match value {
        Value::List(ListKind::Tuple, items) => items.iter().try_for_each(hashable),
        Value::List(ListKind::FrozenSet, _) => Ok(()),
        Value::List(..) | Value::Map(_) => Err(Error::usage("a list, set or map as a key in metadata")),
        Value::Array(view) if !view.shape().is_empty() => Err(Error::usage("an array as a key in metadata")),
        _ => Ok(()),
    }
}
