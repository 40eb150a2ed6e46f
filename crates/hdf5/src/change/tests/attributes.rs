//! Attributes set, replaced and taken away.

use super::{Case, check};

const fn one(steps: &'static str) -> Case {
    Case { steps, mixes: false }
}

pub(super) const ATTRIBUTES: &[Case] = &[
    one(r#"[["attribute", "/contiguous", "unit", "mm"]]"#),
    one(
        r#"[["attribute", "/contiguous", "unit", "a text that is much longer than the one that was there"]]"#,
    ),
    one(
        r#"[["attribute", "/packed", "new", 7], ["attribute", "/packed", "new", [1.5, 2.5]], ["remove_attribute", "/packed", "new"]]"#,
    ),
    one(
        r#"[["attribute", "/", "a", 1], ["attribute", "/", "b", 2], ["attribute", "/", "c", "three"], ["attribute", "/", "d", [4, 5, 6]], ["attribute", "/", "e", ["5", "fünf"]]]"#,
    ),
    one(r#"[["remove_attribute", "/", "n"], ["remove_attribute", "/", "title"]]"#),
    one(
        r#"[["attribute", "/many", "attribute 3", "changed"], ["remove_attribute", "/many", "attribute 7"], ["attribute", "/many", "more", 1]]"#,
    ),
    one(
        r#"[["attribute", "/ordered", "a", 1], ["remove_attribute", "/ordered", "x"], ["attribute", "/ordered", "z", 2]]"#,
    ),
    one(r#"[["attribute", "/type", "what", "a type"]]"#),
    one(
        r#"[["long", "/ordered", "a", 9000], ["attribute", "/ordered", "b", 1], ["remove_attribute", "/ordered", "y"], ["attribute", "/ordered", "a", 2]]"#,
    ),
    one(
        r#"[["attribute of references", "/", "to", ["/packed", null, "/g/sub"]], ["attribute of references", "/ordered", "to", ["/"]]]"#,
    ),
    one(r#"[["attribute", "/none", "é", true], ["attribute", "/g/sub/deep", "x", 1.25]]"#),
];

#[test]
fn attributes_are_old_or_new() {
    check(ATTRIBUTES);
}
