//! NPZ files: ZIP archives of NPY members, as `np.savez` and `np.savez_compressed` write them.
//!
//! Read strictly: the directory is believed only where it agrees with the local headers, and whatever two readers
//! could understand differently is refused. Stored members of a source in memory are viewed where they lie. Members
//! that are not NPY are raw bytes, shown as one element of that many opaque bytes; `metadata.json` in the form of
//! [`attributes`] hangs attributes on the others.
//!
//! The CRC is checked whenever a whole member is read or streamed, before its last elements are handed out. Of a
//! member of more than a megabyte a part can be read without the rest: then nothing but the deflate stream, as far
//! as it was followed, and the headers are checked.

pub mod attributes;
mod directory;
mod edit;
mod index;
mod kind;
mod le;
mod member;
mod names;
mod pack;
mod record;
mod recover;
mod stream;
mod unpack;
mod values;
mod walk;
mod writer;

pub use edit::NpzEditor;
pub use recover::{Lost, Recovered, recover};
pub use writer::NpzWriter;
pub(crate) use writer::key_of;

use crate::dense;
use crate::header::{self, Header};
use directory::{Directory, Entry};
use hyperslab_core::container::{Container, Node, NodeKind, Stream};
use hyperslab_core::view::{Buffer, Data};
use hyperslab_core::walk::Visit;
use hyperslab_core::{Dtype, Error, Limits, Result, Selection, Shape, Source, Value, View};
use member::{DEFLATED, Member};
use rayon::prelude::*;
use std::cell::RefCell;
use std::sync::OnceLock;

/// How many bytes of a member are looked at for its header.
const HEAD: u64 = 128;

/// Members up to this size are read, and checked, as a whole also where a part would do.
const WHOLE: u64 = 1 << 20;

/// An open NPZ file: a flat container of arrays by key.
#[derive(Debug)]
pub struct Npz<S> {
    source: S,
    directory: Directory,
    /// The attributes of every node once they were asked for, `None` where there are none of our form.
    attributes: OnceLock<Option<attributes::All>>,
}

impl<S: Source> Npz<S> {
    /// Reads the directory.
    ///
    /// # Errors
    /// `Invalid` for an archive that does not add up or could be understood in two ways, `Unsupported` for one in
    /// several parts, `Limit`, `Io`.
    pub fn open(source: S, limits: &Limits) -> Result<Npz<S>> {
        let directory = directory::read(&source, limits).map_err(|e| dense::named(e, &source))?;
        Ok(Npz { source, directory, attributes: OnceLock::new() })
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The keys of all members that hold data, in the order of the directory.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let entries = self.directory.entries().iter().filter(|e| !self.is_folder(e));
        entries.map(|e| self.directory.key(e))
    }

    /// Whether a member is nothing but a folder. The key of an array may end as a folder's name does.
    fn is_folder(&self, entry: &Entry) -> bool {
        self.directory.name(entry).ends_with('/')
    }

    /// The member of a key, or of a whole name.
    fn entry(&self, path: &str) -> Result<&Entry> {
        let named = |key: &str| {
            self.directory.find_key(key).or_else(|| self.directory.find(key)).filter(|e| !self.is_folder(e))
        };
        // A name may itself begin with a slash.
        named(path).or_else(|| path.strip_prefix('/').and_then(named)).ok_or_else(|| {
            let e = Error::usage("no such member").object(path);
            match self.keys().next() {
                Some(first) => e.hint(format!("the first member is {first:?}")),
                None => e.hint("the archive is empty"),
            }
        })
    }

    fn member<'a>(&'a self, entry: &'a Entry, limits: &Limits) -> Result<Member<'a, S>> {
        Member::open(&self.source, entry, self.directory.name(entry), limits)
    }

    /// What a member turns out to be: an array, or raw bytes.
    fn header(member: &Member<'_, S>, entry: &Entry, limits: &Limits) -> Result<Option<Header>> {
        let start = member.start(HEAD, limits)?;
        if !start.starts_with(header::MAGIC) {
            return Ok(None);
        }
        let length = header::length(&start)? as u64;
        let header = match length <= start.len() as u64 {
            true => parsed(&start)?,
            false => parsed(&member.start(length, limits)?)?,
        };
        header.dense(0).check(entry.size, limits)?;
        Ok(Some(header))
    }

