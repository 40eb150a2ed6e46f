//! Object headers of a damaged file: as many of their messages as can be had.

use super::input::{Input, tolerant, wrong};
use hyperslab_core::Result;
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::message::continuation::Continuation;
use hyperslab_hdf5::format::message::kind;
use hyperslab_hdf5::format::object_header::{MAX_PREFIX, Messages, Prefix};

const WHAT: &str = "object header";
/// More than any header of a log takes.
const MAX_BYTES: u64 = 1 << 20;
const MAX_CONTINUATIONS: usize = 64;

/// A message, its body copied.
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u8,
    pub(super) body: Vec<u8>,
    pub(super) offset: u64,
}

/// An object header.
pub(super) struct Object {
    pub(super) address: u64,
    pub(super) messages: Vec<Message>,
    /// Whether all its checksums hold, and nothing of it is missing.
    pub(super) checked: bool,
}

impl Object {
    /// Reads the header at an address.
    ///
    /// # Errors
    /// When there is none, or its first part cannot be made out.
    pub(super) fn read(input: &Input<'_>, address: u64) -> Result<Object> {
        let prefix = Prefix::parse(&input.up_to(address, MAX_PREFIX as u64)?, address)?;
        if prefix.len() > MAX_BYTES {
            return Err(wrong(WHAT, address, format!("{} bytes of messages", prefix.area)));
        }
        let bytes = input.read(address, prefix.len())?;
        let mut pending = Vec::new();
        let found = tolerant(&bytes, |b| copied(prefix.messages(b, address)?))?;
        let mut object = Object { address, messages: Vec::new(), checked: found.checked };
        object.take(found.value, &mut pending);
        let mut seen = 0;
        while let Some(c) = pending.pop() {
            seen += 1;
            let part = if seen > MAX_CONTINUATIONS || c.len > MAX_BYTES {
                None
            } else {
                let bytes = input.read(c.address, c.len);
                bytes.and_then(|b| tolerant(&b, |b| copied(prefix.continuation(b, c.address)?))).ok()
            };
            match part {
                Some(part) => {
                    object.checked &= part.checked;
                    object.take(part.value, &mut pending);
                }
                None => object.checked = false,
            }
        }
        Ok(object)
    }

    fn take(&mut self, messages: Vec<Message>, pending: &mut Vec<Continuation>) {
        for m in messages {
            if m.kind == kind::CONTINUATION {
                match Continuation::parse(&m.body, Sizes::STANDARD, m.offset) {
                    Ok(c) => pending.push(c),
                    Err(_) => self.checked = false,
                }
            }
            self.messages.push(m);
        }
    }

    /// The first message of a kind.
    pub(super) fn find(&self, kind: u16) -> Option<&Message> {
        self.messages.iter().find(|m| m.kind == kind)
    }

    /// The first message of a kind.
    ///
    /// # Errors
    /// `Invalid` when there is none.
    pub(super) fn one(&self, kind: u16, what: &str) -> Result<&Message> {
        self.find(kind).ok_or_else(|| wrong(WHAT, self.address, format!("no {what} message")))
    }
}

fn copied(mut messages: Messages<'_>) -> Result<Vec<Message>> {
    let mut out = Vec::new();
    while messages.advance()? {
        let m = messages.message();
        out.push(Message { kind: m.kind, flags: m.flags, body: m.body.to_vec(), offset: m.offset });
    }
    Ok(out)
}
