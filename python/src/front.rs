//! The front door: any file opened, listed, read, summed, converted, compared, checked; arrays as images and back.

use crate::array::{self, Elements, json, limits, selection};
use crate::buffer::Held;
use crate::errors::OrRaise as _;
use crate::value;
use hyperslab::create::{CreateOptions, Output, create};
use hyperslab::diff::{DiffOptions, Side};
use hyperslab::hdf5::image::{self, DeserializeOptions};
use hyperslab::larpix::log::RecoverOptions;
use hyperslab::source::SliceSource;
use hyperslab::{ArrayOptions, ConvertOptions, OpenOptions, Place, Result, ls};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Adds the functions of this module.
pub(crate) fn add(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(save, m)?)?;
    m.add_function(wrap_pyfunction!(serialize, m)?)?;
    m.add_function(wrap_pyfunction!(deserialize, m)?)?;
    m.add_function(wrap_pyfunction!(convert, m)?)?;
    m.add_function(wrap_pyfunction!(diff, m)?)?;
    m.add_function(wrap_pyfunction!(verify, m)?)?;
    m.add_function(wrap_pyfunction!(recover, m)?)
}

/// Any open container.
#[pyclass(frozen, module = "hyperslab._native", weakref)]
pub(crate) struct Container {
    inner: Arc<dyn hyperslab::Container>,
    name: PathBuf,
}

fn open(path: &Path, map: bool, objects: bool) -> Result<Arc<dyn hyperslab::Container>> {
    let options = OpenOptions { map, objects, limits: limits(), ..OpenOptions::default() };
    hyperslab::open_with(path, &options).map(Arc::from)
}

#[pymethods]
impl Container {
    #[new]
    #[pyo3(signature = (path, *, map = false, objects = false))]
    fn new(py: Python<'_>, path: PathBuf, map: bool, objects: bool) -> PyResult<Container> {
        let inner = py.detach(|| open(&path, map, objects)).or_raise(py)?;
        Ok(Container { inner, name: path })
    }

    /// Bytes in memory, which are copied; `name` describes those without a header as a file's name would.
    #[staticmethod]
    #[pyo3(signature = (data, name = PathBuf::from("bytes"), *, objects = false))]
    fn of_bytes(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        name: PathBuf,
        objects: bool,
    ) -> PyResult<Container> {
        let held = Held::of(data)?;
        let options = OpenOptions { objects, limits: limits(), ..OpenOptions::default() };
        let bytes = bytes::Bytes::copy_from_slice(held.bytes());
        let inner =
            py.detach(|| hyperslab::open_bytes(bytes, &name, &options).map(Arc::from)).or_raise(py)?;
        Ok(Container { inner, name })
    }

    #[getter]
    fn format(&self) -> &'static str {
        self.inner.format()
    }

    /// Every node below a path, as `slab ls --json` has them.
    #[pyo3(signature = (path = "", *, depth = None, attributes = false))]
    fn nodes<'py>(
        &self,
        py: Python<'py>,
        path: &str,
        depth: Option<u32>,
        attributes: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let limits = ls::limits();
        let made = py.detach(|| -> Result<_> {
            let nodes = ls::nodes(&*self.inner, path, depth, attributes, &limits)?;
            nodes.iter().map(|n| ls::node_json(n, attributes, &limits)).collect::<Result<Vec<_>>>()
        });
        json(py, &serde_json::Value::Array(made.map_err(|e| e.file(&self.name)).or_raise(py)?))
    }

    /// The paths of all arrays.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let nodes = py.detach(|| self.inner.nodes("", None, false, &limits()));
        let nodes = nodes.map_err(|e| e.file(&self.name)).or_raise(py)?;
        let arrays = nodes.into_iter().filter(hyperslab::sum::counts).map(|n| n.path);
        PyList::new(py, arrays.collect::<Vec<_>>())
    }

    /// The elements that a selection takes.
    #[pyo3(signature = (path = "", selected = None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        path: &str,
        selected: Option<&Bound<'py, PyString>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let selection = selection(py, selected)?;
        let view = py.detach(|| self.inner.read(path, &selection, &limits()));
        array::of_view(py, view.map_err(|e| e.file(&self.name)).or_raise(py)?)
    }

    /// The metadata of one node.
    #[pyo3(signature = (path = ""))]
    fn attributes<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyDict>> {
        let found = py.detach(|| self.inner.attributes(path, &limits()));
        let out = PyDict::new(py);
        for (name, found) in found.map_err(|e| e.file(&self.name)).or_raise(py)? {
            out.set_item(name, value::to_python(py, found)?)?;
        }
        Ok(out)
    }

    /// The digest of every array by its path; `None` for types that have none.
    #[pyo3(signature = (path = ""))]
    fn digests<'py>(&self, py: Python<'py>, path: &str) -> PyResult<Bound<'py, PyDict>> {
        let sums = py.detach(|| hyperslab::sum::tree(&*self.inner, path, &limits(), &mut |_| {}));
        let out = PyDict::new(py);
        for sum in sums.map_err(|e| e.file(&self.name)).or_raise(py)? {
            if let Some(e) = sum.error {
                return Err(crate::errors::raise(py, &e.file(&self.name)));
            }
            out.set_item(sum.path, sum.sha256)?;
        }
        Ok(out)
    }

    fn __repr__(&self) -> String {
        format!("<hyperslab {} {:?}>", self.inner.format(), self.name)
    }
}