    /// One member's array, checked in full where all of it is read.
    fn view<'a>(&'a self, entry: &'a Entry, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        let member = self.member(entry, limits)?;
        if entry.size > WHOLE
            && !selection.is_all()
            && let Some(header) = Self::header(&member, entry, limits)?
            && let Some(part) = self.part(&member, entry, &header, selection, limits)?
        {
            return Ok(part);
        }
        let content = member.content(limits)?;
        let size = content.len() as u64;
        if !content.starts_with(header::MAGIC) {
            return View::new(Dtype::Void(raw_size(size)?), Shape::default(), content)?.select(selection);
        }
        let h = parsed(&content)?;
        h.dense(0).check(size, limits)?;
        dense::within(h.dtype, h.shape, h.order, h.data_offset, content)?.select(selection)
    }

    /// The whole member of an array of objects, checked; `None` for any other member.
    pub(crate) fn objects_member(&self, path: &str, limits: &Limits) -> Result<Option<Data<'_>>> {
        let entry = self.entry(path)?;
        let found = || -> Result<_> {
            let member = self.member(entry, limits)?;
            let start = member.start(HEAD, limits)?;
            if !start.starts_with(header::MAGIC) {
                return Ok(None);
            }
            let start = member.start(header::length(&start)? as u64, limits)?;
            match header::parse(&start)?.dtype.has_indirection() {
                true => member.content(limits).map(Some),
                false => Ok(None),
            }
        };
        found().map_err(|e| self.about(e, entry))
    }

    /// The selected elements without the rest; `None` where nearly all of a deflated member is wanted, which is
    /// faster to unpack as a whole.
    fn part<'a>(
        &'a self,
        member: &Member<'a, S>,
        entry: &'a Entry,
        header: &Header,
        selection: &Selection,
        limits: &Limits,
    ) -> Result<Option<View<'a>>> {
        if entry.method != DEFLATED {
            let stored = header.dense(member.data_at());
            return stored.read(&self.source, selection, limits).map(Some);
        }
        let array = header.dense(0);
        let span = array.span(selection)?;
        if span.len > entry.size / 2 {
            return Ok(None);
        }
        let mut buffer = Buffer::zeroed(span.len, limits)?;
        if span.len > 0 {
            let mut unpacker = member.unpacker(limits)?;
            unpacker.skip(array.offset.saturating_add(span.low))?;
            unpacker.fill(&mut buffer)?;
        }
        span.view(&header.dtype, buffer).map(Some)
    }

    /// Several members' arrays in the order of their keys, by all threads of the current pool: as
    /// [`read`](Container::read) gives them.
    ///
    /// # Errors
    /// As [`read`](Container::read), of the first in that order that cannot be read.
    pub fn read_many<'a>(
        &'a self,
        keys: &[impl AsRef<str> + Sync],
        limits: &Limits,
    ) -> Result<Vec<View<'a>>> {
        let read = |key: &_| self.read(AsRef::as_ref(key), &Selection::ALL, limits);
        // Thousands are small, and handing each to a thread would take longer than reading it.
        let together = if keys.len() > 512 { 128 } else { 1 };
        let views: Vec<Result<View<'a>>> = keys.par_iter().with_min_len(together).map(read).collect();
        views.into_iter().collect()
    }

    fn node(&self, entry: &Entry, limits: &Limits) -> Node {
        let key = self.directory.key(entry);
        if self.is_folder(entry) {
            return Node::new(key.trim_end_matches('/'), NodeKind::Group);
        }
        let header = self.member(entry, limits).and_then(|m| Self::header(&m, entry, limits));
        let mut node = match header {
            Ok(Some(h)) => Node::array(key, h.dtype, h.shape),
            Ok(None) => match raw_size(entry.size) {
                Ok(n) => Node::array(key, Dtype::Void(n), Shape::default()),
                Err(e) => Node { error: Some(e), ..Node::new(key, NodeKind::Array) },
            },
            Err(e) => Node { error: Some(self.about(e, entry)), ..Node::new(key, NodeKind::Array) },
        };
        node.layout = Some(match entry.method {
            member::STORED => "stored".into(),
            member::DEFLATED => "deflate".into(),
            other => format!("method {other}{}", member::method_name(other)),
        });
        node.stored_bytes = Some(entry.packed);
        node.member = Some(self.directory.name(entry).to_owned());
        node
    }

    /// Says which member an error is about.
    fn about(&self, e: Error, entry: &Entry) -> Error {
        dense::named(e.object(self.directory.key(entry)), &self.source)
    }

    /// The attributes of every node, where `metadata.json` has our form.
    fn metadata(&self, limits: &Limits) -> Result<Option<attributes::All>> {
        let Some(entry) = self.directory.find(names::METADATA) else { return Ok(None) };
        let bytes = self.member(entry, limits).and_then(|m| m.content(limits));
        attributes::parse(&bytes.map_err(|e| self.about(e, entry))?, limits).map_err(|e| self.about(e, entry))
    }

    /// The same, parsed once: every member may be asked for its own.
    fn known(&self, limits: &Limits) -> Result<Option<&attributes::All>> {
        if self.attributes.get().is_none() {
            // Another thread may have been first.
            let _ = self.attributes.set(self.metadata(limits)?);
        }
        Ok(self.attributes.get().and_then(Option::as_ref))
    }
}

