use super::*;

fn one(text: &str) -> Result<Literal<'_>> {
    let mut p = Parser::new(text.as_bytes(), true)?;
    let v = p.value()?;
    if p.peek().is_some() { Err(p.unexpected("the end")) } else { Ok(v) }
}

fn string(text: &str) -> String {
    match one(text).unwrap() {
        Literal::Str(s) => s.into_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn integers_as_python_has_them() {
    let cases = [
        ("3", 3),
        ("-3", -3),
        ("+3", 3),
        ("0x1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("1_000", 1000),
        ("0x_3", 3),
        ("00", 0),
        ("0_0", 0),
        ("3L", 3),
        ("0x3L", 3),
        ("((3))", 3),
        ("-9223372036854775808", i64::MIN),
    ];
    for (text, want) in cases {
        assert_eq!(one(text).unwrap(), Literal::Int(Some(want)), "{text}");
    }
    assert_eq!(one("9223372036854775808").unwrap(), Literal::Int(None));
    for text in ["03", "0_3", "3_", "3__0", "3l", "--3", "~3", "0x", "1+2", "3if", "*3", "_3"] {
        assert!(one(text).is_err(), "{text}");
    }
    assert_eq!(one("1e-5").unwrap(), Literal::Other("a float"));
    assert_eq!(one("3.").unwrap(), Literal::Other("a float"));
    assert!(Parser::new(b"3L", false).unwrap().value().is_err());
}

#[test]
fn strings_as_python_has_them() {
    for text in [
        "'<i4'",
        "\"<i4\"",
        "u'<i4'",
        "R'<i4'",
        "'''<i4'''",
        "'<' 'i4'",
        "'\\x3ci4'",
        "'\\74i4'",
        "'<i\\\n4'",
    ] {
        assert_eq!(string(text), "<i4", "{text}");
    }
    assert_eq!(string(r#"'a\'b\\c\td\qe'"#), "a'b\\c\td\\qe");
    assert_eq!(string(r"r'a\'b'"), r"a\'b");
    assert_eq!(string("''"), "");
    assert_eq!(string("'\\u00e9\\U0001F600'"), "é😀");
    let mut latin = Parser::new(b"'\xe9t\xe9\\n\xe9'", true).unwrap();
    assert_eq!(latin.value().unwrap(), Literal::Str("été\né".into()));
    let mut raw = Parser::new(b"r'\\\xc3\xa9'", true).unwrap();
    assert_eq!(raw.value().unwrap(), Literal::Str("\\Ã©".into()));
    let mut utf8 = Parser::new("'整é😀x'".as_bytes(), false).unwrap();
    assert_eq!(utf8.value().unwrap(), Literal::Str("整é😀x".into()));
    assert_eq!(one("b'x'").unwrap(), Literal::Other("bytes"));
    for text in
        ["'a", "'a\nb'", "'''a'", "'a'b'b'", "ur'a'", "f'a'", "'\\x4'", "'\\N{DIGIT ONE}'", "'\\ud800'"]
    {
        assert!(one(text).is_err(), "{text}");
    }
}

#[test]
fn brackets() {
    assert_eq!(one("()").unwrap(), Literal::Tuple(vec![]));
    assert_eq!(one("(3)").unwrap(), Literal::Int(Some(3)));
    assert_eq!(one("(3,)").unwrap(), Literal::Tuple(vec![Literal::Int(Some(3))]));
    assert_eq!(
        one("( 3 ,#c\n\t4\\\n)").unwrap(),
        Literal::Tuple(vec![Literal::Int(Some(3)), Literal::Int(Some(4))])
    );
    assert_eq!(one("[[]]").unwrap(), Literal::List(vec![Literal::List(vec![])]));
    for text in ["(,)", "(3,,)", "(3", "[3)", "{1}", "f()", "lambda: 3", "(3 4)"] {
        assert!(one(text).is_err(), "{text}");
    }
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(one(&deep(100)).is_ok());
    assert_eq!(one(&deep(101)).unwrap_err().kind(), hyperslab_core::Kind::Limit);
    assert!(one(&deep(1_000_000)).is_err());
}
