use super::write::is_printable;
use super::*;
use crate::literal::Parser;

fn read(text: &str) -> Result<Dtype> {
    dtype(&Parser::new(text.as_bytes(), false)?.value()?)
}

fn written(d: &Dtype) -> String {
    let mut out = String::new();
    write(d, &mut out).unwrap();
    out
}

#[test]
fn canonical_forms_survive() {
    for text in [
        "'<f8'",
        "'|b1'",
        "'<U3'",
        "'<M8[25s]'",
        "'<c32'",
        "[]",
        "[('', '|V8')]",
        "[('a', '<i4'), ('', '|V4'), ('b', '<f8', (2, 3)), ('', '|V1')]",
        "[('', '|V1'), (('T', 'q'), '>u2')]",
        "[('x', ([('a', '|i1'), ('', '|V3')], (3,)), (4,))]",
        "[('a', '<i4'), ('', '<i4'), ('b', '<i4')]",
        "[('a', '<i4'), ('z', '|S0'), ('e', [])]",
        "[(\"it's\", '<i2'), ('a\"b', '<i2'), ('\\'\"', '<i2'), ('back\\\\slash', '|i1'), ('\\t\\x00\\x85\\u2028é整', '|i1')]",
    ] {
        assert_eq!(written(&read(text).unwrap()), text);
    }
}

#[test]
fn other_spellings_become_canonical() {
    for (text, want) in [
        ("'d'", "'<f8'"),
        ("'>d'", "'>f8'"),
        ("'b'", "'|i1'"),
        ("'float64'", "'<f8'"),
        ("'int'", "'<i8'"),
        ("'P'", "'<u8'"),
        ("'c'", "'|S1'"),
        ("'a5'", "'|S5'"),
        ("'S'", "'|S0'"),
        ("'M'", "'<M8'"),
        ("'datetime64[ns]'", "'<M8[ns]'"),
        ("'longdouble'", "'<f16'"),
        ("'=i4'", "'<i4'"),
        ("'i04'", "'<i4'"),
        ("('S', 5)", "'|S5'"),
        ("('<i4', ())", "'<i4'"),
        ("'i4,f8'", "[('f0', '<i4'), ('f1', '<f8')]"),
        ("'i4,'", "[('f0', '<i4')]"),
        ("'i4, (2,)>f8, 3S2'", "[('f0', '<i4'), ('f1', '>f8', (2,)), ('f2', '|S2', (3,))]"),
        ("'3S, 3S2'", "[('f0', '|S3'), ('f1', '|S2', (3,))]"),
        ("[['a', '<i4', [2]]]", "[('a', '<i4', (2,))]"),
        ("[('a', '<i4', 1)]", "[('a', '<i4', (1,))]"),
        ("[('a', '2i4')]", "[('a', '<i4', (2,))]"),
        ("[('a', ('<i4', (2,)), 3)]", "[('a', ('<i4', (2,)), (3,))]"),
        ("[((None, 'a'), '<i4')]", "[('a', '<i4')]"),
        ("[((1, 'a'), '<i4')]", "[(('1', 'a'), '<i4')]"),
        ("[('', '<i4', (2,))]", "[('', '|V8')]"),
    ] {
        assert_eq!(written(&read(text).unwrap()), want, "{text}");
    }
}

#[test]
fn nonsense_is_refused() {
    for text in [
        "'!i4'",
        "'<f1'",
        "'<F8'",
        "'>float64'",
        "'g16'",
        "'l8'",
        "'O16'",
        "'<i4 '",
        "'|T16'",
        "'T'",
        "'S2147483648'",
        "'i4,,f4'",
        "'(2)i4'",
        "'3(2,)i4'",
        "'(2,)(2,)i4'",
        "None",
        "('<i4',)",
        "[('a', 'S', (2,))]",
        "[('a', '(2,)S')]",
        "'0f8'",
        "['ab']",
        "[()]",
        "[('a',)]",
        "[('a', '<i4', (2,), 1)]",
        "[(1, '<i4')]",
        "[(['t', 'a'], '<i4')]",
        "[('a', '<i4'), ('a', '<i4')]",
        "[(('a', 'a'), '<i4')]",
        "[('a', '<i4'), (('a', 'c'), '<i4')]",
        "[('a', '<i4', (-1,))]",
        "[('a', '<i4', (True,))]",
        "[('a', '<i4', (4294967296, 4294967296))]",
        "[('a', '<i4', (2147483647,))]",
        "[('a', 'V2147483647'), ('b', 'V2147483647')]",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let nested = |n: usize| format!("{}'<i4'{}", "[('a', ".repeat(n), ")]".repeat(n));
    assert!(read(&nested(20)).is_ok());
    assert!(read(&nested(40)).is_err());
}

#[test]
fn what_a_header_cannot_say_is_not_written() {
    let field = |name: &str, offset, dtype| Field { name: name.into(), title: None, offset, dtype };
    let s = |fields| Dtype::Struct(Arc::new(Struct { fields, itemsize: 8 }));
    let mut out = String::new();
    assert!(write(&s(vec![field("a", 4, Dtype::U8), field("b", 0, Dtype::U8)]), &mut out).is_err());
    assert!(write(&s(vec![field("a", 0, Dtype::F64), field("b", 4, Dtype::U8)]), &mut out).is_err());
    assert!(write(&s(vec![field("", 0, Dtype::Void(4))]), &mut out).is_err());
    let e = hyperslab_core::dtype::EnumType {
        base: hyperslab_core::dtype::Int::new(1, true, hyperslab_core::ByteOrder::Little),
        members: vec![],
    };
    assert!(write(&Dtype::Enum(Arc::new(e)), &mut out).is_err());
}

#[test]
fn printable_is_pythons() {
    for (c, printable) in [
        ('é', true),
        ('\u{301}', true),
        ('整', true),
        ('\u{a0}', false),
        ('\u{ad}', false),
        ('\u{200b}', false),
        ('\u{2028}', false),
        ('\u{e000}', false),
        ('\u{feff}', false),
        ('😀', true),
    ] {
        assert_eq!(is_printable(c), printable, "{c:?}");
    }
}
