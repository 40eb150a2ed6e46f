//! Object headers being changed: all messages of one, and the one write that replaces some of them.
//!
//! A header never moves. What changes within one of its chunks, and fits there, is written there. Everything else goes
//! through the first chunk: it keeps what fits, and continues in one new chunk, in new space, that holds all the rest.
//! Either way one write switches, and chunks that nothing leads to any more stay as unused space.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.1; that every library reads what is made here was measured
//! on libhdf5 1.10 to 2.0.

use super::plan::{Plan, difference};
use crate::format::message::continuation::Continuation;
use crate::format::message::kind;
use crate::format::object_header::{FAIL_IF_UNKNOWN, Prefix, SHARED};
use crate::format::{Put, Sizes, checksum};
use crate::read::based::Based;
use hyperslab_core::{Error, Limits, Result, ResultExt, Source};
use std::collections::{BTreeSet, HashSet};

/// As many bytes as any library reads of a header before it knows its length.
const SPECULATIVE: u64 = 512;
/// Message flag: who writes the object must understand the message.
const FAIL_IF_WRITTEN: u8 = 0x08;
/// Message flag: who writes the object without understanding the message marks it.
const MARK_IF_UNKNOWN: u8 = 0x10;
/// Message flag: somebody did.
const MARKED: u8 = 0x20;
/// Header flag: messages carry their order of creation.
const ORDERED: u8 = 0x04;
/// Bytes of the body of a continuation message.
const CONTINUATION: usize = 16;
/// The longest body of a message.
const MOST: usize = 0xffff;
const WHAT: &str = "object header";

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    flags: u8,
    /// Its number in the order of creation, where that is kept.
    pub(super) order: u16,
    pub(super) body: Vec<u8>,
    /// Where the body lies in the file.
    pub(super) offset: u64,
    /// The chunk that it lies in; none yet when it is new.
    chunk: Option<usize>,
}

impl Message {
    /// Whether the body is elsewhere.
    pub(super) fn is_shared(&self) -> bool {
        self.flags & SHARED != 0
    }
}

#[derive(Clone, Debug)]
struct Chunk {
    at: u64,
    bytes: Vec<u8>,
    /// Messages of any kind.
    count: usize,
    /// Where other chunks are that this one leads to.
    next: Vec<Continuation>,
}

/// An object header with its messages, but for those that say nothing.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) address: u64,
    prefix: Prefix,
    chunks: Vec<Chunk>,
    pub(super) messages: Vec<Message>,
    /// Chunks of which a message was changed or taken away.
    touched: BTreeSet<usize>,
}

impl Header {
    /// Reads the header at an address.
    ///
    /// # Errors
    /// `Invalid`, `Io`; `Unsupported` when it holds a message that nobody may write beside without understanding it.
    pub(super) fn read(source: &Based<'_>, address: u64, sizes: Sizes, limits: &Limits) -> Result<Header> {
        let have = source.len()?;
        let head = source.bytes_at(address, SPECULATIVE.min(have.saturating_sub(address)), limits);
        let head = head.reading(WHAT, address)?;
        let prefix = Prefix::parse(&head, address)?;
        let whole = source.bytes_at(address, prefix.len(), limits).reading(WHAT, address)?.into_owned();
        let mut header =
            Header { address, prefix, chunks: Vec::new(), messages: Vec::new(), touched: BTreeSet::new() };
        let mut waiting = Vec::new();
        header.take(address, whole, sizes, &mut waiting)?;
        // Honest chunks do not overlap, so together they are no longer than the file, and none comes twice.
        let (mut room, mut seen) = (have, HashSet::new());
        while let Some(c) = waiting.pop() {
            room = room.checked_sub(c.len).filter(|_| seen.insert(c.address)).ok_or_else(|| {
                Error::invalid("continuations of the object header run in a circle").reading(WHAT).at(address)
            })?;
            let bytes = source.bytes_at(c.address, c.len, limits);
            let bytes = bytes.reading("object header continuation", c.address)?.into_owned();
            header.take(c.address, bytes, sizes, &mut waiting)?;
        }
        if let Some(m) = header
            .messages
            .iter()
            .find(|m| m.kind > kind::LAST && m.flags & (FAIL_IF_UNKNOWN | FAIL_IF_WRITTEN) != 0)
        {
            let what = format!("a header message of kind {:#x} that must be understood to write", m.kind);
            return Err(Error::unsupported(what).reading(WHAT).at(m.offset));
        }
        Ok(header)
    }

