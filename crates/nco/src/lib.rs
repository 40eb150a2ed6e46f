//! Nengo cache objects (NCO): a pickled dict of metadata and an array in one file, alone or packed, one after
//! another.
//!
//! | module | what it knows |
//! |---|---|
//! | [`header`] | the 40 bytes that say where pickle and array lie, in four platforms' layouts; no I/O |
//! | [`object`] | one object: metadata and array, read when asked for |
//! | [`pack`] | many objects in a file: the walk over them, their index, and what is left after damage |
//! | [`append`] | a pack that grows in place |
//! | [`mod@write`] | objects as nengo writes them |
//! | [`ext`] | the block before the pickle that nengo passes over: key, checksums, time, origin; no I/O |
//! | [`container`], [`writer`] | files of them as trees, as every format has them |
//! | [`cache`] | the directory around such files, used by many processes at once |
//! | [`subfile`] | a bounded range of a source as a file |
//!
//! Metadata is read without executing anything ([`hyperslab_pickle`]), and written so that it loads alike under
//! NumPy 1 and 2. Format facts: nengo 4.1, read and
//! measured.
//!
//! ```
//! use hyperslab_core::{Limits, Value, View, source::SliceSource};
//! use hyperslab_nco::Policy;
//!
//! let metadata = Value::map([("rmses", Value::Float(0.5))]);
//! let decoders = View::from_slice([2, 2], &[1.0, 2.0, 3.0, 4.0])?;
//! let mut file = std::io::Cursor::new(Vec::new());
//! hyperslab_nco::write::write_to(&mut file, 0, &hyperslab_pickle::dump(&metadata)?, &decoders)?;
//!
//! let source = SliceSource(file.get_ref());
//! let object = hyperslab_nco::object::read(&source, 0, Policy::Strict, &Limits::default())?;
//! assert_eq!(object.metadata, metadata);
//! assert!(object.array.is_view());
//! # Ok::<(), hyperslab_core::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod append;
pub mod cache;
pub mod container;
pub mod ext;
mod fields;
pub mod header;
pub mod object;
pub mod pack;
pub mod subfile;
mod walk;
pub mod write;
pub mod writer;

pub use append::Pack;
pub use container::Nco;
pub use ext::{Block, Checks, Extension};
pub use header::Header;
pub use hyperslab_pickle::Policy;
pub use object::{Entry, Object};
pub use pack::{Damage, Keyed, Walk};
pub use subfile::SubFile;
pub use writer::NcoWriter;
