//! The new file against what was written: opened as any other file, every array and attribute compared.

use super::plan::Plan;
use crate::create::Output;
use crate::npy::raw::Layout;
use crate::sum::{self, Sum};
use crate::{
    Dtype, Error, Limits, Node, OpenOptions, Result, Selection, Value, View, digest, open_with, same, scalar,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;

/// One node as it was written.
pub(super) struct Written {
    pub(super) path: String,
    pub(super) array: Option<Sum>,
    /// Names, and the value where it is not the planned one.
    pub(super) attributes: Vec<(String, Option<Value>)>,
}

impl Written {
    pub(super) fn array(path: &str, view: &View<'_>) -> Result<Written> {
        let sum = Sum {
            path: path.into(),
            dtype: Some(view.dtype().clone()),
            shape: Some(view.shape().clone()),
            sha256: fingerprint(view)?,
            error: None,
        };
        Ok(Written { path: path.into(), array: Some(sum), attributes: Vec::new() })
    }

    pub(super) fn null(path: &str, dtype: &Dtype) -> Written {
        let sum = Sum {
            path: path.into(),
            dtype: Some(dtype.clone()),
            shape: None,
            sha256: Some(digest::Hasher::new().finish()).filter(|_| digest::is_digestible(dtype)),
            error: None,
        };
        Written { path: path.into(), array: Some(sum), attributes: Vec::new() }
    }

    pub(super) fn group(path: &str) -> Written {
        Written { path: path.into(), array: None, attributes: Vec::new() }
    }
}

/// The digest, or that of the bytes for types that have none.
fn fingerprint(view: &View<'_>) -> Result<Option<String>> {
    if view.dtype().has_references() {
        // Addresses are others in another file: what is compared is what they lead to.
        let (mut hasher, heap) = (Sha256::new(), view.heap().map(|h| &**h));
        view.for_each(|element| {
            hasher.update(format!("{:?};", scalar::decode(view.dtype(), element, heap)?));
            Ok(())
        })?;
        return Ok(Some(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect()));
    }
    let opaque = u32::try_from(view.dtype().itemsize()).ok().map(Dtype::Void);
    match opaque {
        Some(void) if !digest::is_digestible(view.dtype()) && !view.dtype().has_indirection() => {
            digest::digest(&view.borrow().reinterpret(void)?)
        }
        _ => digest::digest(view),
    }
}

/// Compares the file with what was written to it.
pub(super) fn check(
    file: &Path,
    output: Output,
    written: &[Written],
    plan: &Plan,
    limits: &Limits,
) -> Result<()> {
    let mut options = OpenOptions { limits: limits.clone(), objects: true, ..OpenOptions::default() };
    if let (Output::Raw | Output::Text, Some(sum)) = (output, written.first().and_then(|w| w.array.as_ref()))
    {
        let layout = sum.dtype.clone().map(Layout::new).zip(sum.shape.as_ref());
        if let Some((layout, shape)) = layout {
            let Layout { dtype, shape, .. } = layout.with_shape(shape);
            options.declared.dtype = Some(dtype);
            options.declared.shape = shape;
        }
    }
    let container = open_with(file, &options)?;
    for (path, to) in &plan.links {
        if container.link(path, limits)?.as_ref() != Some(to) {
            return Err(differs(path, "it does not lead there when read again"));
        }
    }
    if !plan.names.is_empty() {
        let found = container.once("/", limits)?;
        let objects: HashMap<&str, u64> =
            found.iter().filter_map(|n| Some((n.path.as_str(), n.object?))).collect();
        for (name, of) in &plan.names {
            let (is, want) = (objects.get(name.as_str()), objects.get(of.as_str()));
            if is.is_none() || is != want {
                return Err(differs(name, "it is not a name of the same object when read again"));
            }
        }
    }
    for node in written {
        if let Some(want) = &node.array {
            let differs = || differs(&node.path, "it is not the same when read again");
            let found = container.nodes(&node.path, Some(0), false, limits)?;
            // Below the empty key lies all there is.
            let found = found.into_iter().find(|n| n.path == node.path).ok_or_else(differs)?;
            let got = match want.dtype.as_ref().is_some_and(digest::is_digestible) {
                true => sum::array(&*container, found, limits, &mut |_| {}),
                false => unusual(&*container, found, limits)?,
            };
            if let Some(e) = got.error {
                return Err(e);
            }
            if !got.same_as(want) {
                return Err(differs());
            }
        }
        let found = match node.attributes.is_empty() {
            true => continue,
            false => container.attributes(&node.path, limits)?,
        };
        for (name, value) in &node.attributes {
            let planned = || plan.attributes_of(&node.path).find(|a| a.name == *name).map(|a| &a.value);
            let want = value.as_ref().or_else(planned);
            let got = found.iter().find(|(n, _)| n == name).map(|(_, v)| v);
            if !want.zip(got).is_some_and(|(w, g)| same::value(w, g)) {
                return Err(differs(&format!("{}@{name}", node.path), "it is not the same when read again"));
            }
        }
    }
    Ok(())
}

fn unusual(container: &dyn crate::Container, node: Node, limits: &Limits) -> Result<Sum> {
    let view = container.read(&node.path, &Selection::ALL, limits)?;
    Ok(Written::array(&node.path, &view)?.array.unwrap_or_else(|| Sum::refused(Error::invalid("no array"))))
}

fn differs(path: &str, why: &'static str) -> Error {
    Error::unsupported(why).object(path).hint("nothing was written")
}
