//! Text beside NumPy: the same is accepted and gives the same values, and the same bytes are written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a panic is the failure report")]

mod common;

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Dtype, Limits, Result, View, testing};
use hyperslab_npy::text::{self, Format, Layout};
use serde_json::{Value as Json, json};

/// What a script of NumPy's says to each row.
fn ask(script: &str, rows: &[Json]) -> Option<Vec<Json>> {
    let python = testing::oracle_python()?;
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(file.path(), lines).unwrap();
    let said = testing::run_python(&python, script, &[file.path().as_os_str()]);
    let said: Vec<Json> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), rows.len());
    Some(said)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    fn below(&mut self, n: usize) -> usize {
        usize::try_from((self.next() >> 16) % n as u64).unwrap()
    }
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Good numbers, bad ones and what is nearly one.
fn token(random: &mut Random) -> String {
    const ODD: [&str; 62] = [
        "0",
        "-0",
        "+7",
        "127",
        "128",
        "-128",
        "-129",
        "255",
        "256",
        "65535",
        "65536",
        "-1",
        "32767",
        "2147483648",
        "4294967295",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999",
        "007",
        "",
        "-",
        "+",
        ".",
        "5.",
        ".5",
        "-.5e1",
        "+.e1",
        "e5",
        "1e",
        "1e+",
        "1e5",
        "1E-5",
        "1e400",
        "-1e-400",
        "0e99999999999",
        "1e99999999999999999999",
        "nan",
        "-NaN",
        "nan(ab_1)",
        "nan(",
        "na",
        "n",
        "inf",
        "-Infinity",
        "infin",
        "in",
        "i",
        "infinityx",
        "0x10",
        "1_0",
        "1d5",
        "1.5.2",
        "1+2j",
        "1-2.5e3j",
        "3j",
        "j",
        "1-j",
        "1+2",
        "(1+2j)",
        "nan+infj",
        "1e-j",
    ];
    match random.below(10) {
        0..4 => random.pick(&ODD).into(),
        4 => format!("{}", random.next() as i64 >> random.below(64)),
        5 => format!("{:?}", f64::from_bits(random.next())),
        6 => format!("{:e}", f32::from_bits(random.next() as u32)),
        7 => {
            // Between two neighbours, or nearly: hard to round.
            let value = f64::from_bits(random.next());
            let middle = format!("{:.*e}", 17 + random.below(30), value);
            middle.replace("NaN", "nan")
        }
        8 => format!("{}{}", "0".repeat(random.below(130)), random.next() % 300),
        _ => format!("{}+{}j", f64::from_bits(random.next()), random.next() as f32),
    }
}

/// Numbers with separators, one thing changed now and then.
fn sample(random: &mut Random, separator: &str) -> String {
    let spaces = ["", "", "", "", " ", "\n", "\t \r\n", "\u{b}\u{c}"];
    let mut out = String::from(random.pick(&spaces));
    let count = 1 + random.below(4);
    for i in 0..count {
        out.push_str(&token(random));
        out.push_str(random.pick(&spaces));
        let end = i + 1 == count && random.below(4) > 0;
        match random.below(30) {
            _ if end => {}
            0 => out.push_str(random.pick(&[",", ";", "", "\0", "x", "a b", " : ", ",,"])),
            _ => out.push_str(separator),
        }
        out.push_str(random.pick(&spaces));
    }
    out
}

