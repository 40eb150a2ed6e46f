//! Part 3: HDF5, in memory and as files.

use super::contents::Contents;
use super::data::{GRID, PACK, SOLVER_B};
use super::table::{Check, Demo, contents};
use hyperslab::hdf5::image;
use hyperslab::{
    ConvertOptions, Error, Limits, OpenOptions, Result, Selection, View, digest, open, open_bytes,
};
use std::path::Path;
use std::time::Instant;

pub(super) fn run(demo: &mut Demo<'_>) {
    let options = ConvertOptions { name: "data".into(), ..ConvertOptions::default() };
    let limits = Limits::default();
    let mut images: Option<Images> = None;
    demo.step("the grid as an image in memory, and back as a view", "elevation_image.h5", |folder| {
        let grid = open(folder.file("elevation.npy"))?;
        let view = grid.read("", &Selection::ALL, &limits)?;
        let start = Instant::now();
        let whole = image::serialize(&view, image::DEFAULT_NAME)?;
        let back = image::deserialize(&whole)?;
        let took = start.elapsed();
        let same = same(&view, &back)? && back.is_view();
        drop(back);
        folder.write("elevation_image.h5", &whole)?;
        let (head, tail) = image::serialize_parts(&view, image::DEFAULT_NAME)?;
        images = Some(Images { parts: [&head, tail].concat(), whole });
        Ok(Check::new(move || Ok(differs(!same))).took(took))
    });
    demo.step("its header, to be sent before the caller's own bytes", "", |_| {
        let same = images.as_ref().is_some_and(|i| i.parts == i.whole);
        Ok(Check::new(move || Ok(differs(!same))))
    });
    demo.step("the image opened as a file, never on disk", "", |folder| {
        let image = images.as_ref().map(|i| i.whole.clone()).unwrap_or_default();
        let start = Instant::now();
        let file = open_bytes(image.into(), Path::new("image"), &OpenOptions::default())?;
        let found = Contents::of(&*file, "")?;
        let took = start.elapsed();
        let want = contents(&folder.file("elevation.npy"))?;
        Ok(Check::new(move || Ok(want.difference(&found, true))).took(took))
    });
    demo.carry("the image's file to NPY", "elevation_image.h5", "", "elevation_from_h5.npy", &options);
    demo.carry("seven members to one HDF5 file", GRID.0, "", "dem.h5", &options);
    demo.carry("HDF5 to NPZ", "dem.h5", "", "dem_from_h5.npz", &options);
    demo.carry("NCO to HDF5, metadata as attributes", SOLVER_B.0, "", "solver_b.h5", &options);
    demo.carry("HDF5 to NCO", "solver_b.h5", "", "solver_b_from_h5.nco", &options);
    demo.carry("the pack to HDF5", PACK.0, "", "pack.h5", &options);
    demo.carry("HDF5 to pack", "pack.h5", "", "pack_from_h5.nco", &options);
}

struct Images {
    whole: Vec<u8>,
    parts: Vec<u8>,
}

fn same(a: &View<'_>, b: &View<'_>) -> Result<bool> {
    let types = a.dtype().same_values(b.dtype()) && a.shape() == b.shape();
    Ok(types && digest::digest(a)? == digest::digest(b)?)
}

fn differs(differs: bool) -> Option<Error> {
    differs.then(|| Error::invalid("what comes back is not what went in"))
}
