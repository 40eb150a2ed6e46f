//! What of a damaged log belongs to no log, such as `/daq_configs`: read as of any HDF5 file, and written into the new one.
//!
//! Each object with all below it is carried whole, or left out and named. Not here: messages, which come from whatever is
//! left of them (`rows`).

use super::super::fresh::Extra;
use hyperslab_core::{Container as _, ContainerWriter, Error, Limits, LinkTo, NodeKind, Result, Selection};
use hyperslab_hdf5::{File, Writer};

/// What is not of the log itself.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Members of the root group.
    pub(super) objects: Vec<String>,
    /// Attributes of `/meta` that the log machinery does not write.
    pub(super) attributes: Vec<String>,
}

impl Others {
    /// Writes what can be read into the new log; what cannot is returned, as paths, with the reasons.
    pub(super) fn carry(
        self,
        file: Result<File<'_>>,
        new: &mut Extra,
        limits: &Limits,
    ) -> Vec<(String, Error)> {
        let mut left = Vec::new();
        let file = || file.as_ref().map_err(|e| Error::invalid(e.message().to_owned()));
        for name in self.attributes {
            let done = file()
                .and_then(|f| f.attribute("/meta", &name, limits))
                .and_then(|value| new.attribute("/meta", &name, value));
            left.extend(done.err().map(|e| (format!("/meta@{name}"), e)));
        }
        // What hangs on objects that every log has.
        for path in ["/", "/msgs", "/msg_headers"] {
            let Ok(found) = file().and_then(|f| f.attributes(path, limits)) else { continue };
            for (name, value) in found {
                let done = new.attribute(path, &name, value);
                left.extend(done.err().map(|e| (format!("{path}@{name}"), e)));
            }
        }
        for name in self.objects {
            let path = format!("/{name}");
            let done = file().and_then(|f| object(f, &path, new, limits));
            left.extend(done.err().map(|e| (path, e)));
        }
        left
    }
}

/// One member of the root group with all below it.
fn object(file: &File<'_>, path: &str, new: &mut Extra, limits: &Limits) -> Result<()> {
    match file.link(path, limits)? {
        Some(LinkTo::Soft(target)) => return new.soft_link(path, &target),
        Some(LinkTo::External { file, path: target }) => return new.external_link(path, &file, &target),
        None => {}
    }
    // All of it is made in memory first: nothing of an object that cannot be read is in the new log.
    new.add("/", |w| {
        for mut node in file.nodes(path, None, true, limits)? {
            if let Some(e) = node.error.take() {
                return Err(e);
            }
            match (node.kind, &node.shape) {
                (NodeKind::Group, _) => drop(w.group(&node.path)?),
                (NodeKind::Array, Some(_)) => array(file, &node.path, w, limits)?,
                _ => return Err(Error::unsupported(format!("{:?} is neither group nor array", node.path))),
            }
            for (name, value) in &node.attributes {
                ContainerWriter::attribute(w, &node.path, name, value)?;
            }
        }
        Ok(())
    })
}

fn array(file: &File<'_>, path: &str, w: &mut Writer, limits: &Limits) -> Result<()> {
    let view = file.read(path, &Selection::ALL, limits)?;
    ContainerWriter::array(w, path, &view, &file.storage(path, limits)?)
}
