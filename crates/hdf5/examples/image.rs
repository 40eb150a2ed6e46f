//! HDF5 in memory: an array and a tree as bytes and back, changed, kept in a file. `cargo run -p hyperslab-hdf5 --example
//! image`; the tests run it too.

use hyperslab_core::{ArrayOptions, Container, Limits, Result, Selection, View};
use hyperslab_hdf5::image::{self, DeserializeOptions, Elements, MemoryFile};
use hyperslab_hdf5::{File, Writer};
use std::path::Path;

#[allow(dead_code, reason = "the tests call what it calls")]
fn main() -> Result<()> {
    arrays()?;
    tree()?;
    let path = std::env::temp_dir().join(format!("image-{}.h5", std::process::id()));
    kept(&path)?;
    println!("an array, a tree and {} as images", path.display());
    std::fs::remove_file(&path).ok();
    Ok(())
}

/// One array.
pub(crate) fn arrays() -> Result<()> {
    let values: Vec<f64> = (0..500_000).map(f64::from).collect();
    let array = View::from_slice([1000, 500], &values)?;

    // The bytes of an HDF5 file that any library opens: h5py by `File(io.BytesIO(b))`, C by `H5LTopen_file_image`.
    let bytes = image::serialize_aligned(&array, image::DEFAULT_NAME)?;
    // Back without a copy: the numbers lie in those bytes.
    let view = image::deserialize(&bytes)?;
    assert!(view.is_view());
    assert_eq!(view.as_slice::<f64>()?, values);

    // To send an array, nothing of it is copied: a header of 256 bytes, then the array's own.
    let (header, own) = image::serialize_parts(&array, image::DEFAULT_NAME)?;
    assert_eq!([&header, own].concat(), bytes[..]);

    // Who must not keep the image alive asks for a copy; who must not copy is told when that cannot be.
    let ask = |elements| DeserializeOptions { elements, ..DeserializeOptions::default() };
    assert!(!image::deserialize_with(&bytes, &ask(Elements::Copied))?.is_view());
    assert!(image::deserialize_with(&bytes, &ask(Elements::Borrowed))?.is_view());

    // As Julia has it: column-major arrays stand in HDF5 with their dimensions reversed, so that nothing moves.
    let julia = View::from_slice_f([500, 1000], &values)?.transposed();
    let (header, _) = image::serialize_parts(&julia, image::DEFAULT_NAME)?;
    assert_eq!(header.len(), 256);
    Ok(())
}

/// Several arrays, compressed, with attributes.
pub(crate) fn tree() -> Result<()> {
    let values: Vec<f32> = (0..40_000u16).map(f32::from).collect();
    let mut w = Writer::in_memory();
    w.dataset("/run/x").shape([200, 200]).chunks([50, 200]).shuffle().gzip(4).write(&values)?;
    w.dataset("/run/times").attribute("unit", "s").write(&[0.5, 1.0, 1.5])?;
    let bytes = w.into_image()?;
    assert!(bytes.len() < 4 * values.len() / 2);

    // Opened for change by writing it anew, and taken back.
    let limits = Limits::default();
    let mut w = Writer::holding(&File::from_image(&bytes)?, &limits)?;
    w.dataset("/run/y").write(&values)?;
    w.attribute("/run", "who", &"Noether".into())?;
    let bytes = w.into_image()?;

    let file = File::from_bytes(bytes)?;
    let row = file.read("/run/x", &"[-1]".parse::<Selection>()?, &limits)?;
    assert_eq!(row.to_vec::<f32>()?, values[39_800..]);
    // What lies in the image as it is, is a view of it.
    assert!(file.read("/run/y", &Selection::ALL, &limits)?.is_view());
    Ok(())
}

/// A file in memory with one behind it.
pub(crate) fn kept(path: &Path) -> Result<()> {
    let mut f = MemoryFile::new()?.with_block_size(1 << 20).backed_by(path, true)?;
    f.change(|c| c.put("/x", &[1, 2, 3], &ArrayOptions::default()))?;
    f.flush()?;

    let mut f = MemoryFile::open(path)?;
    // Where it lies: attributes, elements, extents, groups, datasets, links.
    f.change(|c| {
        c.put("/y", &[4, 5, 6], &ArrayOptions::default())?;
        c.dataset("/x")?.write(&"[0]".parse()?, &7)?;
        c.attribute("/x", "unit", "mm")
    })?;
    // The file has both arrays or, until this has returned, the one.
    f.flush()?;
    assert_eq!(File::open(path)?.nodes("/", None, false, &Limits::default())?.len(), 3);
    Ok(())
}
