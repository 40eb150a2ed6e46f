//! Groups in the format of HDF5 before 1.8: a local heap of names, and a B-tree of symbol nodes, sorted by name.
//!
//! Heap header and root of the tree never move, since other entries remember where they are. A name gets its place in
//! the heap first, where nothing leads to it; then greater names are announced from the root down; then one write of the
//! symbol node, of the tree node above it, or of the root switches: nodes that cannot be written whole where they are get
//! new places. Names that were taken away stay in the heap, because the tree may still use them as bounds.
//!
//! Source: HDF5 File Format Specification 3.0, sections III.A.1, III.B to III.D; that libhdf5 1.12 to 2.0 read and
//! continue what is made here was measured.

use super::header::Header;
use super::plan::{Plan, difference};
use super::{Change, link};
use crate::append::Storage;
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::symbol_table::SymbolTable;
use crate::format::message::{group_info, link_info};
use crate::format::{Put, Sizes, UNDEFINED, btree_v1, local_heap, symbol_node};
use crate::read::based::Based;
use crate::write::part::Made;
use hyperslab_core::{Error, Limits, LinkTo, Result, ResultExt, Source};
use std::collections::HashSet;

const ENTRY: usize = 40;
/// Where a tree node has its first key.
const KEYS: usize = 24;

mod names;

type Entry = [u8; ENTRY];

/// A node of the tree.
#[derive(Clone, Debug)]
struct Node {
    at: u64,
    level: u8,
    bytes: Vec<u8>,
    /// Each with the offset of a name that is no less than any of its names.
    children: Vec<(u64, u64)>,
}

/// Nodes from the root down, each with the number of the child that is next.
type Path = Vec<(Node, usize)>;

struct Symbols {
    at: u64,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// A group's names.
struct Table {
    sizes: Sizes,
    heap: u64,
    /// Where the names lie, and they.
    data_at: u64,
    data: Vec<u8>,
    free: u64,
    root: u64,
}

fn number(bytes: &[u8], at: usize) -> Result<u64> {
    let field = at.checked_add(8).and_then(|end| bytes.get(at..end)).and_then(|b| b.first_chunk::<8>());
    field.map(|b| u64::from_le_bytes(*b)).ok_or_else(|| Error::invalid("a field beyond its structure"))
}

fn set(bytes: &mut [u8], at: usize, n: u64) -> Result<()> {
    let field = at.checked_add(8).and_then(|end| bytes.get_mut(at..end));
    field.ok_or_else(|| Error::invalid("a field beyond its structure"))?.copy_from_slice(&n.to_le_bytes());
    Ok(())
}

/// An error where one of the names is there.
pub(super) fn check_free<S: Storage>(
    change: &Change<S>,
    header: &Header,
    names: &[(String, Made)],
) -> Result<()> {
    let table = Table::open(change, header)?;
    for (name, _) in names {
        if table.find(change, name.as_bytes())?.is_some() {
            return Err(Error::usage(format!("the name {name:?} is taken")));
        }
    }
    Ok(())
}

/// Plans a name of a group of the old kind; several, and links to other files, where it becomes one of the new kind.
pub(super) fn add<S: Storage>(
    change: &Change<S>,
    header: Header,
    names: &[(String, Made)],
    plan: &mut Plan,
) -> Result<()> {
    match names {
        [] => Ok(()),
        [(name, to)] if !matches!(to, Made::Link(LinkTo::External { .. })) => {
            check_free(change, &header, names)?;
            Table::open(change, &header)?.insert(change, name.as_bytes(), to, plan)
        }
        _ => renew(change, header, names, plan),
    }
}

/// Plans to take a name out of a group of the old kind; says which object it led to.
pub(super) fn remove<S: Storage>(
    change: &Change<S>,
    header: &Header,
    name: &str,
    plan: &mut Plan,
) -> Result<Option<u64>> {
    Table::open(change, header)?.take_out(change, name.as_bytes(), plan)
}

/// Makes a group of the new kind of one of the old kind, as libhdf5 does for links that the old kind has no place for.
fn renew<S: Storage>(
    change: &Change<S>,
    mut header: Header,
    names: &[(String, Made)],
    plan: &mut Plan,
) -> Result<()> {
    let table = Table::open(change, &header)?;
    let mut bodies = Vec::new();
    for e in table.entries(change)? {
        let name = table.name_of(&e)?;
        if names.iter().any(|(n, _)| n.as_bytes() == name) {
            return Err(Error::usage(format!("the name {:?} is taken", String::from_utf8_lossy(name))));
        }
        let target = match table.target(&e)? {
            symbol_node::Target::Hard(a) => Target::Hard(a),
            symbol_node::Target::Soft(at) => Target::Soft(table.text(at.into())?),
        };
        let mut body = Vec::new();
        Link { name, creation_order: None, target }.emit(&mut body)?;
        bodies.push(body);
    }
    for (name, to) in names {
        let mut body = Vec::new();
        Link { name: name.as_bytes(), creation_order: None, target: link::target(to) }.emit(&mut body)?;
        bodies.push(body);
    }
    header.remove_all(kind::SYMBOL_TABLE);
    let mut body = Vec::new();
    link_info::LinkInfo::emit_compact(&mut body);
    header.push(kind::LINK_INFO, 0, 0, body);
    let mut body = Vec::new();
    group_info::emit_default(&mut body);
    header.push(kind::GROUP_INFO, 0, 0, body);
    bodies.into_iter().for_each(|body| header.push(kind::LINK, 0, 0, body));
    header.write(plan)
}

impl Table {
    fn open<S: Storage>(change: &Change<S>, header: &Header) -> Result<Table> {
        let m = header.own(kind::SYMBOL_TABLE, "symbol table")?;
        let table = SymbolTable::parse(&m.body, change.sizes, m.offset)?;
        let file = change.file()?;
        let (source, limits) = (file.context(&change.limits).source, &change.limits);
        let len = local_heap::header_len(change.sizes);
        let bytes = source.bytes_at(table.heap, len, limits).reading("local heap", table.heap)?;
        let heap = local_heap::LocalHeap::parse(&bytes, change.sizes, table.heap)?;
        let free = number(&bytes, 16)?;
        let data = source.bytes_at(heap.data, heap.data_len, limits).reading("local heap", heap.data)?;
        let data = data.into_owned();
        Ok(Table { sizes: change.sizes, heap: table.heap, data_at: heap.data, data, free, root: table.btree })
    }

