//! A group of a file being written, by whose names its members are made.

use super::{DatasetBuilder, Writer};
use crate::write::tree::Child;
use hyperslab_core::{Result, Value};

/// A group; what is made through it lies below it.
pub struct Group<'w> {
    writer: &'w mut Writer,
    path: String,
}

impl<'w> Group<'w> {
    pub(super) fn new(writer: &'w mut Writer, path: &str) -> Group<'w> {
        Group { writer, path: path.trim_end_matches('/').to_owned() }
    }

    /// Its path in the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn below(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Makes a group in this one.
    ///
    /// # Errors
    /// As [`Writer::group`].
    pub fn group(&mut self, name: &str) -> Result<Group<'_>> {
        let path = self.below(name);
        self.writer.group(&path)
    }

    /// Starts a dataset in this group.
    pub fn dataset(&mut self, name: &str) -> DatasetBuilder<'_> {
        let path = self.below(name);
        self.writer.dataset(&path)
    }

    /// Hangs an attribute on this group.
    ///
    /// # Errors
    /// As [`Writer::attribute`].
    pub fn attribute(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.writer.attribute(&self.path, name, &value.into())
    }
}

impl Writer {
    /// Lets all groups keep the order in which their links were made: h5py lists them in that order, where it would
    /// go by their names.
    #[must_use]
    pub fn in_order(mut self) -> Writer {
        self.tree.ordered = true;
        self
    }

    /// Gives an object that was written one more name: both are as good.
    ///
    /// # Errors
    /// `Usage` when the object is not there, or the name is taken or cannot be stored.
    pub fn hard_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.tree.hard_link(path, target).map_err(|e| e.object(path))
    }

    /// Makes a name that leads to a path of this file, where something may or may not be.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, or the path is none.
    pub fn soft_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.tree.place_link(path, Child::Soft(target.to_owned())).map_err(|e| e.object(path))
    }

    /// Makes a name that leads to a path of another file, whose name is looked for beside this one.
    ///
    /// # Errors
    /// As [`Writer::soft_link`].
    pub fn external_link(&mut self, path: &str, file: &str, target: &str) -> Result<()> {
        let child = Child::External { file: file.to_owned(), path: target.to_owned() };
        self.tree.place_link(path, child).map_err(|e| e.object(path))
    }
}