#[test]
fn the_same_is_accepted_with_the_same_values() {
    const DTYPES: [&str; 15] = [
        "|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<f16", "<c8",
        "<c16",
    ];
    const SEPARATORS: [&str; 15] =
        [",", ",", ",", " ", "\n", ", ", " ;", " ; ", ";", "ab", "a b ", "::", "e", "-", "5"];
    let random = &mut Random(0x9e37_79b9_7f4a_7c15);
    let mut rows = Vec::new();
    for i in 0..9000 {
        let descr = DTYPES[i % DTYPES.len()];
        let separator = random.pick(&SEPARATORS);
        let count = if random.below(5) == 0 { random.below(5) as i64 } else { -1 };
        rows.push(json!([descr, separator, count, sample(random, separator)]));
    }
    let Some(said) = ask(include_str!("oracle/read_text.py"), &rows) else { return };
    let (mut apart, mut both, mut meant) = (Vec::new(), [0u32; 2], 0u32);
    for (row, theirs) in rows.iter().zip(said) {
        let string = |i: usize| row[i].as_str().unwrap();
        let layout = Layout {
            count: row[2].as_u64(),
            ..Layout::new(string(0).parse().unwrap(), string(1).parse().unwrap())
        };
        let bytes: Vec<u8> = string(3).chars().map(|c| c as u8).collect();
        let ours = text::read(&SliceSource(&bytes), &layout, &Limits::default());
        let found =
            ours.as_ref().map_or(Json::Null, |v| json!(hex(&significant(&layout.dtype, v.bytes().unwrap()))));
        // Whatever comes at a time, the same is found, or the same is wrong.
        let window = 1 + random.below(bytes.len().max(1));
        let cut = text::read_in_windows(&common::Positioned(&bytes), &layout, window, &Limits::default());
        match (&ours, &cut) {
            (Ok(a), Ok(b)) => assert_eq!(a.bytes(), b.bytes(), "{row} in windows of {window}"),
            (a, b) => assert_eq!(format!("{a:?}"), format!("{b:?}"), "{row} in windows of {window}"),
        }
        let theirs = match theirs.as_str() {
            Some(t) => json!(hex(&significant(&layout.dtype, &unhex(t)))),
            None => Json::Null,
        };
        let blank =
            bytes.iter().all(u8::is_ascii_whitespace) || bytes.iter().all(|b| b" \t\n\r\x0b\x0c".contains(b));
        // Where NumPy wraps, ends early or drops what it cannot read, this refuses; and blank is empty for all.
        let stricter = ours.as_ref().is_err_and(|e| {
            ["out of range", "were asked for", "an imaginary part"].iter().any(|m| e.message().contains(m))
        });
        match found == theirs {
            true => both[usize::from(found.is_null())] += 1,
            false if stricter || blank => meant += 1,
            false => apart.push(format!("{row}: ours {found} {:?}, NumPy's {theirs}", ours.err())),
        }
        // The other byte order holds the same values.
        let Ok(ours) = text::read(&SliceSource(&bytes), &layout, &Limits::default()) else { continue };
        let swapped = Layout { dtype: string(0).replace('<', ">").parse().unwrap(), ..layout.clone() };
        let swapped = text::read(&SliceSource(&bytes), &swapped, &Limits::default()).unwrap();
        if string(0) == "<f16" {
            let reversed: Vec<u8> =
                swapped.bytes().unwrap().chunks_exact(16).flat_map(|e| e.iter().rev().copied()).collect();
            assert_eq!(reversed, ours.bytes().unwrap());
        } else {
            assert!(swapped == ours, "{row}");
        }
    }
    println!("{} read, {} refused, {meant} differ as meant", both[0], both[1]);
    assert!(both.iter().all(|n| *n > 2000), "{both:?}");
    assert!(meant > 100, "{meant}");
    assert!(apart.is_empty(), "{} of {}:\n{}", apart.len(), rows.len(), apart.join("\n"));
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// The bytes that mean something: a long double fills 10 of 16.
fn significant(dtype: &Dtype, bytes: &[u8]) -> Vec<u8> {
    match dtype.itemsize() {
        16 if matches!(dtype, Dtype::Float(_)) => {
            bytes.chunks_exact(16).flat_map(|e| e[..10].to_vec()).collect()
        }
        _ => bytes.to_vec(),
    }
}

/// Elements worth printing, of types with their bytes.
fn arrays(random: &mut Random) -> Vec<(Dtype, Vec<u8>)> {
    let mut out = Vec::new();
    let mut add = |descr: &str, bytes: Vec<u8>| out.push((common::plain(descr), bytes));
    let doubles = [
        0.1,
        1.0,
        -0.0,
        0.0,
        1e16,
        1e15,
        9_999_999_999_999_998.0,
        1e-4,
        1e-5,
        0.00012345,
        5e-324,
        1.5e300,
        f64::MAX,
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        2.5,
        0.5,
        -1.5,
        1e20,
        123456.5,
        999999.5,
        1e22,
        0.3,
        100000.0,
        1e6,
        2.0f64.powi(-1074) * 3.0,
        1e23,
        9.5,
        0.125,
        1234567.0,
        -0.7,
    ];
    let random_doubles: Vec<f64> = (0..100).map(|_| f64::from_bits(random.next())).collect();
    let all: Vec<f64> = doubles.iter().copied().chain(random_doubles).collect();
    add("<f8", all.iter().flat_map(|v| v.to_le_bytes()).collect());
    add(">f8", all.iter().flat_map(|v| v.to_be_bytes()).collect());
    add("<f4", all.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect());
    add("<f4", (0..50).flat_map(|_| (random.next() as u32 & 0xbfff_ffff).to_le_bytes()).collect());
    add(">f2", (0..50).flat_map(|_| (random.next() as u16 & 0xbfff).to_be_bytes()).collect());
    add("<f2", [0x7c00u16, 0xfc00, 0x7e00, 1, 0x8000].iter().flat_map(|v| v.to_le_bytes()).collect());
    for (i, re) in doubles.iter().enumerate() {
        let im = doubles[(i * 7 + 3) % doubles.len()];
        add(
            "<c16",
            [*re, im, 0.0, *re, -0.0, im, *re, -0.0, *re, 0.0].iter().flat_map(|v| v.to_le_bytes()).collect(),
        );
        add(">c8", [*re as f32, im as f32, 0.0, -1.5].iter().flat_map(|v| v.to_be_bytes()).collect());
    }
    for size in [1usize, 2, 4, 8] {
        let odd = [0, 1, -1, i64::MAX, i64::MIN, 5, -3, 65, 100, 0x7fff_ffff].iter();
        let bytes: Vec<u8> = odd.flat_map(|v| v.to_le_bytes()[..size].to_vec()).collect();
        let mark = if size == 1 { "|" } else { "<" };
        add(&format!("{mark}i{size}"), bytes.clone());
        add(&format!("{mark}u{size}"), bytes.clone());
        if size > 1 {
            let big: Vec<u8> = bytes.chunks_exact(size).flat_map(|e| e.iter().rev().copied()).collect();
            add(&format!(">i{size}"), big);
        }
    }
    add("|b1", vec![0, 1, 1]);
    add("|S5", b"ab\0c\0it's\0\"'\\\n\t\0\0\0\0\0\x7f\x80\xff\r ".to_vec());
    add("|V3", b"ab\0\0\0\0".to_vec());
    let text = |s: &str| s.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<u8>>();
    add("<U3", text("a\0\0it'\"'\\\n\t\u{7f}\0\0\0"));
    add("<U1", text("ab\n"));
    add("<U2", text("é\u{85}整😀"));
    for unit in ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "25s", "7D", "10Y", "5M", "3us"] {
        let mut ticks =
            vec![0, 1, -1, 59, -100_000, 1_000_000, 18_262, 1_577_836_800, -719_162, 2_932_896, i64::MIN];
        ticks.extend([2_932_897, -719_163, 253_402_300_799, 253_402_300_800, 999_999_999, 1_000_000_000]);
        ticks.extend((0..30).map(|_| random.next() as i64 >> random.below(60)));
        // NumPy multiplies with wraparound.
        ticks.retain(|t| {
            *t == i64::MIN || i128::from(*t).abs() < 1 << 40 || unit.len() < 2 || unit.starts_with(['u', 'n'])
        });
        let bytes: Vec<u8> = ticks.iter().flat_map(|t| t.to_le_bytes()).collect();
        add(&format!("<M8[{unit}]"), bytes.clone());
        add(&format!("<m8[{unit}]"), bytes);
    }
    add("<M8", [5, i64::MIN].iter().flat_map(|t: &i64| t.to_le_bytes()).collect());
    add(">m8", [5, i64::MIN].iter().flat_map(|t: &i64| t.to_be_bytes()).collect());
    for descr in ["<f16", "<c32"] {
        let mut bytes = Vec::new();
        for text in [
            "0.1",
            "1",
            "1e16",
            "9999999999999999",
            "9999999999999999.9",
            "1e15",
            "1e-4",
            "1e-5",
            "nan",
            "inf",
            "-inf",
            "-0",
            "0",
            "1e4000",
            "-1e-4950",
            "3.6e-4951",
            "1.189731495357231765e4932",
            "3.3621031431120935063e-4932",
            "123456.5",
            "18446744073709551616",
            "0.5",
            "2.5",
            "1e30",
            "5e-324",
            "2.4703282292062327e-324",
            "1e308",
            "1.7976931348623158079e308",
            "0.00012345",
            "9.9999999999999999999e-5",
            "1e-310",
            "4503599627370497.5",
        ] {
            let one = text::read(
                &SliceSource(text.as_bytes()),
                &Layout::new(common::plain("<f16"), ",".parse().unwrap()),
                &Limits::default(),
            );
            bytes.extend_from_slice(one.unwrap().bytes().unwrap());
        }
        for _ in 0..60 {
            let top = 0x3fff - 60 + random.below(120) as u16;
            bytes.extend((random.next() | 1 << 63).to_le_bytes());
            bytes.extend((top | (random.next() as u16 & 0x8000)).to_le_bytes());
            bytes.extend([0; 6]);
        }
        bytes.truncate(bytes.len() / 32 * 32);
        add(descr, bytes);
    }
    let nested =
        common::structure(&[("x", None, 0, common::plain("|i1")), ("y", None, 0, common::plain("<U2"))], 0);
    let fields = [
        ("a", None, 0, common::plain("<i4")),
        ("b", None, 0, common::plain("<f4")),
        ("s", None, 0, common::plain("|S3")),
        ("c", None, 0, common::plain("<c16")),
        ("t", None, 0, common::plain("<M8[s]")),
        ("d", None, 0, common::plain("<m8[ms]")),
        ("n", None, 0, nested),
        ("o", None, 0, common::plain("|b1")),
    ];
    let wide = common::structure(&fields, 0);
    let mut bytes = common::bytes_for(&wide, 3, 5);
    for e in bytes.chunks_exact_mut(usize::try_from(wide.itemsize()).unwrap()) {
        e[27..35].copy_from_slice(&1_577_836_805i64.to_le_bytes());
        e[35..43].copy_from_slice(&(-90_061_007i64).to_le_bytes());
        e[44..52].copy_from_slice(b"a\0\0\0'\0\0\0");
    }
    out.push((wide, bytes));
    out.push((common::structure(&[("a", None, 0, common::plain("<i4"))], 0), vec![1; 8]));
    out
}

