//! A loaded pickle as the typed JSON that the oracles write, to compare the two.
#![allow(dead_code)]

use hyperslab_core::{Limits, digest};
use hyperslab_pickle::{Item, NodeId, Pickle};
use serde_json::{Value as Json, json};
use std::collections::HashMap;

pub(crate) fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}

fn float(v: f64) -> Json {
    json!({ "t": "float", "bits": format!("{:016x}", v.to_bits()) })
}

fn data(t: &str, b: &[u8]) -> Json {
    if b.len() <= 64 {
        return json!({ "t": t, "hex": hex(b) });
    }
    json!({ "t": t, "len": b.len(), "sha256": sha256(b) })
}

pub(crate) fn sha256(b: &[u8]) -> String {
    let view = hyperslab_core::View::from_slice([b.len() as u64], b).unwrap();
    digest::digest(&view).unwrap().unwrap()
}

/// The typed form: kinds and exact contents, dates and objects by class, cycles by how far up they lead.
pub(crate) fn typed(p: &Pickle<'_>, id: NodeId, open: &mut Vec<NodeId>) -> Json {
    if let Some(at) = open.iter().rposition(|&o| o == id) {
        return json!({ "t": "ref-cycle", "depth": open.len() - at });
    }
    let item = p.get(id);
    open.push(id);
    let out = match item {
        Item::None => json!({ "t": "none" }),
        Item::Bool(b) => json!({ "t": "bool", "v": b }),
        Item::Int(i) => json!({ "t": "int", "v": i.to_string() }),
        Item::BigInt(b) if b.bits() > 13000 => json!({ "t": "int", "hex": hex_int(b) }),
        Item::BigInt(b) => json!({ "t": "int", "v": b.to_string() }),
        Item::Float(f) => float(f),
        Item::Complex(re, im) => json!({ "t": "complex", "re": float(re), "im": float(im) }),
        Item::Str(s) => json!({ "t": "str", "v": s }),
        Item::Surrogates(b) => json!({ "t": "str-surrogates", "utf8_surrogatepass_hex": hex(b) }),
        Item::Bytes(b) => data("bytes", b),
        Item::ByteArray(b) => data("bytearray", b),
        Item::Py2Str(b) => data("py2str", b),
        Item::List(l) => json!({ "t": "list", "v": all(p, l, open) }),
        Item::Tuple(l) => json!({ "t": "tuple", "v": all(p, l, open) }),
        Item::Set(l) => json!({ "t": "set", "v": sorted(all(p, l, open)) }),
        Item::FrozenSet(l) => json!({ "t": "frozenset", "v": sorted(all(p, l, open)) }),
        Item::Dict(l) => json!({ "t": "dict", "v": pairs(p, l, open) }),
        Item::OrderedDict(l) => json!({ "t": "OrderedDict", "v": pairs(p, l, open) }),
        Item::DefaultDict(l, _) => json!({ "t": "defaultdict", "v": pairs(p, l, open) }),
        Item::Time(t) => json!({ "t": "object", "class": format!("datetime.{}", t.class()) }),
        Item::Dtype(d) => json!({ "t": "npdtype", "str": d.to_json() }),
        Item::Array(d, s) => {
            let view = p.view(id).unwrap();
            let c = view.to_bytes(&Limits::default()).unwrap();
            json!({ "t": "ndarray", "dtype": d.to_json(), "shape": s.to_vec(),
                "fortran": view.is_f_contiguous() && !view.is_c_contiguous(), "sha256_c": sha256(&c),
                "digest": digest::digest(&view).unwrap() })
        }
        Item::ObjectArray(_, s, items) => {
            json!({ "t": "ndarray", "dtype": "object", "shape": s.to_vec(), "fortran": false, "items": all(p, items, open) })
        }
        Item::Scalar(d, b) => json!({ "t": "npscalar", "dtype": d.to_json(), "hex": hex(b) }),
        Item::Global(m, n) => json!({ "t": "object", "class": format!("{m}.{n}") }),
        Item::Opaque(o) => json!({ "t": "object", "class": p.class_name(o) }),
        other => panic!("unknown item {other:?}"),
    };
    open.pop();
    out
}

/// The typed form of the oracle script: dates in full, arrays in little-endian order.
pub(crate) fn exact(p: &Pickle<'_>) -> Json {
    sorted_sets(&fill_in(p, p.root(), &mut Vec::new()))
}

/// Containers in the order in which they are met, by the number that they got when they were met first; sets, which
/// have no order, are not looked into.
pub(crate) fn sharing(p: &Pickle<'_>) -> Vec<usize> {
    fn walk(p: &Pickle<'_>, id: NodeId, numbers: &mut HashMap<NodeId, usize>, out: &mut Vec<usize>) {
        let items = match p.get(id) {
            Item::Tuple([]) => return,
            Item::List(l) | Item::Tuple(l) | Item::Dict(l) | Item::OrderedDict(l) => l,
            Item::DefaultDict(l, _) | Item::ObjectArray(_, _, l) => l,
            Item::Array(..) => &[],
            _ => return,
        };
        let next = numbers.len();
        let known = numbers.contains_key(&id);
        out.push(*numbers.entry(id).or_insert(next));
        if !known {
            items.iter().for_each(|&i| walk(p, i, numbers, out));
        }
    }
    let mut out = Vec::new();
    walk(p, p.root(), &mut HashMap::new(), &mut out);
    out
}

