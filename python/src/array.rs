//! Views as arrays of NumPy, and back: over the same bytes wherever these can be used as they lie.

use crate::buffer::{Held, Memory};
use crate::dtype;
use crate::errors::OrRaise as _;
use hyperslab::{Dtype, Limits, Order, Shape, View};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyString, PyTuple};

/// A member of `numpy`, looked up once.
macro_rules! numpy {
    ($py:expr, $name:literal) => {{
        static FOUND: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        FOUND
            .get_or_try_init($py, || Ok::<_, PyErr>($py.import("numpy")?.getattr($name)?.unbind()))
            .map(|found| found.bind($py))
    }};
}

/// An array over bytes of `owner`, which it keeps alive.
pub(crate) fn over<'py>(
    owner: &Bound<'py, PyAny>,
    dtype: &Dtype,
    shape: &Shape,
    start: u64,
    strides: Option<&[i64]>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = owner.py();
    let no_objects = || PyTypeError::new_err(format!("elements of {dtype} do not lie where the array is"));
    let made = dtype::to_numpy(py, dtype)?.ok_or_else(no_objects)?;
    let shape = PyTuple::new(py, shape.iter())?;
    let ndarray = numpy!(py, "ndarray")?;
    match strides {
        None => ndarray.call1((shape, made, owner, start)),
        Some(strides) => ndarray.call1((shape, made, owner, start, PyTuple::new(py, strides)?)),
    }
}

/// An array of a view's elements: over its bytes, which are copied only where they are borrowed.
pub(crate) fn of_view<'py>(py: Python<'py>, view: View<'_>) -> PyResult<Bound<'py, PyAny>> {
    if view.dtype().has_indirection() {
        return objects(py, &view);
    }
    let dense = view.is_c_contiguous();
    let (dtype, shape, strides, start, data) = view.into_parts();
    if data.is_empty() {
        let dtype = dtype::to_numpy(py, &dtype)?;
        return numpy!(py, "zeros")?.call1((PyTuple::new(py, shape.iter())?, dtype));
    }
    let data = py.detach(|| data.into_owned());
    let memory = Bound::new(py, Memory::new(data))?.into_any();
    over(&memory, &dtype, &shape, start, (!dense).then_some(&strides))
}

/// An array of a view of bytes that Python holds: over these bytes where the elements lie in them, so that it keeps
/// `owner` alive; NumPy reads elements at any address.
pub(crate) fn lent<'py>(
    owner: &Bound<'py, PyAny>,
    bytes: &[u8],
    view: View<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let part = view.bytes().or_else(|| view.bytes_f()).filter(|part| view.is_view() && !part.is_empty());
    let start = part.and_then(|part| (part.as_ptr() as u64).checked_sub(bytes.as_ptr() as u64));
    match start.filter(|start| *start < bytes.len() as u64 && !view.dtype().has_indirection()) {
        Some(start) => {
            let strides = (!view.is_c_contiguous()).then(|| view.strides());
            over(owner, view.dtype(), view.shape(), start, strides)
        }
        None => of_view(owner.py(), view),
    }
}

/// Elements of variable length as Python objects: `bytes` for strings, as h5py has them, arrays for sequences.
fn objects<'py>(py: Python<'py>, view: &View<'_>) -> PyResult<Bound<'py, PyAny>> {
    let mut all = Vec::new();
    let mut failed = Ok(());
    view.for_each(|stored| {
        match object(py, view, view.dtype(), stored) {
            Ok(made) => all.push(made),
            Err(e) if failed.is_ok() => failed = Err(e),
            Err(_) => {}
        }
        Ok(())
    })
    .or_raise(py)?;
    failed?;
    let shape = PyTuple::new(py, view.shape().iter())?;
    let out = numpy!(py, "empty")?.call1((&shape, "O"))?;
    let flat = out.getattr("flat")?;
    for (i, one) in all.into_iter().enumerate() {
        flat.set_item(i, one)?;
    }
    Ok(out)
}

