use super::*;
use hyperslab_core::Kind;

/// A file with this header text and nothing else.
fn with(version: u8, text: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend([version, 0]);
    match version {
        1 => out.extend((text.len() as u16).to_le_bytes()),
        _ => out.extend((text.len() as u32).to_le_bytes()),
    }
    out.extend(text);
    out
}

fn shape_of(shape: &str) -> Result<Header> {
    parse(&with(1, format!("{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}}}").as_bytes()))
}

#[test]
fn the_usual_header_byte_by_byte() {
    let want = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";
    let got = emit(&Dtype::F64, &[2, 3].into(), Order::C).unwrap();
    assert_eq!(got.len(), 128);
    assert_eq!(&got[..want.len()], want);
    assert!(got[want.len()..127].iter().all(|&b| b == b' ') && got[127] == b'\n');
    let h = parse(&got).unwrap();
    assert_eq!((h.dtype, h.shape, h.order), (Dtype::F64, [2, 3].into(), Order::C));
    assert_eq!((h.data_offset, h.nbytes), (128, 48));
}

#[test]
fn versions_by_what_they_hold() {
    let named = |name: &str| {
        let s = hyperslab_core::dtype::Struct::packed([(name.to_string(), Dtype::U8)]);
        let d = Dtype::Struct(std::sync::Arc::new(s));
        let h = emit(&d, &[1].into(), Order::F).unwrap();
        assert_eq!(h.len() % 64, 0);
        if h.len() < MAX_CHARS as usize {
            assert_eq!(parse(&h).unwrap().dtype, d);
        }
        h[6]
    };
    assert_eq!(named("été"), 1);
    assert_eq!(named("整"), 3);
    assert_eq!(named(&"x".repeat(70_000)), 2);
}

#[test]
fn odd_but_valid() {
    let b = |t: &str| parse(&with(1, t.as_bytes())).unwrap().shape;
    for before in ["", " ", "\t ", "\n", "\r\n", "#c\n", "\\\n"] {
        for after in ["", "\n", " \n \t", "#c", " # c\n  #d\n"] {
            let text = format!("{before}{{'descr': '<i4', 'fortran_order': False, 'shape': (3,)}}{after}");
            assert_eq!(b(&text), Shape::from([3]), "{text:?}");
        }
    }
    assert_eq!(
        b("({'shape':(3L,\r\n 4),\"de\" 'scr':u'<i4', 'fortran_order':(True),})"),
        Shape::from([3, 4])
    );
    // The last of two equal keys counts.
    let h = parse(&with(3, b"{'descr': 1, 'descr': '<i4', 'fortran_order': False, 'shape': ()}")).unwrap();
    assert_eq!((h.shape.len(), h.nbytes), (0, 4));
}

#[test]
fn malformed() {
    for text in [
        "",
        "\n",
        "{}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,)",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,)} x",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,)},",
        "\n {'descr': '<i4', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<i4', 'fortran_order': False}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), 'meta': 1}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), 1: 2}",
        "{'descr': '<i4', 'fortran_order': 0, 'shape': (3,)}",
        "{'descr': '<i4', 'fortran_order': 'False', 'shape': (3,)}",
        "{'descr': ('<i4', (2,)), 'fortran_order': False, 'shape': (3,)}",
        "dict(descr='<i4')",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3,)}\0",
    ] {
        assert!(parse(&with(1, text.as_bytes())).is_err(), "{text:?}");
    }
    let text = b"{'descr': '<i4', 'meta': {'unit': 'm'}, 'fortran_order': False, 'shape': (3,)}";
    let e = parse(&with(1, text)).unwrap_err();
    assert_eq!(
        (e.message(), e.offset()),
        ("the key \"meta\", expected only descr, fortran_order, shape", Some(27))
    );
    let nul = parse(&with(1, b"{'descr': \0")).unwrap_err();
    assert_eq!(nul.offset(), Some(20));
}

#[test]
fn shapes() {
    for s in [
        "3", "(3)", "[3]", "(3.0,)", "('3',)", "(None,)", "(True,)", "(...,)", "(-1,)", "(0, -5)", "((3,),)",
        "3L",
    ] {
        assert_eq!(shape_of(s).unwrap_err().kind(), Kind::Invalid, "{s}");
    }
    for s in [
        "(18446744073709551616,)",
        "(0, 9223372036854775807, 2)",
        "(6148914691236517206, 3)",
        "(0, 100000000000000000000)",
    ] {
        assert_eq!(shape_of(s).unwrap_err().kind(), Kind::Invalid, "{s}");
    }
    assert_eq!(shape_of("(0, 10000000000)").unwrap().nbytes, 0);
    assert_eq!(shape_of(&format!("({})", "1,".repeat(64))).unwrap().shape.len(), 64);
    assert!(shape_of(&format!("({})", "1,".repeat(65))).is_err());
}

#[test]
fn every_cut_is_an_error_that_says_where() {
    let whole = emit(&Dtype::F64, &[2, 3].into(), Order::C).unwrap();
    for n in 0..whole.len() {
        let e = parse(&whole[..n]).unwrap_err();
        assert_eq!((e.kind(), e.offset()), (Kind::Invalid, Some(n as u64)), "{n}: {e}");
    }
    assert_eq!(length(&whole[..12]).unwrap(), 128);
    assert_eq!(parse(b"\x93NUMPY\x04\x00\x00\x00\x00\x00").unwrap_err().kind(), Kind::Unsupported);
    assert!(parse(b"PK\x03\x04 and more").unwrap_err().message().starts_with("not an NPY file"));
}

#[test]
fn long_headers_are_a_limit() {
    let padded = |n: usize| {
        let mut t = b"{'descr': '<i4', 'fortran_order': False, 'shape': (3,)}".to_vec();
        t.resize(n, b' ');
        t
    };
    parse(&with(1, &padded(10_000))).unwrap();
    assert_eq!(parse(&with(1, &padded(10_001))).unwrap_err().kind(), Kind::Limit);
    assert_eq!(parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{").unwrap_err().kind(), Kind::Limit);
    // Four bytes each, and still one character each.
    let name = "😀".repeat(9_000);
    let text = format!("{{'descr': [('{name}', '<i4')], 'fortran_order': False, 'shape': ()}}");
    parse(&with(3, text.as_bytes())).unwrap();
}
