//! Metadata, as Python has it.

use crate::array;
use hyperslab::value::ListKind;
use hyperslab::{Limits, Value};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyComplex, PyDict, PyFrozenSet, PyList, PySet, PyTuple};

/// A value of a tree of metadata: what Python has no type for is an inert `hyperslab.OpaqueObject`.
pub(crate) fn to_python<'py>(py: Python<'py>, value: Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(b) => b.into_pyobject(py)?.to_owned().into_any(),
        Value::Int(i) => i.into_pyobject(py)?.into_any(),
        Value::BigInt(i) => py.import("builtins")?.call_method1("int", (i.to_str_radix(16), 16))?,
        Value::Float(f) => f.into_pyobject(py)?.into_any(),
        Value::Complex(re, im) => PyComplex::from_doubles(py, re, im).into_any(),
        Value::String(s) => s.into_pyobject(py)?.into_any(),
        Value::Bytes(b) => PyBytes::new(py, &b).into_any(),
        Value::List(kind, items) => {
            let items = items.into_iter().map(|v| to_python(py, v)).collect::<PyResult<Vec<_>>>()?;
            match kind {
                ListKind::List => PyList::new(py, items)?.into_any(),
                ListKind::Tuple => PyTuple::new(py, items)?.into_any(),
                ListKind::Set => PySet::new(py, items)?.into_any(),
                ListKind::FrozenSet => PyFrozenSet::new(py, items)?.into_any(),
            }
        }
        Value::Map(pairs) => {
            let dict = PyDict::new(py);
            for (key, value) in pairs {
                dict.set_item(to_python(py, key)?, to_python(py, value)?)?;
            }
            dict.into_any()
        }
        Value::Array(view) => {
            let scalar = view.shape().is_empty();
            let array = array::of_view(py, *view)?;
            if scalar { array.get_item(PyTuple::empty(py))? } else { array }
        }
        Value::Opaque(opaque) => {
            let parts = PyList::empty(py);
            for (name, value) in opaque.parts {
                parts.append((name, to_python(py, value)?))?;
            }
            py.import("hyperslab")?.getattr("OpaqueObject")?.call1((opaque.name, parts))?
        }
        other => {
            let text = hyperslab::json::from_value(&other, &Limits::default());
            let text = text.map_or_else(|e| e.to_string(), |json| json.to_string());
            text.into_pyobject(py)?.into_any()
        }
    })
}

/// A Python value as metadata.
///
/// # Errors
/// `TypeError` for what no container holds.
pub(crate) fn of_python(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    of_python_within(object, hyperslab::value::MAX_DEPTH)
}

fn of_python_within(object: &Bound<'_, PyAny>, depth: u32) -> PyResult<Value> {
    use pyo3::exceptions::PyTypeError;
    use pyo3::types::{PyBool, PyByteArray, PyFloat, PyInt, PyString};

    let py = object.py();
    let deeper = || depth.checked_sub(1).ok_or_else(|| PyTypeError::new_err("metadata is nested too deeply"));
    let items = |object: &Bound<'_, PyAny>| -> PyResult<Vec<Value>> {
        let depth = deeper()?;
        object.try_iter()?.map(|item| of_python_within(&item?, depth)).collect()
    };
    if object.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(b) = object.cast_exact::<PyBool>() {
        return Ok(Value::Bool(b.is_true()));
    }
    if let Ok(i) = object.cast_exact::<PyInt>() {
        return match i.extract::<i128>() {
            Ok(i) => Ok(Value::Int(i)),
            Err(_) => {
                let digits: String = py.import("builtins")?.call_method1("format", (i, "x"))?.extract()?;
                let made = num_bigint::BigInt::parse_bytes(digits.as_bytes(), 16);
                Ok(Value::BigInt(Box::new(
                    made.ok_or_else(|| PyTypeError::new_err("an integer that is none"))?,
                )))
            }
        };
    }
    if let Ok(f) = object.cast_exact::<PyFloat>() {
        return Ok(Value::Float(f.value()));
    }
    if let Ok(c) = object.cast_exact::<PyComplex>() {
        return Ok(Value::Complex(c.real(), c.imag()));
    }
    if let Ok(s) = object.cast_exact::<PyString>() {
        return Ok(Value::String(s.to_str()?.to_owned()));
    }
    if let Ok(b) = object.cast_exact::<PyBytes>() {
        return Ok(Value::Bytes(b.as_bytes().to_vec()));
    }
    if let Ok(b) = object.cast_exact::<PyByteArray>() {
        return Ok(Value::Bytes(b.to_vec()));
    }
    let kinds = [
        (object.is_instance_of::<PyList>(), ListKind::List),
        (object.is_instance_of::<PyTuple>(), ListKind::Tuple),
        (object.is_instance_of::<PySet>(), ListKind::Set),
        (object.is_instance_of::<PyFrozenSet>(), ListKind::FrozenSet),
    ];
    if let Some((_, kind)) = kinds.into_iter().find(|(is, _)| *is) {
        return Ok(Value::List(kind, items(object)?));
    }
    if let Ok(dict) = object.cast::<PyDict>() {
        let depth = deeper()?;
        let pair = |(k, v): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            Ok((of_python_within(&k, depth)?, of_python_within(&v, depth)?))
        };
        return Ok(Value::Map(dict.iter().map(pair).collect::<PyResult<_>>()?));
    }
    if object.hasattr("__array__")? || object.hasattr("__array_interface__")? {
        let elements = array::Elements::of(object)?;
        let owned = elements.view().and_then(hyperslab::View::into_owned);
        return Ok(Value::from(crate::errors::OrRaise::or_raise(owned, py)?));
    }
    Err(PyTypeError::new_err(format!("metadata cannot hold {}", object.get_type().name()?)))
}