    fn take(&mut self, at: u64, bytes: Vec<u8>, sizes: Sizes, waiting: &mut Vec<Continuation>) -> Result<()> {
        let number = self.chunks.len();
        let mut messages = match number {
            0 => self.prefix.messages(&bytes, at)?,
            _ => self.prefix.continuation(&bytes, at)?,
        };
        let (mut next, mut found) = (Vec::new(), Vec::new());
        while messages.advance()? {
            let m = messages.message();
            if m.kind == kind::CONTINUATION {
                next.push(Continuation::parse(m.body, sizes, m.offset)?);
                continue;
            }
            found.push(Message {
                kind: m.kind,
                flags: m.flags,
                order: m.creation_order.unwrap_or(0),
                body: m.body.to_vec(),
                offset: m.offset,
                chunk: Some(number),
            });
        }
        let count = self.count_all(number, &bytes);
        self.messages.append(&mut found);
        // Last in, first out: the first continuation is followed first.
        waiting.extend(next.iter().rev());
        self.chunks.push(Chunk { at, bytes, count, next });
        Ok(())
    }

    /// The messages of a version 1 chunk, those that say nothing included: the header counts them.
    fn count_all(&self, number: usize, bytes: &[u8]) -> usize {
        let mut at = if number == 0 { self.prefix.start } else { 0 };
        let mut count = 0;
        while let Some(&[low, high]) = bytes.get(at + 2..at + 4).filter(|_| self.prefix.version == 1) {
            at += 8 + usize::from(u16::from_le_bytes([low, high]));
            count += 1;
        }
        count
    }

    /// Version 1 or 2.
    pub(super) fn version(&self) -> u8 {
        self.prefix.version
    }

    /// Flags of a version 2 header.
    pub(super) fn flags(&self) -> u8 {
        self.prefix.flags
    }

    /// Whether messages keep the order in which they were made.
    pub(super) fn is_ordered(&self) -> bool {
        self.prefix.flags & ORDERED != 0
    }

    /// The first message of a kind.
    pub(super) fn position(&self, kind: u16) -> Option<usize> {
        self.messages.iter().position(|m| m.kind == kind)
    }

    /// The first message of a kind, which must lie here.
    pub(super) fn own(&self, kind: u16, what: &'static str) -> Result<&Message> {
        match self.messages.iter().find(|m| m.kind == kind) {
            None => Err(Error::invalid(format!("no {what}")).reading(WHAT).at(self.address)),
            Some(m) if m.is_shared() => {
                Err(Error::unsupported(format!("changing a {what} that objects share"))
                    .reading(WHAT)
                    .at(m.offset))
            }
            Some(m) => Ok(m),
        }
    }

    /// Where the links to an object are counted in a version 1 header, and how many there are.
    pub(super) fn count_v1(&self) -> Option<(u64, u32)> {
        let bytes = self.chunks.first()?.bytes.get(4..8)?.first_chunk::<4>()?;
        (self.prefix.version == 1).then(|| (self.address.saturating_add(4), u32::from_le_bytes(*bytes)))
    }

    /// Gives a message another body.
    pub(super) fn replace(&mut self, position: usize, body: Vec<u8>) {
        if let Some(m) = self.messages.get_mut(position) {
            (m.body, m.flags) = (body, m.flags & !SHARED);
            self.touched.extend(m.chunk);
        }
    }

    /// Takes a message away.
    pub(super) fn remove(&mut self, position: usize) {
        if position < self.messages.len() {
            self.touched.extend(self.messages.remove(position).chunk);
        }
    }

    /// Takes all messages of a kind away.
    pub(super) fn remove_all(&mut self, kind: u16) {
        while let Some(position) = self.position(kind) {
            self.remove(position);
        }
    }

    /// Adds a message.
    pub(super) fn push(&mut self, kind: u16, flags: u8, order: u16, body: Vec<u8>) {
        self.messages.push(Message { kind, flags, order, body, offset: 0, chunk: None });
    }

    /// Plans the write that makes the header what it is to be.
    ///
    /// # Errors
    /// `Unsupported` for a message that is too long, and for a first chunk too small to lead to another one.
    pub(super) fn write(&mut self, plan: &mut Plan) -> Result<()> {
        for m in &mut self.messages {
            if self.prefix.version == 1 {
                m.body.resize(m.body.len().next_multiple_of(8), 0);
            }
            if m.body.len() > MOST {
                let what = format!("a header message of {} bytes (the format ends at {MOST})", m.body.len());
                return Err(Error::unsupported(what).reading(WHAT).at(self.address));
            }
            if m.kind > kind::LAST && m.flags & MARK_IF_UNKNOWN != 0 && m.flags & MARKED == 0 {
                m.flags |= MARKED;
                self.touched.extend(m.chunk);
            }
        }
        let new = self.messages.iter().any(|m| m.chunk.is_none());
        if self.touched.is_empty() && !new {
            return Ok(());
        }
        let candidates: Vec<usize> = match self.touched.len() {
            0 => (0..self.chunks.len()).collect(),
            1 => self.touched.iter().copied().collect(),
            _ => Vec::new(),
        };
        for number in candidates {
            if let Some((at, bytes)) = self.within(number)?
                && !plan.tears(at, bytes.len())
            {
                plan.switch(at, bytes);
                return Ok(());
            }
        }
        self.anew(plan)
    }

