//! Where in a damaged file its log is: through superblock, root group and links as far as they are left, else by the
//! signatures of what they should lead to.

use super::column::{Column, Role};
use super::heap::{Heap, Key};
use super::input::{Input, tolerant};
use super::object::Object;
use super::scan::Scan;
use crate::log::columns::HeaderRow;
use crate::log::fresh::Meta;
use crate::log::version::{LATEST, Version};
use hyperslab_core::{Dtype, Error, Kind, Result, Value};
use hyperslab_hdf5::append::AttributeValue;
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::message::attribute::Attribute;
use hyperslab_hdf5::format::message::attribute_info::AttributeInfo;
use hyperslab_hdf5::format::message::dataspace::{Dataspace, Kind as SpaceKind};
use hyperslab_hdf5::format::message::link::{Link, Target};
use hyperslab_hdf5::format::message::link_info::LinkInfo;
use hyperslab_hdf5::format::message::{datatype, kind};
use hyperslab_hdf5::format::superblock::{LEN_V2, MAX_LEN, SIGNATURE, Superblock};

/// Candidates of one kind that are looked at.
const MOST: usize = 4096;
/// Indexes without a header that are looked at.
const MOST_ARRAYS: usize = 64;

/// What is left of a log.
#[derive(Default)]
pub(super) struct Found {
    pub(super) messages: Option<Column>,
    pub(super) headers: Option<(Column, HeaderRow)>,
    meta: Option<Object>,
    /// Where the superblock says that the root group is.
    pub(super) root: Option<u64>,
    /// Whether names of the root group lie where nothing can be read.
    names_lost: bool,
    /// Members of the root group that belong to no log.
    pub(super) foreign: Vec<String>,
    /// Objects of the heap that attributes refer to.
    pub(super) texts: Vec<Key>,
    pub(super) scan: Option<Scan>,
    pub(super) notes: Vec<String>,
}

impl Found {
    /// Looks for the log.
    ///
    /// # Errors
    /// `Unsupported` for a file that is, or seems to have been, something else; `Limit`, `Io`.
    pub(super) fn look(input: &Input<'_>, heap: &mut Heap<'_, '_>) -> Result<Found> {
        let mut found = Found::default();
        found.root = found.superblock(input)?;
        if let Some(root) = found.root {
            match Object::read(input, root) {
                Ok(root) => found.members(input, &root)?,
                Err(e) => found.note(format!("the root group is lost ({e})")),
            }
        }
        if found.messages.is_none() || found.headers.is_none() || found.meta.is_none() {
            found.search(input, heap)?;
        }
        if found.messages.is_none() && found.headers.is_none() {
            let heap = found.scan.as_ref().is_some_and(|s| !s.collections.is_empty());
            // Heap collections alone may be those of any file.
            if !heap || found.meta.is_none() {
                return Err(Error::unsupported("nothing in it is left of a message log"));
            }
        }
        Ok(found)
    }

    fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// What the superblock says; the address of the root group.
    fn superblock(&mut self, input: &Input<'_>) -> Result<Option<u64>> {
        let bytes = input.up_to(0, MAX_LEN as u64)?;
        let whole = bytes.get(..LEN_V2).unwrap_or(&bytes);
        let parsed = tolerant(whole, |b| Superblock::parse(b, 0));
        let s = match parsed {
            Ok(p) => {
                if !p.checked {
                    self.note("the superblock's checksum is wrong: what it says is taken as a guess".into());
                }
                p.value
            }
            Err(e) if bytes.starts_with(&SIGNATURE) && e.kind() == Kind::Unsupported => {
                return Err(e);
            }
            Err(e) => {
                self.note(format!("the superblock is lost ({e})"));
                return Ok(None);
            }
        };
        if !matches!(s.version, 2 | 3) || s.sizes != Sizes::STANDARD || s.base != 0 {
            return Err(Error::unsupported(format!(
                "not a message log: superblock version {}, {}-byte addresses, base {}",
                s.version, s.sizes.offset, s.base
            )));
        }
        if s.flags != 0 {
            self.note(format!(
                "it is marked as open by a writer ({:#04x}), as a killed one leaves it",
                s.flags
            ));
        }
        if s.end > input.len {
            self.note(format!(
                "it is cut: the superblock tells of {} bytes and {} are there",
                s.end, input.len
            ));
        } else if s.end < input.len {
            self.note(format!(
                "the superblock tells of {} bytes and {} are there: all of them are used",
                s.end, input.len
            ));
        }
        Ok(Some(s.root))
    }

