//! A pure-Rust HDF5 engine: files, in-memory images and crash-safe live appends.
//!
//! - [`read`]: [`File`], an open file: its tree, attributes and elements.
//! - [`write`](mod@write): [`Writer`], new files and whole trees in memory.
//! - [`append`]: files that grow while others read them, whole whenever their writer dies.
//! - [`change`]: [`Change`], files that exist.
//! - [`image`]: an array as a complete file in memory, and back as a view.
//! - [`format`](mod@format): the structures of a file, one module each; parse and emit, no I/O.
//! - [`index`]: how a chunk is found, one module per kind of index.
//! - [`filter`]: what a chunk goes through, one module per filter.
//! - [`numpy_types`]: NumPy's types that HDF5 lacks.
//!
//! No C, no lock: an open file is `Send + Sync`.
//!
//! ```
//! use hyperslab_core::{Container, Limits, Selection, View};
//! use hyperslab_hdf5::{File, Writer, image};
//!
//! # fn main() -> hyperslab_core::Result<()> {
//! // A tree in memory; `Writer::create` makes a file.
//! let mut w = Writer::in_memory();
//! w.dataset("/run/x").write(&View::from_slice([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?)?;
//! w.attribute("/run", "who", &"Noether".into())?;
//! let bytes = w.into_image()?;
//!
//! // `File::open` reads a file.
//! let limits = Limits::default();
//! let f = File::from_image(&bytes)?;
//! let column = f.read("/run/x", &"..., -1".parse()?, &limits)?;
//! assert_eq!(column.to_vec::<f64>()?, [3.0, 6.0]);
//! assert_eq!(f.attribute("/run", "who", &limits)?.as_str(), Some("Noether"));
//! assert_eq!(f.nodes("/", None, false, &limits)?.len(), 3);
//!
//! // One array as an image, and the view of it.
//! let samples = View::from_slice([3], &[1i32, 2, 3])?;
//! let image = image::serialize(&samples, image::DEFAULT_NAME)?;
//! assert_eq!(image::deserialize(&image)?, samples);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod append;
pub mod change;
pub mod filter;
pub mod format;
pub mod image;
pub mod index;
pub mod numpy_types;
pub mod read;
#[doc = include_str!("../support.md")]
pub mod support {}
#[doc(hidden)]
pub mod testing;
pub mod write;

pub use change::Change;
pub use read::{File, Follow};
pub use write::Writer;
