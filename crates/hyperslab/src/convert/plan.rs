//! What of a container goes where in another; nothing is read but the listing, nothing is written.

use super::{ConvertOptions, numpy};
use crate::create::Output;
use crate::objects;
use crate::target::{Place, bare, relative};
use crate::{Container, Dtype, Error, Limits, LinkTo, Node, NodeKind, Result, Shape, Value, ls};
use std::collections::HashMap;

/// What the name of a member ends in, and its key does not.
const NPY: &str = ".npy";

/// Where everything goes. Paths in the new container: `/a/b` in HDF5, `a/b` in an NPZ, empty or a number elsewhere.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) arrays: Vec<Planned>,
    pub(super) groups: Vec<String>,
    /// Path in the new container, and where it leads.
    pub(super) links: Vec<(String, LinkTo)>,
    /// One more name in the new container, and the path of what it is a name of.
    pub(super) names: Vec<(String, String)>,
    /// Where the objects of the other container are, by their numbers.
    objects: HashMap<u64, String>,
    /// Arrays without a shape, and named types.
    pub(super) nulls: Vec<Typed>,
    pub(super) types: Vec<Typed>,
    attributes: Vec<Attribute>,
    /// Which of them each node has.
    of_node: HashMap<String, Vec<usize>>,
    /// Where nodes of the new container come from.
    pub(super) sources: HashMap<String, String>,
    /// The group that becomes the root, where it is not the root; without a slash at its end.
    pub(super) prefix: String,
    /// Whether an NCO file of many objects is written.
    pub(super) pack: bool,
    pub(super) notes: Vec<String>,
    pub(super) lost: Vec<String>,
    allow_loss: bool,
}

/// One attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    /// Path of the node (empty for the root).
    pub(super) to: String,
    pub(super) name: String,
    pub(super) value: Value,
    /// Whether it comes from elsewhere than the node.
    pub(super) added: bool,
}

/// What has a type and no elements.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) dtype: Dtype,
}

/// One array.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) from: String,
    pub(super) to: String,
    /// The name of the member that it becomes, where that comes with it.
    pub(super) member: Option<String>,
    pub(super) dtype: Dtype,
    pub(super) shape: Shape,
    /// Whether it was stored as deflate.
    pub(super) deflated: bool,
}

impl Plan {
    pub(super) fn make(
        input: &dyn Container,
        place: &Place,
        output: Output,
        options: &ConvertOptions,
    ) -> Result<Plan> {
        let limits = &options.limits;
        // What has names of its own can give several to one object.
        let nodes = match output {
            Output::Hdf5 => ls::once(input, &place.path, limits)?,
            _ => ls::nodes(input, &place.path, None, true, limits)?,
        };
        let arrays = nodes.iter().filter(|n| n.kind == NodeKind::Array).count();
        if arrays == 0 && !output.has_names() {
            return Err(Error::usage("holds no array"));
        }
        if arrays != 1 && !place.selection.is_all() {
            return Err(Error::usage(format!("holds {arrays} arrays, and a slice is of one")));
        }
        let whole = bare(&place.path).is_empty();
        let pack = output == Output::Nco && (arrays != 1 || (whole && input.format() == "nco-pack"));
        let mut plan = Plan { pack, allow_loss: options.allow_loss, ..Plan::default() };
        if !whole {
            plan.prefix = format!("/{}", bare(&place.path));
        }
        if arrays > 1 && !output.has_names() && !pack {
            return Err(several(arrays, &nodes, output));
        }
        for node in nodes {
            if let (NodeKind::Link, Some(_), Some(target)) = (node.kind, node.object, &node.target) {
                let of = Node::new(target.as_str(), NodeKind::Group);
                let [name, of] = [&node, &of].map(|n| rooted(relative(n, &place.path), output));
                plan.names.push((name, of));
                continue;
            }
            if node.kind == NodeKind::Link && node.error.is_none() && output == Output::Hdf5 && whole {
                // Paths are the same in the new file, so links lead where they led.
                if let Some(link) = input.link(&node.path, limits)? {
                    plan.links.push((rooted(relative(&node, &place.path), output), link));
                    continue;
                }
            }
            plan.node(node, place, output, options)?;
        }
        plan.check_names()?;
        Ok(plan)
    }

