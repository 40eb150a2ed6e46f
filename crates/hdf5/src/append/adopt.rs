//! Adopting a file of another writer, so that it can be continued in our order.
//!
//! Written in space that nobody uses: the last chunk, if rows are free in it, raw; the blocks of each index with all
//! the chunks that exist; the page; the root group. Then one write of the superblock switches over. Until then the
//! file is what it was, and nothing that it refers to is touched, then or later. Layout and datatype messages become
//! the ones that HDF5 1.10 reads. Everything else in the file stays where it is.

use super::array::{Array, Run, Space, Write};
use super::existing::StoredColumn;
use super::object::{Message, Object};
use super::open::{Existing, Parts};
use super::order::switch;
use super::page::{ColumnLayout, Contents, GUARD, HEADERS, PAGE, Page, SECTOR, State, Touched};
use super::schema::{DEFLATE, area, attribute_info_message, message};
use super::storage::Storage;
use super::{Appender, Options};
use crate::filter;
use crate::format::message::continuation::Continuation;
use crate::format::message::link::{Link, Target};
use crate::format::message::{datatype, filter_pipeline, kind};
use crate::format::object_header::SHARED;
use crate::format::superblock::Superblock;
use crate::format::{Sizes, checksum};
use crate::index::Chunk;
use crate::index::extensible_array::ExtensibleArray;
use hyperslab_core::{Dtype, Error, Result, ResultExt};

/// The message that counts the links to an object.
const REFERENCE_COUNT: u16 = 0x16;
/// Header flag: messages carry their order of creation.
const ORDERED: u8 = 0x04;
/// What a continuation message takes in its header.
const CONTINUATION_BYTES: usize = 20;
/// What a group's header takes at most when the root group's is to lie beside it.
const GROUP_ROOM: usize = 384;

impl<S: Storage> Existing<S> {
    /// Adopts the file, leaving `gap` bytes behind its end.
    pub(super) fn adopt(self, options: Options, gap: u64) -> Result<Appender<S>> {
        let stored = &self.stored;
        let group = stored.group.iter().map(|(name, o)| (name.as_str(), o));
        let columns = stored.columns.iter().map(|c| (c.name.as_str(), &c.object));
        for (name, object) in columns.chain(group).chain([("", &stored.root)]) {
            can_move(object).in_object(&format!("/{name}"))?;
        }
        // The end that a killed writer of another kind left is not to be trusted.
        let size = self.storage.len()?;
        let end = if stored.superblock.flags == 0 {
            stored.superblock.end
        } else {
            stored.superblock.end.max(size)
        };
        let far = || Error::unsupported("a file of more than 2^63 bytes");
        let end = end.checked_add(gap).and_then(|end| end.checked_next_multiple_of(PAGE)).ok_or_else(far)?;
        let mut space = Space { end };
        let at = space.take(PAGE)?;

        let mut writes = Vec::new();
        let mut arrays = Vec::new();
        for (i, column) in stored.columns.iter().enumerate() {
            let array_at = at + (HEADERS + i * SECTOR) as u64;
            let done = self.adopt_array(column, array_at, &mut space, &mut writes);
            arrays.push(done.in_object(&format!("/{}", column.name))?);
        }
        let contents = self.contents(&mut space, &mut writes)?;
        let superblock = Superblock::new(3, 0, 0);
        let (mut page, root) = Page::plan(at, superblock, contents, |names| self.root_messages(names))?;
        page.superblock.root = match (&page.root, root) {
            (Some(slot), _) => slot.address,
            (None, messages) => {
                let mut bytes = Vec::new();
                area(&messages.unwrap_or_default())?.emit(None, &mut bytes)?;
                let at = space.take(bytes.len() as u64)?;
                writes.push(Write { at, bytes });
                at
            }
        };
        let end = space.take(0)?;
        // The stated end is ahead from the beginning: a program that opens the file now, be it to read what comes
        // next or to write without locks, must not take what we are about to write for the end.
        let eoa = end.saturating_add(options.step).next_multiple_of(8);
        let state = State { rows: stored.rows(), eoa, end, touched: self.touched_value(), shared: false };
        let mut left = Vec::new();
        page.emit(&state, &mut left)?;
        for (array, _) in &arrays {
            Page::emit_array(array, &mut left)?;
        }
        let head = page.superblock_bytes(eoa)?;
        writes.push(Write { at, bytes: left.clone() });
        let len = eoa.saturating_add(options.step).max(size);
        switch(&self.storage, options.sync, len, &writes, &self.head, &head)?;
        self.appender(Parts { page, state, arrays, left, unclear: size }, options)
    }

