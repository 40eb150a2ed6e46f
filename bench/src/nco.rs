//! Nengo cache objects: small ones opened and read, with their metadata as a tree, alone and from an open pack; a pack
//! written; a large one mapped.

use std::path::Path;
use std::time::{Duration, Instant};

use hyperslab_core::{Limits, Value, View, source};
use hyperslab_nco::{Extension, Pack, object, pack};
use hyperslab_pickle::{Policy, dump};

use crate::Result;
use crate::time::samples;

/// One object into memory.
pub(crate) fn read(folder: &Path, name: &str, shape: [u64; 2]) -> Result<Vec<f64>> {
    let path = folder.join(name);
    let limits = Limits::default();
    let object = load(&path, &limits)?;
    if object.metadata.get("rmses").is_none() || object.array.shape()[..] != shape {
        return Err(format!("{name} is not what was written").into());
    }
    Ok(samples(|| load(&path, &limits)))
}

fn load(path: &Path, limits: &Limits) -> hyperslab_core::Result<object::Object<'static>> {
    object::load(path, Policy::Strict, limits)
}

/// One object of an open pack after the other, copied out of the map that the pack is.
pub(crate) fn walk(folder: &Path) -> Result<Vec<f64>> {
    let source = source::map(folder.join("pack.nco"))?;
    let limits = Limits::default();
    let starts: Vec<u64> = pack::walk(&source, &limits)?.entries.iter().map(|e| e.header().start).collect();
    let once = || -> hyperslab_core::Result<u64> {
        let mut elements = 0;
        for &start in &starts {
            let o = object::read(&source, start, Policy::Strict, &limits)?;
            elements += o.array.into_owned()?.nbytes();
        }
        Ok(elements)
    };
    if once()? != 1000 * 8192 {
        return Err("pack.nco is not what was written".into());
    }
    Ok(samples(once).into_iter().map(|s| s / 1000.0).collect())
}

/// One object whose array is used where it lies in a map of the file.
pub(crate) fn map(folder: &Path) -> Result<Vec<f64>> {
    let path = folder.join("large.nco");
    let limits = Limits::default();
    let once = || -> hyperslab_core::Result<(Value, u64, bool)> {
        let map = source::map(&path)?;
        let o = object::read(&map, 0, Policy::Strict, &limits)?;
        Ok((o.metadata, o.array.nbytes(), o.array.is_view()))
    };
    let (metadata, nbytes, is_view) = once()?;
    if metadata.get("rmses").is_none() || nbytes != 4 << 20 || !is_view {
        return Err("large.nco is not what was written".into());
    }
    Ok(samples(once))
}

/// A thousand objects of 8 KiB into a new pack, as seconds for one: their metadata pickled each time.
pub(crate) fn write(folder: &Path, extended: bool) -> Result<Vec<f64>> {
    const COUNT: u32 = 1000;
    let path = folder.join(if extended { "ours-keyed.nco" } else { "ours.nco" });
    let rmses = View::from_slice([2], &[0.017, 0.018])?.into_owned()?;
    let info = Value::map([
        ("rmses", Value::from(rmses)),
        ("iterations", Value::Int(8)),
        ("time", Value::Float(0.000_976_562_5)),
    ]);
    let values: Vec<f64> = (0..1024).map(f64::from).collect();
    let array = View::from_slice([512, 2], &values)?;
    let once = || -> hyperslab_core::Result<u64> {
        let mut pack = Pack::create(&path)?.gathering(1 << 18);
        for i in 0..COUNT {
            let extension = extended.then(|| Extension::for_key(i.to_le_bytes().repeat(5)));
            pack.append(&dump(&info)?, &array, extension.as_ref())?;
        }
        pack.flush()?;
        Ok(pack.end())
    };
    let mut out = Vec::new();
    let end = Instant::now() + Duration::from_millis(600);
    while out.len() < 7 || Instant::now() < end {
        // A new file each time; taking the one before away is not counted.
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let start = Instant::now();
        let written = once()?;
        out.push(start.elapsed().as_secs_f64() / f64::from(COUNT));
        if written < u64::from(COUNT) * 8192 {
            return Err("the pack is too short".into());
        }
    }
    Ok(out)
}
