//! A raw file's writer that puts beside it what the file itself does not say.

use super::path_of;
use crate::npy::npz::attributes;
use crate::output::NewFile;
use crate::{ArrayOptions, ContainerWriter, Error, Limits, Result, Value, View};
use serde_json::{Map, Value as Json};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A writer of one array that puts its metadata beside it.
pub(crate) struct Beside {
    array: Box<dyn ContainerWriter>,
    path: PathBuf,
    replace: bool,
    /// Whether the layout is to be told, too.
    tell: bool,
    /// The separator of a text.
    sep: Option<String>,
    layout: Map<String, Json>,
    metadata: Map<String, Json>,
}

impl Beside {
    pub(crate) fn new(array: Box<dyn ContainerWriter>, path: &Path, tell: bool, replace: bool) -> Beside {
        Beside {
            array,
            path: path.to_path_buf(),
            replace,
            tell,
            sep: None,
            layout: Map::new(),
            metadata: Map::new(),
        }
    }

    /// The array is a text with this separator.
    pub(crate) fn text(mut self, sep: &str) -> Beside {
        self.sep = Some(sep.to_owned());
        self
    }
}

impl ContainerWriter for Beside {
    fn group(&mut self, path: &str) -> Result<()> {
        self.array.group(path)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        self.array.array(path, view, options)?;
        if self.tell {
            self.layout.insert("descr".into(), view.dtype().to_json());
            self.layout.insert("fortran_order".into(), false.into());
            self.layout.insert("shape".into(), view.shape().to_vec().into());
            match &self.sep {
                Some(sep) => self.layout.insert("sep".into(), sep.as_str().into()),
                None => self.layout.insert("offset".into(), 0.into()),
            };
        }
        Ok(())
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
        let Beside { array, path, replace, mut layout, metadata, .. } = *self;
        if !metadata.is_empty() {
            layout.insert(String::new(), metadata.into());
        }
        if !layout.is_empty() {
            let mut file = NewFile::create(path_of(&path), replace)?;
            let text = Json::Object(layout).to_string();
            file.write_all(text.as_bytes()).map_err(|e| Error::io(e, "cannot write").file(file.target()))?;
            file.commit()?;
        }
        array.finish()
    }
}
