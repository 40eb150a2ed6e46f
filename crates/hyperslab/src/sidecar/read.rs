//! Finding and reading what lies beside an array, and the array with its metadata.

use super::path_of;
use crate::container::Stream;
use crate::npy::headers::{self, Description, envi};
use crate::npy::npz::attributes;
use crate::npy::raw::Layout;
use crate::source::FileSource;
use crate::walk::Visit;
use crate::{
    Container, Dtype, Error, Limits, Node, Order, Result, ResultExt, Selection, Source, Value, View,
};
use serde_json::{Map, Value as Json};
use std::path::{Path, PathBuf};

/// The extensions of the file that an ENVI header of the same stem describes.
pub(crate) const DATA: [&str; 8] = ["", "dat", "img", "raw", "bin", "bsq", "bil", "bip"];

/// A JSON file is read up to this size.
const MAX: u64 = 64 << 20;

/// The keys that a JSON file has; `""` stands for `attrs` as it does in an NPZ's `metadata.json`.
const KEYS: [&str; 7] = ["descr", "shape", "fortran_order", "offset", "sep", "attrs", ""];

/// What a file beside an array says.
#[derive(Debug)]
pub(crate) struct Sidecar {
    /// Type, extents and position, where it says them.
    pub(crate) layout: Option<Layout>,
    /// What separates the elements of a text.
    pub(crate) sep: Option<String>,
    metadata: Metadata,
}

/// Metadata in the form of `metadata.json`, and the file that it came from.
#[derive(Debug)]
struct Metadata {
    json: Vec<u8>,
    file: PathBuf,
}

/// What lies beside a file, if anything.
///
/// # Errors
/// `Invalid` for a file of ours that contradicts itself, `Limit`, `Io`.
pub(crate) fn find(path: &Path, limits: &Limits) -> Result<Option<Sidecar>> {
    let file = path_of(path);
    if file.is_file() {
        let text = whole(&file, MAX, limits)?;
        return parse(&text, &file, limits).in_file(&file);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".hdr");
    // A stem may have many files; the header is of the one with elements.
    let is_data = DATA.contains(&path.extension().and_then(|e| e.to_str()).unwrap_or_default());
    let of_stem = is_data.then(|| path.with_extension("hdr"));
    for file in [Some(PathBuf::from(beside)), of_stem].into_iter().flatten() {
        if file != path && file.is_file() {
            let text = whole(&file, headers::MAX, limits)?;
            // Others use the extension too.
            if text.starts_with(envi::MAGIC) {
                let text = String::from_utf8_lossy(&text);
                return envi::parse(&text).and_then(|d| Sidecar::of(d, &file)).in_file(&file).map(Some);
            }
        }
    }
    Ok(None)
}

fn whole(file: &Path, most: u64, limits: &Limits) -> Result<Vec<u8>> {
    let source = FileSource::open(file)?;
    let size = source.len()?;
    if size > most {
        return Err(Error::limit(format!("{size} bytes of metadata, the limit is {most}")).file(file));
    }
    Ok(source.bytes_at(0, size, limits)?.into_owned())
}

fn parse(text: &[u8], file: &Path, limits: &Limits) -> Result<Option<Sidecar>> {
    let document: Json = serde_json::from_slice(text).map_err(|e| {
        Error::invalid(format!("is not JSON: {e}"))
            .hint("mend it, or remove it: it describes the file beside it")
    })?;
    let Json::Object(mut all) = document else {
        let what =
            format!("is {}, not an object with keys such as \"descr\" and \"attrs\"", found(&document));
        return Err(Error::invalid(what).hint("mend it, or remove it: it describes the file beside it"));
    };
    // An object without any key of ours is somebody else's.
    if !all.keys().any(|key| KEYS.contains(&key.as_str())) {
        return Ok(None);
    }
    let layout = match all.remove("descr") {
        Some(descr) => Some(layout(&descr, &mut all)?),
        None => None,
    };
    let sep = match all.remove("sep") {
        Some(Json::String(sep)) => Some(sep),
        Some(other) => return Err(not("sep", &other, "text")),
        None => None,
    };
    let mut attributes = Map::new();
    for key in ["", "attrs"] {
        match all.remove(key) {
            None => {}
            Some(Json::Object(named)) => {
                for (name, value) in named {
                    if attributes.insert(name.clone(), tagged(value)).is_some() {
                        return Err(Error::invalid(format!("the attribute {name:?} is there twice")));
                    }
                }
            }
            Some(other) => return Err(not(key, &other, "an object of names and values")),
        }
    }
    if let Some(key) = all.keys().next() {
        return Err(Error::invalid(match KEYS.contains(&key.as_str()) {
            true => format!("{key:?} is there, and \"descr\" is not"),
            false => format!("{key:?} is none of the keys {KEYS:?}"),
        }));
    }
    let json = Json::Object(Map::from_iter([(String::new(), Json::Object(attributes))]));
    let metadata = Metadata { json: json.to_string().into_bytes(), file: file.into() };
    attributes::parse(&metadata.json, limits)?;
    Ok(Some(Sidecar { layout, sep, metadata }))
}

