//! An NPZ writer that keeps raw members raw.

use crate::npy::NpzWriter;
use crate::output::NewFile;
use crate::{ArrayOptions, ContainerWriter, Limits, Result, Value, View};
use std::collections::BTreeSet;

/// Writes the arrays of some names as members of raw bytes.
pub(crate) struct RawMembers {
    pub(crate) npz: NpzWriter<NewFile>,
    pub(crate) names: BTreeSet<String>,
}

impl ContainerWriter for RawMembers {
    fn group(&mut self, path: &str) -> Result<()> {
        self.npz.group(path)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        match self.names.contains(path) {
            true => {
                let bytes = view.to_bytes(&Limits::default())?;
                self.npz.add_raw(path, &bytes, options.deflate).map_err(|e| e.object(path))
            }
            false => self.npz.array(path, view, options),
        }
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        self.npz.attribute(path, name, value)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Box::new(self.npz).finish()
    }
}