    /// The names in the root group: links in its header, or where those are that are too many for it.
    fn names(&mut self, input: &Input<'_>, root: &Object) -> Vec<(String, Option<u64>)> {
        let mut names = Vec::new();
        for m in &root.messages {
            match m.kind {
                kind::LINK => match Link::parse(&m.body, Sizes::STANDARD, m.offset) {
                    Ok(link) => {
                        let at = match link.target {
                            Target::Hard(at) => Some(at),
                            _ => None,
                        };
                        names.push((String::from_utf8_lossy(link.name).into_owned(), at));
                    }
                    Err(_) => self.note(format!("a link at byte {} cannot be read", m.offset)),
                },
                kind::LINK_INFO => {
                    let info = LinkInfo::parse(&m.body, Sizes::STANDARD, m.offset);
                    if info.is_ok_and(|info| info.heap.is_none()) {
                        continue;
                    }
                    match input.file(root.address).and_then(|f| f.members("/", &input.limits)) {
                        Ok(all) => return all,
                        Err(e) => {
                            self.names_lost = true;
                            self.note(format!("the names in the root group are lost ({e})"));
                        }
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// Follows the root group's links.
    fn members(&mut self, input: &Input<'_>, root: &Object) -> Result<()> {
        if !root.checked {
            self.note("the root group's header has a wrong checksum".into());
        }
        let mut any = false;
        for (name, at) in self.names(input, root) {
            let Some(at) = at else {
                self.foreign.push(name);
                continue;
            };
            let object = Object::read(input, at);
            if let Ok(object) = &object {
                self.mark(input, object);
            }
            match &*name {
                "meta" => match object {
                    Ok(object) => self.meta = Some(object),
                    Err(e) => self.note(format!("the header of /meta is lost ({e})")),
                },
                "msgs" | "msg_headers" => {
                    any = true;
                    let column = object.and_then(|o| Column::open(input, &o));
                    if let Err(e) = column.and_then(|(role, column)| self.take(role, column, &name)) {
                        if e.kind() == Kind::Unsupported && root.checked {
                            return Err(e.object(format!("/{name}")));
                        }
                        self.note(format!("the header of /{name} is lost ({e})"));
                    }
                }
                _ => self.foreign.push(name),
            }
        }
        if !any && root.checked && !self.names_lost {
            return Err(Error::unsupported(
                "not a message log: no members \"msgs\" and \"msg_headers\" in the root group",
            ));
        }
        Ok(())
    }

    fn take(&mut self, role: Role, column: Column, name: &str) -> Result<()> {
        if !column.checked {
            self.note(format!(
                "the header of /{name} has a wrong checksum: what it says is taken as a guess"
            ));
        }
        match (role, name) {
            (Role::Messages, "msgs") => self.messages = Some(column),
            (Role::Headers(row), "msg_headers") => self.headers = Some((column, row)),
            _ => return Err(Error::unsupported("not a message log: another type of dataset")),
        }
        Ok(())
    }

    /// Looks through all bytes for what no link leads to.
    fn search(&mut self, input: &Input<'_>, heap: &mut Heap<'_, '_>) -> Result<()> {
        let scan = Scan::run(input, heap)?;
        let end = |c: &Column| (c.rows.unwrap_or(0), c.chunks.end());
        let how = |what: &str, at: u64| format!("{what} was found by looking through the file, at byte {at}");
        let mut told = [const { None }; 2];
        // What links lead to is the log as it was last.
        let linked = [self.messages.is_some(), self.headers.is_some()];
        for &at in scan.objects.iter().take(MOST) {
            let Ok(object) = Object::read(input, at) else { continue };
            if !object.checked {
                continue;
            }
            self.mark(input, &object);
            if self.meta.is_none() && is_meta(&object) {
                self.note(how("/meta", at));
                self.meta = Some(object);
                continue;
            }
            // A log that was continued keeps the headers that it had before: the longest is the last.
            match Column::open(input, &object) {
                Ok((Role::Messages, c))
                    if !linked[0] && self.messages.as_ref().is_none_or(|have| end(have) < end(&c)) =>
                {
                    told[0] = Some(how("a header of /msgs", at));
                    self.messages = Some(c);
                }
                Ok((Role::Headers(row), c))
                    if !linked[1] && self.headers.as_ref().is_none_or(|(have, _)| end(have) < end(&c)) =>
                {
                    told[1] = Some(how("a header of /msg_headers", at));
                    self.headers = Some((c, row));
                }
                _ => {}
            }
        }
        // Also a header that was found may be an old one, of before the log was continued.
        for headers in [false, true] {
            for &at in scan.arrays.iter().take(MOST_ARRAYS) {
                if linked[usize::from(headers)] || (headers && self.messages.is_none()) {
                    break;
                }
                let beside = if headers { self.messages.as_ref() } else { None };
                let Ok(column) = Column::of_index(input, heap, at, beside) else { continue };
                let have =
                    if headers { self.headers.as_ref().map(|(c, _)| c) } else { self.messages.as_ref() };
                if have.is_some_and(|have| have.chunks.end() >= column.chunks.end()) {
                    continue;
                }
                if headers {
                    told[1] = Some(how("an index of /msg_headers", at));
                    self.headers = Some((column, HeaderRow { width: 1, io_group: 0 }));
                } else {
                    told[0] = Some(how("an index of /msgs", at));
                    self.messages = Some(column);
                }
            }
        }
        told.into_iter().flatten().for_each(|t| self.note(t));
        input.check()?;
        self.scan = Some(scan);
        Ok(())
    }

    /// Remembers the texts of an object's attributes, which lie in the heap as messages do.
    fn mark(&mut self, input: &Input<'_>, object: &Object) {
        let mut heap = Heap::new(input);
        for m in object.messages.iter().filter(|m| m.kind == kind::ATTRIBUTE) {
            let Ok(a) = Attribute::parse(&m.body, m.offset) else { continue };
            for row in a.data.chunks_exact(16).take(64) {
                if let Some((count, at, number)) = super::column::reference(row)
                    && count > 0
                    && let Ok(found) = heap.resolve(count, at, number)
                {
                    self.texts.push(found.key);
                }
            }
        }
    }

    /// The attributes of `/meta`, as far as they can be read: single numbers and texts, others by name.
    pub(super) fn attributes(
        &self,
        input: &Input<'_>,
        heap: &mut Heap<'_, '_>,
    ) -> Vec<(String, Result<Option<AttributeValue>>)> {
        let messages = self.meta.iter().flat_map(|o| &o.messages);
        let info = messages.filter(|m| m.kind == kind::ATTRIBUTE_INFO);
        let mut info = info.filter_map(|m| AttributeInfo::parse(&m.body, Sizes::STANDARD, m.offset).ok());
        // More than a header holds lie elsewhere, all of them.
        if let (Some(root), true) = (self.root, info.any(|info| info.heap.is_some())) {
            let found = input.file(root).and_then(|f| f.attributes("/meta", &input.limits));
            return match found {
                Ok(all) => all.into_iter().map(|(name, value)| (name, Ok(plain(&value)))).collect(),
                Err(e) => vec![("?".into(), Err(e))],
            };
        }
        let messages = self.meta.iter().flat_map(|o| &o.messages).filter(|m| m.kind == kind::ATTRIBUTE);
        let one = |m: &super::object::Message| match Attribute::parse(&m.body, m.offset) {
            Ok(a) => (String::from_utf8_lossy(a.name).into_owned(), value(&a, heap)),
            Err(e) => ("?".into(), Err(e)),
        };
        messages.map(one).collect()
    }

    /// The attributes of `/meta`, with what is missing filled in.
    ///
    /// # Errors
    /// `Unsupported` for a log of another version.
    pub(super) fn meta(&mut self, input: &Input<'_>, heap: &mut Heap<'_, '_>) -> Result<Meta> {
        let mut meta = Meta {
            version: LATEST.to_string(),
            io_version: None,
            created: None,
            modified: None,
            others: Vec::new(),
            left: Vec::new(),
        };
        if self.meta.is_none() {
            self.note(format!("/meta is lost: version {LATEST} is assumed, and no io_version"));
            return Ok(meta);
        }
        let mut version = None;
        for (name, value) in self.attributes(input, heap) {
            match (&*name, value) {
                ("version", Ok(Some(AttributeValue::Text(t)))) => version = Some(t),
                ("io_version", Ok(Some(AttributeValue::Text(t)))) => meta.io_version = Some(t),
                ("created", Ok(Some(AttributeValue::F64(t)))) => meta.created = Some(t),
                ("modified", Ok(Some(AttributeValue::F64(t)))) => meta.modified = Some(t),
                (_, Ok(value)) => meta.other(name, value),
                (_, Err(e)) => self.note(format!("the attribute {name:?} of /meta is lost ({e})")),
            }
        }
        match version {
            Some(v) if v.parse::<Version>().is_ok_and(|v| v.major != LATEST.major) => {
                return Err(
                    Error::unsupported(format!("a log of version {v} (known: {LATEST})")).object("/meta")
                );
            }
            Some(v) if v != meta.version => {
                self.note(format!("the log states version {v:?}; {LATEST} is written"));
            }
            Some(_) => {}
            None => self.note(format!("the log's version is lost: {LATEST} is assumed")),
        }
        if let Some(v) = meta.io_version.as_ref().filter(|v| v.parse::<Version>().is_err()) {
            self.note(format!("the log states the io_version {v:?}, which is none"));
        }
        Ok(meta)
    }
}

/// Whether these are the attributes of `/meta`.
fn is_meta(object: &Object) -> bool {
    let attributes = object.messages.iter().filter(|m| m.kind == kind::ATTRIBUTE);
    let names = attributes.filter_map(|m| Attribute::parse(&m.body, m.offset).ok().map(|a| a.name.to_vec()));
    let names: Vec<Vec<u8>> = names.collect();
    [&b"version"[..], b"created", b"modified"].iter().all(|n| names.iter().any(|name| name == n))
}

/// A value that was read, where it is a double or text.
fn plain(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::String(text) => Some(AttributeValue::Text(text.clone())),
        Value::Float(number) => Some(AttributeValue::F64(*number)),
        Value::Array(view) if view.shape().is_empty() && *view.dtype() == Dtype::F64 => {
            view.to_vec::<f64>().ok()?.first().map(|number| AttributeValue::F64(*number))
        }
        _ => None,
    }
}

/// A single number or text; `None` for other types.
fn value(a: &Attribute<'_>, heap: &mut Heap<'_, '_>) -> Result<Option<AttributeValue>> {
    if a.datatype.shared || a.dataspace.shared {
        return Ok(None);
    }
    let space = Dataspace::parse(a.dataspace.body, Sizes::STANDARD, a.dataspace.offset)?;
    if space.kind == SpaceKind::Null || space.dims.iter().any(|&d| d != 1) {
        return Ok(None);
    }
    let text = |b: &[u8]| {
        let b = b.split(|&b| b == 0).next().unwrap_or_default();
        Some(AttributeValue::Text(String::from_utf8_lossy(b).trim_end_matches(' ').to_owned()))
    };
    Ok(match datatype::parse(a.datatype.body, Sizes::STANDARD, a.datatype.offset)? {
        Dtype::VlenString(_) => match super::column::reference(a.data) {
            Some((0, ..)) => text(b""),
            Some((count, at, number)) => {
                let found = heap.resolve(count, at, number)?;
                text(found.collection.data(&found.place))
            }
            None => None,
        },
        Dtype::FixedString(_) => text(a.data),
        d if d == Dtype::F64 => a.data.try_into().ok().map(|b| AttributeValue::F64(f64::from_le_bytes(b))),
        _ => None,
    })
}