    fn text(&self, offset: u64) -> Result<&[u8]> {
        local_heap::name(&self.data, offset, self.data_at)
    }

    fn name_of(&self, e: &Entry) -> Result<&[u8]> {
        self.text(number(e, 0)?)
    }

    fn target(&self, e: &Entry) -> Result<symbol_node::Target> {
        // A node of one entry.
        let mut bytes = b"SNOD\x01\0\x01\0".to_vec();
        bytes.extend_from_slice(e);
        let found = symbol_node::parse(&bytes, self.sizes, 0)?;
        found.first().map(|e| e.target).ok_or_else(|| Error::invalid("no entry"))
    }

    fn node(&self, source: &Based<'_>, limits: &Limits, at: u64, above: Option<u8>) -> Result<Node> {
        let len = btree_v1::Prefix::group_capacity(self.sizes);
        let bytes = source.bytes_at(at, len, limits).reading("B-tree node", at)?.into_owned();
        let prefix = btree_v1::Prefix::parse(&bytes, 0, self.sizes, at)?;
        let children = prefix.group_children(&bytes, self.sizes, at)?;
        if above.is_some_and(|l| prefix.level.checked_add(1) != Some(l)) || children.len() > self.node_room()
        {
            let what =
                format!("level {} with {} children below level {above:?}", prefix.level, children.len());
            return Err(Error::invalid(what).reading("B-tree node").at(at));
        }
        Ok(Node { at, level: prefix.level, bytes, children })
    }

    fn symbols(&self, source: &Based<'_>, limits: &Limits, at: u64) -> Result<Symbols> {
        let len = symbol_node::capacity(self.sizes);
        let bytes = source.bytes_at(at, len, limits).reading("symbol node", at)?.into_owned();
        let count = usize::from(symbol_node::parse_count(&bytes, at)?);
        if count > self.symbol_room() {
            let what = format!("{count} entries in a node of {}", self.symbol_room());
            return Err(Error::invalid(what).reading("symbol node").at(at));
        }
        symbol_node::parse(&bytes, self.sizes, at)?;
        let each = bytes.get(8..).unwrap_or_default().as_chunks::<ENTRY>().0.iter().take(count);
        let entries = each.copied().collect();
        Ok(Symbols { at, bytes, entries })
    }

    fn symbol_room(&self) -> usize {
        2 * usize::from(self.sizes.group_leaf_k)
    }

    fn node_room(&self) -> usize {
        2 * usize::from(self.sizes.group_internal_k)
    }