/// Parses a header. Arrays of one archive mostly have the same one: what this thread parsed last is not parsed again.
fn parsed(bytes: &[u8]) -> Result<Header> {
    thread_local! {
        static LAST: RefCell<Option<(Vec<u8>, Header)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((text, header)) = last
            && bytes.starts_with(text)
        {
            return Ok(header.clone());
        }
        let header = header::parse(bytes)?;
        let text = usize::try_from(header.data_offset).ok().and_then(|n| bytes.get(..n));
        *last = text.map(|text| (text.to_vec(), header.clone()));
        Ok(header)
    })
}

/// Opaque bytes have a limited size in NumPy.
fn raw_size(size: u64) -> Result<u32> {
    u32::try_from(size)
        .ok()
        .filter(|&n| n <= i32::MAX as u32)
        .ok_or_else(|| Error::unsupported(format!("{size} raw bytes as one element")))
}

impl<S: Source> Container for Npz<S> {
    fn format(&self) -> &'static str {
        "npz"
    }

    /// An NPZ is flat: a key with slashes in it is one name, and no depth cuts it off.
    fn nodes(&self, path: &str, _depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        let below = path.trim_matches('/');
        // Damaged metadata is an unreadable member in the listing, not the end of it.
        let metadata = self.known(limits).unwrap_or_default();
        // PATH is a member's key; what lies below it is meant only where there is no such member.
        let exact = self.directory.find_key(path).or_else(|| self.directory.find_key(below));
        let exact = exact.filter(|e| !below.is_empty() && !self.is_folder(e)).map(|e| self.directory.key(e));
        let inside = |key: &str| {
            if let Some(exact) = exact {
                return key == exact;
            }
            below.is_empty()
                || key == below
                || key.strip_prefix(below).is_some_and(|rest| rest.starts_with('/'))
        };
        let listed: Vec<&Entry> = self
            .directory
            .entries()
            .iter()
            .filter(|e| metadata.is_none() || self.directory.name(e) != names::METADATA)
            .filter(|e| inside(self.directory.key(e)))
            .collect();
        let mut out: Vec<Node> =
            listed.par_iter().with_min_len(256).map(|entry| self.node(entry, limits)).collect();
        if let Some(all) = metadata {
            for path in all.paths().filter(|p| !p.is_empty() && inside(p)) {
                if self.entry(path).is_err() && !out.iter().any(|n| n.path == path) {
                    out.push(Node::new(path, NodeKind::Group));
                }
            }
            if attributes {
                for node in &mut out {
                    match all.of(&node.path, limits) {
                        Ok(values) => node.attributes = values,
                        Err(e) => node.error = Some(dense::named(e.object(node.path.clone()), &self.source)),
                    }
                }
            }
        }
        if out.is_empty() && !below.is_empty() {
            self.entry(path)?;
        }
        Ok(out)
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        let entry = self.entry(path)?;
        self.view(entry, selection, limits).map_err(|e| self.about(e, entry))
    }

    /// Deflated members and those that a file stores; one in Fortran order goes through a temporary file, unless it
    /// is small.
    fn stream<'a>(&'a self, path: &str, limits: &'a Limits) -> Result<Option<Box<dyn Stream + 'a>>> {
        let entry = self.entry(path)?;
        let open = || {
            let member = self.member(entry, limits)?;
            match Self::header(&member, entry, limits)? {
                Some(header) => stream::open(&self.source, entry, &member, header, limits),
                None => Ok(None),
            }
        };
        open().map_err(|e| self.about(e, entry))
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        let exact = self.directory.find_key(path).filter(|e| !self.is_folder(e));
        let path = exact.map_or(path.trim_matches('/'), |e| self.directory.key(e));
        let metadata = self.known(limits)?;
        let is_member = || {
            self.directory.find_key(path).or_else(|| self.directory.find_key(&format!("{path}/"))).is_some()
        };
        if !path.is_empty() && !metadata.is_some_and(|all| all.has(path)) && !is_member() {
            return Err(Error::usage("no such member").object(path));
        }
        match metadata {
            Some(all) => all.of(path, limits).map_err(|e| dense::named(e.object(path), &self.source)),
            None => Ok(Vec::new()),
        }
    }

    fn walk(&self, limits: &Limits, visit: Visit<'_>) -> Result<()> {
        walk::walk(self, limits, visit).map_err(|e| dense::named(e, &self.source))
    }
}

#[cfg(test)]
mod tests;
