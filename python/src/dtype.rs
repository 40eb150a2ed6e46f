//! Types of elements, ours and NumPy's.

use crate::errors::OrRaise as _;
use hyperslab::Dtype;
use hyperslab::dtype::{ByteOrder, Int};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple};

/// `numpy.dtype`.
fn class(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class =
        CLASS.get_or_try_init(py, || Ok::<_, PyErr>(py.import("numpy")?.getattr("dtype")?.unbind()))?;
    Ok(class.bind(py))
}

/// Doubles, which most arrays hold.
fn doubles(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static DOUBLES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let made = DOUBLES.get_or_try_init(py, || Ok::<_, PyErr>(class(py)?.call1(("<f8",))?.unbind()))?;
    Ok(made.bind(py).clone())
}

/// NumPy's type of the same bytes. `None` for elements that lie elsewhere, which become Python objects.
pub(crate) fn to_numpy<'py>(py: Python<'py>, dtype: &Dtype) -> PyResult<Option<Bound<'py, PyAny>>> {
    if dtype.has_indirection() {
        return Ok(None);
    }
    if *dtype == Dtype::F64 {
        return doubles(py).map(Some);
    }
    Ok(Some(match dtype {
        Dtype::Struct(s) => {
            let (names, formats, offsets) = (PyList::empty(py), PyList::empty(py), PyList::empty(py));
            let titles = PyList::empty(py);
            for f in &s.fields {
                names.append(&f.name)?;
                titles.append(f.title.as_deref())?;
                offsets.append(f.offset)?;
                formats.append(to_numpy(py, &f.dtype)?)?;
            }
            let spec = PyDict::new(py);
            spec.set_item("names", names)?;
            spec.set_item("formats", formats)?;
            spec.set_item("offsets", offsets)?;
            spec.set_item("itemsize", s.itemsize)?;
            if s.fields.iter().any(|f| f.title.is_some()) {
                spec.set_item("titles", titles)?;
            }
            class(py)?.call1((spec,))?
        }
        Dtype::Array(a) => {
            let base = to_numpy(py, &a.base)?;
            class(py)?.call1(((base, PyTuple::new(py, a.shape.iter())?),))?
        }
        Dtype::Enum(e) => match is_bool(&e.base, &e.members) {
            true => class(py)?.call1(("?",))?,
            false => class(py)?.call1((int(&e.base),))?,
        },
        Dtype::Int(i) | Dtype::Bitfield(i) if matches!(i.size, 1 | 2 | 4 | 8) => {
            class(py)?.call1((int(i),))?
        }
        Dtype::FixedString(s) => class(py)?.call1((format!("S{}", s.size),))?,
        other => match other.descr() {
            Some(descr) => class(py)?.call1((descr,))?,
            None => class(py)?.call1((format!("V{}", other.itemsize()),))?,
        },
    }))
}

fn int(i: &Int) -> String {
    let order = if i.order == ByteOrder::Big { '>' } else { '<' };
    format!("{order}{}{}", if i.signed { 'i' } else { 'u' }, i.size)
}

/// Whether an enumeration is h5py's `bool`.
fn is_bool(base: &Int, members: &[(String, i128)]) -> bool {
    base.size == 1 && matches!(members, [(f, 0), (t, 1)] if f == "FALSE" && t == "TRUE")
}

/// Ours of one of NumPy's, or of what `numpy.dtype` takes.
///
/// # Errors
/// `TypeError` for what it does not take.
pub(crate) fn of_numpy(dtype: &Bound<'_, PyAny>) -> PyResult<Dtype> {
    let py = dtype.py();
    let dtype = match dtype.is_instance(class(py)?)? {
        true => dtype.clone(),
        false => class(py)?.call1((dtype,))?,
    };
    if dtype.getattr("hasobject")?.is_truthy()? {
        return Err(PyTypeError::new_err(format!(
            "{dtype}: elements are Python objects, which have no bytes of their own"
        )));
    }
    if dtype.getattr("names")?.is_none() && dtype.getattr("subdtype")?.is_none() {
        return Dtype::from_descr(dtype.getattr("str")?.extract()?).or_raise(py);
    }
    let descr = py.import("numpy.lib.format")?.call_method1("dtype_to_descr", (&dtype,))?;
    hyperslab::npy::parse_dtype(descr.repr()?.to_str()?).or_raise(py)
}