    /// The nodes from the root to the symbol node that has a name or is to have it, each with the number of the child.
    fn path<S: Storage>(&self, change: &Change<S>, name: &[u8]) -> Result<(Path, Option<Symbols>)> {
        let file = change.file()?;
        let (source, limits) = (file.context(&change.limits).source, &change.limits);
        let mut node = self.node(source, limits, self.root, None)?;
        let mut path = Vec::new();
        loop {
            let mut at = node.children.len().saturating_sub(1);
            for (i, (_, greatest)) in node.children.iter().enumerate() {
                if self.text(*greatest)? >= name {
                    at = i;
                    break;
                }
            }
            let (level, child) = (node.level, node.children.get(at).map(|(child, _)| *child));
            path.push((node, at));
            let Some(child) = child else { return Ok((path, None)) };
            if level == 0 {
                return Ok((path, Some(self.symbols(source, limits, child)?)));
            }
            node = self.node(source, limits, child, Some(level))?;
        }
    }

    fn find<S: Storage>(&self, change: &Change<S>, name: &[u8]) -> Result<Option<Entry>> {
        let (_, symbols) = self.path(change, name)?;
        for e in symbols.iter().flat_map(|s| &s.entries) {
            if self.name_of(e)? == name {
                return Ok(Some(*e));
            }
        }
        Ok(None)
    }

    /// All entries in order.
    fn entries<S: Storage>(&self, change: &Change<S>) -> Result<Vec<Entry>> {
        let file = change.file()?;
        let (source, limits) = (file.context(&change.limits).source, &change.limits);
        let (mut out, mut seen) = (Vec::new(), HashSet::new());
        let mut stack = vec![(self.root, None)];
        while let Some((at, above)) = stack.pop() {
            if !seen.insert(at) {
                return Err(Error::invalid("node reached twice").reading("B-tree node").at(at));
            }
            if above == Some(0) {
                out.extend(self.symbols(source, limits, at)?.entries);
                limits.count_objects(1)?;
                continue;
            }
            let node = self.node(source, limits, at, above)?;
            stack.extend(node.children.iter().rev().map(|(child, _)| (*child, Some(node.level))));
        }
        Ok(out)
    }

    fn insert<S: Storage>(
        &mut self,
        change: &Change<S>,
        name: &[u8],
        to: &Made,
        plan: &mut Plan,
    ) -> Result<()> {
        let (path, symbols) = self.path(change, name)?;
        let old = self.data.clone();
        let at = self.store(name)?;
        let mut entry = Vec::with_capacity(ENTRY);
        entry.put_u64(at);
        match to {
            Made::Object(address) => {
                entry.put_u64(*address);
                entry.put_zeros(24);
            }
            Made::Link(LinkTo::Soft(path)) => {
                let value = self.store(path.as_bytes())?;
                entry.put_u64(UNDEFINED);
                entry.put_u32(2);
                entry.put_u32(0);
                entry.put_u32(
                    u32::try_from(value).map_err(|_| Error::unsupported("a group's names of 4 GiB"))?,
                );
                entry.put_zeros(12);
            }
            Made::Link(LinkTo::External { .. }) => {
                return Err(Error::unsupported("an external link in a group of the old kind"));
            }
        }
        let entry = *entry.first_chunk::<ENTRY>().ok_or_else(|| Error::invalid("no entry"))?;
        self.plan_heap(&old, plan)?;
        // What is greater than every name so far is announced from the root down.
        let greatest = match path.last() {
            Some((leaf, i)) => leaf.children.get(*i).map(|(_, g)| *g),
            None => None,
        };
        let raise = match greatest {
            Some(g) => self.text(g)? < name,
            None => false,
        };
        let mut above = path;
        let (mut leaf, child) = above.pop().ok_or_else(|| Error::invalid("a tree without a root"))?;
        let Some(mut symbols) = symbols else {
            let fresh = plan.put(self.emit_symbols(&[entry]))?;
            leaf.children = vec![(fresh, at)];
            leaf.level = 0;
            return self.plan_node(&leaf, plan);
        };
        let announce = |table: &Table, plan: &mut Plan| -> Result<()> {
            for (mut node, child) in above {
                if raise && let Some(slot) = node.children.get_mut(child) {
                    slot.1 = at;
                    table.plan_slot(&node, plan)?;
                }
            }
            Ok(())
        };
        let place = self.place_of(&symbols.entries, name)?;
        symbols.entries.insert(place, entry);
        if raise && let Some(slot) = leaf.children.get_mut(child) {
            slot.1 = at;
        }
        if symbols.entries.len() <= self.symbol_room() {
            announce(self, plan)?;
            if raise {
                self.plan_slot(&leaf, plan)?;
            }
            return self.plan_symbols(&symbols, leaf, child, plan);
        }
        let (left, right) = symbols.entries.split_at(symbols.entries.len() / 2);
        let bound = left.last().map_or(Ok(0), |e| number(e, 0))?;
        let greatest = leaf.children.get(child).map_or(at, |(_, g)| *g);
        let before = plan.end();
        let mut split = leaf.clone();
        split.children.splice(child..child + 1, [(before, bound), (before, greatest)]);
        if leaf.children.len() >= self.node_room() || (self.tears(&split, plan)? && leaf.at != self.root) {
            let mut all = self.entries(change)?;
            let place = self.place_of(&all, name)?;
            all.insert(place, entry);
            return self.rebuild(change, &all, plan);
        }
        let (a, b) = (plan.put(self.emit_symbols(left))?, plan.put(self.emit_symbols(right))?);
        leaf.children.splice(child..child + 1, [(a, bound), (b, greatest)]);
        announce(self, plan)?;
        self.plan_node(&leaf, plan)
    }

