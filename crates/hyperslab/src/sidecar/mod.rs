//! What lies beside a headerless array and describes it: `<file>.meta.json`, or an ENVI header `<file>.hdr`.
//!
//! The JSON has the keys of an NPY header (`descr`, `shape`, `fortran_order`), `offset` in bytes and, for a
//! text, `sep`; without `descr` none of the others but `sep`. The metadata is at `""` or `attrs`, each value plain or in
//! the form of an NPZ's `metadata.json`. What is not like this is an error, but for an object without any of these
//! keys: that is somebody else's.

mod read;
mod write;

pub(crate) use read::{DATA, Sidecar, find};
pub(crate) use write::Beside;

use std::path::{Path, PathBuf};

/// The file beside `path` that describes it.
pub fn path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".meta.json");
    name.into()
}