    /// The new index of a column: all chunks that exist, the last one raw when rows are free in it.
    fn adopt_array(
        &self,
        column: &StoredColumn,
        at: u64,
        space: &mut Space,
        writes: &mut Vec<Write>,
    ) -> Result<(Array, Run)> {
        let chunk_bytes = column.chunk_bytes()?;
        let mut array = Array::new(at, column.element_size()?, column.filters.len(), chunk_bytes);
        let rows = self.stored.rows();
        let next = rows / column.chunk_rows.max(1);
        let free = rows % column.chunk_rows.max(1);
        let mut chunks: Vec<(u64, Chunk)> = Vec::new();
        if let Some(index) = column.index {
            let read = ExtensibleArray::open(&self.storage, index, Sizes::STANDARD, &self.limits)?;
            if read.header().shape.filtered == column.filters.is_empty() {
                return Err(Error::invalid("filters and chunk index do not go together"));
            }
            read.visit(&self.storage, 0..next + u64::from(free > 0), &self.limits, |n, c| {
                chunks.push((n, c));
                Ok(())
            })?;
        }
        if free > 0 {
            let last = chunks.pop_if(|(n, _)| *n == next).map(|(_, c)| c);
            let mut bytes = match last {
                Some(c) => self.raw_chunk(column, c)?,
                None => vec![0; usize::try_from(chunk_bytes).unwrap_or(0)],
            };
            let used = usize::try_from(free * column.width()).unwrap_or(usize::MAX);
            bytes.iter_mut().skip(used).for_each(|b| *b = 0);
            let address = space.take(chunk_bytes)?;
            writes.push(Write { at: address, bytes });
            chunks.push((next, array.raw_chunk(address)));
        }
        let mut run = Run::default();
        let mut rest = chunks.as_slice();
        while let Some((n, _)) = rest.first() {
            let (first, len) = array.run_of(*n);
            let count = rest.partition_point(|(n, _)| *n < first.saturating_add(len));
            let (here, after) = rest.split_at(count);
            let takes_next = next < first.saturating_add(len);
            let done = array.put_run(*n, here, takes_next.then_some(next), space, writes)?;
            if takes_next {
                run = done.from(next);
            }
            rest = after;
        }
        array.flush(space, writes)?;
        Ok((array, run))
    }

    /// The bytes of a chunk, its filters undone.
    fn raw_chunk(&self, column: &StoredColumn, chunk: Chunk) -> Result<Vec<u8>> {
        let want = column.chunk_bytes()?;
        let stored = if column.filters.is_empty() { want } else { chunk.size };
        let bytes = self.storage.bytes_at(chunk.address, stored, &self.limits)?;
        let bytes = filter::decode(&column.filters, chunk.filter_mask, bytes, want, &self.limits);
        Ok(bytes.reading("chunk", chunk.address)?.into_owned())
    }

    /// The headers of the page.
    fn contents(&self, space: &mut Space, writes: &mut Vec<Write>) -> Result<Contents> {
        let stored = &self.stored;
        let room = (SECTOR / 2) / stored.columns.len().max(1);
        let mut columns = Vec::new();
        for c in &stored.columns {
            let mut body = Vec::new();
            datatype::emit(&c.dtype, &mut body)?;
            let mut messages = vec![message(kind::DATATYPE, 1, body)];
            let made = [kind::DATASPACE, kind::DATATYPE, kind::LAYOUT, kind::FILTER_PIPELINE];
            if let Some(m) = filters(c)? {
                messages.push(m);
            }
            messages.extend(kept(&c.object).filter(|m| !made.contains(&m.kind)));
            let layout = ColumnLayout { chunk_rows: c.chunk_rows, width: c.width() };
            // Dataspace and layout take some of the room themselves.
            fit(&mut messages, None, room.saturating_sub(60), space, writes)?;
            columns.push((c.name.clone(), messages, layout));
        }
        let group = match &stored.group {
            Some((name, object)) => {
                let mut messages: Vec<Message> = Vec::new();
                let mut touched = None;
                for m in kept(object) {
                    if self.touched_data(&m).is_some() {
                        let position = messages.len();
                        touched = self.touched.clone().map(|name| Touched { name, position });
                    } else {
                        messages.push(m);
                    }
                }
                if !messages.iter().any(|m| m.kind == kind::ATTRIBUTE_INFO) {
                    messages.insert(0, attribute_info_message());
                    touched = touched.map(|t: Touched| Touched { position: t.position + 1, ..t });
                }
                if touched.is_none() {
                    touched = self.touched.clone().map(|name| Touched { name, position: messages.len() });
                }
                fit(&mut messages, touched.as_mut(), GROUP_ROOM - 60, space, writes)?;
                Some((name.clone(), messages, touched))
            }
            None => None,
        };
        Ok(Contents { columns, group })
    }

    /// The root group's messages, with its links to the moved objects at their new addresses.
    fn root_messages(&self, names: &[(String, u64)]) -> Result<Vec<Message>> {
        let moved: Vec<(u64, u64)> = {
            let columns = self.stored.columns.iter().map(|c| (&c.name, c.object.address));
            let group = self.stored.group.iter().map(|(name, o)| (name, o.address));
            let address = |name: &String| names.iter().find(|(n, _)| n == name).map(|(_, a)| *a);
            columns.chain(group).filter_map(|(name, old)| Some((old, address(name)?))).collect()
        };
        let mut out = Vec::new();
        for mut m in kept(&self.stored.root) {
            if m.kind == kind::LINK {
                let link = Link::parse(&m.body, Sizes::STANDARD, m.offset)?;
                if let Target::Hard(old) = link.target
                    && let Some((_, new)) = moved.iter().find(|(o, _)| *o == old)
                {
                    let mut body = Vec::new();
                    Link { target: Target::Hard(*new), ..link }.emit(&mut body)?;
                    m.body = body;
                }
            }
            out.push(m);
        }
        Ok(out)
    }
}