    /// Where among entries one of this name belongs.
    fn place_of(&self, entries: &[Entry], name: &[u8]) -> Result<usize> {
        for (i, e) in entries.iter().enumerate() {
            if self.name_of(e)? > name {
                return Ok(i);
            }
        }
        Ok(entries.len())
    }

    /// The write that gives a symbol node its entries, where it is or, if that could be torn, in a new place that the
    /// node above it then leads to.
    fn plan_symbols(&self, symbols: &Symbols, mut leaf: Node, child: usize, plan: &mut Plan) -> Result<()> {
        let new = self.emit_symbols(&symbols.entries);
        let w = difference(symbols.at, &symbols.bytes, &new);
        if !plan.tears(w.at, w.bytes.len()) {
            plan.switch(w.at, w.bytes);
            return Ok(());
        }
        // What has been planned of the node already is part of what differs now.
        leaf.bytes = self.emit_like(&leaf)?;
        let fresh = plan.put(new)?;
        if let Some(slot) = leaf.children.get_mut(child) {
            slot.0 = fresh;
        }
        self.plan_slot(&leaf, plan)
    }

    fn take_out<S: Storage>(&self, change: &Change<S>, name: &[u8], plan: &mut Plan) -> Result<Option<u64>> {
        let none = || Error::usage(format!("no {:?} in the group", String::from_utf8_lossy(name)));
        let (mut path, symbols) = self.path(change, name)?;
        let mut symbols = symbols.ok_or_else(none)?;
        let mut found = None;
        for (i, e) in symbols.entries.iter().enumerate() {
            if self.name_of(e)? == name {
                found = Some(i);
            }
        }
        let entry = symbols.entries.remove(found.ok_or_else(none)?);
        let object = match self.target(&entry)? {
            symbol_node::Target::Hard(a) => Some(a),
            symbol_node::Target::Soft(_) => None,
        };
        let (mut leaf, child) = path.pop().ok_or_else(none)?;
        if !symbols.entries.is_empty() {
            self.plan_symbols(&symbols, leaf, child, plan)?;
            return Ok(object);
        }
        let (alone, (_, greatest)) = (leaf.children.len() == 1, leaf.children.remove(child));
        // The bound stays, since the nodes above have it.
        if child == leaf.children.len()
            && let Some(last) = leaf.children.last_mut()
        {
            last.1 = greatest;
        }
        if leaf.at != self.root && (alone || self.tears(&leaf, plan)?) {
            let mut all = Vec::new();
            for e in self.entries(change)? {
                if self.name_of(&e)? != name {
                    all.push(e);
                }
            }
            self.rebuild(change, &all, plan)?;
            return Ok(object);
        }
        self.plan_node(&leaf, plan)?;
        Ok(object)
    }