const FORMATS: [&str; 68] = [
    "", "%s", "%r", "%a", "%d", "%i", "%u", "%5d", "%-5d|", "%05d", "%+d", "% d", "%+ d", "%.3d", "%+08.3d",
    "%x", "%X", "%#x", "%#X", "%#010x", "%-#8x|", "%#.5x", "%o", "%#o", "%#5o", "%c", "%5c", "%-3c|", "%.0c",
    "%e", "%E", "%.0e", "%#.0e", "%.17e", "%.40e", "%f", "%F", "%.0f", "%#.0f", "%.1f", "%.3f", "%010.3f",
    "%-10.3f|", "%+f", "% f", "%.60f", "%g", "%G", "%.0g", "%.1g", "%#g", "%#.0g", "%#.1g", "%.17g", "%.30g",
    "%012g", "%+.3g", "%5.1s", "%-9s|", "%.2s", "%05s", "%.4r", "<%ld%%>", "%hd", "%.f", "%%%g", "%20.10s",
    "%0+9.2e",
];

#[test]
fn the_same_bytes_are_written() {
    let random = &mut Random(0x1234_5678_9abc_def1);
    let mut rows = Vec::new();
    let mut ours: Vec<Result<String, String>> = Vec::new();
    for (dtype, bytes) in arrays(random) {
        let item = usize::try_from(dtype.itemsize()).unwrap();
        for form in FORMATS {
            // One by one: a format may take some of the values.
            let separator = random.pick(&[",", "\n", " ; "]);
            let alone = !form.is_empty() && form != "%s";
            let (each, step) = if alone { (item, bytes.len() / item / 5) } else { (bytes.len(), 1) };
            for part in bytes.chunks(each).step_by(step.max(1)) {
                let view = View::new(dtype.clone(), [(part.len() / item) as u64].into(), part).unwrap();
                let mut out = Vec::new();
                let format = Format::new(form).unwrap();
                let done = text::write_to(&mut out, &view, &separator.parse().unwrap(), &format);
                // NumPy crashes where the text is not ASCII.
                if done.as_ref().is_err_and(|e| e.message().contains("not ASCII")) {
                    let integers =
                        matches!(dtype, Dtype::Int(_) | Dtype::Datetime(..) | Dtype::Timedelta(..));
                    assert!(matches!(dtype, Dtype::Unicode(..)) || integers, "{dtype} {form}");
                    continue;
                }
                rows.push(json!([dtype.to_json(), hex(part), separator, form]));
                ours.push(done.map(|_| String::from_utf8(out).unwrap()).map_err(|e| e.to_string()));
            }
        }
    }
    let Some(said) = ask(include_str!("oracle/write_text.py"), &rows) else { return };
    let mut apart = Vec::new();
    let mut both = [0u32; 2];
    for ((row, ours), theirs) in rows.iter().zip(&ours).zip(&said) {
        match (ours, theirs.as_str()) {
            (Ok(ours), Some(theirs)) if ours == theirs => both[0] += 1,
            (Err(_), None) => both[1] += 1,
            // NumPy drops imaginary parts here, with a warning; of other complex numbers it does not.
            (Err(e), Some(_)) if row[0] == "<c32" && e.contains("not complex numbers") => both[1] += 1,
            // Python refuses integers of so many digits.
            (Ok(ours), None) if ours.len() > 4300 => {}
            _ => apart.push(format!("{row}: ours {ours:?}, NumPy's {theirs}")),
        }
    }
    println!("{} written, {} refused", both[0], both[1]);
    assert!(both.iter().all(|n| *n > 3000), "{both:?}");
    let shown = apart.iter().take(60).cloned().collect::<Vec<_>>().join("\n");
    assert!(apart.is_empty(), "{} of {}:\n{shown}", apart.len(), rows.len());
}