    fn node(
        &mut self,
        mut node: Node,
        place: &Place,
        output: Output,
        options: &ConvertOptions,
    ) -> Result<()> {
        let inside = relative(&node, &place.path).to_owned();
        if let Some(e) = node.error.take() {
            return match self.allow_loss {
                true => self.lose(&node.path, e.to_string()),
                false => Err(e.object(node.path)),
            };
        }
        match node.kind {
            NodeKind::Group => {
                if let Some(above) = node.target.take().filter(|_| output.has_names()) {
                    let path = &node.path;
                    self.notes.push(format!("{path:?} leads back to {above:?}; in the new file it is empty"));
                }
                self.group(node, &inside, output)
            }
            NodeKind::Link => self.lose(&node.path, "a link is not carried over"),
            NodeKind::Type if output == Output::Hdf5 && node.dtype.is_some() && !inside.is_empty() => {
                let Some(dtype) = node.dtype else { return Ok(()) };
                let to = rooted(&inside, output);
                self.keep(&node.path, &to, node.object, node.attributes);
                self.types.push(Typed { from: node.path, to, dtype });
                Ok(())
            }
            NodeKind::Type => self.lose(&node.path, "a named type is not carried over"),
            NodeKind::Array => {
                let (dtype, shape) = match (node.dtype, node.shape) {
                    (Some(dtype), None) if output == Output::Hdf5 && options.astype.is_none() => {
                        let to = self.name(&node.path, &inside, output, &options.name)?;
                        self.keep(&node.path, &to, node.object, node.attributes);
                        self.nulls.push(Typed { from: node.path, to, dtype });
                        return Ok(());
                    }
                    both => both,
                };
                let (Some(dtype), Some(shape)) = (dtype, shape) else {
                    return self.lose(&node.path, "an array without elements or shape is not carried over");
                };
                // A file for one array has nothing left without it: there writing it is refused.
                let pickled = output == Output::Npz && objects::is_storable(&dtype);
                if (output == Output::Npz || self.pack)
                    && !(pickled && options.objects)
                    && let Some(why) = numpy::unwritable(&dtype)
                {
                    let way = if pickled { "; --objects keeps them as Python's" } else { "" };
                    return self.lose(&node.path, format!("{why}{way}"));
                }
                let itself = inside.is_empty() && !bare(&place.path).is_empty();
                let (to, member) = match (node.member.take(), output) {
                    (Some(member), Output::Npz) => {
                        let (to, member) =
                            if itself { alone(&member) } else { kept(&node.path, &inside, &member) };
                        (to, Some(member))
                    }
                    (Some(_), Output::Hdf5) if !itself && !is_hdf5_path(&inside) => {
                        let what = format!("the key {inside:?} is no path in HDF5: a part of it is empty");
                        return self.lose(&node.path, what);
                    }
                    _ => (self.name(&node.path, &inside, output, &options.name)?, None),
                };
                let shape = match place.selection.is_all() {
                    true => shape,
                    false => {
                        let ranges = place.selection.resolve(&shape)?;
                        ranges.iter().filter(|r| !r.dropped).map(|r| r.count).collect()
                    }
                };
                self.keep(&node.path, &to, node.object, node.attributes);
                if let (Output::Hdf5, Some(layout @ ("external" | "virtual"))) =
                    (output, node.layout.as_deref())
                {
                    let what = if layout == "virtual" { "of other datasets" } else { "in other files" };
                    self.notes.push(format!(
                        "the elements of {:?}, which are {what}, are in the new file",
                        node.path
                    ));
                }
                let deflated = node.layout.as_deref() == Some("deflate");
                self.arrays.push(Planned { from: node.path, to, member, dtype, shape, deflated });
                Ok(())
            }
        }
    }

    /// Keeps the attributes of a node.
    fn keep(&mut self, from: &str, to: &str, object: Option<u64>, attributes: Vec<(String, Value)>) {
        self.sources.insert(to.to_owned(), from.to_owned());
        self.objects.extend(object.map(|o| (o, to.to_owned())));
        for (name, value) in attributes {
            self.attribute(Attribute { to: to.to_owned(), name, value, added: false });
        }
    }

    fn attribute(&mut self, attribute: Attribute) {
        self.of_node.entry(attribute.to.clone()).or_default().push(self.attributes.len());
        self.attributes.push(attribute);
    }

    /// The attributes of a node of the new container.
    pub(super) fn attributes_of(&self, to: &str) -> impl Iterator<Item = &Attribute> {
        self.of_node.get(to).into_iter().flatten().filter_map(|&i| self.attributes.get(i))
    }

