//! Objects and packs as containers: one array with its metadata, or numbered ones.
//!
//! Metadata that is a map with text for keys hangs on its array as attributes; metadata of any other kind is one
//! attribute, [`WHOLE`]; `None` is no attribute at all. Unknown classes come as inert records. Where an object has an
//! extension block, its checksums are compared before anything of it is handed out: the array's once, the metadata's
//! each time.

use crate::ext::Block;
use crate::header::Header;
use crate::object::{Entry, named};
use crate::pack::{self, Damage, Walk};
use hyperslab_core::container::CodeName;
use hyperslab_core::walk::{Seen, Visit};
use hyperslab_core::{
    Container, Error, Limits, Node, NodeKind, Order, Result, Selection, Source, Value, View,
};
use hyperslab_npy::Header as NpyHeader;
use hyperslab_pickle::Policy;
use std::ops::Range;
use std::sync::OnceLock;

/// The name of the attribute that holds metadata which is no map of names.
pub const WHOLE: &str = "metadata";

/// An open file of Nengo cache objects: one object is an array at the path `""`, several are arrays at `"0"`, `"1"`,
/// and so on.
#[derive(Debug)]
pub struct Nco<S> {
    source: S,
    entries: Vec<Entry>,
    /// Arrays that are known to fit their checksums, or to have none.
    sound: Vec<OnceLock<()>>,
    damage: Vec<Damage>,
    pack: bool,
}

impl<S: Source> Nco<S> {
    /// Walks over the objects of a file. Damage is listed, as long as one object is sound.
    ///
    /// # Errors
    /// What is wrong with the first object where none is sound; `Limit`, `Io`.
    pub fn open(source: S, limits: &Limits) -> Result<Nco<S>> {
        let Walk { entries, damage } = pack::walk(&source, limits)?;
        // Bytes after a lone object that are no object are what an overwritten longer file leaves: nengo passes
        // over them.
        let alone = entries.len() == 1 && entries.first().is_some_and(|e| e.header().start == 0);
        let pack = !alone || damage.iter().any(|d| d.object);
        if entries.is_empty() {
            // One object whose array runs past its end or the file's is still one object: it is read as nengo
            // would, or refused for its reason.
            let entry = Entry::open(&source, 0).map_err(|e| named(e, &source))?;
            return Ok(Nco {
                source,
                entries: vec![entry],
                sound: vec![OnceLock::new()],
                damage: Vec::new(),
                pack: false,
            });
        }
        let sound = entries.iter().map(|_| OnceLock::new()).collect();
        Ok(Nco { source, entries, sound, damage, pack })
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The sound objects, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What else is in the file. In a pack it is listed; bytes after a lone object are only here.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether the objects are numbered.
    pub fn is_pack(&self) -> bool {
        self.pack
    }

    /// The metadata of the object at a path, as it is.
    ///
    /// # Errors
    /// `Usage` for a path that is not there; as [`Entry::metadata`].
    pub fn metadata(&self, path: &str, policy: Policy, limits: &Limits) -> Result<Value> {
        let (_, entry) = self.entry(path)?;
        self.metadata_of(entry, policy, limits).map_err(|e| named(e.object(path), &self.source))
    }

    /// The extension block of the object at a path.
    ///
    /// # Errors
    /// `Usage` for a path that is not there; as [`Entry::block`].
    pub fn block(&self, path: &str, limits: &Limits) -> Result<Option<Block>> {
        let (_, entry) = self.entry(path)?;
        entry.block(&self.source, limits).map_err(|e| named(e.object(path), &self.source))
    }

    fn metadata_of(&self, entry: &Entry, policy: Policy, limits: &Limits) -> Result<Value> {
        let checks = entry.checks(&self.source, limits)?;
        entry.verify_pickle(&checks, &self.source, limits)?;
        entry.metadata(&self.source, policy, limits).map_err(|e| match entry.pickle(&self.source, limits) {
            Ok(bytes) => hyperslab_pickle::naming(e, &bytes, entry.header().pickle.start),
            Err(_) => e,
        })
    }

    /// Where the pickles of an object lie: its metadata's, and its array's where that is one of Python objects.
    fn pickles(&self, entry: &Entry, limits: &Limits) -> Vec<Range<u64>> {
        let Header { pickle, array, .. } = entry.header();
        let objects = entry.array_header(&self.source, limits).ok().filter(|h| h.dtype.has_indirection());
        let objects = objects.map(|h| array.start.saturating_add(h.data_offset).min(array.end)..array.end);
        std::iter::once(pickle.clone()).chain(objects).collect()
    }

    /// The entry at a path, and its number.
    fn entry(&self, path: &str) -> Result<(usize, &Entry)> {
        let name = path.strip_prefix('/').unwrap_or(path);
        let number = match self.pack {
            // Numbers are written in one way: "01" names nothing.
            true => name.parse::<usize>().ok().filter(|n| n.to_string() == name),
            false => Some(0).filter(|_| name.is_empty()),
        };
        let found = number.and_then(|n| Some((n, self.entries.get(n)?)));
        found.ok_or_else(|| {
            let what = match self.pack {
                true => format!("no entry {path:?} in a pack of {}", self.entries.len()),
                false => "the file is one array and holds nothing by this name".to_owned(),
            };
            named(Error::usage(what).object(path), &self.source)
        })
    }

    fn node(&self, path: String, entry: &Entry, attributes: bool, limits: &Limits) -> Node {
        let mut node = match entry.array_header(&self.source, limits) {
            Ok(header) => {
                let error = entry.check_array(&header).err();
                let NpyHeader { dtype, shape, order, nbytes, .. } = header;
                let mut node = Node::array(path, dtype, shape);
                node.layout = Some(if order == Order::F { "fortran" } else { "contiguous" }.into());
                match error {
                    None => node.stored_bytes = Some(nbytes),
                    Some(e) => node.error = Some(named(self.naming_objects(e, entry, limits), &self.source)),
                }
                node
            }
            Err(e) => {
                let mut node = Node::new(path, NodeKind::Array);
                node.error = Some(named(e, &self.source));
                node
            }
        };
        if attributes {
            match self.attributes_of(entry, limits) {
                Ok(a) => node.attributes = a,
                Err(e) => node.error = node.error.or(Some(named(e, &self.source))),
            }
        }
        node
    }

    /// An error about an array of Python objects, with the names that their pickle refers to.
    fn naming_objects(&self, e: Error, entry: &Entry, limits: &Limits) -> Error {
        let Some(range) = self.pickles(entry, limits).into_iter().nth(1) else { return e };
        match self.source.bytes_at(range.start, range.end.saturating_sub(range.start), limits) {
            Ok(bytes) => hyperslab_pickle::naming(e, &bytes, range.start),
            Err(_) => e,
        }
    }

    fn attributes_of(&self, entry: &Entry, limits: &Limits) -> Result<Vec<(String, Value)>> {
        Ok(match self.metadata_of(entry, Policy::Inspect, limits)? {
            Value::Null => Vec::new(),
            Value::Map(pairs) if pairs.iter().all(|(k, _)| k.as_str().is_some()) => pairs
                .into_iter()
                .filter_map(|(k, v)| match k {
                    Value::String(k) => Some((k, v)),
                    _ => None,
                })
                .collect(),
            other => vec![(WHOLE.to_owned(), other)],
        })
    }
}

impl<S: Source> Container for Nco<S> {
    fn format(&self) -> &'static str {
        if self.pack { "nco-pack" } else { "nco" }
    }

