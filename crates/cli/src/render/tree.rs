//! The listing of a container as a tree.

use super::style::{BAD, DIM, NAME, paint};
use super::{dtype, size, text, value};
use hyperslab::{Error, Limits, Node, NodeKind, Result, ls};
use std::io::{self, Write};

/// Writes the nodes of one file, parents before what they hold.
///
/// # Errors
/// What decoding an attribute reports; the writer's errors.
pub(crate) fn write(
    out: &mut dyn Write,
    title: &str,
    format: &str,
    nodes: &[Node],
    attributes: bool,
    limits: &Limits,
) -> Result<io::Result<()>> {
    let rows = rows(nodes);
    // One array that is the whole file needs no branch.
    let single = matches!(nodes, [n] if n.path.is_empty() && n.kind == NodeKind::Array);
    let mut head = format!("{}  {}", paint(NAME, &text::name(title)), paint(DIM, format));
    if let ([n], true) = (nodes, single) {
        head.push_str(&format!("  {}", described(n)));
    }
    let mut lines = vec![head];
    let width = rows.iter().map(|r| r.indent.chars().count() + r.label.chars().count()).max().unwrap_or(0);
    for row in &rows {
        let n = row.node;
        if is_root(n) || single {
            lines.extend(below(n, "", attributes, limits)?);
            continue;
        }
        let pad = width - row.indent.chars().count() - row.label.chars().count();
        let label = if n.kind == NodeKind::Group { paint(NAME, &row.label) } else { row.label.clone() };
        let line = format!("{}{label}{}  {}", row.indent, " ".repeat(pad), described(n));
        lines.push(line.trim_end().to_owned());
        lines.extend(below(n, &row.under, attributes, limits)?);
    }
    Ok(lines.iter().try_for_each(|l| writeln!(out, "{l}")))
}

/// Whether everything else hangs on a node. An array may have a root's path as its key.
fn is_root(n: &Node) -> bool {
    is_root_path(&n.path) && n.kind == NodeKind::Group
}

fn is_root_path(path: &str) -> bool {
    matches!(path, "" | "/")
}

/// Attributes and errors of a node, as lines below it.
fn below(node: &Node, under: &str, attributes: bool, limits: &Limits) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if let Some(e) = &node.error {
        lines.push(format!("{under}  {}", paint(BAD, &text::name(&without_place(e, &node.path)))));
    }
    if attributes {
        let named = value::named_lines(&node.attributes, "@", limits)?;
        lines.extend(named.into_iter().map(|l| format!("{under}  {l}")));
    }
    Ok(lines)
}

/// An error without the file and the path, which stand above it.
fn without_place(e: &Error, path: &str) -> String {
    let whole = e.to_string();
    let file = e.file_path().map(|f| format!("{}: ", f.display())).unwrap_or_default();
    let rest = whole.strip_prefix(&file).unwrap_or(&whole);
    rest.strip_prefix(&format!("{path}: ")).unwrap_or(rest).to_owned()
}

/// Type, shape, storage and sizes of a node on one line.
fn described(n: &Node) -> String {
    let mut words: Vec<String> = Vec::new();
    match n.kind {
        NodeKind::Array | NodeKind::Group => {}
        kind => words.push(paint(DIM, ls::kind(kind))),
    }
    if let Some(d) = &n.dtype {
        words.push(dtype::short(d));
    }
    match (&n.shape, n.kind) {
        (Some(s), _) => words.push(s.to_string()),
        (None, NodeKind::Array) if n.error.is_none() => words.push("null".into()),
        _ => {}
    }
    if !n.max_shape.is_empty() {
        let dims: Vec<String> =
            n.max_shape.iter().map(|d| d.map_or("unlimited".into(), |d| d.to_string())).collect();
        words.push(format!("max ({})", dims.join(", ")));
    }
    let mut storage: Vec<String> = n.layout.iter().cloned().collect();
    storage.extend(n.chunks.iter().map(|c| c.to_string()));
    storage.extend(n.filters.iter().cloned());
    if !storage.is_empty() {
        words.push(paint(DIM, &text::name(&storage.join(" "))));
    }
    if let Some(b) = n.nbytes {
        let stored = n.stored_bytes.filter(|&s| s != b).map(|s| format!(", {} stored", size::bytes(s)));
        words.push(format!("{}{}", size::bytes(b), stored.unwrap_or_default()));
    }
    if let Some(t) = &n.target {
        words.push(format!("-> {}", text::name(t)));
    }
    words.join("  ")
}

