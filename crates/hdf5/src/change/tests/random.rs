//! Random changes, ours and h5py's in turn, beside h5py's alone.

use super::harness::{PYTHONS, apply, bases, ours, states, step};
use crate::append::Sync;
use crate::append::tests::recorder::Recorder;
use crate::change::Change;
use hyperslab_core::Result;
use hyperslab_core::testing::oracle;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

/// What steps can be made of.
struct Model {
    groups: Vec<String>,
    names: Vec<String>,
    attributes: Vec<(String, String)>,
    extents: BTreeMap<&'static str, Vec<u64>>,
    count: usize,
}

const DATASETS: [(&str, &[u64], &[u64]); 8] = [
    ("/contiguous", &[10, 6], &[10, 6]),
    ("/packed", &[10, 8], &[100, 8]),
    ("/plain", &[10], &[700]),
    ("/wide", &[4, 3], &[4, 50]),
    ("/empty", &[0, 3], &[50, 3]),
    ("/compact", &[3, 4], &[3, 4]),
    ("/one", &[6, 4], &[6, 4]),
    ("/text", &[4], &[20]),
];

impl Model {
    fn new() -> Model {
        Model {
            groups: ["", "/g", "/g/sub", "/none", "/crowd", "/ordered", "/away"].map(String::from).to_vec(),
            names: Vec::new(),
            attributes: Vec::new(),
            extents: DATASETS.iter().map(|(name, dims, _)| (*name, dims.to_vec())).collect(),
            count: 0,
        }
    }

    fn step(&mut self, n: &mut Numbers) -> Json {
        self.count += 1;
        let group = self.groups[n.below(self.groups.len())].clone();
        let new = format!("{group}/new {} {}", n.below(1000), self.count);
        match n.below(11) {
            0 | 1 => {
                let names = ["short", "a longer name of an attribute", "é", "x"];
                let name = names[n.below(names.len())];
                let on = ["/contiguous", "/packed", "/many", "/type", "/g", "/"][n.below(6)].to_owned();
                let value =
                    [json!(7), json!("text"), json!([1, 2, 3]), json!("x".repeat(n.below(300))), json!(1.5)];
                self.attributes.retain(|a| *a != (on.clone(), name.to_owned()));
                self.attributes.push((on.clone(), name.to_owned()));
                json!(["attribute", on, name, value[n.below(value.len())]])
            }
            2 if !self.attributes.is_empty() => {
                let (on, name) = self.attributes.swap_remove(n.below(self.attributes.len()));
                json!(["remove_attribute", on, name])
            }
            3 => {
                self.groups.push(new.clone());
                json!(["group", new])
            }
            4 => {
                self.names.push(new.clone());
                json!(["put", new, [n.below(5), 3], n.below(50)])
            }
            5 => {
                self.names.push(new.clone());
                json!(["soft", new, "/g/sub"])
            }
            6 => {
                self.names.push(new.clone());
                json!(["hard", new, "/contiguous"])
            }
            7 if !self.names.is_empty() => {
                json!(["remove", self.names.swap_remove(n.below(self.names.len()))])
            }
            8 | 9 => {
                let (name, _, most) = DATASETS[n.below(DATASETS.len())];
                let dims = self.extents.get_mut(name).unwrap();
                let at = n.below(dims.len());
                if dims[at] == most[at] {
                    return json!(["attribute", "/scalar", "times", self.count]);
                }
                dims[at] += 1 + n.below((most[at] - dims[at]) as usize) as u64 / 3;
                json!(["extend", name, dims])
            }
            _ => {
                let (name, ..) = DATASETS[n.below(DATASETS.len())];
                let dims = &self.extents[name];
                if dims.contains(&0) {
                    return json!(["attribute", "/scalar", "times", self.count]);
                }
                let each = dims.iter().map(|&d| {
                    let start = n.below(d as usize);
                    format!("{start}:{}", start + 1 + n.below(d as usize - start))
                });
                let part: Vec<String> = each.collect();
                json!(["write", name, part.join(","), n.below(80)])
            }
        }
    }
}

/// A file after a step.
fn changed(image: &[u8], sync: Sync, s: &Json) -> Result<Vec<u8>> {
    let r = Recorder::new(image.to_vec());
    let mut f = Change::over(r.clone())?.with_sync(sync);
    step(&mut f, s)?;
    f.finish()?;
    Ok(r.image())
}

#[test]
fn random_changes_in_turn_are_those_of_h5py() {
    let Some(python) = oracle(PYTHONS[0]) else { return };
    let soak = std::env::var_os("HYPERSLAB_SOAK").is_some();
    let dir = tempfile::tempdir().unwrap();
    for (b, base) in bases().into_iter().enumerate() {
        for seed in 0..if soak { 10 } else { 1 } {
            let mut n = Numbers(0x9e37_79b9_7f4a_7c15 ^ (1000 * b as u64 + seed));
            let mut model = Model::new();
            let (ours_at, h5py_at) = (dir.path().join("ours.h5"), dir.path().join("h5py.h5"));
            std::fs::write(&h5py_at, &base.image).unwrap();
            let mut image = base.image.clone();
            let mut all = Vec::new();
            for turn in 0..3 {
                let steps: Vec<Json> = (0..14).map(|_| model.step(&mut n)).collect();
                let text = Json::from(steps.clone()).to_string();
                all.extend(steps.clone());
                if turn == 1 {
                    std::fs::write(&ours_at, &image).unwrap();
                    apply(&python, &ours_at, &text);
                    image = std::fs::read(&ours_at).unwrap();
                    continue;
                }
                // Of every other file what a loss of power cannot tear, as far as that can be.
                let sync = if (b as u64 + seed).is_multiple_of(2) { Sync::None } else { Sync::Ordered };
                for s in &steps {
                    let done =
                        changed(&image, sync, s).or_else(|e| match e.to_string().contains("sectors") {
                            true => changed(&image, Sync::None, s),
                            false => Err(e),
                        });
                    image = done.unwrap_or_else(|e| panic!("{} seed {seed}: {s}: {e}", base.name));
                }
                ours(&image).unwrap_or_else(|e| panic!("{} seed {seed}: {e}", base.name));
            }
            std::fs::write(&ours_at, &image).unwrap();
            apply(&python, &h5py_at, &Json::from(all).to_string());
            let found = states(&python, &[ours_at, h5py_at]);
            assert!(!found[0].starts_with("ERROR"), "{} seed {seed}: {}", base.name, found[0]);
            let what = || super::harness::first_difference(&found[0], &found[1]);
            assert!(found[0] == found[1], "{} seed {seed}: {}", base.name, what());
        }
    }
}
