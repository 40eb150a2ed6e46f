//! A loaded pickle as the typed JSON that the oracles write, to compare the two.
#![allow(dead_code)]

use hyperslab_core::{Limits, digest};
use hyperslab_pickle::{Item, NodeId, Pickle};
use serde_json::{Value as Json, json};

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