/// How arrays are to be stored, of what was given by name.
fn array_options(gzip: Option<u32>, chunks: Option<Vec<u64>>, shuffle: bool) -> ArrayOptions {
    ArrayOptions {
        deflate: gzip,
        shuffle,
        chunks: chunks.map(|c| hyperslab::Shape::new(&c)),
        ..ArrayOptions::default()
    }
}

/// Writes arrays and their metadata as a new file, whole or not at all.
#[pyfunction]
#[pyo3(signature = (path, arrays, attributes, *, replace, gzip = None, chunks = None, shuffle = false))]
#[expect(clippy::too_many_arguments, reason = "each has its name in Python")]
fn save(
    py: Python<'_>,
    path: PathBuf,
    arrays: Vec<(String, Bound<'_, PyAny>)>,
    attributes: Vec<(String, String, Bound<'_, PyAny>)>,
    replace: bool,
    gzip: Option<u32>,
    chunks: Option<Vec<u64>>,
    shuffle: bool,
) -> PyResult<()> {
    let taken = |(name, array): (String, Bound<'_, PyAny>)| Ok((name, Elements::of(&array)?));
    let arrays = arrays.into_iter().map(taken).collect::<PyResult<Vec<_>>>()?;
    let read = |(node, name, v): (String, String, Bound<'_, PyAny>)| Ok((node, name, value::of_python(&v)?));
    let attributes = attributes.into_iter().map(read).collect::<PyResult<Vec<_>>>()?;
    let options = array_options(gzip, chunks, shuffle);
    let write = || -> Result<()> {
        let create_options = CreateOptions { replace, ..CreateOptions::default() };
        let output = Output::of_name(&path)?;
        // A file that is one array has no names.
        let place = |name| if output.has_names() || arrays.len() > 1 { name } else { "" };
        let mut writer = create(&path, output, &create_options)?;
        for (name, elements) in &arrays {
            writer.array(place(name), &elements.view()?, &options)?;
        }
        for (node, name, value) in &attributes {
            writer.attribute(place(node), name, value)?;
        }
        writer.finish()
    };
    py.detach(write).map_err(|e| e.file(&path)).or_raise(py)
}

/// An array as a complete file in memory.
#[pyfunction]
#[pyo3(signature = (array, name = image::DEFAULT_NAME, format = "hdf5"))]
fn serialize<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    name: &str,
    format: &str,
) -> PyResult<Bound<'py, PyAny>> {
    let elements = Elements::of(array)?;
    let view = elements.view().or_raise(py)?;
    match format {
        "hdf5" => {
            let made = py.detach(|| image::serialize_aligned(&view, name)).or_raise(py)?;
            Ok(Bound::new(py, crate::buffer::Memory::new(made.into()))?.into_any())
        }
        "npy" => {
            let made = py.detach(|| -> Result<_> {
                let mut out = Vec::new();
                hyperslab::npy::npy::write_to(&mut out, &view)?;
                Ok(out)
            });
            Ok(PyBytes::new(py, &made.or_raise(py)?).into_any())
        }
        other => Err(PyValueError::new_err(format!("format is {other:?}, where 'hdf5' and 'npy' are known"))),
    }
}

/// The array of an image, over the image's own bytes wherever these allow.
#[pyfunction]
#[pyo3(signature = (data, name = None, copy = None))]
fn deserialize<'py>(
    data: &Bound<'py, PyAny>,
    name: Option<&str>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = data.py();
    let held = Held::of(data)?;
    let bytes = held.bytes();
    let source = SliceSource(bytes);
    let view = match bytes.starts_with(b"\x93NUMPY") {
        true => hyperslab::npy::npy::read(&source, &limits()),
        false => {
            let elements = match copy {
                None => image::Elements::Either,
                Some(false) => image::Elements::Borrowed,
                Some(true) => image::Elements::Copied,
            };
            image::deserialize_with(bytes, &DeserializeOptions { name, elements })
        }
    };
    match copy {
        Some(true) => array::of_view(py, view.or_raise(py)?),
        _ => array::lent(data, bytes, view.or_raise(py)?),
    }
}

/// Converts a file, or what is named in it, to another container.
#[pyfunction]
#[pyo3(signature = (source, target, *, path = "", name = None, replace = false, allow_loss = false, objects = false, gzip = None, chunks = None, shuffle = false))]
#[expect(clippy::too_many_arguments, reason = "each has its name in Python")]
fn convert<'py>(
    py: Python<'py>,
    source: PathBuf,
    target: PathBuf,
    path: &str,
    name: Option<String>,
    replace: bool,
    allow_loss: bool,
    objects: bool,
    gzip: Option<u32>,
    chunks: Option<Vec<u64>>,
    shuffle: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let stem = || source.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let options = ConvertOptions {
        replace,
        allow_loss,
        objects,
        name: name.unwrap_or_else(stem),
        array: array_options(gzip, chunks, shuffle),
        ..ConvertOptions::default()
    };
    let place = Place { path: path.into(), ..Place::default() };
    let done = py.detach(|| -> Result<_> {
        let input = open(&source, false, objects)?;
        hyperslab::convert(&*input, &place, &target, Vec::new(), &options)
    });
    let done = done.or_raise(py)?;
    let out = PyDict::new(py);
    out.set_item("path", done.path)?;
    out.set_item("arrays", done.arrays)?;
    out.set_item("attributes", done.attributes)?;
    out.set_item("bytes", done.bytes)?;
    out.set_item("notes", done.notes)?;
    out.set_item("lost", done.lost)?;
    Ok(out)
}

