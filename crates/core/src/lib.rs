//! What every Hyperslab format shares: where bytes come from ([`source`]), what they mean ([`dtype`],
//! [`shape`]), how they are looked at ([`view`]), the metadata beside them ([`value`]), what a decoder may use
//! ([`limits`]), what can go wrong ([`error`]), and the tree that every container presents ([`container`]).
//!
//! Nothing here knows a file format. Nothing here performs I/O but [`source`] and [`output`].
#![deny(unsafe_code)]

pub mod cast;
pub mod codec;
pub mod container;
pub mod digest;
pub mod dtype;
pub mod error;
pub mod json;
pub mod limits;
mod odd_float;
pub mod output;
pub mod scalar;
pub mod selection;
pub mod shape;
pub mod source;
#[doc(hidden)]
pub mod testing;
pub mod time;
pub mod value;
pub mod view;
pub mod walk;

pub use container::{
    ArrayLayout, ArrayOptions, ChunkFilter, Container, ContainerWriter, LinkTo, Node, NodeKind,
};
pub use dtype::{ByteOrder, Dtype, Element};
pub use error::{Error, Kind, Result, ResultExt};
pub use limits::{Limits, Reservation};
pub use selection::Selection;
pub use shape::Shape;
pub use source::Source;
pub use value::Value;
pub use view::{AsView, Order, View};
