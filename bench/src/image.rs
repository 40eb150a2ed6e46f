//! A 1000x500 f64 array to the bytes of an HDF5 file and back, and the memcpy that it is measured by; arrays of 1 kB and
//! 1 GB, for what must not depend on the size.

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

/// The header that is sent before the array's own bytes.
pub(crate) fn parts(folder: &Path) -> Result<Vec<f64>> {
    let array = array(folder)?;
    let parts = || image::serialize_parts(&array, NAME).map(|(head, bytes)| (head.len(), bytes.len()));
    if parts()? != (256, 4_000_000) {
        return Err("the parts are not those of the array".into());
    }
    Ok(samples(parts))
}

/// Bytes of the large array.
const LARGE: usize = 1 << 30;
/// Bytes of the small one.
const SMALL: usize = 1 << 10;

/// A vector of doubles of so many bytes. None of a gigabyte is touched: memory that was never written is zeros.
fn vector(bytes: usize) -> Result<View<'static>> {
    Ok(View::new("<f8".parse()?, [bytes as u64 / 8].into(), vec![0; bytes])?)
}

/// The header for 1 GB, beside that for 1 kB.
pub(crate) fn parts_sized() -> Result<[Vec<f64>; 2]> {
    let [large, small] = [vector(LARGE)?, vector(SMALL)?];
    let parts = |view: &View<'_>| image::serialize_parts(view, NAME).map(|(_, bytes)| bytes.len());
    if (parts(&large)?, parts(&small)?) != (LARGE, SMALL) {
        return Err("the parts are not those of the arrays".into());
    }
    Ok([samples(|| parts(&large)), samples(|| parts(&small))])
}

/// The image of a vector of so many bytes, of which only the header is touched.
fn sized(bytes: usize) -> Result<Vec<u8>> {
    let (header, _) = image::serialize_parts(&vector(bytes)?, NAME)?;
    let mut out = vec![0; header.len() + bytes];
    let place = out.get_mut(..header.len()).ok_or("an image without room for its header")?;
    place.copy_from_slice(&header);
    Ok(out)
}

/// The view of 1 GB, beside that of 1 kB.
pub(crate) fn view_sized() -> Result<[Vec<f64>; 2]> {
    let [large, small] = [sized(LARGE)?, sized(SMALL)?];
    let look =
        |image: &[u8]| image::deserialize(image).map(|view| if view.is_view() { view.nbytes() } else { 0 });
    if (look(&large)?, look(&small)?) != (LARGE as u64, SMALL as u64) {
        return Err("the images are not viewed".into());
    }
    Ok([samples(|| look(&large)), samples(|| look(&small))])
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