/// Compares two files, as `slab diff --json` does.
#[pyfunction]
#[pyo3(signature = (a, b, *, atol = 0.0, rtol = 0.0, equal_nan = false, objects = false))]
fn diff<'py>(
    py: Python<'py>,
    a: PathBuf,
    b: PathBuf,
    atol: f64,
    rtol: f64,
    equal_nan: bool,
    objects: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let options = DiffOptions { atol, rtol, equal_nan, listing: ls::limits(), limits: limits() };
    let report = py.detach(|| -> Result<_> {
        let (x, y, whole) = (open(&a, false, objects)?, open(&b, false, objects)?, Place::default());
        let one = Side { container: &*x, place: &whole, file: &a };
        let two = Side { container: &*y, place: &whole, file: &b };
        hyperslab::diff::diff(one, two, &options, &mut |_| {})?.to_json(&limits())
    });
    json(py, &report.or_raise(py)?)
}

/// Checks a file, as `slab verify --json` does.
#[pyfunction]
fn verify<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyAny>> {
    let options = OpenOptions { limits: limits(), ..OpenOptions::default() };
    let report = py.detach(|| hyperslab::verify::file(&path, &options, &mut |_| {}));
    json(py, &report.or_raise(py)?.to_json(&path))
}

/// Saves what is left of a damaged file in a new one, as `slab recover --json` does.
#[pyfunction]
#[pyo3(signature = (path, out, *, replace = false))]
fn recover<'py>(py: Python<'py>, path: PathBuf, out: PathBuf, replace: bool) -> PyResult<Bound<'py, PyAny>> {
    let options = RecoverOptions { replace, ..RecoverOptions::default() };
    let done = py.detach(|| hyperslab::recover::recover(&path, &out, &options));
    json(py, &done.or_raise(py)?.to_json(&path, &out))
}