fn fill_in(p: &Pickle<'_>, id: NodeId, open: &mut Vec<NodeId>) -> Json {
    if let Some(at) = open.iter().rposition(|&o| o == id) {
        return json!({ "t": "ref-cycle", "depth": open.len() - at });
    }
    open.push(id);
    let mut each = |items: &[NodeId]| -> Vec<Json> { items.iter().map(|&i| fill_in(p, i, open)).collect() };
    let out = match p.get(id) {
        Item::List(l) => json!({ "t": "list", "v": each(l) }),
        Item::Tuple(l) => json!({ "t": "tuple", "v": each(l) }),
        Item::Set(l) => json!({ "t": "set", "v": each(l) }),
        Item::FrozenSet(l) => json!({ "t": "frozenset", "v": each(l) }),
        Item::Dict(l) => json!({ "t": "dict", "v": in_pairs(each(l)) }),
        Item::OrderedDict(l) => json!({ "t": "OrderedDict", "v": in_pairs(each(l)) }),
        Item::DefaultDict(l, _) => json!({ "t": "defaultdict", "v": in_pairs(each(l)) }),
        Item::ObjectArray(_, s, items) => {
            json!({ "t": "ndarray", "dtype": "object", "shape": s.to_vec(), "fortran": false, "items": each(items) })
        }
        Item::Array(d, s) => {
            let view = p.view(id).unwrap();
            json!({ "t": "ndarray", "dtype": little_descr(&d.to_json()), "shape": s.to_vec(),
                "fortran": view.is_f_contiguous() && !view.is_c_contiguous(),
                "digest": sha256(&digest::canonical(&view).unwrap()) })
        }
        Item::Scalar(d, _) => {
            let bytes = digest::canonical(&p.view(id).unwrap()).unwrap();
            json!({ "t": "npscalar", "dtype": d.to_json(), "hex": hex(&bytes) })
        }
        Item::Time(t) => {
            let zone = t.zone().map_or_else(|| json!({ "t": "none" }), |z| fill_in(p, z, open));
            match t.class() {
                "timedelta" => json!({ "t": "timedelta", "v": t.text() }),
                "timezone" => json!({ "t": "timezone", "us": microseconds(&t.text()), "zone": zone }),
                class => json!({ "t": class, "v": t.text(), "fold": u8::from(t.fold()), "zone": zone }),
            }
        }
        Item::BigInt(b) => json!({ "t": "int", "v": b.to_string() }),
        Item::Opaque(o) => {
            assert!(o.kwargs.is_none() && o.state.is_none() && o.pairs.is_empty(), "{}", p.class_name(o));
            json!({ "t": "inert", "class": p.class_name(o), "args": each(o.args), "items": each(o.items) })
        }
        _ => typed(p, id, &mut Vec::new()),
    };
    open.pop();
    out
}

fn in_pairs(items: Vec<Json>) -> Vec<Json> {
    items.chunks(2).map(|c| json!(c)).collect()
}

/// `+01:30` and `-00:00:05.000001` as microseconds.
fn microseconds(text: &str) -> i64 {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (clock, fraction) = text[1..].split_once('.').unwrap_or((&text[1..], "0"));
    let seconds = clock.split(':').chain(["0"]).take(3).fold(0, |s, n| s * 60 + n.parse::<i64>().unwrap());
    sign * (seconds * 1_000_000 + fraction.parse::<i64>().unwrap())
}

pub(crate) fn little_descr(d: &Json) -> Json {
    match d {
        Json::String(s) => s.replacen('>', "<", 1).into(),
        Json::Array(a) => a.iter().map(little_descr).collect(),
        other => other.clone(),
    }
}

/// The same with the items of sets in the order of their text.
pub(crate) fn sorted_sets(v: &Json) -> Json {
    match v {
        Json::Array(a) => a.iter().map(sorted_sets).collect(),
        Json::Object(o) => {
            let mut out: serde_json::Map<String, Json> =
                o.iter().map(|(k, v)| (k.clone(), sorted_sets(v))).collect();
            let set = matches!(o.get("t").and_then(Json::as_str), Some("set" | "frozenset"));
            if let (true, Some(Json::Array(items))) = (set, out.get_mut("v")) {
                items.sort_by_key(Json::to_string);
            }
            Json::Object(out)
        }
        other => other.clone(),
    }
}

fn hex_int(b: &num_bigint::BigInt) -> String {
    let sign = if b.sign() == num_bigint::Sign::Minus { "-" } else { "" };
    format!("{sign}0x{}", b.magnitude().to_str_radix(16))
}

fn all(p: &Pickle<'_>, items: &[NodeId], open: &mut Vec<NodeId>) -> Vec<Json> {
    items.iter().map(|&i| typed(p, i, open)).collect()
}

fn pairs(p: &Pickle<'_>, items: &[NodeId], open: &mut Vec<NodeId>) -> Vec<Json> {
    items.chunks(2).map(|c| json!([typed(p, c[0], open), typed(p, c[1], open)])).collect()
}

/// Sets have no order: sorted by their text.
fn sorted(mut items: Vec<Json>) -> Vec<Json> {
    items.sort_by_key(Json::to_string);
    items
}

/// Panics at the first place where two typed forms differ.
pub(crate) fn assert_same(got: &Json, want: &Json, at: &str) {
    match (got, want) {
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| assert_same(a, b, &format!("{at}/{i}")));
        }
        (Json::Object(a), Json::Object(b)) if a.contains_key("digest") => assert_eq!(a, b, "at {at}"),
        (Json::Object(a), Json::Object(b)) if a.len() == b.len() && a.keys().all(|k| b.contains_key(k)) => {
            a.iter().for_each(|(k, v)| assert_same(v, &b[k], &format!("{at}/{k}")));
        }
        (a, b) => assert_eq!(a, b, "at {at}"),
    }
}
