//! Metadata beside a headerless array: `<file>.meta.json`, in the form of an NPZ's `metadata.json`, at the path `""`.

use crate::npy::npz::attributes;
use crate::output::NewFile;
use crate::source::FileSource;
use crate::{
    ArrayOptions, Container, ContainerWriter, Error, Limits, Node, Result, ResultExt, Selection, Source,
    Value, View,
};
use serde_json::{Map, Value as Json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Metadata is read up to this size.
const MAX: u64 = 64 << 20;

/// The file beside `path` that holds its metadata.
pub fn path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".meta.json");
    name.into()
}

/// An array of a file, with the metadata that lies beside it.
pub(crate) struct Described {
    array: Box<dyn Container>,
    metadata: Vec<u8>,
    file: PathBuf,
}

/// The container with the metadata beside its file, where there is any of our form.
pub(crate) fn describe(
    array: Box<dyn Container>,
    path: &Path,
    limits: &Limits,
) -> Result<Box<dyn Container>> {
    let file = path_of(path);
    if !file.is_file() {
        return Ok(array);
    }
    let source = FileSource::open(&file)?;
    let size = source.len()?;
    if size > MAX {
        return Err(Error::limit(format!("{size} bytes of metadata, the limit is {MAX}")).file(&file));
    }
    let metadata = source.bytes_at(0, size, limits)?.into_owned();
    match attributes::parse(&metadata, limits).in_file(&file)? {
        Some(_) => Ok(Box::new(Described { array, metadata, file })),
        None => Ok(array),
    }
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
        match attributes::parse(&self.metadata, limits).in_file(&self.file)? {
            Some(all) => all.of("", limits).in_file(&self.file),
            None => Ok(Vec::new()),
        }
    }
}

/// A writer of one array that puts its metadata beside it.
pub(crate) struct Beside {
    array: Box<dyn ContainerWriter>,
    path: PathBuf,
    replace: bool,
    metadata: Map<String, Json>,
}

impl Beside {
    pub(crate) fn new(array: Box<dyn ContainerWriter>, path: &Path, replace: bool) -> Beside {
        Beside { array, path: path.to_path_buf(), replace, metadata: Map::new() }
    }
}

impl ContainerWriter for Beside {
    fn group(&mut self, path: &str) -> Result<()> {
        self.array.group(path)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        self.array.array(path, view, options)
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        if !matches!(path, "" | "/") {
            return Err(Error::usage("nothing is written under this name").object(path));
        }
        let json = attributes::write(value, &Limits::default())
            .map_err(|e| e.reading(format!("attribute {name:?}")).file(&self.path))?;
        match self.metadata.insert(name.to_owned(), json) {
            None => Ok(()),
            Some(_) => Err(Error::usage(format!("there are two attributes {name:?}"))),
        }
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Beside { array, path, replace, metadata } = *self;
        if !metadata.is_empty() {
            let text = serde_json::json!({ "": metadata }).to_string();
            let mut file = NewFile::create(path_of(&path), replace)?;
            file.write_all(text.as_bytes()).map_err(|e| Error::io(e, "cannot write").file(file.target()))?;
            file.commit()?;
        }
        array.finish()
    }
}
