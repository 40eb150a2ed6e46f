//! Unpickling: what a solver tells of its work, and the index of a cache.

use std::hint::black_box;
use std::path::Path;

use hyperslab_core::Limits;
use hyperslab_pickle::{Item, Pickle, Policy, load};

use crate::Result;
use crate::time::samples;

/// No count of objects: one budget is for one operation, and here are millions.
fn limits() -> Limits {
    Limits::new(8 << 30, u64::MAX, 64)
}

/// To a value that can be used: every part of the dict found by its name, arrays and scalars viewed.
pub(crate) fn solver(folder: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(folder.join("solver.pickle"))?;
    let limits = limits();
    if parts(&bytes, &limits) != Some(4) {
        return Err("solver.pickle is not what was written".into());
    }
    Ok(samples(|| parts(&bytes, &limits)))
}

fn parts(bytes: &[u8], limits: &Limits) -> Option<usize> {
    let pickle = load(bytes, Policy::Strict, limits).ok()?;
    let at = |name: &str| pickle.entry(pickle.root(), name);
    black_box(matches!(pickle.get(at("time")?), Item::Float(_)).then_some(())?);
    let mut views = 0;
    for name in ["rmses", "residuals", "rank", "singular_values"] {
        let view = pickle.view(at(name)?);
        views += usize::from(view.is_ok());
        black_box(&view);
    }
    Some(views)
}

/// The same as a tree that owns all it holds.
pub(crate) fn solver_tree(folder: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(folder.join("solver.pickle"))?;
    let limits = limits();
    let tree = || load(&bytes, Policy::Strict, &limits)?.to_value(&limits);
    if tree()?.get("rmses").is_none() {
        return Err("solver.pickle is not what was written".into());
    }
    Ok(samples(tree))
}

/// To a dict of which every entry is visited.
pub(crate) fn index(folder: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(folder.join("index.pickle"))?;
    let limits = limits();
    let visit = || -> Option<(usize, i64)> {
        let pickle = load(&bytes, Policy::Strict, &limits).ok()?;
        visited(&pickle)
    };
    if visit().map(|(n, _)| n) != Some(10_000) {
        return Err("index.pickle is not what was written".into());
    }
    Ok(samples(visit))
}

fn visited(pickle: &Pickle<'_>) -> Option<(usize, i64)> {
    let Item::Dict(pairs) = pickle.get(pickle.root()) else { return None };
    let (mut count, mut sum) = (0, 0i64);
    for &[key, row] in pairs.as_chunks::<2>().0 {
        let (Item::Str(key), Item::Tuple(&[file, start, end])) = (pickle.get(key), pickle.get(row)) else {
            return None;
        };
        match (pickle.get(file), pickle.get(start), pickle.get(end)) {
            (Item::Str(file), Item::Int(start), Item::Int(end)) => {
                black_box((key, file));
                sum = sum.wrapping_add(end - start);
            }
            _ => return None,
        }
        count += 1;
    }
    Some((count, sum))
}
