//! The stack machine by hand-made pickles: what CPython 3.11 does with each was looked at once.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is the failure report")]

mod common;

use hyperslab_core::{Kind, Limits};
use hyperslab_pickle::{How, Item, Pickle, Policy, load};
use serde_json::{Value as Json, json};

fn strict(b: &[u8]) -> hyperslab_core::Result<Pickle<'_>> {
    load(b, Policy::Strict, &Limits::default())
}

fn value(b: &[u8]) -> Json {
    let p = strict(b).unwrap();
    brief(&common::typed(&p, p.root(), &mut Vec::new()))
}

/// `["list", ..]` for containers, the bare value otherwise.
fn brief(v: &Json) -> Json {
    match &v["v"] {
        Json::Array(items) if v["t"] != "dict" && v["t"] != "OrderedDict" => {
            [json!(v["t"])].into_iter().chain(items.iter().map(brief)).collect()
        }
        Json::Array(pairs) => {
            let pair = |p: &Json| json!([brief(&p[0]), brief(&p[1])]);
            json!({ v["t"].as_str().unwrap(): pairs.iter().map(pair).collect::<Vec<_>>() })
        }
        Json::Null if v.get("hex").is_some() => json!({ v["t"].as_str().unwrap(): v["hex"] }),
        Json::Null => v.clone(),
        v => v.clone(),
    }
}

fn error(b: &[u8]) -> String {
    strict(b).map(|p| format!("{:?}", p.get(p.root()))).unwrap_err().to_string()
}

#[test]
fn the_memo_holds_references() {
    // A list memoized while empty, filled, then taken twice.
    assert_eq!(value(b"\x80\x04]\x94K\x01ah\x00\x86."), json!(["tuple", ["list", "1"], ["list", "1"]]));
    let p = strict(b"]\x94h\x00a.").unwrap();
    let Item::List(items) = p.get(p.root()) else { panic!() };
    assert_eq!(items, [p.root()]);
    // MEMOIZE takes the number of distinct slots.
    assert_eq!(value(b"K\x07q\x05K\x08\x94h\x05h\x01\x86."), json!(["tuple", "7", "8"]));
    // Slots by text, far apart.
    assert_eq!(
        value(b"K\x07p1000000000000\nK\x08r\xff\xff\xff\xffg1000000000000\nj\xff\xff\xff\xff\x86."),
        json!(["tuple", "7", "8"])
    );
    assert!(error(b"Np-1\n.").contains("negative"));
    assert!(error(b"h\x00.").starts_with("pickle opcode BINGET at byte 0: memo slot 0"));
}