    fn nodes(&self, path: &str, _depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        if !matches!(path, "" | "/") || !self.pack {
            let (_, entry) = self.entry(path)?;
            let name = path.strip_prefix('/').unwrap_or(path);
            return Ok(vec![self.node(name.to_owned(), entry, attributes, limits)]);
        }
        let mut all: Vec<(u64, Node)> = Vec::with_capacity(self.entries.len());
        for (i, entry) in self.entries.iter().enumerate() {
            limits.count_objects(1)?;
            all.push((entry.header().start, self.node(i.to_string(), entry, attributes, limits)));
        }
        for d in &self.damage {
            let mut node = Node::new(format!("bytes-{}-{}", d.range.start, d.range.end), NodeKind::Array);
            node.stored_bytes = Some(d.range.end.saturating_sub(d.range.start));
            let error = Error::invalid(d.what.clone()).reading("NCO header").at(d.range.start);
            node.error = Some(named(error, &self.source));
            all.push((d.range.start, node));
        }
        all.sort_by_key(|(start, _)| *start);
        Ok(all.into_iter().map(|(_, node)| node).collect())
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        let (number, entry) = self.entry(path)?;
        let read = || {
            let sound = self.sound.get(number);
            if sound.is_none_or(|s| s.get().is_none()) {
                let checks = entry.checks(&self.source, limits)?;
                entry.verify_array(&checks, &self.source, limits)?;
                sound.map(|s| s.set(()));
            }
            entry.array(&self.source, selection, limits)
        };
        let failed = |e: Error| named(self.naming_objects(e, entry, limits).object(path), &self.source);
        read().map_err(failed)
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        if self.pack && matches!(path, "" | "/") {
            return Ok(Vec::new());
        }
        let (_, entry) = self.entry(path)?;
        self.attributes_of(entry, limits).map_err(|e| named(e.object(path), &self.source))
    }

    fn extension(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        if self.pack && matches!(path, "" | "/") {
            return Ok(Vec::new());
        }
        self.block(path, limits)?.map_or(Ok(Vec::new()), |b| crate::fields::of(&b))
    }

    fn code_names(&self, path: &str, limits: &Limits) -> Result<Vec<CodeName>> {
        if self.pack && matches!(path, "" | "/") {
            return Ok(Vec::new());
        }
        let (_, entry) = self.entry(path)?;
        let mut all = Vec::new();
        for range in self.pickles(entry, limits) {
            let len = range.end.saturating_sub(range.start);
            let bytes = self.source.bytes_at(range.start, len, limits).map_err(|e| named(e, &self.source))?;
            all.extend(hyperslab_pickle::names(&bytes, limits).0.into_iter().map(|n| CodeName {
                name: format!("{}.{}", n.module, n.name),
                offset: n.offset.saturating_add(range.start),
                known: n.known,
            }));
        }
        Ok(all)
    }

    fn walk(&self, limits: &Limits, visit: Visit<'_>) -> Result<()> {
        let mut named = |seen| {
            visit(match seen {
                Seen::Damage(e) => Seen::Damage(named(e, &self.source)),
                seen => seen,
            })
        };
        crate::walk::walk(&self.entries, &self.source, self.pack, limits, &mut named)
    }
}