/// The filters of a column, in a form in which plain chunks are safe from libhdf5: a chunk that it rewrites must get
/// another size (see [`ColumnSpec::deflate`](super::ColumnSpec::deflate)). References into a heap deflate well,
/// other rows are stored at level 0; what is deflated already is read as before.
fn filters(column: &StoredColumn) -> Result<Option<Message>> {
    if column.filters.is_empty() {
        return Ok(None);
    }
    let mut filters = column.filters.clone();
    let Some(deflate) = filters.iter_mut().find(|f| f.id == DEFLATE) else {
        return Err(Error::unsupported("filters without deflate in a dataset that is to grow")
            .object(format!("/{}", column.name)));
    };
    if !matches!(column.dtype, Dtype::Vlen(_)) {
        deflate.values = vec![0];
    }
    let mut body = Vec::new();
    filter_pipeline::emit(&filters, &mut body)?;
    Ok(Some(message(kind::FILTER_PIPELINE, 1, body)))
}

/// The messages of a header that go with it when it moves. Links and attributes that lay outside it are among them,
/// and lie in the new one.
fn kept(object: &Object) -> impl Iterator<Item = Message> {
    let gone = |m: &&Message| !matches!(m.kind, kind::NIL | kind::CONTINUATION | REFERENCE_COUNT | GUARD);
    object.messages.iter().filter(gone).map(|m| {
        let mut body = m.body.clone();
        // What precedes the addresses of the outside storage, by the flags that say what is there.
        let flags = body.get(1).copied().unwrap_or(0);
        let before = match m.kind {
            kind::LINK_INFO if flags & 1 != 0 => 10,
            kind::ATTRIBUTE_INFO if flags & 1 != 0 => 4,
            kind::LINK_INFO | kind::ATTRIBUTE_INFO => 2,
            _ => body.len(),
        };
        body.iter_mut().skip(before).for_each(|b| *b = 0xFF);
        message(m.kind, m.flags, body)
    })
}

/// Whether an object's header can be written anew elsewhere without losing anything.
fn can_move(object: &Object) -> Result<()> {
    let refuse =
        |why: &str| Err(Error::unsupported(format!("a header {why} cannot be moved")).at(object.address));
    if object.prefix.version != 2 {
        return refuse("of version 1");
    }
    if object.prefix.flags & ORDERED != 0 {
        return refuse("that keeps the order of its attributes");
    }
    for m in &object.messages {
        match m.kind {
            REFERENCE_COUNT if m.body.get(1..5).is_some_and(|n| n != [1, 0, 0, 0]) => {
                return refuse("that several links lead to");
            }
            kind::DATASPACE => {}
            _ if m.flags & SHARED != 0 => return refuse("with a shared message"),
            _ => {}
        }
    }
    Ok(())
}

/// Moves attributes, and then the type of a table with many fields, out of a header into a continuation until the rest
/// fits `room`.
fn fit(
    messages: &mut Vec<Message>,
    touched: Option<&mut Touched>,
    room: usize,
    space: &mut Space,
    writes: &mut Vec<Write>,
) -> Result<()> {
    let size = |messages: &[Message]| messages.iter().map(|m| m.body.len() + 4).sum::<usize>();
    if size(messages) <= room {
        return Ok(());
    }
    let mut moved = Vec::new();
    let mut position = touched.as_ref().map_or(0, |t| t.position);
    while size(messages) + CONTINUATION_BYTES > room
        && let Some(i) = [kind::ATTRIBUTE, kind::DATATYPE]
            .iter()
            .find_map(|kind| messages.iter().rposition(|m| m.kind == *kind))
    {
        moved.push(messages.remove(i));
        position -= usize::from(i < position);
    }
    if let Some(t) = touched {
        t.position = position;
    }
    if moved.is_empty() {
        return Ok(());
    }
    moved.reverse();
    let mut bytes = b"OCHK".to_vec();
    for m in &moved {
        bytes.push(u8::try_from(m.kind).unwrap_or(0));
        let len = u16::try_from(m.body.len()).map_err(|_| Error::unsupported("a message of 64 KiB"))?;
        bytes.extend_from_slice(&len.to_le_bytes());
        bytes.push(m.flags);
        bytes.extend_from_slice(&m.body);
    }
    checksum::seal(&mut bytes, 0);
    let len = bytes.len() as u64;
    let address = space.take(len)?;
    writes.push(Write { at: address, bytes });
    let mut body = Vec::new();
    Continuation { address, len }.emit(&mut body);
    messages.push(message(kind::CONTINUATION, 0, body));
    Ok(())
}
