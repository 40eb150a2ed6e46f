//! Every file of the corpus of real files: what is read has the digest that libhdf5 gives, nothing panics.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the failure report")]

use hyperslab_core::{Container, Limits, NodeKind, Selection, digest, testing};
use hyperslab_hdf5::File;
use std::collections::BTreeMap;

/// How one array went.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Outcome {
    Right,
    Refused,
    Missing,
    Wrong,
}

#[test]
fn no_digest_is_wrong() {
    let Some(corpus) = testing::corpus() else { return };
    let truth = std::fs::read_to_string(corpus.join("hdf5/truth.jsonl")).unwrap();
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in truth.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let name = row["file"].as_str().unwrap();
        let found = sums(&corpus.join("hdf5").join(name));
        for array in row["arrays"].as_array().unwrap() {
            let (path, Some(sha)) = (array["path"].as_str().unwrap(), array["sha256"].as_str()) else {
                continue;
            };
            let outcome = match &found {
                Err(e) => {
                    *reasons.entry(e.clone()).or_default() += 1;
                    Outcome::Refused
                }
                Ok(map) => match map.get(path) {
                    None => {
                        *reasons.entry("not listed".into()).or_default() += 1;
                        Outcome::Missing
                    }
                    Some(Err(e)) => {
                        *reasons.entry(e.clone()).or_default() += 1;
                        Outcome::Refused
                    }
                    Some(Ok((d, shape))) if d.as_deref() == Some(sha) && *shape == array["shape"] => {
                        Outcome::Right
                    }
                    Some(Ok(got)) => {
                        wrong.push(format!("{name} {path}: {got:?} instead of {sha} {}", array["shape"]));
                        Outcome::Wrong
                    }
                },
            };
            *counts.entry(outcome).or_default() += 1;
        }
    }
    println!("corpus: {counts:?}");
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (reason, n) in reasons.iter().take(30) {
        println!("{n:6} {reason}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts.get(&Outcome::Right).is_some_and(|n| *n > 1000), "{counts:?}");
}

type Sum = Result<(Option<String>, serde_json::Value), String>;

fn sums(path: &std::path::Path) -> Result<BTreeMap<String, Sum>, String> {
    let limits = Limits::default();
    // The reason without the places, so that it can be counted.
    let reason = |e: &hyperslab_core::Error| format!("{:?}: {}", e.kind(), e.message());
    let file = File::open(path).map_err(|e| reason(&e))?;
    let nodes = file.nodes("/", None, true, &limits).map_err(|e| reason(&e))?;
    let mut out = BTreeMap::new();
    let mut listing = None;
    for node in nodes {
        if node.kind == NodeKind::Group {
            listing = listing.or(node.error.as_ref().map(reason));
        }
        if node.kind != NodeKind::Array {
            continue;
        }
        let read = || {
            if node.shape.is_none() && node.error.is_none() {
                return Ok((Some(digest::Hasher::new().finish()), serde_json::Value::Null));
            }
            let view = file.read(&node.path, &Selection::ALL, &limits)?;
            let shape = serde_json::json!(view.shape().to_vec());
            Ok((digest::digest(&view)?, shape))
        };
        out.insert(node.path.clone(), read().map_err(|e: hyperslab_core::Error| reason(&e)));
    }
    if out.is_empty()
        && let Some(e) = listing
    {
        return Err(e);
    }
    Ok(out)
}
