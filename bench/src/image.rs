//! A 1000x500 f64 array to the bytes of an HDF5 file and back, and the memcpy that it is measured by.

use std::path::Path;

use hyperslab_core::{Limits, View};
use hyperslab_hdf5::image;

use crate::Result;
use crate::time::{fresh_pair, samples, warm_pair};

const NAME: &str = "data";

fn array(folder: &Path) -> Result<View<'static>> {
    Ok(hyperslab_npy::npy::load(folder.join("image.npy"), &Limits::default())?)
}

/// Writes the image that both sides read.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    Ok(std::fs::write(folder.join("image.h5"), image::serialize(&array(folder)?, NAME)?)?)
}

/// Every check, to a view of which the elements can be used.
pub(crate) fn deserialize(folder: &Path) -> Result<Vec<f64>> {
    let bytes = std::fs::read(folder.join("image.h5"))?;
    // The numbers must mean something: a view, not a copy, with the array's own elements.
    let view = image::deserialize(&bytes)?;
    if !view.is_view() || view.as_slice::<f64>()? != array(folder)?.as_slice::<f64>()? {
        return Err("the image is not a view of the array".into());
    }
    drop(view);
    Ok(samples(|| image::deserialize(&bytes).and_then(|view| view.as_slice::<f64>().map(|s| s.len()))))
}

/// Into memory that the allocator hands out and takes back each time.
pub(crate) fn serialize(folder: &Path) -> Result<Vec<f64>> {
    let array = array(folder)?;
    Ok(samples(|| image::serialize(&array, NAME)))
}

/// Into memory of which no page was touched before, beside a memcpy into the like.
pub(crate) fn serialize_fresh(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let array = array(folder)?;
    let bytes = array.bytes().ok_or("the array is not dense")?;
    Ok(fresh_pair(|| image::serialize(&array, NAME), || bytes.to_vec()))
}

/// Into memory that is used again, beside a memcpy into the like.
pub(crate) fn serialize_warm(folder: &Path) -> Result<[Vec<f64>; 2]> {
    let array = array(folder)?;
    let bytes = array.bytes().ok_or("the array is not dense")?;
    let (mut image, mut copy) = (image::serialize(&array, NAME)?, bytes.to_vec());
    let copied = || {
        copy.copy_from_slice(bytes);
        copy.last().copied()
    };
    Ok(warm_pair(|| image::serialize_into(&array, NAME, &mut image), copied))
}
