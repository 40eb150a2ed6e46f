//! The native half of the Python package: what decodes, encodes and does I/O.
//!
//! Each file here has the name of the module of the package that it is for. The Python halves (`hyperslab/NAME.py`)
//! hold what is a matter of signatures; everything else is here, with the interpreter's lock let go of.
#![deny(unsafe_code)]

mod array;
mod buffer;
mod dtype;
mod errors;
mod front;
mod nco;
mod npy;
mod rawhdf5format;
mod value;

use pyo3::prelude::*;

/// The native half of hyperslab.
#[pymodule(gil_used = false)]
mod _native {
    use super::*;

    #[pymodule_export]
    use super::buffer::Memory;
    #[pymodule_export]
    use super::front::Container;

    #[pymodule_init]
    fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
        m.add("__version__", env!("CARGO_PKG_VERSION"))?;
        front::add(m)?;
        nco::add(m)?;
        npy::add(m)?;
        rawhdf5format::add(m)
    }
}
