//! Errors of the library as exceptions of `hyperslab.errors`.

use hyperslab::{Error, Kind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A result whose errors become exceptions.
pub(crate) trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for hyperslab::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|e| raise(py, &e))
    }
}

/// The exception of an error: its class by whose fault it is, its text, and where it was.
pub(crate) fn raise(py: Python<'_>, e: &Error) -> PyErr {
    exception(py, e).unwrap_or_else(|e| e)
}

fn exception(py: Python<'_>, e: &Error) -> PyResult<PyErr> {
    let module = py.import("hyperslab.errors")?;
    let kind = match e.kind() {
        Kind::Io => "io",
        Kind::Invalid => "invalid",
        Kind::Unsupported => "unsupported",
        Kind::Limit => "limit",
        Kind::Conflict => "conflict",
        _ => "usage",
    };
    let told = PyDict::new(py);
    told.set_item("file", e.file_path())?;
    told.set_item("path", e.object_path())?;
    told.set_item("offset", e.offset())?;
    told.set_item("errno", e.io_error().and_then(std::io::Error::raw_os_error))?;
    Ok(PyErr::from_value(module.getattr("of")?.call((kind, e.to_string()), Some(&told))?))
}
