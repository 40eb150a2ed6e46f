//! A file of one array being written: what NPY, raw and text files have in common.

use crate::dense;
use hyperslab_core::container::{ArrayOptions, ContainerWriter};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Result, ResultExt, Value, View};
use std::path::Path;

/// How a format writes its array.
pub(crate) trait Encoding {
    /// What it is called in messages.
    const NAME: &'static str;

    /// Writes all of the file.
    fn write(&self, out: &mut NewFile, view: &View<'_>) -> Result<u64>;
}

/// A file being written: exactly one array, at the path `""`.
#[derive(Debug)]
pub struct SingleWriter<E> {
    file: NewFile,
    encoding: E,
    /// Whether the array was written whole, once it was begun.
    whole: Option<bool>,
}

#[expect(private_bounds, reason = "the formats are those of this crate")]
impl<E: Encoding> SingleWriter<E> {
    pub(crate) fn start(path: &Path, encoding: E, replace: bool) -> Result<SingleWriter<E>> {
        Ok(SingleWriter { file: NewFile::create(path, replace)?, encoding, whole: None })
    }

    /// Writes the one array that the file takes.
    pub(crate) fn put(
        &mut self,
        path: &str,
        write: impl FnOnce(&E, &mut NewFile) -> Result<u64>,
    ) -> Result<()> {
        if self.whole.is_some() || !matches!(path, "" | "/") {
            return Err(Error::usage(format!("{} holds one array and no name for it", E::NAME))
                .object(path)
                .hint(ELSEWHERE));
        }
        self.whole = Some(false);
        write(&self.encoding, &mut self.file).in_file(self.file.target())?;
        self.whole = Some(true);
        Ok(())
    }
}

const ELSEWHERE: &str = "write an NPZ or an HDF5 file";

impl<E: Encoding> ContainerWriter for SingleWriter<E> {
    fn group(&mut self, path: &str) -> Result<()> {
        Err(Error::unsupported(format!("{} has no groups", E::NAME)).object(path).hint(ELSEWHERE))
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        dense::plain_options(options, E::NAME)?;
        self.put(path, |encoding, file| encoding.write(file, view))
    }

    fn attribute(&mut self, path: &str, name: &str, _value: &Value) -> Result<()> {
        Err(Error::unsupported(format!("{} has no place for metadata such as {name:?}", E::NAME))
            .object(path)
            .hint(ELSEWHERE))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if self.whole != Some(true) {
            return Err(Error::usage("no array was written").file(self.file.target()));
        }
        self.file.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Format, Separator, TextWriter};

    #[test]
    fn an_array_that_failed_is_never_committed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.txt");
        let writer =
            TextWriter::create(&path, Separator::new(",").unwrap(), Format::new("%d").unwrap(), false);
        let mut writer = Box::new(writer.unwrap());
        let options = ArrayOptions::default();
        // Enough numbers before the NaN for some of them to have reached the file.
        let mut values = vec![1.0; 100_000];
        values.push(f64::NAN);
        let view = View::from_slice([values.len() as u64], &values).unwrap();
        assert!(writer.array("", &view, &options).is_err());
        assert!(writer.array("", &View::from_slice([1], &[1.0]).unwrap(), &options).is_err());
        assert!(writer.finish().is_err());
        assert!(!path.exists());
    }
}