    /// All nodes anew, but for the root, which one write changes.
    fn rebuild<S: Storage>(&self, change: &Change<S>, entries: &[Entry], plan: &mut Plan) -> Result<()> {
        // As full as leaves room for what comes next.
        let fill = |room: usize| (room * 3 / 4).max(1);
        let mut children = Vec::new();
        for some in entries.chunks(fill(self.symbol_room())) {
            let greatest = some.last().map_or(Ok(0), |e| number(e, 0))?;
            children.push((plan.put(self.emit_symbols(some))?, greatest));
        }
        let mut level = 0u8;
        while children.len() > self.node_room() {
            let len = btree_v1::Prefix::group_capacity(self.sizes);
            let groups: Vec<_> = children.chunks(fill(self.node_room()).max(2)).collect();
            let mut places = Vec::new();
            for _ in &groups {
                places.push(plan.take(len)?);
            }
            let mut above = Vec::new();
            let mut first_key = 0;
            for (i, group) in groups.iter().enumerate() {
                let neighbor = |i: Option<usize>| i.and_then(|i| places.get(i)).copied();
                let sides = [neighbor(i.checked_sub(1)), neighbor(i.checked_add(1))];
                let at = neighbor(Some(i)).unwrap_or_default();
                plan.put_at(at, self.emit_node(level, first_key, group, sides));
                first_key = group.last().map_or(0, |(_, g)| *g);
                above.push((at, first_key));
            }
            children = above;
            level = level.checked_add(1).ok_or_else(|| Error::unsupported("a group of that many names"))?;
        }
        let file = change.file()?;
        let (source, limits) = (file.context(&change.limits).source, &change.limits);
        let mut root = self.node(source, limits, self.root, None)?;
        (root.level, root.children) = (level, children);
        self.plan_node(&root, plan)
    }

    fn emit_symbols(&self, entries: &[Entry]) -> Vec<u8> {
        let mut out = b"SNOD\x01\0".to_vec();
        out.put_u16(entries.len() as u16);
        entries.iter().for_each(|e| out.extend_from_slice(e));
        out.resize(8 + ENTRY * self.symbol_room(), 0);
        out
    }

    fn emit_node(&self, level: u8, first: u64, children: &[(u64, u64)], sides: [Option<u64>; 2]) -> Vec<u8> {
        let mut out = b"TREE\0".to_vec();
        out.put_u8(level);
        out.put_u16(children.len() as u16);
        sides.iter().for_each(|&s| out.put_address(s));
        out.put_u64(first);
        for (child, greatest) in children {
            out.put_u64(*child);
            out.put_u64(*greatest);
        }
        out.resize(KEYS + 8 * (2 * self.node_room() + 1), 0);
        out
    }

    /// The bytes of a node that is there, with other children.
    fn emit_like(&self, node: &Node) -> Result<Vec<u8>> {
        let side = |at| number(&node.bytes, at).map(|n| (n != UNDEFINED).then_some(n));
        let first = number(&node.bytes, KEYS)?;
        let mut new = self.emit_node(node.level, first, &node.children, [side(8)?, side(16)?]);
        // What lies behind the last child says nothing, and stays.
        let used = KEYS + 8 + 16 * node.children.len();
        if let (Some(to), Some(old)) = (new.get_mut(used..), node.bytes.get(used..))
            && to.len() == old.len()
        {
            to.copy_from_slice(old);
        }
        Ok(new)
    }

    /// The write that changes the bound of a child of a node that is there, or its place: eight bytes.
    fn plan_slot(&self, node: &Node, plan: &mut Plan) -> Result<()> {
        let w = difference(node.at, &node.bytes, &self.emit_like(node)?);
        plan.switch(w.at, w.bytes);
        Ok(())
    }

    /// Whether a node that is there cannot be written whole.
    fn tears(&self, node: &Node, plan: &Plan) -> Result<bool> {
        let w = difference(node.at, &node.bytes, &self.emit_like(node)?);
        Ok(plan.tears(w.at, w.bytes.len()))
    }

    /// The write that changes a node that is there. The root, which stays where it is, leads to a new node instead
    /// where that is what can be written whole.
    fn plan_node(&self, node: &Node, plan: &mut Plan) -> Result<()> {
        let new = self.emit_like(node)?;
        let w = difference(node.at, &node.bytes, &new);
        let (Some(&(_, greatest)), true) =
            (node.children.last(), node.at == self.root && plan.tears(w.at, w.bytes.len()))
        else {
            plan.switch(w.at, w.bytes);
            return Ok(());
        };
        let fresh = plan.put(new)?;
        let level = node.level.checked_add(1).ok_or_else(|| Error::unsupported("a tree that deep"))?;
        let one = self.emit_node(level, number(&node.bytes, KEYS)?, &[(fresh, greatest)], [None, None]);
        // What lies behind the only child says nothing.
        let used = KEYS + 24;
        let old = node.bytes.get(..used).unwrap_or_default();
        let w = difference(node.at, old, one.get(..used).unwrap_or_default());
        plan.switch(w.at, w.bytes);
        Ok(())
    }
}
