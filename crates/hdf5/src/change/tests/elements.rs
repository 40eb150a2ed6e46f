//! Elements overwritten and arrays extended.

use super::{Case, check};
use crate::append::tests::recorder::Recorder;
use crate::change::Change;
use crate::{File, Writer};
use hyperslab_core::{Limits, Selection};

const fn one(steps: &'static str) -> Case {
    Case { steps, mixes: false }
}

const fn in_place(steps: &'static str) -> Case {
    Case { steps, mixes: true }
}

pub(super) const ELEMENTS: &[Case] = &[
    in_place(r#"[["write", "/contiguous", "2:5, ::2", 3], ["write", "/contiguous", "-1", 50]]"#),
    in_place(r#"[["write", "/big", "::2, 1:", 3]]"#),
    one(r#"[["write", "/never", "1:3, 1:3", 7], ["write", "/scalar", "...", 7]]"#),
    one(r#"[["write", "/compact", "1:, ::3", 11]]"#),
    in_place(r#"[["write", "/early", "3:5, 2:6", 1]]"#),
    in_place(r#"[["write", "/two", "1:4, 2:", 1], ["write", "/plain", "3:9:2", 5]]"#),
    one(r#"[["write", "/packed", "3:9, 1:7", 1], ["write", "/packed", "0", 9]]"#),
    one(r#"[["write", "/wide", "1:3, ::2", 1], ["write", "/one", "2:4", 5]]"#),
    in_place(r#"[["write", "/text", "1:3", 1]]"#),
    in_place(
        r#"[["put references", "/g/to", ["/packed", null, "/g/sub"]], ["write references", "/g/to", ["/", "/contiguous", null]]]"#,
    ),
];

#[test]
fn elements_are_old_or_new() {
    check(ELEMENTS);
}

pub(super) const EXTENTS: &[Case] = &[
    one(
        r#"[["extend", "/packed", [11, 8]], ["write", "/packed", "10:", 3], ["extend", "/packed", [40, 8]], ["write", "/packed", "30:33, 2", 3]]"#,
    ),
    in_place(
        r#"[["extend", "/plain", [13]], ["write", "/plain", "8:", 3], ["extend", "/plain", [600]], ["write", "/plain", "100:500:100", 3]]"#,
    ),
    one(r#"[["extend", "/wide", [4, 9]], ["write", "/wide", "1:3, 4:", 1]]"#),
    one(r#"[["extend", "/bounded", [12, 9]], ["extend", "/two", [7, 11]]]"#),
    one(
        r#"[["extend", "/empty", [4, 3]], ["write", "/empty", "1:", 1], ["extend", "/empty", [23, 3]], ["write", "/empty", "...", 1]]"#,
    ),
    one(r#"[["extend", "/bounded packed", [12, 9]], ["write", "/bounded packed", "3:11, 2:", 1]]"#),
    in_place(r#"[["extend", "/bounded", [11, 7]], ["write", "/bounded", "3:11, 2:", 1]]"#),
    one(
        r#"[["extend", "/two packed", [7, 11]], ["write", "/two packed", "3:6, 5:", 1], ["extend", "/two packed", [40, 90]], ["write", "/two packed", "7:33:3, 10:", 1]]"#,
    ),
    in_place(r#"[["extend", "/two", [7, 11]], ["write", "/two", "3:6, 5:", 1]]"#),
    in_place(r#"[["extend", "/text", [9]], ["write", "/text", "2:8", 1]]"#),
];

#[test]
fn extents_are_old_or_new() {
    check(EXTENTS);
}

pub(super) const SMALLER: &[Case] = &[
    one(r#"[["resize", "/packed", [5, 7]], ["extend", "/packed", [12, 8]], ["resize", "/packed", [4, 8]]]"#),
    one(
        r#"[["resize", "/plain", [3]], ["extend", "/plain", [9]], ["resize", "/plain", [8]], ["extend", "/plain", [600]]]"#,
    ),
    one(r#"[["resize", "/two", [0, 5]], ["extend", "/two", [4, 6]]]"#),
    one(r#"[["resize", "/two packed", [1, 9]], ["extend", "/two packed", [9, 9]]]"#),
    one(
        r#"[["resize", "/bounded packed", [3, 3]], ["write", "/bounded packed", "1:, 1", 7], ["extend", "/bounded packed", [5, 9]]]"#,
    ),
    one(
        r#"[["resize", "/bounded", [4, 3]], ["resize", "/bounded", [3, 9]], ["resize", "/bounded", [0, 0]]]"#,
    ),
    one(r#"[["resize", "/wide", [3, 3]], ["extend", "/wide", [4, 9]], ["resize", "/wide", [4, 2]]]"#),
    one(r#"[["resize", "/text", [2]], ["extend", "/text", [5]], ["resize", "/text", [0]]]"#),
    one(r#"[["resize", "/empty", [0, 2]], ["extend", "/empty", [7, 3]]]"#),
];

#[test]
fn smaller_extents_are_old_or_new() {
    check(SMALLER);
}

/// What was cut off does not come back with the room that it had, nor does what is written meanwhile go with it.
#[test]
fn smaller_and_greater_at_once() {
    for gzip in [false, true] {
        let mut w = Writer::in_memory();
        let all: Vec<i32> = (1..=25).collect();
        let d = w.dataset("/x").shape([5, 5]).max_shape([None, None]).chunks([2, 3]).fill(-1);
        if gzip { d.gzip(1) } else { d }.write(&all).unwrap();
        let r = Recorder::new(w.into_image().unwrap());
        let mut f = Change::over(r.clone()).unwrap();
        let mut d = f.dataset("/x").unwrap();
        d.resize([1, 4]).unwrap().resize([3, 4]).unwrap();
        d.write(&"2".parse().unwrap(), &[7i32; 4]).unwrap().resize([2, 6]).unwrap().extend([3, 6]).unwrap();
        assert_eq!(d.resize([0, 6]).unwrap().shape().unwrap()[..], [0, 6]);
        d.resize([2, 5]).unwrap().write(&"0".parse().unwrap(), &[3i32; 5]).unwrap();
        f.finish().unwrap();
        let image = r.image();
        let file = File::from_image(&image).unwrap();
        let x = file.read("/x", &Selection::ALL, &Limits::default()).unwrap();
        assert_eq!(x.to_vec::<i32>().unwrap(), [3, 3, 3, 3, 3, -1, -1, -1, -1, -1]);
    }
}
