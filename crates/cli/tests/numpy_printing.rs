//! `slab show` prints arrays as NumPy does: compared with the real one, array by array.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic here is the failure report")]

use hyperslab::testing;
use std::ffi::OsStr;
use std::process::Command;

/// Makes arrays of every kind, saves them, and prints what NumPy prints for each.
const SCRIPT: &str = r#"
import sys, os, json
import numpy as np
out = sys.argv[1]
rng = np.random.default_rng(20240229)
cases = {}
def add(a): cases['%03d' % len(cases)] = np.asarray(a)

for dt in ['i1', 'u2', '<i4', '>i8', 'u8']:
    add(np.arange(12).reshape(3, 4).astype(dt))
    add(np.array([0, 127], dtype=dt))
add(np.array([-9223372036854775808, 9223372036854775807]))
add(np.array([18446744073709551615], dtype='u8'))
for n in (1000, 1001): add(np.arange(n))
add(np.arange(2000).reshape(1000, 2)); add(np.arange(2000).reshape(2, 1000)); add(np.arange(4096).reshape(16, 16, 16))
add(np.arange(1200).reshape(2, 3, 200)); add(np.arange(1024).reshape((2,) * 10)); add(np.arange(7 * 200).reshape(7, 200))
for dt in ['f2', 'f4', 'f8', '>f8']:
    for v in ([0.], [1.], [0.1, 0.2, 0.3], [1.5, -2.25, 1000], [1e-5, 1], [1e10, 1], [3.14159265358979, 2.71828],
              [np.nan, 1.5], [np.inf, -np.inf, 0.5], [-np.inf, 1], [np.nan, np.nan], [np.inf], [-0.0, 0.0], [1e-4, 9.9],
              [123456.789, 0.5], [0.5, 999], [0.5, 501], [1e5, 1e4], [65504, 1], [1/3, 2/3, 100/3], [1e-7], [2.0 ** -24]):
        with np.errstate(over='ignore'):
            add(np.array(v).astype(dt))
    add(rng.normal(size=(5, 7)).astype(dt)); add((rng.normal(size=50) * 1e-3).astype(dt))
    add(rng.normal(size=(30, 50)).astype(dt))
for e in (300, -300, 8, 7, 100, -5, -4): add(np.array([1.25 * 10.0 ** e, 1.0]))
add(rng.integers(0, 2 ** 64, 40, dtype='u8').view('f8')); add(rng.integers(0, 2 ** 32, 400, dtype='u4').view('f4'))
add(rng.integers(0, 2 ** 16, 300, dtype='u2').view('f2'))
add(10.0 ** rng.uniform(-3, 3, 60)); add(10.0 ** rng.uniform(0, 7, 60)); add(np.round(rng.uniform(-99, 99, 40), 2))
for dt in ['c8', 'c16']:
    add(np.array([1 + 2j, 3.25 - 1e-9j], dtype=dt)); add(np.array([0.5j, -1, complex(np.nan, np.inf)], dtype=dt))
    add((rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))).astype(dt))
add(np.array([True, False, True])); add(np.zeros((2, 2), '?')); add(np.array(True)); add(np.zeros((0,))); add(np.zeros((3, 0)))
add(np.array(['a', 'bc', "it's", 'tab\t', 'é\u200b', ''])); add(np.array([b'a', b'\xff\n', b"q'\""])); add(np.array('text'))
add(np.array(['word'] * 60)); add(np.array([['x' * 40] * 3] * 2))
for v in (7, -1.5, 0.1, 1e16, 1e-5, 123456789.125, np.float32(0.1), np.float32(1e16), np.float16(0.1), 1 + 2j, 1j, -0.0, np.complex64(0.1 + 1e20j)):
    add(np.array(v))
for u in ('Y', 'M', 'W', 'D', 'h', 'm', 's', 'ms', 'us', 'ns', 'ps', 'as', '25s'):
    add(np.array([0, 1, -1, 10 ** 9], dtype='M8[%s]' % u)); add(np.array(12345, dtype='M8[%s]' % u))
    add(np.array([0, 10 ** 6, -1], dtype='m8[%s]' % u)); add(np.array(12345, dtype='m8[%s]' % u))
add(np.array(['2020-02-29', 'NaT', '-0044-03-15', '12000-01-01'], dtype='M8[D]')); add(np.array([5, 'NaT'], dtype='m8[s]'))
s = np.dtype([('a', '<i4'), ('b', '>f8'), ('c', 'S2')])
add(np.array([(1, 2.5, b'x'), (10, 1e-9, b'yy')], s)); add(np.array((1, 2.5, b'x'), s)); add(np.zeros((2, 3), s))
add(np.array([(True,), (False,)], [('a', '?')])); add(np.zeros(1500, [('t', 'M8[s]'), ('v', 'f4')]))
n = np.dtype([('p', [('x', 'i4'), ('y', 'f8', (2,))]), ('m', 'i2', (2, 2))])
add(np.zeros(3, n)); add(np.array(((1, [1., 2.5]), [[1, 2], [3, 4]]), n))
add(np.array([b'\x00\x01', b'ab'], dtype='V2'))
add(np.asfortranarray(np.arange(12.).reshape(3, 4)))

texts = {}
for k, a in cases.items():
    np.save(os.path.join(out, k + '.npy'), a)
    texts[k] = {'short': str(a), 'full': np.array2string(a, threshold=sys.maxsize) if a.ndim else str(a)}
json.dump(texts, sys.stdout)
"#;

#[test]
fn arrays_print_as_in_numpy() {
    let Some(python) = testing::oracle_python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let printed = testing::run_python(&python, SCRIPT, &[dir.path().as_os_str()]);
    let cases: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&printed).unwrap();
    assert!(cases.len() > 200, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for (name, texts) in &cases {
        let file = dir.path().join(format!("{name}.npy"));
        for (form, option) in [("short", None), ("full", Some("--full"))] {
            let want = texts[form].as_str().unwrap();
            let got = show(file.as_os_str(), option);
            if got.strip_suffix('\n') != Some(want) {
                wrong.push(format!("{name} {form}\nnumpy:\n{want}\nslab:\n{got}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), 2 * cases.len(), wrong.join("\n"));
}

fn show(file: &OsStr, option: Option<&str>) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_slab")).arg("show").arg(file).args(option).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}
