//! Arrays, their metadata and message streams in self-describing bytes: NumPy files, HDF5, Nengo cache objects and
//! LArPix raw logs, each opened, listed, read and written in the same way.
//!
//! Any file is a [`Container`], a tree of groups and arrays with attributes:
//!
//! ```
//! use hyperslab::{Limits, Selection};
//!
//! let limits = Limits::default();
//! # let dem = hyperslab::testing::fixture("demo/jacksboro_fault_dem.npz");
//! let file = hyperslab::open(dem)?;
//! for node in file.nodes("", None, true, &limits)? {
//!     println!("{} {:?} {:?}", node.path, node.dtype, node.shape);
//! }
//! let corner = file.read("elevation", &"[:2, :3]".parse::<Selection>()?, &limits)?;
//! assert_eq!(corner.to_vec::<i16>()?, [483, 487, 491, 475, 486, 489]);
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! [`convert()`] carries one to another, losing nothing or saying what it would lose; [`sum`] gives the digest that the
//! same data have in every container:
//!
//! ```
//! use hyperslab::{ConvertOptions, Limits, Place, convert, open, sum};
//!
//! # let dem = hyperslab::testing::fixture("demo/jacksboro_fault_dem.npz");
//! # let dir = tempfile::tempdir().unwrap();
//! # let out = dir.path().join("dem.h5");
//! let npz = open(dem)?;
//! convert(&*npz, &Place::default(), &out, Vec::new(), &ConvertOptions::default())?;
//!
//! let digests = |c| sum::tree(c, "", &Limits::default(), &mut |_| {});
//! let (before, after) = (digests(&*npz)?, digests(&*open(&out)?)?);
//! assert!(before.iter().zip(&after).all(|(a, b)| a.same_as(b)));
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! What one format has and the others have not is in its own module. An array as an HDF5 file in memory, and back as
//! a view of it:
//!
//! ```
//! use hyperslab::hdf5::image;
//! use hyperslab::View;
//!
//! let image = image::serialize(&View::from_slice([2, 2], &[1.0, 2.0, 3.0, 4.0])?, "data")?;
//! let view = image::deserialize(&image)?;
//! assert!(view.is_view());
//! assert_eq!(view.to_vec::<f64>()?, [1.0, 2.0, 3.0, 4.0]);
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! The metadata of a Nengo cache object, read without running its pickle:
//!
//! ```
//! use hyperslab::Limits;
//! use hyperslab::nco::object;
//! use hyperslab::pickle::Policy;
//!
//! # let file = hyperslab::testing::fixture("demo/solver_a.nco");
//! let object = object::load(file, Policy::Strict, &Limits::default())?;
//! assert_eq!(object.array.shape()[..], [60, 2]);
//! assert!(object.metadata.get("rmses").is_some());
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! A message log that others read while it is written:
//!
//! ```
//! use hyperslab::larpix::log::{LogOptions, LogReader, LogWriter};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("run.h5");
//! let mut log = LogWriter::open_or_create(&path, &LogOptions::default())?;
//! log.append(1, b"a message")?;
//! log.commit()?;
//!
//! let reader = LogReader::open(&path)?;
//! assert_eq!(reader.read(0..1)?.get(0), Some((1, &b"a message"[..])));
//! log.close()?;
//! # Ok::<(), hyperslab::Error>(())
//! ```
//!
//! Where things are: recognising a file in [`detect`], opening it in [`open`](mod@open), starting a new one in
//! [`create`], carrying one to another in [`convert`](mod@convert), the words of the command line in [`target`] and
//! [`ls`]. With the feature `ndarray`, views become ndarray arrays.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod convert;
pub mod create;
pub mod detect;
pub mod diff;
pub mod ls;
pub mod objects;
pub mod open;
pub mod pickled;
pub mod recover;
pub mod repack;
pub mod same;
pub mod sidecar;
pub mod sum;
#[doc = include_str!("../support.md")]
pub mod support {}
pub mod target;
pub mod verify;

pub use hyperslab_core::*;
pub use hyperslab_hdf5 as hdf5;
pub use hyperslab_larpix as larpix;
pub use hyperslab_nco as nco;
pub use hyperslab_npy as npy;
pub use hyperslab_pickle as pickle;

pub use convert::{ConvertOptions, Converted, convert};
pub use create::Output;
pub use open::{Declared, OpenOptions, open, open_bytes, open_with};
pub use target::{Place, Target};
