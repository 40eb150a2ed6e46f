use super::*;

#[test]
fn descriptions_round_trip() {
    for d in [
        "|b1", "|i1", "|u1", "<i2", ">u4", "<f2", ">f8", "<f16", "<c8", ">c16", "|S3", "|S0", "<U5", ">U1",
        "|V8", "<M8[ns]", ">m8[25s]", "<M8", "|O",
    ] {
        assert_eq!(Dtype::from_descr(d).unwrap().descr().unwrap(), d);
    }
}

#[test]
fn other_spellings_are_canonicalised() {
    for (given, want) in
        [("i4", "<i4"), ("=f8", "<f8"), ("|i4", "<i4"), (">u1", "|u1"), ("float64", "<f8"), ("uint8", "|u1")]
    {
        assert_eq!(given.parse::<Dtype>().unwrap().descr().unwrap(), want);
    }
}

#[test]
fn nonsense_is_refused() {
    for d in [
        "",
        "<",
        "f3",
        "<i3",
        "i16",
        "<c4",
        "u0",
        "!i4",
        "<F8",
        " <i4",
        "<i4 ",
        "M8[xs]",
        "M8[0s]",
        "S2147483648",
        "é4",
    ] {
        assert!(Dtype::from_descr(d).is_err(), "{d}");
    }
}

#[test]
fn json_of_a_padded_struct_names_the_padding() {
    let s = Struct {
        fields: vec![
            Field { name: "a".into(), title: None, offset: 0, dtype: Dtype::U8 },
            Field {
                name: "b".into(),
                title: None,
                offset: 8,
                dtype: Dtype::Array(Arc::new(ArrayType::new(Dtype::F64, [2].into()).unwrap())),
            },
        ],
        itemsize: 32,
    };
    s.check().unwrap();
    let d = Dtype::Struct(Arc::new(s));
    assert_eq!(d.to_string(), r#"[["a","|u1"],["","|V7"],["b","<f8",[2]],["","|V8"]]"#);
    assert_eq!(d.canonical().to_string(), r#"[["a","|u1"],["b","<f8",[2]]]"#);
}

#[test]
fn byte_order_does_not_change_the_values() {
    let big: Dtype = ">f8".parse().unwrap();
    assert!(big.same_values(&Dtype::F64));
    assert!(big != Dtype::F64);
}

#[test]
fn json_descriptions_are_read_back() {
    for text in [
        r#""<f8""#,
        r#"[["a","|u1"],["","|V7"],["b","<f8",[2]],["","|V8"]]"#,
        r#"[["a",[["x","<i2"],["y",">c8",[2,3]]]]]"#,
        r#"["<f8",[3,2]]"#,
        r#"[["a",[["x","<i2"]],[2]],[["T","b"],"<U4"]]"#,
        r#"[["a",["<f8",[5]],[2]],["b",[[["x","<i2"]],[3]],[4]]]"#,
        r#"[["a","|u1"],["b","|u1"]]"#,
    ] {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(Dtype::from_json(&json).unwrap().to_json(), json, "{text}");
    }
    for text in ["3", r#"[["a"]]"#, r#"[["a","<f8"],["a","<f8"]]"#, r#"[["a","<f8",[-1]]]"#] {
        assert!(Dtype::from_json(&serde_json::from_str(text).unwrap()).is_err(), "{text}");
    }
    let mut deep = serde_json::json!("<f8");
    for _ in 0..100 {
        deep = serde_json::json!([["a", deep]]);
    }
    assert!(Dtype::from_json(&deep).is_err());
}
