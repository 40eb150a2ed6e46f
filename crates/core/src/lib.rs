//! What every Hyperslab format shares: where bytes come from ([`source`]), what they mean ([`dtype`],
//! [`shape`]), how they are looked at ([`view`]), the metadata beside them ([`value`]), what a decoder may use
//! ([`limits`]), what can go wrong ([`error`]), and the tree that every container presents ([`container`]).
//!
//! Nothing here knows a file format. Nothing here performs I/O but [`source`] and [`output`].

pub mod error;
pub mod limits;
pub mod shape;

pub use error::{Error, Kind, Result, ResultExt};
pub use limits::{Limits, Reservation};
pub use shape::Shape;