fn object<'py>(
    py: Python<'py>,
    view: &View<'_>,
    dtype: &Dtype,
    stored: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let unknown = || PyTypeError::new_err(format!("elements of {dtype} are not read as Python objects"));
    let heap = view.heap().ok_or_else(unknown)?;
    match dtype {
        Dtype::VlenString(_) => {
            let (_, bytes) = heap.resolve(stored).or_raise(py)?;
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            Ok(PyBytes::new(py, bytes.get(..end).unwrap_or(&bytes)).into_any())
        }
        Dtype::Vlen(v) if !v.base.has_indirection() => {
            let (count, bytes) = heap.resolve(stored).or_raise(py)?;
            let memory = Bound::new(py, Memory::copy_of(&bytes))?.into_any();
            match bytes.is_empty() {
                true => numpy!(py, "zeros")?.call1((count, dtype::to_numpy(py, &v.base)?)),
                false => over(&memory, &v.base, &Shape::from([count]), 0, None),
            }
        }
        _ => Err(unknown()),
    }
}

/// The elements of an array of NumPy, or of whatever NumPy makes one of.
pub(crate) struct Elements {
    dtype: Dtype,
    shape: Shape,
    order: Order,
    held: Option<Held>,
}

impl Elements {
    /// # Errors
    /// `TypeError` for arrays of Python objects.
    pub(crate) fn of(array: &Bound<'_, PyAny>) -> PyResult<Elements> {
        let py = array.py();
        let array = numpy!(py, "asanyarray")?.call1((array,))?;
        let dtype = dtype::of_numpy(&array.getattr("dtype")?)?;
        let shape: Vec<u64> = array.getattr("shape")?.extract()?;
        let shape = Shape::new(&shape);
        let flags = array.getattr("flags")?;
        let flag = |name| -> PyResult<bool> { flags.getattr(name)?.is_truthy() };
        let (dense, order) = match (flag("c_contiguous")?, flag("f_contiguous")?) {
            (true, _) => (array, Order::C),
            (_, true) => (array.getattr("T")?, Order::F),
            _ => (numpy!(py, "ascontiguousarray")?.call1((array,))?, Order::C),
        };
        if shape.contains(&0) || dtype.itemsize() == 0 {
            return Ok(Elements { dtype, shape, order, held: None });
        }
        // Types that a buffer cannot describe are bytes as well; a subclass may do something else with `view`.
        let plain = numpy!(py, "ndarray")?;
        let dense = plain.call_method1("view", (dense, plain))?;
        let flat = plain.call_method1("reshape", (dense, -1))?;
        let held = Held::of(&plain.call_method1("view", (flat, "u1"))?)?;
        Ok(Elements { dtype, shape, order, held: Some(held) })
    }

    /// A view of them.
    pub(crate) fn view(&self) -> hyperslab::Result<View<'_>> {
        let bytes = self.held.as_ref().map_or(&[][..], Held::bytes);
        View::with_order(self.dtype.clone(), self.shape.clone(), self.order, bytes)
    }
}

/// What reading may use from Python: the memory of the machine is the limit, as for NumPy.
pub(crate) fn limits() -> Limits {
    Limits::default()
}

/// The bytes of a text that stands for a selection: `"[0, 10:20]"`.
pub(crate) fn selection(
    py: Python<'_>,
    text: Option<&Bound<'_, PyString>>,
) -> PyResult<hyperslab::Selection> {
    match text {
        None => Ok(hyperslab::Selection::ALL),
        Some(text) => text.to_str()?.parse().or_raise(py),
    }
}

/// JSON as Python has it.
pub(crate) fn json<'py>(py: Python<'py>, value: &serde_json::Value) -> PyResult<Bound<'py, PyAny>> {
    let kwargs = PyDict::new(py);
    py.import("json")?.call_method("loads", (value.to_string(),), Some(&kwargs))
}