#[test]
fn marks_guard_the_stack() {
    // POP just above a mark removes the mark.
    assert_eq!(value(b"K\x01(0."), json!("1"));
    assert_eq!(value(b"K\x01(K\x02K\x031."), json!("1"));
    // STOP with more below, and with an open mark below the result.
    assert_eq!(value(b"K\x01K\x02."), json!("2"));
    assert_eq!(value(b"K\x01(K\x02."), json!("2"));
    for bad in [
        &b"K\x01(."[..],
        b"K\x01(\x85.",
        b"K\x01(2.",
        b"](a.",
        b"K\x01(\x94.",
        b"(e.",
        b"1.",
        b"t.",
        b"0.",
        b"K\x01K\x02(\x86.",
        b"}(K\x01s.",
    ] {
        assert_eq!(strict(bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
    }
    assert_eq!(value(b"](e."), json!(["list"]));
}

#[test]
fn equal_keys_keep_the_first_place_and_the_last_value() {
    assert_eq!(
        value(b"}(K\x01U\x01aK\x02U\x01b\x88U\x01cu."),
        json!({ "dict": [["1", { "py2str": "63" }], ["2", { "py2str": "62" }]] })
    );
    // 1.0 and 1, 2**70 and its float, text and Python 2 text, equal tuples; bytes and text differ.
    assert_eq!(
        value(b"}(G?\xf0\0\0\0\0\0\0NI1\n\x88u."),
        json!({ "dict": [[{ "t": "float", "bits": "3ff0000000000000" }, true]] })
    );
    assert_eq!(
        value(b"}(L1180591620717411303424L\nNF1180591620717411303424\n\x88u."),
        json!({ "dict": [["1180591620717411303424", true]] })
    );
    assert_eq!(value(b"}(X\x01\0\0\0aNS'a'\n\x88C\x01aNu.").pointer("/dict/0/1"), Some(&json!(true)));
    assert_eq!(
        value(b"}(K\x01K\x02\x86NK\x01K\x02\x86\x88u."),
        json!({ "dict": [[["tuple", "1", "2"], true]] })
    );
    // Not a number equals only itself.
    assert_eq!(value(b"}(Fnan\nNFnan\nNu.")["dict"].as_array().unwrap().len(), 2);
    assert_eq!(value(b"\x8f(K\x01\x88K\x02\x90."), json!(["set", "1", "2"]));
}

#[test]
fn many_equal_keys_are_merged_too() {
    let mut b = b"}(".to_vec();
    for i in 0..3000u32 {
        b.push(b'J');
        b.extend((i % 1000).to_le_bytes());
        b.push(b'J');
        b.extend(i.to_le_bytes());
    }
    b.extend(b"u.");
    let v = value(&b);
    let pairs = v["dict"].as_array().unwrap();
    assert_eq!(pairs.len(), 1000);
    assert_eq!(pairs[7], json!(["7", "2007"]));
}

#[test]
fn keys_must_be_hashable() {
    for bad in [
        &b"}]Ns."[..],
        b"}}Ns.",
        b"}]\x85Ns.",
        b"\x8f(]\x90.",
        b"(]\x91.",
        b"\x80\x05}\x96\0\0\0\0\0\0\0\0Ns.",
        b"}(NK\x01K\x02u.",
    ] {
        assert_eq!(strict(bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
    }
}

#[test]
fn shared_tuples_do_not_explode_as_keys() {
    // t0 = (), t(n+1) = (tn, tn), 60 levels: all as keys of one dict, each twice.
    let mut c = b"}\x94)\x94".to_vec();
    for i in 1..=60u8 {
        c.extend([b'h', i, b'h', i, 0x86, 0x94]);
    }
    c.extend([b'h', 0, b'(']);
    for i in 1..=61u8 {
        c.extend([b'h', i, b'N', b'h', i, 0x88]);
    }
    c.extend(b"u.");
    let p = strict(&c).unwrap();
    let Item::Dict(pairs) = p.get(p.root()) else { panic!() };
    assert_eq!(pairs.len(), 122);
}

#[test]
fn protocol_and_frames_are_hints() {
    assert_eq!(value(b"\x80\x02\x80\x05\x80\x00N."), json!({ "t": "none" }));
    assert_eq!(value(b"\x80\x04\x95\x01\0\0\0\0\0\0\0]Na."), json!(["list", { "t": "none" }]));
    assert_eq!(strict(b"\x80\x06N.").unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(strict(b"\x95\x09\0\0\0\0\0\0\0N.").unwrap_err().kind(), Kind::Invalid);
    let p = strict(b"\x80\x02K\x02K\x05\x86q\x00.\x80\x05}.").unwrap();
    assert_eq!((p.protocol(), p.consumed()), (2, 10));
}

#[test]
fn bytes_of_every_protocol() {
    let all = ["bytes", "bytearray", "py2str"];
    for (b, kind, hex) in [
        (&b"c_codecs\nencode\n(V\xe9\\u0000\nVlatin1\ntR."[..], all[0], "e900"),
        (b"c__builtin__\nbytes\n)R.", all[0], ""),
        (b"c__builtin__\nbytearray\n(V\xff\nVlatin-1\ntR.", all[1], "ff"),
        (b"\x80\x03cbuiltins\nbytearray\nC\x01a\x85R.", all[1], "61"),
        (b"C\x01a.", all[0], "61"),
        (b"\x96\x01\0\0\0\0\0\0\0a.", all[1], "61"),
        (b"S'\\x00\\xff'\n.", all[2], "00ff"),
        (b"U\x01\xff.", all[2], "ff"),
        (b"T\x01\0\0\0a.", all[2], "61"),
    ] {
        assert_eq!(value(b), json!({ kind: hex }), "{b:?}");
    }
    assert!(error(b"c_codecs\nencode\n(V\\u20ac\nVlatin1\ntR.").contains("Latin-1"));
    assert!(error(b"c_codecs\nencode\n(Va\nVrot13\ntR.").contains("Latin-1"));
}

#[test]
fn python_2_pickles_of_arrays_are_read() {
    // What Python 2.7 and NumPy 1.16 wrote for np.array([1.5]): text is `str`, names are the old ones.
    let b = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\ntcnumpy\ndtype\n(S'f8'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\xf8?'\ntb.";
    let p = strict(b).unwrap();
    let view = p.view(p.root()).unwrap();
    assert_eq!(view.as_slice::<f64>().ok().map(<[f64]>::to_vec).or(view.to_vec().ok()), Some(vec![1.5]));
    assert_eq!(value(b"ccollections\nOrderedDict\n((lp0\n(lp1\nS'b'\naI1\naatR."), {
        json!({ "OrderedDict": [[{ "py2str": "62" }, "1"]] })
    });
}

#[test]
fn strict_names_what_it_refuses() {
    assert_eq!(
        error(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R."),
        "pickle opcode STACK_GLOBAL at byte 14: os.system is not among the types that are read; \
         inspect the pickle to see what it is made of; nothing in it was run"
    );
    let inspected = load(b"cos\nsystem\n(S'ls'\ntR.", Policy::Inspect, &Limits::default()).unwrap();
    let Item::Opaque(o) = inspected.get(inspected.root()) else { panic!() };
    assert_eq!(inspected.class_name(o), "os.system");
    // The result of an unknown call is no callable, but what getattr and partial give may stand for a class.
    let twice = b"cos\nsystem\n)R)R.";
    assert_eq!(load(twice, Policy::Inspect, &Limits::default()).unwrap_err().kind(), Kind::Invalid);
    let nested = b"\x80\x02c__builtin__\ngetattr\ncm\nOuter\nX\x05\0\0\0Inner\x86R)\x81}b.";
    let p = load(nested, Policy::Inspect, &Limits::default()).unwrap();
    let Item::Opaque(o) = p.get(p.root()) else { panic!() };
    assert_eq!(p.class_name(o), "m.Outer.Inner");
}

#[test]
fn every_way_of_making_an_object_is_recorded() {
    let inspect = |b: &'static [u8]| load(b, Policy::Inspect, &Limits::default()).unwrap();
    for (b, how, args) in [
        (&b"(I1\nim\nC\n."[..], How::Inst, 1),
        (b"(cm\nC\nK\x01K\x02o.", How::Inst, 2),
        (b"cm\nC\nK\x01\x85R.", How::Reduce, 1),
        (b"cm\nC\n)\x81.", How::NewObj, 0),
        (b"cm\nC\nK\x01\x85}\x92.", How::NewObjEx, 1),
    ] {
        let p = inspect(b);
        let Item::Opaque(o) = p.get(p.root()) else { panic!("{b:?}") };
        assert_eq!((p.class_name(o), o.how, o.args.len()), ("m.C".to_owned(), how, args));
        assert_eq!(o.kwargs.is_some(), how == How::NewObjEx);
    }
    // What is put into it afterwards.
    let p = inspect(b"cm\nC\n)\x81}b(K\x01e(K\x02K\x03u.");
    let Item::Opaque(o) = p.get(p.root()) else { panic!() };
    assert_eq!((o.state.is_some(), o.items.len(), o.pairs.len()), (true, 1, 2));
    for bad in [&b"(o."[..], b"cm\nC\nN\x81.", b"N)\x81.", b"cm\nC\n)N\x92."] {
        assert_eq!(
            load(bad, Policy::Inspect, &Limits::default()).unwrap_err().kind(),
            Kind::Invalid,
            "{bad:?}"
        );
    }
}

#[test]
fn state_is_for_what_takes_it() {
    for bad in [&b"]}b."[..], b"K\x01Nb.", b"}}b."] {
        assert_eq!(strict(bad).unwrap_err().kind(), Kind::Invalid, "{bad:?}");
    }
    // A dtype in use does not change under its arrays.
    let dtype = b"cnumpy\ndtype\n(X\x02\0\0\0f8I0\nI1\ntR\x94".to_vec();
    let state = b"(K\x03X\x01\0\0\0>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t";
    let twice = [&dtype[..], state, b"b", state, b"b."].concat();
    assert!(error(&twice).contains("already in use"), "{}", error(&twice));
    let other_size = [&dtype[..], b"(K\x03X\x01\0\0\0>NNNK\x04K\x04K\x00tb."].concat();
    assert!(error(&other_size).contains("another size"));
}

#[test]
fn dtypes_that_repeat_themselves_are_bounded() {
    // d(n+1) = [('a', dn), ('b', dn)]: 2^n types mentioned.
    let mut b = b"\x80\x04cnumpy\ndtype\n\x94\x8c\x03|u1\x85R\x94".to_vec();
    for i in 0..30u8 {
        let last = i + 1;
        b.extend([
            b'h', 0, b']', b'(', 0x8c, 1, b'a', b'h', last, 0x86, 0x8c, 1, b'b', b'h', last, 0x86, b'e',
            0x85, b'R', 0x94,
        ]);
    }
    b.push(b'.');
    assert_eq!(strict(&b).unwrap_err().kind(), Kind::Limit);
}

#[test]
fn little_is_not_made_into_much() {
    // set(list of 1000) a hundred thousand times.
    let mut b = b"\x80\x04cbuiltins\nset\n\x94](".to_vec();
    for i in 0..1000u16 {
        b.push(b'M');
        b.extend(i.to_le_bytes());
    }
    b.extend(b"e\x94");
    for _ in 0..100_000 {
        b.extend(b"h\x00h\x01\x85R0");
    }
    b.push(b'.');
    assert_eq!(strict(&b).unwrap_err().kind(), Kind::Limit);
    // A long text encoded as often costs nothing.
    let mut b = b"\x80\x04c_codecs\nencode\n\x94X".to_vec();
    b.extend(100_000u32.to_le_bytes());
    b.extend("é".repeat(50_000).bytes());
    b.extend(b"\x94\x8c\x06latin1\x86\x94");
    for _ in 0..50_000 {
        b.extend(b"0h\x00h\x02R");
    }
    b.push(b'.');
    strict(&b).unwrap();
}

#[test]
fn trees_are_bounded() {
    let deep: Vec<u8> = [&b"]".repeat(101)[..], &b"a".repeat(100)[..], b"."].concat();
    let limits = || Limits::new(1 << 30, 1 << 20, 1000);
    assert_eq!(strict(&deep).unwrap().to_value(&limits()).unwrap_err().kind(), Kind::Limit);
    let ok: Vec<u8> = [&b"]".repeat(100)[..], &b"a".repeat(99)[..], b"."].concat();
    strict(&ok).unwrap().to_value(&limits()).unwrap();
    // A megabyte of text a hundred thousand times.
    let mut b = b"](X".to_vec();
    b.extend((1u32 << 20).to_le_bytes());
    b.extend([b'x'].repeat(1 << 20));
    b.push(0x94);
    b.extend(b"h\x00".repeat(100_000));
    b.extend(b"e.");
    assert_eq!(strict(&b).unwrap().to_value(&limits()).unwrap_err().kind(), Kind::Limit);
}

#[test]
fn a_million_levels_are_read_walked_and_dropped() {
    const DEPTH: usize = 1_000_000;
    let lists = [b"\x80\x04".to_vec(), b"]".repeat(DEPTH), b"a".repeat(DEPTH - 1), b".".to_vec()].concat();
    let tuples = [b"\x80\x04)".to_vec(), b"\x85".repeat(DEPTH), b".".to_vec()].concat();
    let frozen = [b"\x80\x04(K\x01\x91\x94".to_vec(), b"(h\0\x91q\0".repeat(DEPTH), b".".to_vec()].concat();
    for (bytes, depth) in [(lists, DEPTH), (tuples, DEPTH + 1), (frozen, DEPTH + 1)] {
        let p = strict(&bytes).unwrap();
        let (mut at, mut levels) = (p.root(), 0);
        while let Item::List(items) | Item::Tuple(items) | Item::FrozenSet(items) = p.get(at) {
            levels += 1;
            match items {
                [inner] => at = *inner,
                _ => break,
            }
        }
        assert_eq!(levels, depth);
        let limits = Limits::new(1 << 30, 1 << 24, u32::MAX);
        assert_eq!(p.to_value(&limits).unwrap_err().kind(), Kind::Limit);
    }
    // As a key, which must be compared with another that is as deep.
    let key = b")".iter().chain(b"\x85".repeat(DEPTH).iter()).copied().collect::<Vec<u8>>();
    let dict = [b"\x80\x04}(".to_vec(), key.clone(), b"K\x01".to_vec(), key, b"K\x02u.".to_vec()].concat();
    let p = strict(&dict).unwrap();
    let Item::Dict(pairs) = p.get(p.root()) else { panic!() };
    assert_eq!(pairs.len(), 2);
}

#[test]
fn names_are_told_whatever_becomes_of_them() {
    let dropped = b"cos\nsystem\n(S'ls'\ntR0cnumpy\ndtype\n0cos\nsystem\n0N.";
    let told = |names: Vec<hyperslab_pickle::Name>| -> Vec<(String, u64, bool)> {
        names.into_iter().map(|n| (format!("{}.{}", n.module, n.name), n.offset, n.known)).collect()
    };
    let want = vec![("os.system".to_owned(), 0, false), ("numpy.dtype".to_owned(), 21, true)];
    let p = load(dropped, Policy::Inspect, &Limits::default()).unwrap();
    assert_eq!(told(p.names()), want);
    let (names, end) = hyperslab_pickle::names(dropped, &Limits::default());
    assert_eq!((told(names), end.unwrap()), (want.clone(), dropped.len()));
    let broken = &dropped[..30];
    let (names, end) = hyperslab_pickle::names(broken, &Limits::default());
    assert_eq!(told(names), want[..1]);
    assert_eq!(end.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn go_betweens_are_as_known_as_what_they_make() {
    assert_eq!(
        value(b"ccopy_reg\n__newobj__\n(ccollections\nOrderedDict\ntR(S'a'\nI1\nu."),
        json!({ "OrderedDict": [[{ "py2str": "61" }, "1"]] })
    );
    let object = b"ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR.";
    assert!(error(object).contains("m.C is not among the types"), "{}", error(object));
    let p = load(object, Policy::Inspect, &Limits::default()).unwrap();
    let Item::Opaque(o) = p.get(p.root()) else { panic!() };
    assert_eq!(p.class_name(o), "m.C");
    // Which of Python's own types it would make of what is not said by any pickler.
    let own = b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.";
    assert_eq!(strict(own).unwrap_err().kind(), Kind::Unsupported);
}
