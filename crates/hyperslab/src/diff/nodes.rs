//! Two trees: which node of one is which of the other, and what differs about a pair.

use super::element::Plan;
use super::values::{self, Array, Whole};
use super::{DiffOptions, Difference, Facet, Report, Side, What, attribute};
use crate::target::{bare, relative};
use crate::{Container, Error, Node, NodeKind, Result, Shape, Value, blocks, ls};
use std::collections::{BTreeSet, HashMap};

/// Compares everything at and below two paths.
pub(super) fn compare(
    a: Side<'_>,
    b: Side<'_>,
    options: &DiffOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    let mut job = Job { a, b, options, progress, report: Report::default() };
    let (mut one, mut two) = (Tree::list(a, options)?, Tree::list(b, options)?);
    for (tree, side) in [(&one, a), (&two, b)] {
        if tree.arrays != 1 && !side.place.selection.is_all() {
            let what = format!("holds {} arrays, and a slice is of one", tree.arrays);
            return Err(Error::usage(what).file(side.file));
        }
    }
    name_the_nameless(&mut one, &mut two);
    job.attributes(&one.root, std::mem::take(&mut one.attributes), std::mem::take(&mut two.attributes));
    let mut keys: HashMap<String, usize> = HashMap::new();
    for (i, (key, _)) in two.nodes.iter().enumerate() {
        keys.entry(key.clone()).or_insert(i);
    }
    let mut matched: Vec<Option<Node>> = Vec::new();
    let (first, second) = (one.hidden(), two.hidden());
    let below = (one.keys(), two.keys());
    let mut others = Vec::with_capacity(two.nodes.len());
    for (key, node) in two.nodes {
        others.push(key);
        matched.push(Some(node));
    }
    for (key, x) in one.nodes {
        match keys.get(&key).and_then(|i| matched.get_mut(*i)).and_then(Option::take) {
            Some(y) => job.pair(x, y),
            None => job.lone(&key, x, What::OnlyInA, &below.1, &second),
        }
    }
    for (key, node) in others.iter().zip(matched) {
        if let Some(y) = node {
            job.lone(key, y, What::OnlyInB, &below.0, &first);
        }
    }
    Ok(job.report)
}

/// What is listed of one side, by its path from the place that is compared.
struct Tree {
    nodes: Vec<(String, Node)>,
    /// Path and attributes of the place itself, where it is a group.
    root: String,
    attributes: Vec<(String, Value)>,
    arrays: usize,
}

impl Tree {
    fn list(side: Side<'_>, options: &DiffOptions) -> Result<Tree> {
        let path = &side.place.path;
        let nodes = ls::nodes(side.container, path, None, true, &options.listing);
        let nodes = nodes.map_err(|e| e.file(side.file))?;
        let arrays = nodes.iter().filter(|n| n.kind == NodeKind::Array).count();
        let mut tree = Tree { nodes: Vec::new(), root: path.clone(), attributes: Vec::new(), arrays };
        for mut node in nodes {
            let key = relative(&node, path).to_owned();
            if key.is_empty() && node.kind == NodeKind::Group && node.error.is_none() {
                tree.attributes = std::mem::take(&mut node.attributes);
                continue;
            }
            tree.nodes.push((key, node));
        }
        Ok(tree)
    }

    fn keys(&self) -> BTreeSet<String> {
        self.nodes.iter().map(|(key, _)| key.clone()).collect()
    }

    /// Groups that could not be listed: what they hold is not known.
    fn hidden(&self) -> Vec<String> {
        let lost = self.nodes.iter().filter(|(_, n)| n.error.is_some() && n.kind != NodeKind::Array);
        lost.map(|(key, _)| key.clone()).collect()
    }

    fn only_array(&mut self) -> Option<&mut String> {
        match self.arrays {
            1 => self.nodes.iter_mut().find(|(_, n)| n.kind == NodeKind::Array).map(|(key, _)| key),
            _ => None,
        }
    }
}

/// An array without a name is the only array of the other side.
fn name_the_nameless(one: &mut Tree, two: &mut Tree) {
    if let (Some(x), Some(y)) = (one.only_array(), two.only_array()) {
        match (x.is_empty(), y.is_empty()) {
            (true, false) => x.clone_from(y),
            (false, true) => y.clone_from(x),
            _ => {}
        }
    }
}

/// Whether a path lies below another.
fn is_below(path: &str, group: &str) -> bool {
    group.is_empty() || path.strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
}

/// One comparison under way.
struct Job<'j> {
    a: Side<'j>,
    b: Side<'j>,
    options: &'j DiffOptions,
    progress: &'j mut dyn FnMut(u64),
    report: Report,
}

