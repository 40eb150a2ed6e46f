//! Arrays, their metadata and message streams in self-describing bytes.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod convert;
pub mod create;
pub mod detect;
pub mod ls;
pub mod open;
pub mod pickled;
pub mod same;
pub mod sidecar;
pub mod sum;
pub mod target;

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
