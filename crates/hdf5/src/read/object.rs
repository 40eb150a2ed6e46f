//! One object header with all its chunks, and what its shared messages point at.

use super::Context;
use crate::format::message::continuation::Continuation;
use crate::format::message::kind;
use crate::format::message::shared::Shared;
use crate::format::object_header::{FAIL_IF_UNKNOWN, Message, Prefix, SHARED};
use hyperslab_core::{Error, Result, ResultExt, Source};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// How much is read of a header before its length is known: most are shorter.
const SPECULATIVE: u64 = 512;
/// How many shared messages may point at shared messages.
const MAX_SHARED: u32 = 4;

/// The messages of an object.
pub(crate) struct Object<'f> {
    /// Where its header lies.
    pub(crate) address: u64,
    /// The flags of its header; 0 for version 1.
    pub(crate) flags: u8,
    chunks: SmallVec<[(Cow<'f, [u8]>, u64); 2]>,
    messages: SmallVec<[Slot; 12]>,
}

struct Slot {
    kind: u16,
    flags: u8,
    order: Option<u16>,
    chunk: usize,
    range: Range<usize>,
}

impl<'f> Object<'f> {
    /// Reads the header at an address, continuations included.
    pub(crate) fn read(cx: Context<'f, '_>, address: u64) -> Result<Object<'f>> {
        Self::read_chunks(cx, address).map_err(|e| e.reading("object header").at(address))
    }

    fn read_chunks(cx: Context<'f, '_>, address: u64) -> Result<Object<'f>> {
        let have = cx.source.len()?.saturating_sub(address);
        let mut first = cx.source.bytes_at(address, have.min(SPECULATIVE), cx.limits)?;
        let prefix = Prefix::parse(&first, address)?;
        if prefix.len() > first.len() as u64 {
            first = cx.source.bytes_at(address, prefix.len(), cx.limits)?;
        }
        let len = usize::try_from(prefix.len()).unwrap_or(usize::MAX);
        match &mut first {
            Cow::Borrowed(b) => *b = b.get(..len).unwrap_or(b),
            Cow::Owned(v) => v.truncate(len),
        }
        cx.source.saw(address, prefix.len(), "object header");
        let mut object =
            Object { address, flags: prefix.flags, chunks: SmallVec::new(), messages: SmallVec::new() };
        let mut more = Vec::new();
        object.take(cx, &prefix, first, address, true, &mut more)?;
        // Honest chunks do not overlap, so together they are no longer than the file, and none comes twice.
        let mut room = cx.source.len()?;
        let mut seen = HashSet::new();
        while let Some(c) = more.pop() {
            room = room.checked_sub(c.len).filter(|_| seen.insert(c.address)).ok_or_else(|| {
                Error::invalid("continuations of the object header run in a circle").at(c.address)
            })?;
            let bytes = cx
                .source
                .bytes_at(c.address, c.len, cx.limits)
                .reading("object header continuation", c.address)?;
            cx.source.saw(c.address, c.len, "object header continuation");
            object.take(cx, &prefix, bytes, c.address, false, &mut more)?;
        }
        Ok(object)
    }

    fn take(
        &mut self,
        cx: Context<'_, '_>,
        prefix: &Prefix,
        bytes: Cow<'f, [u8]>,
        base: u64,
        first: bool,
        more: &mut Vec<Continuation>,
    ) -> Result<()> {
        let chunk = self.chunks.len();
        let mut messages =
            if first { prefix.messages(&bytes, base)? } else { prefix.continuation(&bytes, base)? };
        let mut later = SmallVec::<[Continuation; 2]>::new();
        while messages.advance()? {
            let m = messages.message();
            if m.kind == kind::CONTINUATION {
                later.push(Continuation::parse(m.body, cx.sizes, m.offset)?);
                continue;
            }
            let start = usize::try_from(m.offset.saturating_sub(base)).unwrap_or(usize::MAX);
            let range = start..start.saturating_add(m.body.len());
            let order = m.creation_order;
            self.messages.push(Slot { kind: m.kind, flags: m.flags, order, chunk, range });
        }
        // Last in, first out: the first continuation is followed first.
        more.extend(later.into_iter().rev());
        self.chunks.push((bytes, base));
        Ok(())
    }

    /// Every message, in the order of the chunks.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Message<'_>> {
        self.messages.iter().filter_map(|s| {
            let (bytes, base) = self.chunks.get(s.chunk)?;
            Some(Message {
                kind: s.kind,
                flags: s.flags,
                creation_order: s.order,
                body: bytes.get(s.range.clone())?,
                offset: base.saturating_add(s.range.start as u64),
            })
        })
    }

    /// Where the chunks of its header lie.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<u64>> {
        self.chunks.iter().map(|(bytes, base)| *base..base.saturating_add(bytes.len() as u64))
    }

    /// Whether there is a message of a kind.
    pub(crate) fn has(&self, kind: u16) -> bool {
        self.messages.iter().any(|s| s.kind == kind)
    }

    /// The first message of a kind.
    pub(crate) fn first(&self, kind: u16) -> Option<Message<'_>> {
        self.messages().find(|m| m.kind == kind)
    }

    /// An error when the header holds a message that must be understood and is not.
    pub(crate) fn check_known(&self) -> Result<()> {
        match self.messages().find(|m| m.flags & FAIL_IF_UNKNOWN != 0 && m.kind > kind::LAST) {
            Some(m) => Err(Error::unsupported(format!("header message of kind {:#x}", m.kind))
                .reading("object header")
                .at(m.offset)),
            None => Ok(()),
        }
    }

    /// The first message of a kind, followed to where it lies when it is shared, given to `parse` as body and file
    /// offset. `None` when there is none.
    pub(crate) fn parse<T>(
        &self,
        cx: Context<'_, '_>,
        kind: u16,
        parse: impl FnOnce(&[u8], u64) -> Result<T>,
    ) -> Result<Option<T>> {
        match self.first(kind) {
            None => Ok(None),
            Some(m) if m.flags & SHARED == 0 => parse(m.body, m.offset).map(Some),
            Some(m) => follow(cx, kind, m.body, m.offset, parse).map(Some),
        }
    }
}

/// Parses the message that the body of a shared message points at.
pub(crate) fn follow<T>(
    cx: Context<'_, '_>,
    kind: u16,
    body: &[u8],
    offset: u64,
    parse: impl FnOnce(&[u8], u64) -> Result<T>,
) -> Result<T> {
    let mut shared = Shared::parse(body, cx.sizes, offset)?;
    for _ in 0..MAX_SHARED {
        let address = match shared {
            Shared::Object(address) => address,
            Shared::Table(id) => return cx.file.shared.heap(cx, kind)?.object(&id, parse),
        };
        let object = Object::read(cx, address)?;
        let Some(m) = object.first(kind) else {
            return Err(Error::invalid(format!("no message of kind {kind:#x} where a shared one points"))
                .reading("object header")
                .at(address));
        };
        if m.flags & SHARED == 0 {
            return parse(m.body, m.offset);
        }
        shared = Shared::parse(m.body, cx.sizes, m.offset)?;
    }
    Err(Error::invalid("shared messages that point at each other").reading("shared message").at(offset))
}
