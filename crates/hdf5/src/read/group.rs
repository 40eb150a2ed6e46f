//! The links of a group, old or new style.

use super::dense::{FractalHeap, Records};
use super::object::Object;
use super::{Context, names};
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::link_info::LinkInfo;
use crate::format::message::symbol_table::SymbolTable;
use crate::format::{btree_v1, local_heap, symbol_node};
use hyperslab_core::{Error, Result, ResultExt, Source};
use std::borrow::Cow;
use std::collections::HashSet;

/// A name in a group.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The name as it is [shown](names::shown).
    pub(crate) name: String,
    /// What it points at.
    pub(crate) to: To,
    /// Its place in the order of creation, where the group keeps it.
    pub(crate) order: Option<u64>,
}

/// What a link points at.
#[derive(Clone, Debug)]
pub(crate) enum To {
    /// An object header.
    Object(u64),
    /// A path of this file.
    Soft(String),
    /// File and path.
    External(String, String),
    /// Something an application defined, by its class.
    User(u8),
}

/// The links of a group: in the order of its header, of creation where it is kept, otherwise of names. What cannot be
/// listed comes as the error beside them.
pub(crate) fn entries(cx: Context<'_, '_>, group: &Object<'_>) -> (Vec<Entry>, Option<Error>) {
    let mut out = Vec::new();
    let error = collect(cx, group, &mut out).err();
    (out, error)
}

/// What a name, as it is shown, points at in a group; `None` when there is no such name.
pub(crate) fn find(cx: Context<'_, '_>, group: &Object<'_>, name: &str) -> Result<Option<To>> {
    let exact = find_stored(cx, group, name.as_bytes())?;
    let Some(other) = names::escaped(name) else { return Ok(exact) };
    match (exact, find_stored(cx, group, &other)?) {
        (Some(_), Some(_)) => {
            Err(Error::unsupported(format!("two names that are both shown as {name:?}")).at(group.address))
        }
        (exact, other) => Ok(exact.or(other)),
    }
}

fn find_stored(cx: Context<'_, '_>, group: &Object<'_>, name: &[u8]) -> Result<Option<To>> {
    for m in group.messages().filter(|m| m.kind == kind::LINK) {
        let link = Link::parse(m.body, cx.sizes, m.offset)?;
        if link.name == name {
            return Ok(Some(entry(&link).to));
        }
    }
    let mut found = None;
    if let Some(info) = link_info(cx, group)?
        && let (Some(heap), Some(names)) = (info.heap, info.names)
    {
        let mut heap = FractalHeap::open(cx, heap)?;
        let records = Records::open(cx, names)?;
        records.named(name, &mut |id, _| {
            heap.object(id, |body, at| {
                let link = Link::parse(body, cx.sizes, at)?;
                if link.name == name {
                    found = Some(entry(&link).to);
                }
                Ok(())
            })
        })?;
    }
    let Some(old) = OldGroup::open(cx, group)?.filter(|_| found.is_none()) else { return Ok(found) };
    // By the tree, and where that is not in order, among all.
    for only in [Some(name), None] {
        old.each(only, &mut |n, to| {
            if n == name {
                found = Some(to);
            }
            Ok(())
        })?;
        if found.is_some() {
            break;
        }
    }
    Ok(found)
}

pub(crate) fn link_info(cx: Context<'_, '_>, group: &Object<'_>) -> Result<Option<LinkInfo>> {
    group.first(kind::LINK_INFO).map(|m| LinkInfo::parse(m.body, cx.sizes, m.offset)).transpose()
}

