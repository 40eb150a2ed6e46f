//! NumPy's arrays of Python objects, read and written through the safe pickle where that is asked for.
//!
//! Reading never executes anything. Objects of one plain kind become an array that other containers hold too: text
//! variable-length strings, arrays variable-length sequences, Python's numbers and truth values `<i8`, `<f8` and
//! `|b1`. A dict alone (`np.savez(f, mdata={..})`) becomes metadata on a group of its name. Everything else is
//! refused by name: `slab show` prints a pickle of any kind.

mod read;
mod write;

pub use read::WithObjects;
pub use write::Pickling;
pub(crate) use write::is_storable;