    /// Where an object of the other container is in this one, by a path that leads there.
    pub(super) fn place_of(&self, input: &dyn Container, from: &str, limits: &Limits) -> Option<String> {
        if self.prefix.is_empty() {
            return Some(from.to_owned());
        }
        let node = input.nodes(from, Some(0), false, limits).ok()?.into_iter().next()?;
        let to = self.objects.get(&node.object?)?;
        Some(if to.is_empty() { "/".into() } else { to.clone() })
    }

    /// Leaves out names of what is left out.
    fn check_names(&mut self) -> Result<()> {
        let there =
            |of: &String| self.sources.contains_key(of) || (of == "/" && self.sources.contains_key(""));
        let (names, gone): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.names).into_iter().partition(|(_, of)| there(of));
        self.names = names;
        gone.into_iter()
            .try_for_each(|(name, of)| self.lose(&name, format!("a name of {of:?}, which is left out")))
    }

    fn group(&mut self, node: Node, inside: &str, output: Output) -> Result<()> {
        let to = if inside.is_empty() { String::new() } else { rooted(inside, output) };
        if output.has_names() {
            if !to.is_empty() {
                self.groups.push(to.clone());
            }
            self.keep(&node.path, &to, node.object, node.attributes);
            return Ok(());
        }
        match node.attributes.first() {
            None => Ok(()),
            Some((name, _)) => {
                let what = format!("{name:?} and what else hangs on a group has no place");
                self.lose(if inside.is_empty() { "/" } else { inside }, what)
            }
        }
    }

    /// The path of an array in the new container.
    fn name(&mut self, from: &str, inside: &str, output: Output, file: &str) -> Result<String> {
        if output.has_names() {
            let name = if inside.is_empty() { last(from) } else { inside };
            let name = if name.is_empty() { file } else { name };
            return Ok(rooted(if name.is_empty() { "data" } else { name }, output));
        }
        if self.pack {
            let entry = self.arrays.len().to_string();
            if bare(from) != entry {
                self.lose(from, format!("a pack has no names: this becomes entry {entry}"))?;
            }
            return Ok(entry);
        }
        if !from.is_empty() {
            self.notes.push(format!("the name {from:?} has no place in the new file"));
        }
        Ok(String::new())
    }

    /// Adds metadata, in place of what has the same name.
    pub(super) fn add(&mut self, metadata: Vec<(String, Value)>) -> Result<()> {
        let to = match self.arrays.as_slice() {
            [one] => one.to.clone(),
            _ => String::new(),
        };
        for (name, value) in metadata {
            let same = self.attributes.iter().position(|a| a.to == to && a.name == name);
            if let (Some(i), Some(all)) = (same, self.of_node.get_mut(&to)) {
                all.retain(|&n| n != i);
            }
            self.attribute(Attribute { to: to.clone(), name, value, added: true });
        }
        Ok(())
    }

    fn lose(&mut self, path: &str, what: impl Into<String>) -> Result<()> {
        let what = what.into();
        if !self.allow_loss {
            return Err(Error::unsupported(what).object(path).hint("--allow-loss leaves it out"));
        }
        self.lost.push(if path.is_empty() { what } else { format!("{path}: {what}") });
        Ok(())
    }
}

fn several(count: usize, nodes: &[Node], output: Output) -> Error {
    let first = nodes.iter().find(|n| n.kind == NodeKind::Array).map_or("", |n| &n.path);
    Error::usage(format!("holds {count} arrays, and {} holds one", output.name()))
        .hint(format!("name one of them, such as {first:?}, or write an NPZ or HDF5 file"))
}

/// The key and name of a member that is carried over with others.
fn kept(from: &str, inside: &str, member: &str) -> (String, String) {
    let member = member.get(from.len().saturating_sub(inside.len())..).unwrap_or(member);
    match member.ends_with(NPY) {
        true => (inside.to_owned(), member.to_owned()),
        // Raw bytes become an array.
        false => (inside.to_owned(), format!("{member}{NPY}")),
    }
}

/// The key and name of a member that is carried over by itself, without the folders of its name.
fn alone(member: &str) -> (String, String) {
    let name = member.rsplit('/').next().unwrap_or_default();
    let key = name.strip_suffix(NPY).unwrap_or(name);
    (key.to_owned(), format!("{key}{NPY}"))
}

/// Whether the parts of a key can be the names of groups and an array.
fn is_hdf5_path(key: &str) -> bool {
    !key.split('/').any(str::is_empty)
}

fn last(path: &str) -> &str {
    bare(path).rsplit('/').next().unwrap_or_default()
}

fn rooted(path: &str, output: Output) -> String {
    if output == Output::Hdf5 { format!("/{path}") } else { path.to_owned() }
}