fn collect(cx: Context<'_, '_>, group: &Object<'_>, out: &mut Vec<Entry>) -> Result<()> {
    if let Some(old) = OldGroup::open(cx, group)? {
        old.each(None, &mut |name, to| {
            cx.limits.count_objects(1)?;
            out.push(Entry { name: names::shown(name), to, order: None });
            Ok(())
        })?;
    }
    for m in group.messages().filter(|m| m.kind == kind::LINK) {
        let link = Link::parse(m.body, cx.sizes, m.offset)?;
        cx.limits.count_objects(1)?;
        out.push(entry(&link));
    }
    let Some(info) = link_info(cx, group)? else { return Ok(()) };
    let before = out.len();
    dense(cx, &info, out)?;
    if info.max_creation_order.is_some() {
        // What was made last may lie first, where there was room.
        out.sort_by_key(|e| e.order);
    } else if let Some(dense) = out.get_mut(before..) {
        dense.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(())
}

/// The links that do not lie in the header.
fn dense(cx: Context<'_, '_>, info: &LinkInfo, out: &mut Vec<Entry>) -> Result<()> {
    let Some(heap) = info.heap else { return Ok(()) };
    let tree = match (info.order, info.names) {
        (Some(tree), _) | (None, Some(tree)) => tree,
        (None, None) => return Ok(()),
    };
    let mut heap = FractalHeap::open(cx, heap)?;
    Records::open(cx, tree)?.all(&mut |id, _, _| {
        heap.object(id, |body, at| {
            let link = Link::parse(body, cx.sizes, at)?;
            out.push(entry(&link));
            Ok(())
        })
    })
}

fn entry(link: &Link<'_>) -> Entry {
    let to = match link.target {
        Target::Hard(a) => To::Object(a),
        Target::Soft(path) => To::Soft(names::shown(path)),
        Target::External { file, path } => To::External(names::shown(file), names::shown(path)),
        Target::User(class) => To::User(class),
    };
    Entry { name: names::shown(link.name), to, order: link.creation_order }
}

/// An old-style group: its local heap with the names, and the tree of its symbol nodes.
struct OldGroup<'f, 'l> {
    cx: Context<'f, 'l>,
    btree: u64,
    names: Cow<'f, [u8]>,
    /// Where the names lie.
    heap: u64,
}

impl<'f, 'l> OldGroup<'f, 'l> {
    fn open(cx: Context<'f, 'l>, group: &Object<'_>) -> Result<Option<Self>> {
        let Some(m) = group.first(kind::SYMBOL_TABLE) else { return Ok(None) };
        let table = SymbolTable::parse(m.body, cx.sizes, m.offset)?;
        let len = local_heap::header_len(cx.sizes);
        let bytes = cx.source.bytes_at(table.heap, len, cx.limits).reading("local heap", table.heap)?;
        let heap = local_heap::LocalHeap::parse(&bytes, cx.sizes, table.heap)?;
        let names =
            cx.source.bytes_at(heap.data, heap.data_len, cx.limits).reading("local heap", heap.data)?;
        cx.source.saw(table.heap, len, "local heap");
        cx.source.saw(heap.data, heap.data_len, "local heap data");
        Ok(Some(OldGroup { cx, btree: table.btree, names, heap: heap.data }))
    }

    /// Calls `f` with every entry in the order of names; of `only`, where it is given, with those of the one symbol
    /// node that can have it.
    ///
    /// Nodes are walked depth first, left to right; a node that is reached twice is a lie.
    fn each(&self, only: Option<&[u8]>, f: &mut dyn FnMut(&[u8], To) -> Result<()>) -> Result<()> {
        let mut seen = HashSet::new();
        let mut stack = vec![(self.btree, None::<u8>)];
        while let Some((at, level)) = stack.pop() {
            if !seen.insert(at) {
                return Err(Error::invalid("node reached twice").reading("B-tree node").at(at));
            }
            if level == Some(0) {
                self.symbol_node(at, f)?;
                continue;
            }
            let (level, children) = self.tree_node(at, level)?;
            match only {
                None => stack.extend(children.into_iter().rev().map(|(child, _)| (child, Some(level)))),
                Some(name) => {
                    for (child, greatest) in children {
                        if self.name(greatest)? >= name {
                            stack.push((child, Some(level)));
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn name(&self, offset: u64) -> Result<&[u8]> {
        local_heap::name(&self.names, offset, self.heap)
    }

    /// The level of a tree node, its children and their greatest names.
    fn tree_node(&self, at: u64, above: Option<u8>) -> Result<(u8, Vec<(u64, u64)>)> {
        let cx = self.cx;
        let start = btree_v1::prefix_len(cx.sizes);
        let bytes = cx.source.bytes_at(at, start, cx.limits).reading("B-tree node", at)?;
        let node = btree_v1::Prefix::parse(&bytes, 0, cx.sizes, at)?;
        if above.is_some_and(|l| node.level.checked_add(1) != Some(l)) {
            return Err(Error::invalid(format!("level {} below level {above:?}", node.level))
                .reading("B-tree node")
                .at(at));
        }
        let bytes = cx.source.bytes_at(at, node.group_len(cx.sizes), cx.limits).reading("B-tree node", at)?;
        cx.source.saw(at, btree_v1::Prefix::group_capacity(cx.sizes), "B-tree node");
        Ok((node.level, node.group_children(&bytes, cx.sizes, at)?))
    }

    fn symbol_node(&self, at: u64, f: &mut dyn FnMut(&[u8], To) -> Result<()>) -> Result<()> {
        let cx = self.cx;
        let head = cx.source.bytes_at(at, 8, cx.limits).reading("symbol node", at)?;
        let count = symbol_node::parse_count(&head, at)?;
        let len = 8 + u64::from(count) * symbol_node::entry_len(cx.sizes);
        let bytes = cx.source.bytes_at(at, len, cx.limits).reading("symbol node", at)?;
        cx.source.saw(at, symbol_node::capacity(cx.sizes), "symbol node");
        for e in symbol_node::parse(&bytes, cx.sizes, at)? {
            let to = match e.target {
                symbol_node::Target::Hard(a) => To::Object(a),
                symbol_node::Target::Soft(o) => To::Soft(names::shown(self.name(o.into())?)),
            };
            f(self.name(e.name)?, to)?;
        }
        Ok(())
    }
}
