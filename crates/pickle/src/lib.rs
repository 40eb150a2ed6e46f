//! Python pickles as inert values: read without executing anything, and written portably.
//!
//! A pickle is a program for a small stack machine that can call anything its reader can import. [`load`] runs the
//! machine of protocols 0 to 5, but makes *nodes* instead of objects: containers, numbers, strings, dates and
//! NumPy's arrays, scalars and dtypes become what they are; a name that is not on the allow-list is an error
//! ([`Policy::Strict`]) or an inert record ([`Policy::Inspect`]). Nothing is imported and nothing is called.
//!
//! ```
//! use hyperslab_core::Limits;
//! use hyperslab_pickle::{Item, Policy, load};
//!
//! let pickle = load(b"\x80\x04]\x94(K\x01h\x00e.", Policy::Strict, &Limits::default())?;
//! let Item::List(items) = pickle.get(pickle.root()) else { panic!() };
//! assert!(matches!(pickle.get(items[0]), Item::Int(1)));
//! assert_eq!(items[1], pickle.root()); // the list holds itself
//! # Ok::<(), hyperslab_core::Error>(())
//! ```
//!
//! Where things are: the opcode table in `opcode.rs`, what each opcode does in `machine.rs`, what calls mean in
//! `reduce.rs` (dates in `time.rs`, NumPy in `numpy.rs` and `dtype.rs`), the allow-list in `global.rs`, equality of
//! keys in `keys.rs`; trees of a pickle in `value.rs`, pickles of a tree ([`dump`]) in `write.rs`. Facts of the format come from CPython 3.11 (`pickletools`, and its C unpickler measured) and
//! NumPy 1.26 and 2.4.
#![forbid(unsafe_code)]

mod descr;
mod dtype;
mod fill;
mod global;
mod item;
mod keys;
mod literal;
mod losses;
mod machine;
mod memo;
mod names;
mod node;
mod numpy;
mod opaque;
mod opcode;
mod policy;
mod protocol;
mod reader;
mod reduce;
mod time;
mod value;
mod write;
mod write_numpy;
mod write_objects;
mod write_rows;

pub use item::{Item, OpaqueItem, Pickle, TimeItem};
pub use losses::{Loss, json_losses};
pub use names::{Name, names, naming};
pub use node::NodeId;
pub use opaque::How;
pub use policy::Policy;
pub use protocol::Protocol;
pub use value::CYCLE;
pub use write::{MapDump, dump, dump_as};
pub use write_objects::dump_objects;
pub use write_rows::{Plain, RowsDump};

use hyperslab_core::{Limits, Result};

/// Reads one pickle from the start of `bytes`; what follows its `STOP` is left alone ([`Pickle::consumed`]).
///
/// Strings and bytes stay where they are in `bytes`. Nodes are counted against the objects of `limits`; a stack of
/// a million values, integers of a megabyte and lines of 64 KiB are the other bounds.
///
/// # Errors
/// `Invalid` for a broken pickle, `Unsupported` for an unknown global under [`Policy::Strict`] and for what only
/// the pickle's own program could read, `Limit`; each with the opcode and its byte offset.
pub fn load<'a>(bytes: &'a [u8], policy: Policy, limits: &Limits) -> Result<Pickle<'a>> {
    let machine::Loaded { arena, root, protocol, consumed } =
        machine::Machine::new(bytes, policy, limits).run()?;
    Ok(Pickle { arena, root, protocol, consumed })
}