/// The form of `metadata.json` has a value with its type; one without is taken as it is.
fn tagged(value: Json) -> Json {
    let is_tagged = value.as_object().is_some_and(|o| {
        o.contains_key("value") && o.keys().all(|key| ["dtype", "shape", "value"].contains(&key.as_str()))
    });
    match is_tagged {
        true => value,
        false => Json::Object(Map::from_iter([("value".to_owned(), value)])),
    }
}

fn not(key: &str, value: &Json, expected: &str) -> Error {
    Error::invalid(format!("{key:?} is {}, not {expected}", found(value)))
}

/// What a value is, in words; short ones as they stand.
fn found(value: &Json) -> String {
    let text = value.to_string();
    match value {
        _ if text.len() <= 40 => text,
        Json::Array(_) => "a list".into(),
        Json::Object(_) => "an object".into(),
        Json::String(_) => "a text".into(),
        _ => "a long number".into(),
    }
}

/// The keys of an NPY header.
fn layout(descr: &Json, all: &mut Map<String, Json>) -> Result<Layout> {
    let dtype = Dtype::from_json(descr).map_err(|e| e.reading("\"descr\""))?;
    let mut layout = Layout::new(dtype);
    let extents = |v: &Json| v.as_array()?.iter().map(|e| e.as_u64().map(Some)).collect::<Option<Vec<_>>>();
    if let Some(shape) = all.remove("shape") {
        layout.shape = Some(extents(&shape).ok_or_else(|| not("shape", &shape, "a list of extents"))?);
    }
    if let Some(order) = all.remove("fortran_order") {
        let fortran = order.as_bool().ok_or_else(|| not("fortran_order", &order, "true or false"))?;
        layout.order = if fortran { Order::F } else { Order::C };
    }
    if let Some(offset) = all.remove("offset") {
        layout.offset = offset.as_u64().ok_or_else(|| not("offset", &offset, "a number of bytes"))?;
    }
    Ok(layout)
}

impl Sidecar {
    /// What a header of another format says.
    pub(crate) fn of(description: Description, file: &Path) -> Result<Sidecar> {
        let limits = Limits::default();
        let mut values = Map::new();
        for (name, value) in &description.attributes {
            values.insert(name.clone(), attributes::write(value, &limits)?);
        }
        let json = serde_json::json!({ "": values }).to_string().into_bytes();
        Ok(Sidecar {
            layout: Some(description.layout),
            sep: None,
            metadata: Metadata { json, file: file.into() },
        })
    }

    /// The array with its metadata.
    pub(crate) fn describe(self, array: Box<dyn Container>) -> Box<dyn Container> {
        Box::new(Described { array, metadata: self.metadata })
    }
}

/// An array of a file, with the metadata that lies beside it.
pub(crate) struct Described {
    array: Box<dyn Container>,
    metadata: Metadata,
}

impl Container for Described {
    fn format(&self) -> &'static str {
        self.array.format()
    }

    fn nodes(&self, path: &str, depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        let mut nodes = self.array.nodes(path, depth, attributes, limits)?;
        if let (true, Some(node)) = (attributes, nodes.first_mut()) {
            match self.attributes(path, limits) {
                Ok(values) => node.attributes = values,
                Err(e) => node.error = node.error.take().or(Some(e)),
            }
        }
        Ok(nodes)
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        self.array.read(path, selection, limits)
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        self.array.attributes(path, limits)?;
        let Metadata { json, file } = &self.metadata;
        match attributes::parse(json, limits).in_file(file)? {
            Some(all) => all.of("", limits).in_file(file),
            None => Ok(Vec::new()),
        }
    }

    fn stream<'a>(&'a self, path: &str, limits: &'a Limits) -> Result<Option<Box<dyn Stream + 'a>>> {
        self.array.stream(path, limits)
    }

    fn walk(&self, limits: &Limits, visit: Visit<'_>) -> Result<()> {
        self.array.walk(limits, visit)
    }
}
