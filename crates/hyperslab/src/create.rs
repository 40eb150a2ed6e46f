//! Which container a new file becomes, and its writer.

use crate::hdf5::write::{Libver, Writer};
use crate::npy::text::{Format, Separator, TextWriter};
use crate::npy::{NpyWriter, NpzWriter, RawWriter};
use crate::objects::Pickling;
use crate::sidecar::Beside;
use crate::{ContainerWriter, Error, Result};
use std::path::Path;
use std::str::FromStr;

/// A container that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Output {
    /// One NumPy array.
    Npy,
    /// Named NumPy arrays in a ZIP archive.
    Npz,
    /// HDF5: groups, arrays and attributes.
    Hdf5,
    /// A Nengo cache object, or a pack of them.
    Nco,
    /// The elements alone; metadata goes to a file beside it ([`sidecar`](crate::sidecar)).
    Raw,
    /// The elements as text; metadata goes to a file beside it.
    Text,
}

impl Output {
    /// All of them, by the names that `--to` takes.
    pub const NAMES: [(&'static str, Output); 6] = [
        ("npy", Output::Npy),
        ("npz", Output::Npz),
        ("h5", Output::Hdf5),
        ("nco", Output::Nco),
        ("raw", Output::Raw),
        ("text", Output::Text),
    ];

    /// The container that a file name's extension stands for.
    ///
    /// # Errors
    /// `Usage` for a name without an extension that is known.
    pub fn of_name(path: &Path) -> Result<Output> {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        Ok(match extension.as_str() {
            "npy" => Output::Npy,
            "npz" => Output::Npz,
            "h5" | "hdf5" | "hdf" | "he5" => Output::Hdf5,
            "nco" => Output::Nco,
            "dat" | "bin" | "raw" | "data" => Output::Raw,
            "txt" | "csv" | "tsv" => Output::Text,
            _ => {
                return Err(Error::usage("the name does not say what to write")
                    .file(path)
                    .hint("say --to npy, npz, h5, nco, raw or text"));
            }
        })
    }

    /// Its name, as `--to` takes it.
    pub fn name(self) -> &'static str {
        Output::NAMES.iter().find(|(_, o)| *o == self).map_or("", |(n, _)| n)
    }

    /// The usual extension.
    pub fn extension(self) -> &'static str {
        match self {
            Output::Raw => "dat",
            Output::Text => "txt",
            other => other.name(),
        }
    }

    /// Whether a file beside it holds its metadata.
    pub fn has_sidecar(self) -> bool {
        matches!(self, Output::Raw | Output::Text)
    }

    /// Whether arrays have names in it.
    pub fn has_names(self) -> bool {
        matches!(self, Output::Npz | Output::Hdf5)
    }
}

impl FromStr for Output {
    type Err = Error;

    fn from_str(text: &str) -> Result<Output> {
        Output::NAMES
            .iter()
            .find(|(n, _)| *n == text)
            .map(|(_, o)| *o)
            .ok_or_else(|| Error::usage(format!("{text:?} is not a container that is written")))
    }
}

/// How a new file is written.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// An NCO file is one of many objects.
    pub pack: bool,
    /// NPY and NPZ take variable-length elements, as Python objects.
    pub objects: bool,
    /// The name of a raw file says its dtype and shape, so that no file beside it has to.
    pub named: bool,
    /// What stands between two elements of a text; by the name's extension otherwise.
    pub sep: Option<Separator>,
    /// How the elements of a text are printed.
    pub format: Format,
    /// HDF5 versions whose readers the file is for.
    pub libver: Libver,
    /// A file that is there is replaced.
    pub replace: bool,
}

/// Starts a new file of a container; it appears when the writer is finished.
///
/// # Errors
/// `Usage` when the file exists and must not be replaced, `Io`.
pub fn create(path: &Path, output: Output, options: &CreateOptions) -> Result<Box<dyn ContainerWriter>> {
    let &CreateOptions { pack, objects, named, replace, .. } = options;
    Ok(match output {
        Output::Npy if objects => Box::new(Pickling(NpyWriter::create(path, replace)?)),
        Output::Npz if objects => Box::new(Pickling(NpzWriter::create(path, replace)?)),
        Output::Npy => Box::new(NpyWriter::create(path, replace)?),
        Output::Npz => Box::new(NpzWriter::create(path, replace)?),
        Output::Hdf5 => Box::new(Writer::create(path, replace)?.libver(options.libver)?),
        Output::Nco if pack => Box::new(crate::nco::NcoWriter::create_pack(path, replace)?),
        Output::Nco => Box::new(crate::nco::NcoWriter::create(path, replace)?),
        Output::Raw => {
            let raw = Box::new(RawWriter::create(path, replace)?);
            Box::new(Beside::new(raw, path, !named, replace))
        }
        Output::Text => {
            let sep = match &options.sep {
                Some(sep) => sep.clone(),
                None => Separator::new(match path.extension().and_then(|e| e.to_str()) {
                    Some("csv") => ",",
                    Some("tsv") => "\t",
                    _ => "\n",
                })?,
            };
            let beside = sep.as_str().to_owned();
            let text = Box::new(TextWriter::create(path, sep, options.format.clone(), replace)?);
            Box::new(Beside::new(text, path, !named, replace).text(&beside))
        }
    })
}
