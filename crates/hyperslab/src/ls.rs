//! Listings: the nodes of a container in the JSON of the command contract.

use crate::detect::{Format, detect};
use crate::source::FileSource;
use crate::{Container, Error, Kind, Limits, Node, NodeKind, Result, json};
use serde_json::{Map, Value as Json, json as object};
use std::path::Path;

/// What listing a file may use: a small file can describe more paths than anybody wants to wait for.
pub fn limits() -> Limits {
    Limits::new(8 << 30, 1 << 20, 64)
}

/// The nodes at and below `path`, as [`Container::nodes`] lists them.
///
/// Where the listing has no root but the root has attributes, and they are asked for, a root group comes first.
///
/// # Errors
/// As [`Container::nodes`].
pub fn nodes(
    container: &dyn Container,
    path: &str,
    depth: Option<u32>,
    attributes: bool,
    limits: &Limits,
) -> Result<Vec<Node>> {
    let nodes = container.nodes(path, depth, attributes, limits)?;
    if attributes { rooted(container, path, nodes, limits) } else { Ok(nodes) }
}

/// The same of every object once, as [`Container::once`] lists them.
///
/// # Errors
/// As [`Container::nodes`].
pub(crate) fn once(container: &dyn Container, path: &str, limits: &Limits) -> Result<Vec<Node>> {
    rooted(container, path, container.once(path, limits)?, limits)
}

fn rooted(container: &dyn Container, path: &str, mut nodes: Vec<Node>, limits: &Limits) -> Result<Vec<Node>> {
    let is_root = |path: &str| matches!(path, "" | "/");
    if is_root(path) && !nodes.iter().any(|n| is_root(&n.path)) {
        let mut root = Node::new("", NodeKind::Group);
        match container.attributes("", limits) {
            Ok(values) => root.attributes = values,
            Err(e) if e.kind() == Kind::Usage => {}
            Err(e) => root.error = Some(e),
        }
        if !root.attributes.is_empty() || root.error.is_some() {
            nodes.insert(0, root);
        }
    }
    Ok(nodes)
}

/// One file of `slab ls --json`: its name, format and nodes.
///
/// # Errors
/// What writing an attribute as JSON reports.
pub fn file_json(
    file: &Path,
    container: &dyn Container,
    nodes: &[Node],
    attributes: bool,
    limits: &Limits,
) -> Result<Json> {
    let nodes = nodes.iter().map(|n| node_json(n, attributes, limits)).collect::<Result<Vec<_>>>()?;
    Ok(object!({ "file": file.to_string_lossy(), "format": container.format(), "nodes": nodes }))
}

/// A file that could not be opened, in the same list; with its format where the content says one.
pub fn refused_json(file: &Path, error: &Error) -> Json {
    let source = FileSource::open(file).ok().filter(|_| file.is_file());
    let format = source.and_then(|s| detect(&s).ok()).flatten().map(Format::id);
    let mut document = object!({ "file": file.to_string_lossy(), "nodes": [], "error": error.to_string() });
    if let (Some(format), Some(o)) = (format, document.as_object_mut()) {
        o.insert("format".into(), format.into());
    }
    document
}

/// One node; keys that do not apply are absent.
///
/// # Errors
/// What writing an attribute as JSON reports.
pub fn node_json(node: &Node, attributes: bool, limits: &Limits) -> Result<Json> {
    let mut o = Map::new();
    o.insert("path".into(), node.path.clone().into());
    o.insert("kind".into(), kind(node.kind).into());
    if let Some(d) = &node.dtype {
        o.insert("dtype".into(), d.to_json());
    }
    if let Some(s) = &node.shape {
        o.insert("shape".into(), s.to_vec().into());
    } else if node.kind == NodeKind::Array && node.error.is_none() {
        // A null dataspace has no shape, and says so.
        o.insert("shape".into(), Json::Null);
    }
    if !node.max_shape.is_empty() {
        o.insert("maxshape".into(), object!(node.max_shape));
    }
    if let Some(l) = &node.layout {
        o.insert("layout".into(), l.clone().into());
    }
    if let Some(c) = &node.chunks {
        o.insert("chunks".into(), c.to_vec().into());
    }
    if !node.filters.is_empty() {
        o.insert("filters".into(), node.filters.clone().into());
    }
    for (key, n) in [("nbytes", node.nbytes), ("stored_bytes", node.stored_bytes)] {
        if let Some(n) = n {
            o.insert(key.into(), n.into());
        }
    }
    if attributes && matches!(node.kind, NodeKind::Group | NodeKind::Array | NodeKind::Type) {
        let mut attrs = Map::new();
        for (name, value) in &node.attributes {
            // What has no text leaves the rest of the listing readable.
            let shown = match json::shown(value, limits) {
                Err(e) if e.kind() == Kind::Unsupported => object!({ "error": e.message() }),
                shown => shown?,
            };
            attrs.insert(name.clone(), shown);
        }
        o.insert("attrs".into(), Json::Object(attrs));
    }
    if let Some(t) = &node.target {
        o.insert("target".into(), t.clone().into());
    }
    if let Some(e) = &node.error {
        o.insert("error".into(), e.to_string().into());
    }
    Ok(Json::Object(o))
}

/// The contract's word for a kind of node.
pub fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Group => "group",
        NodeKind::Array => "array",
        NodeKind::Type => "type",
        NodeKind::Link => "link",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, Value};

    #[test]
    fn keys_that_do_not_apply_are_absent() {
        let limits = Limits::default();
        let mut n = Node::array("/x", Dtype::F64, [2, 3].into());
        assert_eq!(
            node_json(&n, false, &limits).unwrap().to_string(),
            r#"{"path":"/x","kind":"array","dtype":"<f8","shape":[2,3],"nbytes":48}"#
        );
        n.max_shape = vec![None, Some(3)];
        n.chunks = Some([1, 3].into());
        n.layout = Some("chunked".into());
        n.filters = vec!["deflate(4)".into()];
        n.attributes = vec![("k".into(), Value::Float(f64::NAN))];
        assert_eq!(
            node_json(&n, true, &limits).unwrap().to_string(),
            r#"{"path":"/x","kind":"array","dtype":"<f8","shape":[2,3],"maxshape":[null,3],"layout":"chunked","chunks":[1,3],"filters":["deflate(4)"],"nbytes":48,"attrs":{"k":"NaN"}}"#
        );
    }

    #[test]
    fn a_null_dataspace_has_a_null_shape() {
        let n = Node { dtype: Some(Dtype::F64), ..Node::new("/n", NodeKind::Array) };
        let text = node_json(&n, false, &Limits::default()).unwrap().to_string();
        assert_eq!(text, r#"{"path":"/n","kind":"array","dtype":"<f8","shape":null}"#);
    }
}