    /// The write that changes one chunk, where everything that belongs there fits.
    fn within(&self, number: usize) -> Result<Option<(u64, Vec<u8>)>> {
        let Some(chunk) = self.chunks.get(number) else { return Ok(None) };
        let mine: Vec<&Message> =
            self.messages.iter().filter(|m| m.chunk.is_none_or(|c| c == number)).collect();
        let Some((body, count)) = self.area(&mine, &chunk.next, self.room(chunk, number), number > 0, chunk)
        else {
            return Ok(None);
        };
        let others: usize =
            self.chunks.iter().enumerate().filter(|(i, _)| *i != number).map(|(_, c)| c.count).sum();
        let bytes = self.framed(chunk, number, &body, others.saturating_add(count))?;
        let w = difference(chunk.at, &chunk.bytes, &bytes);
        Ok(Some((w.at, w.bytes)))
    }

    /// The first chunk with what fits, and everything else in one that is new.
    fn anew(&self, plan: &mut Plan) -> Result<()> {
        let Some(first) = self.chunks.first() else { return Ok(()) };
        let mut sorted: Vec<&Message> = self.messages.iter().collect();
        // What describes the object comes first: it changes most often.
        sorted.sort_by_key(|m| match m.kind {
            kind::DATASPACE | kind::LAYOUT | kind::LINK_INFO | kind::ATTRIBUTE_INFO | kind::SYMBOL_TABLE => 0,
            kind::ATTRIBUTE | kind::LINK => 2,
            _ => 1,
        });
        let shortened = self.shortened(first, plan);
        if let Some((body, count)) = self.area(&sorted, &[], self.room(first, 0), false, first) {
            let (at, bytes) = self.finished(first, &body, count)?;
            if shortened.is_none() || !plan.tears(at, bytes.len()) {
                plan.switch(at, bytes);
                return Ok(());
            }
        }
        self.continued(shortened.as_ref().unwrap_or(first), &sorted, plan)
    }

    /// The first chunk as short as it must be to be written whole, where it has room for a continuation then: what
    /// lies behind its end stays as unused space. `None` where it need not be shorter, or cannot be.
    fn shortened(&self, first: &Chunk, plan: &Plan) -> Option<Chunk> {
        if !plan.tears(first.at, first.bytes.len()) {
            return None;
        }
        let sum = if self.prefix.version == 1 { 0 } else { 4 };
        let whole = usize::try_from(plan.whole_from(first.at)).ok()?;
        let mut room = whole.checked_sub(self.prefix.start + sum)?;
        if self.prefix.version == 1 {
            room &= !7;
        }
        if room < self.message_len(CONTINUATION) {
            return None;
        }
        let mut bytes = first.bytes.get(..self.prefix.start)?.to_vec();
        // The length of the area ends the prefix of version 2, and is followed by four bytes of none in version 1.
        let (at, width) = match self.prefix.version {
            1 => (8, 4),
            _ => (self.prefix.start.checked_sub(1 << (self.prefix.flags & 3))?, 1 << (self.prefix.flags & 3)),
        };
        bytes.get_mut(at..at + width)?.copy_from_slice((room as u64).to_le_bytes().get(..width)?);
        bytes.extend_from_slice(first.bytes.get(self.prefix.start..self.prefix.start + room + sum)?);
        Some(Chunk { at: first.at, bytes, count: 0, next: Vec::new() })
    }

    /// The first chunk with what fits and a continuation, in a new chunk, with everything else.
    fn continued(&self, first: &Chunk, sorted: &[&Message], plan: &mut Plan) -> Result<()> {
        let room = self.room(first, 0);
        let lead = self.message_len(CONTINUATION);
        let Some(mut left) = room.checked_sub(lead) else {
            return Err(Error::unsupported(format!(
                "a header whose first chunk has {room} bytes for messages, which cannot lead to a second one"
            ))
            .reading(WHAT)
            .at(self.address));
        };
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for &m in sorted {
            let len = self.message_len(m.body.len());
            match left.checked_sub(len).filter(|_| there.is_empty()) {
                Some(rest) => {
                    left = rest;
                    here.push(m);
                }
                None => there.push(m),
            }
        }
        // Room for what comes next: header messages are added one by one.
        let used: usize = there.iter().map(|m| self.message_len(m.body.len())).sum();
        let room = used.saturating_add((used / 2).clamp(64, 8192)).next_multiple_of(8);
        let frame = if self.prefix.version == 1 { 0 } else { 8 };
        let at = plan.take_whole((room + frame) as u64)?;
        let next = Continuation { address: at, len: (room + frame) as u64 };
        let fresh = Chunk { at, bytes: vec![0; room + frame], count: 0, next: Vec::new() };
        let too_long = || Error::unsupported("a header of so many messages").reading(WHAT).at(self.address);
        let (body, more) = self.area(&there, &[], room, true, &fresh).ok_or_else(too_long)?;
        plan.put_at(at, self.framed(&fresh, 1, &body, 0)?);
        let (body, count) =
            self.area(&here, &[next], self.room(first, 0), false, first).ok_or_else(too_long)?;
        let (at, bytes) = self.finished(first, &body, count.saturating_add(more))?;
        plan.switch(at, bytes);
        Ok(())
    }