struct Row<'n> {
    node: &'n Node,
    indent: String,
    label: String,
    /// What stands before the lines below this node.
    under: String,
}

/// The nodes with their branches drawn.
fn rows(nodes: &[Node]) -> Vec<Row<'_>> {
    let parents = parents(nodes);
    // Whether a later node has the same parent: then the branch goes on below.
    let mut more = vec![false; nodes.len()];
    let mut seen = std::collections::HashSet::new();
    for (i, p) in parents.iter().enumerate().rev() {
        if let Some(m) = more.get_mut(i) {
            *m = !seen.insert(*p);
        }
    }
    let mut under: Vec<String> = Vec::with_capacity(nodes.len());
    let mut rows = Vec::with_capacity(nodes.len());
    for (i, node) in nodes.iter().enumerate() {
        let parent = parents.get(i).copied().flatten();
        let root = is_root(node);
        let base = parent.and_then(|p| under.get(p).cloned()).unwrap_or_default();
        let last = !more.get(i).copied().unwrap_or(false);
        let (indent, below) = match (root, last) {
            (true, _) => (String::new(), String::new()),
            (false, false) => (format!("{base}├── "), format!("{base}│   ")),
            (false, true) => (format!("{base}└── "), format!("{base}    ")),
        };
        let prefix = parent.and_then(|p| nodes.get(p)).map_or("", |p| p.path.as_str());
        let name = node.path.strip_prefix(prefix).unwrap_or(&node.path);
        // The slashes of a member's key are part of it.
        let whole = parent.is_none() || (node.member.is_some() && is_root_path(prefix));
        let name = if prefix.is_empty() && whole { name } else { name.trim_start_matches('/') };
        let name = if name.is_empty() && !root { "\"\"".into() } else { text::name(name) };
        let slash = if node.kind == NodeKind::Group { "/" } else { "" };
        rows.push(Row { node, indent, label: format!("{name}{slash}"), under: below.clone() });
        under.push(below);
    }
    rows
}

/// For each node, the last listed group whose path it continues.
fn parents(nodes: &[Node]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut out = Vec::with_capacity(nodes.len());
    for (i, n) in nodes.iter().enumerate() {
        let holds = |g: &usize| {
            let path = nodes.get(*g).map_or("", |g| g.path.as_str());
            is_root_path(path) || n.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        while open.last().is_some_and(|g| !holds(g)) {
            open.pop();
        }
        out.push(open.last().copied());
        if n.kind == NodeKind::Group {
            open.push(i);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab::Dtype;

    fn plain(nodes: &[Node]) -> String {
        let mut out = Vec::new();
        write(&mut out, "f.h5", "hdf5", nodes, true, &Limits::default()).unwrap().unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    #[test]
    fn branches() {
        let array = |p: &str| Node::array(p, Dtype::F64, [2].into());
        let group = |p: &str| Node::new(p, NodeKind::Group);
        let nodes = [group("/"), array("/a"), group("/g"), array("/g/x"), array("/g/y"), array("/z")];
        assert_eq!(
            plain(&nodes),
            "f.h5  hdf5\n├── a      <f8  (2,)  16 B\n├── g/\n│   ├── x  <f8  (2,)  16 B\n│   └── y  <f8  (2,)  16 B\n└── z      <f8  (2,)  16 B\n"
        );
    }

    #[test]
    fn keys_without_groups_stay_whole() {
        let nodes = [Node::array("a/b", Dtype::U8, [1].into()), Node::array("a/c", Dtype::U8, [1].into())];
        assert!(plain(&nodes).contains("a/b  |u1"));
    }
}
