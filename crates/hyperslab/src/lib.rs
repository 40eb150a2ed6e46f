//! Arrays, their metadata and message streams in self-describing bytes.
#![forbid(unsafe_code)]

pub mod blocks;
pub mod detect;
pub mod ls;
pub mod open;
pub mod sum;
pub mod target;

pub use hyperslab_core::*;
pub use hyperslab_npy as npy;

pub use open::{Declared, OpenOptions, open, open_bytes, open_with};
pub use target::{Place, Target};
