//! Elements overwritten and arrays extended.

use super::{Case, check};

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
