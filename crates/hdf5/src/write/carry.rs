//! What another HDF5 file has, taken over into the one that is written: objects as they are stored there, with all their
//! names, attributes, types, orders and links.
//!
//! Nothing is changed on the way, so there is nothing to choose: whoever wants other chunks or filters converts.

use super::Writer;
use crate::File;
use crate::read::{names, once};
use hyperslab_core::container::StoredAttribute;
use hyperslab_core::{
    Container, ContainerWriter, Error, Limits, Node, NodeKind, Result, ResultExt, Selection,
};

impl Writer {
    /// Takes over what another file has at and below these paths, under the same paths: groups, arrays as they are stored
    /// there (chunks, filters, fill values, greatest extents), named types, attributes, links, orders of creation,
    /// times, comments. Elements that lie in other files lie in this one, those of virtual datasets too. An object with
    /// several names stays one object; what leads to the root group leads to that of this file.
    ///
    /// Everything is read before this returns, so an error of the file that is read is told here, and not when this one is
    /// finished; but for references, which must lead to something that is there by then.
    ///
    /// # Errors
    /// `Unsupported` for what a new file cannot hold as it was; `Usage` for a name that is taken or not there;
    /// `Invalid`, `Limit`, `Io`. Some of it may have been taken over by then.
    pub fn carry(&mut self, file: &File<'_>, paths: &[&str], limits: &Limits) -> Result<()> {
        let is_root = |path: &&str| path.split('/').all(|p| p.is_empty() || p == ".");
        let (mut inner, mut links) = (Vec::new(), Vec::new());
        for path in paths {
            // What is itself a link is not followed.
            match file.link(path, limits)? {
                Some(to) => links.push(((*path).to_owned(), to)),
                None => inner.push(*path),
            }
        }
        let rooted = !paths.iter().any(is_root);
        let mut nodes = file.settled_nodes(|| once::objects(file, &inner, rooted, limits))?;
        for node in &mut nodes {
            if let Some(e) = node.error.take() {
                return Err(e.object(node.path.as_str()));
            }
            if names::escaped(&node.path).is_some() {
                return Err(Error::unsupported("a name that is no text").object(node.path.as_str()));
            }
        }
        // What others are of comes before them, what leads to others after them.
        for node in nodes.iter().filter(|n| n.kind == NodeKind::Group) {
            self.group(&node.path)?;
        }
        for node in nodes.iter().filter(|n| n.kind == NodeKind::Type) {
            let dtype = node.dtype.as_ref().ok_or_else(|| Error::invalid("a named type without a type"))?;
            self.named_type(&node.path, dtype)?;
        }
        for node in nodes.iter().filter(|n| n.kind == NodeKind::Array) {
            self.carry_array(file, node, limits).in_object(&node.path)?;
        }
        for node in nodes.iter().filter(|n| n.kind == NodeKind::Link) {
            match (node.object, &node.target) {
                (Some(_), Some(target)) => self.hard_link(&node.path, target)?,
                _ => {
                    let to = file.link(&node.path, limits)?;
                    let to = to.ok_or_else(|| Error::invalid("a link that leads nowhere"));
                    links.push((node.path.clone(), to.in_object(&node.path)?));
                }
            }
        }
        for (path, to) in &links {
            ContainerWriter::link(self, path, to)?;
        }
        for node in nodes.iter().filter(|n| n.kind != NodeKind::Link) {
            for (name, attribute) in file.stored_attributes(&node.path, limits)? {
                self.carry_attribute(node, &name, attribute)?;
            }
            let kept = file.bookkeeping(&node.path, limits)?;
            ContainerWriter::bookkeeping(self, &node.path, &kept)?;
        }
        Ok(())
    }

    fn carry_array(&mut self, file: &File<'_>, node: &Node, limits: &Limits) -> Result<()> {
        let path = node.path.as_str();
        let mut storage = file.storage(path, limits)?;
        let dtype = node.dtype.as_ref().ok_or_else(|| Error::unsupported("an array without a type"))?;
        storage.named_type = storage.named_type.filter(|t| self.tree.type_at(t, dtype).is_ok());
        if node.shape.is_none() {
            return self.put_null(path, dtype, &storage);
        }
        self.put(path, &file.read(path, &Selection::ALL, limits)?, &storage)
    }

    fn carry_attribute(&mut self, node: &Node, name: &str, mut attribute: StoredAttribute<'_>) -> Result<()> {
        if names::escaped(name).is_some() {
            let at = format!("{}@{name}", node.path);
            return Err(Error::unsupported("a name that is no text").object(at));
        }
        // It was written with the array whose type it restores.
        if node.kind == NodeKind::Array && self.tree.has_attribute(&node.path, name) {
            return Ok(());
        }
        let named = attribute.named_type.take();
        attribute.named_type = named.filter(|t| self.tree.type_at(t, &attribute.dtype).is_ok());
        ContainerWriter::stored_attribute(self, &node.path, name, &attribute).map(drop)
    }
}
