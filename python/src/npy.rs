//! NumPy's own files: what `hyperslab.npy` is made of.

use crate::array::{self, Elements, limits};
use crate::errors::OrRaise as _;
use pyo3::prelude::*;
use std::path::PathBuf;

/// Adds the functions of this module.
pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(npy_load, m)?)?;
    m.add_function(wrap_pyfunction!(npy_dump, m)?)?;
    Ok(())
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