impl Job<'_> {
    /// A node that the other side does not have.
    fn lone(&mut self, key: &str, node: Node, what: What, others: &BTreeSet<String>, hidden: &[String]) {
        let side = if what == What::OnlyInA { self.a } else { self.b };
        if let Some(e) = node.error {
            self.report.errors.push(e.object(node.path).file(side.file));
            return;
        }
        if hidden.iter().any(|group| is_below(key, group)) {
            return;
        }
        if node.kind == NodeKind::Group {
            // A container without groups has what lies in them all the same.
            let inside = format!("{key}/");
            if others.range(inside.clone()..).next().is_some_and(|k| k.starts_with(&inside)) {
                let (mine, none) = (node.attributes, Vec::new());
                let (a, b) = if what == What::OnlyInA { (mine, none) } else { (none, mine) };
                return self.attributes(&node.path, a, b);
            }
        }
        self.report.differences.push(Difference::new(node.path, what));
    }

    /// A node that both sides have.
    fn pair(&mut self, mut x: Node, mut y: Node) {
        let mut unreadable = false;
        for (node, side) in [(&mut x, self.a), (&mut y, self.b)] {
            if let Some(e) = node.error.take() {
                self.report.errors.push(e.object(node.path.as_str()).file(side.file));
                unreadable = true;
            }
        }
        if unreadable {
            return;
        }
        self.report.compared += 1;
        let path = if bare(&x.path).is_empty() { y.path.clone() } else { x.path.clone() };
        let attributes = (std::mem::take(&mut x.attributes), std::mem::take(&mut y.attributes));
        let mut add = |what, a, b| self.report.differences.push(Difference::of(path.as_str(), what, a, b));
        if x.kind != y.kind {
            return add(What::Kind, Facet::Kind(x.kind), Facet::Kind(y.kind));
        }
        if x.target != y.target {
            let target = |n: &mut Node| Facet::Target(n.target.take().unwrap_or_default());
            add(What::Target, target(&mut x), target(&mut y));
        }
        if let (Some(d), Some(e)) = (&x.dtype, &y.dtype) {
            let near = self.options.is_tolerant() && matches!(Plan::of(d, e), Ok(Some(_)));
            if !d.same_values(e) && !near {
                add(What::Dtype, Facet::Dtype(d.clone()), Facet::Dtype(e.clone()));
            }
        }
        if x.kind == NodeKind::Array {
            match self.values(&x, &y, &path) {
                Ok(Some(difference)) => self.report.differences.push(difference),
                Ok(None) => {}
                Err(e) => self.report.errors.push(e),
            }
        }
        self.attributes(&path, attributes.0, attributes.1);
    }

    /// The shapes of two arrays, and where these are the same, the elements.
    fn values(&mut self, x: &Node, y: &Node, path: &str) -> Result<Option<Difference>> {
        let selected = |node: &Node, side: Side<'_>| -> Result<Option<Shape>> {
            let selection = &side.place.selection;
            match &node.shape {
                Some(shape) if !selection.is_all() => {
                    let ranges =
                        selection.resolve(shape).map_err(|e| e.object(&*node.path).file(side.file))?;
                    Ok(Some(ranges.iter().filter(|r| !r.dropped).map(|r| r.count).collect()))
                }
                shape => Ok(shape.clone()),
            }
        };
        let (s, t) = (selected(x, self.a)?, selected(y, self.b)?);
        if s != t {
            return Ok(Some(Difference::of(path, What::Shape, Facet::Shape(s), Facet::Shape(t))));
        }
        let (Some(shape), Some(d), Some(e)) = (s, &x.dtype, &y.dtype) else { return Ok(None) };
        let Some(plan) = Plan::of(d, e)? else { return Ok(None) };
        let (a, b, options) = (self.a, self.b, self.options);
        let (one, two) = (array(a, x, options)?, array(b, y, options)?);
        let found = values::compare(one, two, &plan, &shape, options, self.progress)?;
        Ok(found.map(|(found, (a, b))| Difference {
            found: Some(found),
            ..Difference::of(path, What::Values, a, b)
        }))
    }

    /// The attributes of one node.
    fn attributes(&mut self, path: &str, a: Vec<(String, Value)>, b: Vec<(String, Value)>) {
        let mut b: Vec<Option<(String, Value)>> = b.into_iter().map(Some).collect();
        for (name, x) in a {
            let place = b.iter_mut().find(|p| p.as_ref().is_some_and(|(n, _)| *n == name));
            let path = format!("{path}@{name}");
            match place.and_then(Option::take) {
                Some((_, y)) => attribute(path, x, y, self.options, &mut self.report),
                None => self.report.differences.push(Difference::new(path, What::OnlyInA)),
            }
        }
        for (name, _) in b.into_iter().flatten() {
            self.report.differences.push(Difference::new(format!("{path}@{name}"), What::OnlyInB));
        }
    }
}

/// The elements that are compared of one array.
fn array<'s>(side: Side<'s>, node: &'s Node, options: &'s DiffOptions) -> Result<Array<'s>> {
    let container: &'s dyn Container = side.container;
    let (selection, limits) = (&side.place.selection, &options.limits);
    let parts = match selection.is_all() {
        true => blocks::parts(container, node, limits),
        false => container.read(&node.path, selection, limits).map(|v| Box::new(Whole(Some(v))) as _),
    };
    let named = |e: Error| e.object(&*node.path).file(side.file);
    let dtype = node.dtype.as_ref().ok_or_else(|| named(Error::invalid("has no type")))?;
    Ok(Array { parts: parts.map_err(named)?, dtype, file: side.file, path: &node.path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below() {
        assert!(is_below("a/b", "a") && is_below("a", ""));
        assert!(!is_below("ab", "a") && !is_below("a", "a"));
    }
}
