//! Whole trees as images: taken from a file, opened for change, taken back.
//!
//! An image is changed here by being written anew (`MemoryFile::change` changes it where it lies): everything in it is
//! read into a writer, which takes what is added and gives the new image (`Writer::carry`). What a writer cannot keep is
//! refused before anything is lost.

use crate::{File, Writer};
use bytes::Bytes;
use hyperslab_core::source::MemorySource;
use hyperslab_core::{Container, Limits, Result};

impl File<'static> {
    /// A file in counted bytes, which it keeps alive.
    ///
    /// # Errors
    /// As [`File::from_image`].
    pub fn from_bytes(image: impl Into<Bytes>) -> Result<File<'static>> {
        File::from_source(MemorySource::new(image))
    }
}

impl File<'_> {
    /// The bytes of the file up to its end, a user block before it included: what `H5Fget_file_image` gives.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    pub fn to_image(&self, limits: &Limits) -> Result<Vec<u8>> {
        let (source, end) = self.extent()?;
        let (mut out, _reservation) = limits.vec(end)?;
        out.resize(usize::try_from(end).unwrap_or(0), 0);
        source.read_exact_at(0, &mut out)?;
        Ok(out)
    }
}

impl Writer {
    /// A writer in memory that holds already what a file has, [carried over](Writer::carry) as it is stored there, and
    /// its user block. More can be added; [`Writer::into_image`] gives the new image.
    ///
    /// ```
    /// use hyperslab_core::{Limits, Selection};
    /// use hyperslab_hdf5::{File, Writer};
    ///
    /// # fn main() -> hyperslab_core::Result<()> {
    /// # let mut w = Writer::in_memory();
    /// # w.dataset("/run/x").write(&[1.0, 2.0])?;
    /// # let image = w.into_image()?;
    /// let limits = Limits::default();
    /// let mut w = Writer::holding(&File::from_image(&image)?, &limits)?;
    /// w.dataset("/run/y").write(&[3.0, 4.0])?;
    /// let image = w.into_image()?;
    /// assert_eq!(File::from_image(&image)?.read("/run/x", &Selection::ALL, &limits)?.to_vec::<f64>()?, [1.0, 2.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Writer::carry`].
    pub fn holding(file: &File<'_>, limits: &Limits) -> Result<Writer> {
        let mut w = Writer::in_memory();
        w.user_block(&file.user_block(limits)?)?;
        w.carry(file, &["/"], limits)?;
        Ok(w)
    }
}
