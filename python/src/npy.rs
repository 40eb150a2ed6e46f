//! NumPy's own files: what `hyperslab.npy` is made of.

use crate::array::{self, Elements, limits};
use crate::buffer::Held;
use crate::errors::OrRaise as _;
use hyperslab::output::NewFile;
use hyperslab::{Error, Result};
use pyo3::prelude::*;
use std::io::Write as _;
use std::path::PathBuf;

/// Adds the functions of this module.
pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(npy_load, m)?)?;
    m.add_function(wrap_pyfunction!(npy_dump, m)?)?;
    m.add_function(wrap_pyfunction!(replace_file, m)?)
}

/// Puts bytes in a file's place, all of them or none.
#[pyfunction]
fn replace_file(py: Python<'_>, path: PathBuf, data: &Bound<'_, PyAny>) -> PyResult<()> {
    let held = Held::of(data)?;
    let bytes = held.bytes();
    let write = || -> Result<()> {
        let mut file = NewFile::create(&path, true)?;
        file.write_all(bytes).map_err(|e| Error::io(e, "cannot write").file(&path))?;
        file.commit()
    };
    py.detach(write).or_raise(py)
}

/// The array of an NPY file, in memory of its own.
#[pyfunction]
fn npy_load<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let view = py.detach(|| hyperslab::npy::npy::load(&path, &limits())).or_raise(py)?;
    array::of_view(py, view)
}

/// Writes an array as `np.save` does, whole or not at all.
#[pyfunction]
#[pyo3(signature = (path, array, *, replace = true))]
fn npy_dump(py: Python<'_>, path: PathBuf, array: &Bound<'_, PyAny>, replace: bool) -> PyResult<()> {
    let elements = Elements::of(array)?;
    let view = elements.view().or_raise(py)?;
    py.detach(|| hyperslab::npy::npy::save(&path, &view, replace)).or_raise(py)
}