/// Long doubles of every size: all bits at random, the least ones, powers of two with their neighbors, short decimals.
fn long_doubles(random: &mut Random, count: usize) -> Vec<u8> {
    const TOP: u64 = 1 << 63;
    let mut bytes = Vec::new();
    for i in 0..count {
        let sign = random.next() as u16 & 0x8000;
        let any = 1 + random.below(0x7ffe) as u16;
        let near = 0x3fff - 80 + random.below(160) as u16;
        let (exponent, mantissa) = match i % 8 {
            0 => (any, random.next() | TOP),
            1 => (near, random.next() | TOP),
            2 => (0, (random.next() >> 1) >> random.below(63)),
            3 => (0, i as u64 / 8),
            4 => (any, TOP + random.next() % 3),
            5 => (any, u64::MAX - random.next() % 3),
            6 => (near, (random.next() << random.below(64)) | TOP),
            _ => {
                let digits = random.next() >> random.below(64);
                let text = format!("{digits}e{}", random.below(9900) as i32 - 4960);
                let layout = Layout::new(common::plain("<f16"), ",".parse().unwrap());
                let one = text::read(&SliceSource(text.as_bytes()), &layout, &Limits::default()).unwrap();
                bytes.extend_from_slice(one.bytes().unwrap());
                continue;
            }
        };
        bytes.extend(mantissa.to_le_bytes());
        bytes.extend((exponent | sign).to_le_bytes());
        bytes.extend([0; 6]);
    }
    bytes
}

