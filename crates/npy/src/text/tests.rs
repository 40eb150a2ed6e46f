use super::*;
use hyperslab_core::source::SliceSource;
use hyperslab_core::{Kind, Limits, Result, View};

fn layout(descr: &str, separator: &str) -> Layout {
    Layout::new(descr.parse().unwrap(), Separator::new(separator).unwrap())
}

fn parse(text: &str, descr: &str, separator: &str) -> Result<View<'static>> {
    read(&SliceSource(text.as_bytes()), &layout(descr, separator), &Limits::default())
}

fn floats(text: &str, separator: &str) -> Result<Vec<f64>> {
    parse(text, "<f8", separator)?.to_vec()
}

#[test]
fn separators_end_and_white_space() {
    for (text, separator, want) in [
        ("1,2,3,", ",", &[1.0, 2.0, 3.0][..]),
        (" 1 , 2 \n", ",", &[1.0, 2.0]),
        ("1, 2, \n", ", ", &[1.0, 2.0]),
        ("1\n2\n\n", "\n", &[1.0, 2.0]),
        ("", ",", &[]),
        (" \n", ",", &[]),
        ("1a", "ab", &[1.0]),
        ("1e2", "e", &[100.0]),
        ("1-2", "-", &[1.0, 2.0]),
    ] {
        assert_eq!(floats(text, separator).unwrap(), want, "{text:?} {separator:?}");
    }
    // What C reads ends in white space, what NumPy reads itself does not.
    assert_eq!(parse("1,2,\n", "<i4", ",").unwrap().to_vec::<i32>().unwrap(), [1, 2]);
    for (text, separator) in
        [("1,2,\n", ","), ("1,,2", ","), (",1", ","), ("1,2;", ","), ("1,2", " "), ("1 2", ",")]
    {
        assert_eq!(floats(text, separator).unwrap_err().kind(), Kind::Invalid, "{text:?} {separator:?}");
    }
}

#[test]
fn errors_say_where_and_what_to_do() {
    for (text, descr, separator, want) in [
        (
            "1,2\n3,4",
            "<f8",
            ",",
            "line 1, column 4 (element 2) at byte 3: expected the separator \",\" or the end, found a line end; \
             rows on lines with \",\" between columns have two separators, and this reads one: join the lines with \
             \",\", or replace \",\" by a space and give the separator ' '",
        ),
        (
            "1,\n300",
            "|u1",
            ",",
            "line 2, column 1 (element 2) at byte 3: '300' is out of range for |u1 (0 to 255); give a wider type, \
             or a float type",
        ),
        (
            "1.5",
            "<i4",
            ",",
            "line 1, column 2 (element 1) at byte 1: expected the separator \",\" or the end, found '.5'; \
             these look like floats: give a float type such as '<f8'",
        ),
        (
            "a,b\n1,2",
            "<f8",
            ",",
            "line 1, column 1 (element 1) at byte 0: expected a number, found 'a'; \
             remove what is not a number, such as a line of names",
        ),
        (
            "1+x",
            "<c16",
            ",",
            "line 1, column 2 (element 1) at byte 1: expected an imaginary part such as '+2j', found '+x'",
        ),
    ] {
        assert_eq!(parse(text, descr, separator).unwrap_err().to_string(), want);
    }
    for descr in ["|S3", "<U1", "<M8[s]", "|V2", "<c32"] {
        assert_eq!(parse("1", descr, ",").unwrap_err().kind(), Kind::Unsupported, "{descr}");
    }
}

#[test]
fn counts_are_exact() {
    let with = |text: &str, count| {
        let layout = Layout { count: Some(count), ..layout("<i2", ",") };
        read(&SliceSource(text.as_bytes()), &layout, &Limits::default())?.to_vec::<i16>()
    };
    assert_eq!(with("1,2,x", 2).unwrap(), [1, 2]);
    assert_eq!(with("1x", 1).unwrap(), [1]);
    assert_eq!(with("x", 0).unwrap(), [0i16; 0]);
    let e = with("1,2", 1 << 60).unwrap_err();
    assert_eq!(e.to_string(), "1152921504606846976 elements were asked for, 2 are there");
}

#[test]
fn windows_change_nothing() {
    let limits = Limits::default();
    for (descr, separator, text) in [
        ("<f8", ",", "1.5 , -nan(abc) ,infin,.5,5.,1e,   -2.5e-3,  7  "),
        ("<f8", ",", "1.5,2,3, "),
        ("<i4", ",", "  12,-345 , 00000000000000000000000000000000678, \n"),
        ("<i4", "ab", "1ab 2 ab3a"),
        ("<c16", " ; ", "1+2j;3j ;4-1e5j ; 5"),
        ("<c16", ";", "1+2j;3j;4-1e5;5"),
        ("<f16", " ", "0.1 1e5\n\n3"),
        ("<f8", "\n", "  \n "),
        ("|u1", " ", "1 2 256"),
    ] {
        let layout = layout(descr, separator);
        let one = |window| {
            let found = read::whole(&SliceSource(text.as_bytes()), &layout, window, &limits);
            found.map(|v| v.bytes().unwrap().to_vec()).map_err(|e| e.to_string())
        };
        let want = one(1 << 20);
        for window in 1..text.len() {
            assert_eq!(one(window), want, "{text:?} in windows of {window}");
        }
    }
}

#[test]
fn fields_that_are_arrays_are_refused() {
    let dtype = crate::parse_dtype("[('a', '<i4'), ('v', '<f4', (2,))]").unwrap();
    let view = View::new(dtype, [1].into(), &[0u8; 12][..]).unwrap();
    let mut out = Vec::new();
    let e = write_to(&mut out, &view, &",".parse().unwrap(), &Format::default()).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert_eq!(
        e.to_string(),
        "the field \"v\" is an array of [\"<f4\",[2]]: text holds one value for each field; write NPY or JSON, or \
         each item as a field of its own"
    );
    assert!(out.is_empty());
}
