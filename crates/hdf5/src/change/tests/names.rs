//! Groups, datasets and links added and taken away.

use super::harness::{PYTHONS, apply, first_difference, states, step};
use super::{Case, check};
use crate::Writer;
use crate::append::tests::recorder::Recorder;
use crate::change::Change;
use crate::write::Libver;
use hyperslab_core::testing::oracle;
use serde_json::json;

const fn one(steps: &'static str) -> Case {
    Case { steps, mixes: false }
}

pub(super) const NAMES: &[Case] = &[
    one(
        r#"[["group", "/new"], ["put", "/new/y", [3, 4], 5], ["group", "/new/a/b/c"], ["put", "/p/q/r", [2], 5]]"#,
    ),
    one(
        r#"[["soft", "/a soft one", "/g/sub"], ["hard", "/g/hard", "/packed"], ["external", "/none/x", "other.h5", "/y"]]"#,
    ),
    one(
        r#"[["external", "/g/x", "other.h5", "/y"], ["put", "/g/after", [1], 5], ["external", "/root one", "o.h5", "/"]]"#,
    ),
    one(
        r#"[["remove", "/again"], ["remove", "/packed"], ["remove", "/g/big"], ["remove", "/g/sub/deep"], ["remove", "/soft"]]"#,
    ),
    one(
        r#"[["soft", "/crowd/zzz", "x"], ["soft", "/crowd/0", "x"], ["remove", "/crowd/link 3"], ["remove", "/crowd/link 30"], ["group", "/crowd/link 3"]]"#,
    ),
    one(r#"[["group", "/ordered/a"], ["remove", "/ordered/x"], ["soft", "/ordered/0", "/x"]]"#),
    one(
        r#"[["put", "/none/scalar", [], 5], ["remove", "/none/scalar"], ["remove", "/none"], ["remove", "/type"]]"#,
    ),
];

#[test]
fn names_are_old_or_new() {
    check(NAMES);
}

/// A group whose names lie in a heap, and stay in one.
#[test]
fn a_large_group() {
    let Some(python) = oracle(PYTHONS[0]) else { return };
    let dir = tempfile::tempdir().unwrap();
    for ordered in [false, true] {
        let w = Writer::in_memory().libver(Libver::Latest).unwrap();
        let mut w = if ordered { w.in_order() } else { w };
        for i in 0..5000 {
            w.soft_link(&format!("/g/{}", i * 7 % 5000), "/x").unwrap();
        }
        let (ours, model) = (dir.path().join("ours.h5"), dir.path().join("model.h5"));
        let base = w.into_image().unwrap();
        std::fs::write(&model, &base).unwrap();
        let r = Recorder::new(base);
        let mut f = Change::over(r.clone()).unwrap();
        let steps = json!([["put", "/g/new", [3], 5], ["remove", "/g/77"], ["hard", "/g/more", "/g/new"]]);
        for s in steps.as_array().unwrap() {
            step(&mut f, s).unwrap();
        }
        f.finish().unwrap();
        std::fs::write(&ours, r.image()).unwrap();
        apply(&python, &model, &steps.to_string());
        // And h5py goes on with it.
        let more = r#"[["soft", "/g/last", "/x"], ["remove", "/g/78"]]"#;
        apply(&python, &ours, more);
        apply(&python, &model, more);
        let found = states(&python, &[ours, model]);
        assert!(
            found[0].starts_with('{') && found[0] == found[1],
            "{}",
            first_difference(&found[0], &found[1])
        );
    }
}