#[test]
fn long_doubles_have_the_same_digits() {
    let bytes = long_doubles(&mut Random(0x0dd0_5eed_0f80_b175), 24_000);
    let (dtype, comma) = (common::plain("<f16"), ",".parse().unwrap());
    let view = View::new(dtype.clone(), [24_000].into(), &bytes[..]).unwrap();
    let mut ours = Vec::new();
    text::write_to(&mut ours, &view, &comma, &Format::default()).unwrap();
    // They are read as what they were.
    let back = text::read(&SliceSource(&ours), &Layout::new(dtype, comma), &Limits::default()).unwrap();
    for (one, two) in bytes.chunks_exact(16).zip(back.bytes().unwrap().chunks_exact(16)) {
        assert_eq!(one, two);
    }
    let row = json!(["<f16", hex(&bytes), ",", ""]);
    let Some(said) = ask(include_str!("oracle/write_text.py"), &[row]) else { return };
    let (ours, theirs) = (String::from_utf8(ours).unwrap(), said[0].as_str().unwrap());
    let apart: Vec<_> = ours.split(',').zip(theirs.split(',')).filter(|(a, b)| a != b).collect();
    assert!(
        apart.is_empty(),
        "{} of 24000 (ours, NumPy's): {:?}",
        apart.len(),
        &apart[..apart.len().min(20)]
    );
    assert_eq!(ours.len(), theirs.len());
}