    /// The write that makes the first chunk what it is to be.
    fn finished(&self, first: &Chunk, body: &[u8], count: usize) -> Result<(u64, Vec<u8>)> {
        let bytes = self.framed(first, 0, body, count)?;
        let old = self.chunks.first().map_or(&[][..], |c| &c.bytes);
        let w = difference(first.at, old.get(..bytes.len()).unwrap_or_default(), &bytes);
        Ok((w.at, w.bytes))
    }

    /// Bytes for messages in a chunk.
    fn room(&self, chunk: &Chunk, number: usize) -> usize {
        let frame = match (self.prefix.version, number) {
            (1, 0) => self.prefix.start,
            (1, _) => 0,
            (_, 0) => self.prefix.start + 4,
            _ => 8,
        };
        chunk.bytes.len().saturating_sub(frame)
    }

    /// Bytes before the body of a message.
    fn lead(&self) -> usize {
        match self.prefix.version {
            1 => 8,
            _ if self.is_ordered() => 6,
            _ => 4,
        }
    }

    fn message_len(&self, body: usize) -> usize {
        self.lead() + body
    }

    /// Exactly `room` bytes of messages with what fills them up, and how many there are; `None` when that cannot be.
    fn area(
        &self,
        messages: &[&Message],
        next: &[Continuation],
        room: usize,
        keep_count: bool,
        chunk: &Chunk,
    ) -> Option<(Vec<u8>, usize)> {
        let mut out = Vec::with_capacity(room);
        for m in messages {
            self.put(m.kind, m.flags, m.order, &m.body, &mut out);
        }
        for c in next {
            let mut body = Vec::new();
            body.put_u64(c.address);
            body.put_u64(c.len);
            self.put(kind::CONTINUATION, 0, 0, &body, &mut out);
        }
        let mut spare = room.checked_sub(out.len())?;
        let mut count = messages.len() + next.len();
        // The header counts the messages of all its chunks, and lies in the first.
        let wanted = (self.prefix.version == 1 && keep_count && chunk.count > 0).then_some(chunk.count);
        while spare >= self.lead() {
            let rest = spare - self.lead();
            let more = wanted.is_some_and(|n| n > count + 1);
            let body = if more { 0 } else { rest.min(MOST & !7) };
            self.put(kind::NIL, 0, 0, &vec![0; body], &mut out);
            spare = rest - body;
            count += 1;
        }
        out.put_zeros(spare);
        let fills = self.prefix.version != 1 || spare == 0;
        (fills && wanted.is_none_or(|n| n == count)).then_some((out, count))
    }

    fn put(&self, kind: u16, flags: u8, order: u16, body: &[u8], out: &mut Vec<u8>) {
        if self.prefix.version == 1 {
            out.put_u16(kind);
            out.put_u16(body.len() as u16);
            out.put_u8(flags);
            out.put_zeros(3);
        } else {
            out.put_u8(kind as u8);
            out.put_u16(body.len() as u16);
            out.put_u8(flags);
            if self.is_ordered() {
                out.put_u16(order);
            }
        }
        out.extend_from_slice(body);
    }

    /// A whole chunk: what stands around its messages, which are `count` in all chunks.
    fn framed(&self, chunk: &Chunk, number: usize, body: &[u8], count: usize) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(chunk.bytes.len());
        match (self.prefix.version, number) {
            (_, 0) => out.extend_from_slice(chunk.bytes.get(..self.prefix.start).unwrap_or_default()),
            (1, _) => {}
            _ => out.extend_from_slice(b"OCHK"),
        }
        if (self.prefix.version, number) == (1, 0) {
            let count = u16::try_from(count).map_err(|_| {
                Error::unsupported(format!("{count} messages in a version 1 header"))
                    .reading(WHAT)
                    .at(self.address)
            })?;
            if let Some(field) = out.get_mut(2..4) {
                field.copy_from_slice(&count.to_le_bytes());
            }
        }
        out.extend_from_slice(body);
        if self.prefix.version != 1 {
            checksum::seal(&mut out, 0);
        }
        Ok(out)
    }
}
