//! Nengo cache objects: what `hyperslab.nco` is made of.

use crate::array::{self, Elements, limits};
use crate::buffer::Held;
use crate::errors::OrRaise as _;
use crate::value;
use hyperslab::nco::{Entry, Policy, write};
use hyperslab::{Error, Limits, Result, Selection, Source, View};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use std::borrow::Cow;
use std::io::Cursor;

/// Adds the functions of this module.
pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(unpickle, m)?)?;
    m.add_function(wrap_pyfunction!(nco_read, m)?)?;
    m.add_function(wrap_pyfunction!(nco_dump, m)?)
}

/// A part of a file, as the file: its bytes from `base` on.
struct Part<'b> {
    bytes: &'b [u8],
    base: u64,
}

impl Part<'_> {
    fn get(&self, offset: u64, len: u64) -> Result<&[u8]> {
        let outside =
            || Error::invalid(format!("{len} bytes at byte {offset} lie outside the object")).at(offset);
        let start =
            usize::try_from(offset.checked_sub(self.base).ok_or_else(outside)?).map_err(|_| outside())?;
        let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len)).ok_or_else(outside)?;
        self.bytes.get(start..end).ok_or_else(outside)
    }
}

impl Source for Part<'_> {
    fn len(&self) -> Result<u64> {
        Ok(self.base.saturating_add(self.bytes.len() as u64))
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        out.copy_from_slice(self.get(offset, out.len() as u64)?);
        Ok(())
    }

    fn bytes_at(&self, offset: u64, len: u64, _limits: &Limits) -> Result<Cow<'_, [u8]>> {
        self.get(offset, len).map(Cow::Borrowed)
    }
}

/// A pickle as a value, nothing in it executed; and the number of bytes that it takes.
#[pyfunction]
fn unpickle<'py>(py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyAny>, usize)> {
    let held = Held::of(data)?;
    let limits = limits();
    let read = || -> Result<_> {
        let pickle = hyperslab::pickle::load(held.bytes(), Policy::Inspect, &limits)?;
        Ok((pickle.to_value(&limits)?, pickle.consumed()))
    };
    let (value, consumed) = read().or_raise(py)?;
    Ok((value::to_python(py, value)?, consumed))
}

/// The object that starts at `start` of a file, of whose bytes those from `base` on are given: metadata and array, the
/// array over these bytes.
#[pyfunction]
fn nco_read<'py>(data: &Bound<'py, PyAny>, base: u64, start: u64) -> PyResult<Bound<'py, PyTuple>> {
    let py = data.py();
    let held = Held::of(data)?;
    let part = Part { bytes: held.bytes(), base };
    let limits = limits();
    let read = || -> Result<_> {
        let entry = Entry::open(&part, start)?;
        entry.verify(&part, &limits)?;
        let metadata = entry.metadata(&part, Policy::Inspect, &limits)?;
        Ok((metadata, entry.array(&part, &Selection::ALL, &limits)?))
    };
    let (metadata, array) = read().or_raise(py)?;
    PyTuple::new(py, [value::to_python(py, metadata)?, array::lent(data, part.bytes, array)?])
}

/// What an object is, to be written at `start`: everything from there on, as nengo writes it.
#[pyfunction]
fn nco_dump<'py>(
    py: Python<'py>,
    start: u64,
    pickle: &Bound<'py, PyBytes>,
    array: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyBytes>> {
    let elements = Elements::of(array)?;
    let view: View<'_> = elements.view().or_raise(py)?;
    let pickle = pickle.as_bytes();
    let made = py.detach(|| -> Result<_> {
        // Where an object starts matters to its padding and its offsets alone.
        let mut out = Cursor::new(Vec::new());
        let from = start % 16;
        write::write_to(&mut out, from, pickle, &view)?;
        let mut bytes = out.into_inner();
        bytes.drain(..usize::try_from(from).unwrap_or(0).min(bytes.len()));
        Ok(bytes)
    });
    let mut bytes = made.or_raise(py)?;
    for field in bytes.get_mut(8..40).into_iter().flat_map(|fields| fields.chunks_exact_mut(8)) {
        if let Ok(stored) = <[u8; 8]>::try_from(&*field) {
            let moved = u64::from_le_bytes(stored).wrapping_sub(start % 16).wrapping_add(start);
            field.copy_from_slice(&moved.to_le_bytes());
        }
    }
    Ok(PyBytes::new(py, &bytes))
}
