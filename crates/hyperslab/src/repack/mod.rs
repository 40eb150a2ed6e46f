//! The same container written anew: other compression, headers as they are written today, nothing between the parts.
//!
//! Nothing of the data may change: arrays with their order of elements, names, raw members, attributes; the pickle
//! of a Nengo cache object is copied as it is. What a container or its writer cannot honour is refused. The new file
//! is written aside, opened again and compared before it appears under its name.

mod nco;

use crate::convert::{self, ConvertOptions, Converted};
use crate::create::Output;
use crate::detect::{Format, detect};
use crate::hdf5::write::Libver;
use crate::npy::{Npy, Npz};
use crate::source::FileSource;
use crate::target::Place;
use crate::verify::{self, Note};
use crate::{ArrayOptions, Container, Error, Kind, NodeKind, OpenOptions, Result, open_with};
use std::collections::BTreeSet;
use std::path::Path;

/// How to write a container anew.
#[derive(Clone, Debug, Default)]
pub struct RepackOptions {
    /// How arrays are stored; members of an NPZ that were compressed stay so, unless this says how or
    /// `uncompressed` is set.
    pub array: ArrayOptions,
    /// Store everything as it is.
    pub uncompressed: bool,
    /// HDF5 versions whose readers the file is for.
    pub libver: Option<Libver>,
    /// Replace a file that is there, also the one that is read.
    pub replace: bool,
    /// How the file is opened.
    pub open: OpenOptions,
}

/// Writes the container in a file anew.
///
/// ```
/// use hyperslab::repack::{RepackOptions, repack};
/// use hyperslab::ArrayOptions;
/// # let dem = hyperslab::testing::fixture("demo/jacksboro_fault_dem.npz");
/// # let dir = tempfile::tempdir().unwrap();
/// # let out = dir.path().join("small.npz");
/// let array = ArrayOptions { deflate: Some(9), ..ArrayOptions::default() };
/// let done = repack(&dem, &out, &RepackOptions { array, ..RepackOptions::default() })?;
/// assert_eq!(done.arrays, 7);
/// assert!(std::fs::metadata(&out).unwrap().len() < std::fs::metadata(&dem).unwrap().len());
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// `Unsupported` for what the container or its writer cannot honour or keep, `Usage` when the new file exists and
/// must not be replaced, `Invalid` for damage, `Limit`, `Io`.
pub fn repack(file: &Path, out: &Path, options: &RepackOptions) -> Result<Converted> {
    if file.is_dir() {
        return Err(Error::usage("is a directory").file(file));
    }
    let limits = &options.open.limits;
    let source = FileSource::open(file)?;
    let format = detect(&source)?;
    if options.libver.is_some() && format != Some(Format::Hdf5) {
        return Err(Error::unsupported("only HDF5 has a libver"));
    }
    let done = match format {
        Some(Format::Npz) => npz(&Npz::open(source, limits)?, out, options)?,
        Some(Format::Nco) => nco::repack(source, out, options)?,
        Some(Format::Npy) => {
            let npy = Npy::open(source, limits)?;
            let dropped = dropped(verify::notes(&npy, npy.source(), limits)?);
            let mut done = convert(&npy, out, Output::Npy, &BTreeSet::new(), options)?;
            done.notes.extend(dropped);
            done
        }
        _ => {
            let container = open_with(file, &options.open)?;
            let output = match container.format() {
                "hdf5" => Output::Hdf5,
                "raw" => Output::Raw,
                other => {
                    return Err(Error::unsupported(format!("a {other} file is not written anew")).file(file));
                }
            };
            convert(&*container, out, output, &BTreeSet::new(), options)?
        }
    };
    Ok(done)
}

/// What lies in the old file and belongs to nothing.
fn dropped(notes: Vec<Note>) -> Option<String> {
    let bytes: u64 = notes.iter().map(|n| n.len).sum();
    (bytes > 0).then(|| format!("{bytes} bytes that belong to nothing are not carried over"))
}

fn npz(npz: &Npz<FileSource>, out: &Path, options: &RepackOptions) -> Result<Converted> {
    let limits = &options.open.limits;
    let mut raw = BTreeSet::new();
    for node in npz.nodes("", None, false, limits)? {
        if node.kind == NodeKind::Array && node.error.is_none() && npz.is_raw(&node.path, limits)? {
            raw.insert(node.path);
        }
    }
    let dropped = dropped(verify::notes(npz, npz.source(), limits)?);
    let mut done = convert(npz, out, Output::Npz, &raw, options)?;
    done.notes.extend(dropped);
    Ok(done)
}

fn convert(
    input: &dyn Container,
    out: &Path,
    output: Output,
    raw: &BTreeSet<String>,
    options: &RepackOptions,
) -> Result<Converted> {
    let options = ConvertOptions {
        output: Some(output),
        replace: options.replace,
        array: options.array.clone(),
        keep_compression: !options.uncompressed,
        uncompressed: options.uncompressed,
        libver: options.libver.unwrap_or_default(),
        limits: options.open.limits.clone(),
        ..ConvertOptions::default()
    };
    convert::convert_with(input, &Place::default(), out, Vec::new(), raw, &options).map_err(|e| {
        match e.kind() {
            // Nothing may be lost here, so there is no option that allows it.
            Kind::Unsupported => {
                let again = Error::unsupported(e.message().to_owned());
                let again = again.object(e.object_path().unwrap_or_default());
                again.hint("'slab convert' has other containers and --allow-loss")
            }
            _ => e,
        }
    })
}
