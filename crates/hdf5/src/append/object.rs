//! The messages of one object header with all its continuations, and the links and attributes that lie outside it,
//! copied out of the file.
//!
//! Small headers only: what the append machinery reads, checks and rewrites. Source: HDF5 File Format Specification
//! 3.0, section IV.A.1.

use crate::format::Sizes;
use crate::format::message::attribute_info::AttributeInfo;
use crate::format::message::continuation::Continuation;
use crate::format::message::kind;
use crate::format::message::link_info::LinkInfo;
use crate::format::object_header::{Messages, Prefix};
use crate::read::outside;
use hyperslab_core::{Error, Limits, Result, ResultExt, Source};

/// As many bytes as any library reads of a header before it knows its length.
const SPECULATIVE: u64 = 512;
/// More continuations than any sane header has.
const MAX_CONTINUATIONS: usize = 64;
const WHAT: &str = "object header";

/// One message, its body copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u8,
    pub(super) body: Vec<u8>,
    /// Where the body lies in the file.
    pub(super) offset: u64,
    /// Whether it lies in the header's first chunk.
    pub(super) first: bool,
}

/// An object header.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) address: u64,
    pub(super) prefix: Prefix,
    pub(super) messages: Vec<Message>,
}

impl Object {
    /// Reads the header at `address`.
    pub(super) fn read(source: &dyn Source, address: u64, sizes: Sizes, limits: &Limits) -> Result<Object> {
        let size = source.len()?;
        let head_len = SPECULATIVE.min(size.saturating_sub(address));
        let head = source.bytes_at(address, head_len, limits).reading(WHAT, address)?;
        let prefix = Prefix::parse(&head, address)?;
        let mut object = Object { address, prefix, messages: Vec::new() };
        let mut pending = Vec::new();
        if prefix.len() <= head_len {
            object.take(prefix.messages(&head, address)?, true, sizes, &mut pending)?;
        } else {
            let whole = source.bytes_at(address, prefix.len(), limits).reading(WHAT, address)?;
            object.take(prefix.messages(&whole, address)?, true, sizes, &mut pending)?;
        }
        let mut seen = 0;
        while let Some(c) = pending.pop() {
            seen += 1;
            if seen > MAX_CONTINUATIONS {
                return Err(Error::unsupported(format!("more than {MAX_CONTINUATIONS} continuations"))
                    .reading(WHAT)
                    .at(address));
            }
            let bytes =
                source.bytes_at(c.address, c.len, limits).reading("object header continuation", c.address)?;
            object.take(prefix.continuation(&bytes, c.address)?, false, sizes, &mut pending)?;
        }
        object.dense(source, sizes, limits)?;
        Ok(object)
    }

    /// Adds the links and attributes of dense storage.
    fn dense(&mut self, source: &dyn Source, sizes: Sizes, limits: &Limits) -> Result<()> {
        let mut places = Vec::new();
        for m in &self.messages {
            let (kind, heap, tree) = match m.kind {
                kind::LINK_INFO => {
                    let i = LinkInfo::parse(&m.body, sizes, m.offset)?;
                    (kind::LINK, i.heap, i.order.or(i.names))
                }
                kind::ATTRIBUTE_INFO => {
                    let i = AttributeInfo::parse(&m.body, sizes, m.offset)?;
                    (kind::ATTRIBUTE, i.heap, i.order.or(i.names))
                }
                _ => continue,
            };
            places.extend(heap.zip(tree).map(|(heap, tree)| (kind, heap, tree)));
        }
        for (kind, heap, tree) in places {
            outside::messages(source, heap, tree, limits, &mut |body, offset| {
                self.messages.push(Message { kind, flags: 0, body: body.to_vec(), offset, first: false });
                Ok(())
            })?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        mut messages: Messages<'_>,
        first: bool,
        sizes: Sizes,
        pending: &mut Vec<Continuation>,
    ) -> Result<()> {
        while messages.advance()? {
            let m = messages.message();
            if m.kind == kind::CONTINUATION {
                pending.push(Continuation::parse(m.body, sizes, m.offset)?);
            }
            let body = m.body.to_vec();
            self.messages.push(Message { kind: m.kind, flags: m.flags, body, offset: m.offset, first });
        }
        Ok(())
    }

    /// The only message of a kind.
    pub(super) fn one(&self, kind: u16, what: &str) -> Result<&Message> {
        let mut found = self.messages.iter().filter(|m| m.kind == kind);
        match (found.next(), found.next()) {
            (Some(m), None) => Ok(m),
            (None, _) => Err(Error::invalid(format!("no {what} message")).reading(WHAT).at(self.address)),
            (Some(_), Some(_)) => {
                Err(Error::invalid(format!("more than one {what} message")).reading(WHAT).at(self.address))
            }
        }
    }

    /// The message of a kind, if there is one.
    pub(super) fn find(&self, kind: u16) -> Option<&Message> {
        self.messages.iter().find(|m| m.kind == kind)
    }
}
