//! Part 3: HDF5, in memory and as files.

use super::contents::Contents;
use super::data::{GRID, PACK, SOLVER_B};
use super::table::{Check, Demo, contents};
use hyperslab::hdf5::image::{self, DeserializeOptions, Elements};
use hyperslab::hdf5::{File, Writer};
use hyperslab::{
    ArrayOptions, ContainerWriter, ConvertOptions, Error, Limits, NodeKind, OpenOptions, Result, Selection,
    View, digest, open, open_bytes,
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
    compressed(demo);
    tree(demo);
    demo.carry("the image's file to NPY", "elevation_image.h5", "", "elevation_from_h5.npy", &options);
    demo.carry("seven members to one HDF5 file", GRID.0, "", "dem.h5", &options);
    demo.carry("HDF5 to NPZ", "dem.h5", "", "dem_from_h5.npz", &options);
    demo.carry("NCO to HDF5, metadata as attributes", SOLVER_B.0, "", "solver_b.h5", &options);
    demo.carry("HDF5 to NCO", "solver_b.h5", "", "solver_b_from_h5.nco", &options);
    demo.carry("the pack to HDF5", PACK.0, "", "pack.h5", &options);
    demo.carry("HDF5 to pack", "pack.h5", "", "pack_from_h5.nco", &options);
}

/// The grid in shuffled and deflated chunks, which are decoded into a copy.
fn compressed(demo: &mut Demo<'_>) {
    const FILE: &str = "elevation_packed_image.h5";
    demo.step("the grid as a compressed image, and back as a copy", FILE, |folder| {
        let grid = open(folder.file("elevation.npy"))?;
        let view = grid.read("", &Selection::ALL, &Limits::default())?;
        let start = Instant::now();
        let mut w = Writer::in_memory();
        w.dataset(image::DEFAULT_NAME).chunked().shuffle().gzip(6).write(&view)?;
        let packed = w.into_image()?;
        let back = image::deserialize(&packed)?;
        let took = start.elapsed();
        let mut same = same(&view, &back)? && !back.is_view() && (packed.len() as u64) < view.nbytes();
        // A caller who must not copy is told so.
        let ask = DeserializeOptions { elements: Elements::Borrowed, ..DeserializeOptions::default() };
        same &= image::deserialize_with(&packed, &ask).is_err();
        folder.write(FILE, &packed)?;
        Ok(Check::new(move || Ok(differs(!same))).took(took))
    });
}

/// All members of the archive in one image; then the image opened for change, and taken back.
fn tree(demo: &mut Demo<'_>) {
    const FILE: &str = "dem_image.h5";
    let mut made = Vec::new();
    demo.step("seven members in one image, never on disk", "", |folder| {
        let (archive, limits) = (open(folder.file(GRID.0))?, Limits::default());
        let start = Instant::now();
        let mut w = Writer::in_memory();
        for node in archive.nodes("", None, false, &limits)?.iter().filter(|n| n.kind == NodeKind::Array) {
            let view = archive.read(&node.path, &Selection::ALL, &limits)?;
            // A scalar has no chunks.
            let deflate = (!view.shape().is_empty()).then_some(4);
            let how = ArrayOptions { deflate, shuffle: deflate.is_some(), ..ArrayOptions::default() };
            ContainerWriter::array(&mut w, &node.path, &view, &how)?;
        }
        made = w.into_image()?;
        let found = Contents::of(&File::from_image(&made)?, "")?;
        let took = start.elapsed();
        let want = contents(&folder.file(GRID.0))?;
        Ok(Check::new(move || Ok(want.difference(&found, false))).took(took))
    });
    demo.step("that image opened for change, and taken back", FILE, |folder| {
        let (limits, start) = (Limits::default(), Instant::now());
        let mut w = Writer::holding(&File::from_image(&made)?, &limits)?;
        w.attribute("/", "changed by", &"slab demo".into())?;
        let changed = w.into_image()?;
        let took = start.elapsed();
        let file = folder.write(FILE, &changed)?;
        let want = contents(&folder.file(GRID.0))?;
        Ok(Check::new(move || {
            let found = File::open(&file)?;
            let said = found.attribute("/", "changed by", &limits)?;
            Ok(match said.as_str() {
                Some("slab demo") => want.difference(&contents(&file)?, false),
                _ => differs(true),
            })
        })
        .took(took))
    });
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
