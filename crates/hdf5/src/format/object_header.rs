//! Object headers: the list of messages that describes a group, dataset or named type.
//!
//! A header is a first chunk and any number of continuation chunks elsewhere; whoever reads follows the
//! [continuation messages](super::message::continuation) and brings each chunk here.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.1, versions 1 and 2.

use super::put::narrow;
use super::{Cursor, Put, checksum};
use crate::format::message::kind;
use hyperslab_core::{Error, Result};

const SIGNATURE: [u8; 4] = *b"OHDR";
const CONTINUATION: [u8; 4] = *b"OCHK";
const WHAT: &str = "object header";
const WHAT_CONTINUATION: &str = "object header continuation";

/// Enough bytes to parse any prefix.
pub const MAX_PREFIX: usize = 34;

/// Message flag: the body is a [shared message](super::message::shared).
pub const SHARED: u8 = 0x02;
/// Message flag: whoever does not know the message must not open the object.
pub const FAIL_IF_UNKNOWN: u8 = 0x80;
/// Header flag: messages carry their creation order, which the object's attributes keep.
pub const ORDERED: u8 = 0x04;
/// Header flag: attributes that lie elsewhere are found by it, too.
pub const INDEXED: u8 = 0x08;
/// Header flag: times are kept.
pub const TIMES: u8 = 0x20;

/// What stands before the messages of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// 1 or 2.
    pub version: u8,
    /// Flags of version 2; 0 for version 1.
    pub flags: u8,
    /// Number of messages in all chunks (version 1).
    pub message_count: Option<u16>,
    /// Where the messages start.
    pub start: usize,
    /// Bytes of the messages of the first chunk.
    pub area: u64,
}

impl Prefix {
    /// Parses the start of an object header that lies at `base` in the file.
    ///
    /// # Errors
    /// `Invalid` when it is none, `Unsupported` for an unknown version.
    #[inline(always)]
    pub fn parse(bytes: &[u8], base: u64) -> Result<Prefix> {
        let mut c = Cursor::new(bytes, WHAT, base);
        if bytes.first_chunk::<4>() != Some(&SIGNATURE) {
            return Self::parse_v1(c);
        }
        c.skip(4)?;
        c.version(2, 2)?;
        let flags = c.u8()?;
        if flags & 0xc0 != 0 {
            return Err(c.invalid(format!("reserved bits set in flags {flags:#04x}")));
        }
        // Access, modification, change and birth time, which nothing here shows.
        if flags & TIMES != 0 {
            c.skip(16)?;
        }
        if flags & 0x10 != 0 {
            c.skip(4)?;
        }
        let area = c.uint(1 << (flags & 3))?;
        Ok(Prefix { version: 2, flags, message_count: None, start: c.position(), area })
    }

    #[cold]
    fn parse_v1(mut c: Cursor<'_>) -> Result<Prefix> {
        let at = c.offset_in_file();
        if c.u8()? != 1 || c.u8()? != 0 {
            return Err(Error::invalid("no object header here").reading(WHAT).at(at));
        }
        let message_count = Some(c.u16()?);
        c.skip(4)?;
        let area = u64::from(c.u32()?);
        c.skip(4)?;
        Ok(Prefix { version: 1, flags: 0, message_count, start: c.position(), area })
    }

    /// Access, modification, change and birth time of a version 2 header that keeps them, whose first bytes these are.
    pub fn times(&self, bytes: &[u8]) -> Option<[u32; 4]> {
        let times = bytes.get(6..22).filter(|_| self.version == 2 && self.flags & TIMES != 0)?;
        let (times, _) = times.as_chunks::<4>();
        let times: [[u8; 4]; 4] = times.try_into().ok()?;
        Some(times.map(u32::from_le_bytes))
    }

    /// Bytes of the whole first chunk: prefix, messages, checksum.
    pub fn len(&self) -> u64 {
        self.area.saturating_add(self.start as u64).saturating_add(if self.version == 1 { 0 } else { 4 })
    }

    /// Whether there is nothing, which no header is.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The messages of the first chunk, `bytes` being [`Prefix::len`] bytes at `base`; its checksum is checked.
    ///
    /// # Errors
    /// `Invalid` for a wrong checksum or too few bytes.
    #[inline(always)]
    pub fn messages<'a>(&self, bytes: &'a [u8], base: u64) -> Result<Messages<'a>> {
        let whole = usize::try_from(self.len()).ok().and_then(|n| bytes.get(..n)).ok_or_else(|| {
            Error::invalid(format!("{} bytes of messages where the file ends sooner", self.area))
                .reading(WHAT)
                .at(base)
        })?;
        let body = if self.version == 1 { whole } else { checksum::verify(whole, WHAT, base)? };
        let area = body.get(self.start..).unwrap_or_default();
        let at = base.saturating_add(self.start as u64);
        Ok(Messages::new(self, Cursor::new(area, WHAT, at)))
    }

    /// The messages of a continuation chunk, `bytes` being all of it, at `base`.
    ///
    /// # Errors
    /// `Invalid` for a wrong signature or checksum.
    pub fn continuation<'a>(&self, bytes: &'a [u8], base: u64) -> Result<Messages<'a>> {
        if self.version == 1 {
            return Ok(Messages::new(self, Cursor::new(bytes, WHAT_CONTINUATION, base)));
        }
        let mut c = Cursor::new(bytes, WHAT_CONTINUATION, base);
        c.signature(CONTINUATION)?;
        let body = checksum::verify(bytes, WHAT_CONTINUATION, base)?;
        let area = body.get(4..).unwrap_or_default();
        Ok(Messages::new(self, Cursor::new(area, WHAT_CONTINUATION, base.saturating_add(4))))
    }
}

/// One message of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is: see [`kind`].
    pub kind: u16,
    /// Flags, for example [`SHARED`].
    pub flags: u8,
    /// Place in the order of creation, where the header keeps it.
    pub creation_order: Option<u16>,
    /// Its content.
    pub body: &'a [u8],
    /// Where the body lies in the file.
    pub offset: u64,
}

/// The messages of one chunk, NIL messages passed over.
///
/// [`Messages::advance`] goes to the next one, [`Messages::message`] is it: a message that stays in place costs
/// a third of the time of one that is handed out, and images are read in the time of a few such moves.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    version: u8,
    ordered: bool,
    cursor: Cursor<'a>,
    current: Message<'a>,
}

impl<'a> Messages<'a> {
    #[inline(always)]
    fn new(prefix: &Prefix, cursor: Cursor<'a>) -> Self {
        let current = Message { kind: kind::NIL, flags: 0, creation_order: None, body: &[], offset: 0 };
        Messages { version: prefix.version, ordered: prefix.flags & ORDERED != 0, cursor, current }
    }

    /// The message that [`Messages::advance`] went to.
    #[inline(always)]
    pub fn message(&self) -> &Message<'a> {
        &self.current
    }

    /// Goes to the next message; `false` at the end of the chunk.
    ///
    /// # Errors
    /// `Invalid` when a message leaves its chunk.
    #[inline(always)]
    pub fn advance(&mut self) -> Result<bool> {
        let c = &mut self.cursor;
        loop {
            let (kind, size, flags, creation_order);
            if self.version == 1 {
                if c.remaining() == 0 {
                    return Ok(false);
                }
                kind = c.u16()?;
                size = c.u16()?;
                flags = c.u8()?;
                c.skip(3)?;
                creation_order = None;
            } else {
                // What is too short for a message is a gap.
                if c.remaining() < if self.ordered { 6 } else { 4 } {
                    return Ok(false);
                }
                kind = c.u8()?.into();
                size = c.u16()?;
                flags = c.u8()?;
                creation_order = if self.ordered { Some(c.u16()?) } else { None };
            }
            let offset = c.offset_in_file();
            let body = c.bytes(size.into())?;
            if kind != kind::NIL {
                self.current.kind = kind;
                self.current.flags = flags;
                self.current.creation_order = creation_order;
                self.current.body = body;
                self.current.offset = offset;
                return Ok(true);
            }
        }
    }
}

/// The messages of a header being made: of version 2, or as HDF5 1.6 reads them.
#[derive(Clone, Debug, Default)]
pub struct MessageArea {
    bytes: Vec<u8>,
    /// Of a version 1 header: how many names its object has, and how many messages there are.
    old: Option<(u32, u32)>,
    /// Of a version 2 header: its flags but for those of its own size, and its times.
    flags: u8,
    times: Option<[u32; 4]>,
}

impl MessageArea {
    /// No messages yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// No messages yet of a version 1 header, whose object has so many names.
    pub fn version_1(links: u32) -> Self {
        MessageArea { old: Some((links, 0)), ..Self::default() }
    }

    /// Keeps access, modification, change and birth time before the messages of a version 2 header.
    pub fn with_times(mut self, times: Option<[u32; 4]>) -> Self {
        (self.times, self.flags) = (times, self.flags | if times.is_some() { TIMES } else { 0 });
        self
    }

    /// Keeps the order of creation of attributes in a version 2 header, whose messages all have a place for it;
    /// `indexed` where attributes that lie elsewhere are found by it.
    pub fn in_order(mut self, indexed: bool) -> Self {
        self.flags |= ORDERED | if indexed { INDEXED } else { 0 };
        self
    }

    fn push_old(
        &mut self,
        kind: u16,
        flags: u8,
        emit: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let start = self.bytes.len();
        self.bytes.put_u16(kind);
        self.bytes.extend_from_slice(&[0, 0, flags, 0, 0, 0]);
        emit(&mut self.bytes)?;
        self.bytes.put_zeros((self.bytes.len() - start).wrapping_neg() % 8);
        let len = self.bytes.len() - start - 8;
        let size = u16::try_from(len).map_err(|_| {
            Error::unsupported(format!("object header message of {len} bytes (version 1 ends at 65528)"))
        })?;
        if let Some(field) = self.bytes.get_mut(start + 2..start + 4) {
            field.copy_from_slice(&size.to_le_bytes());
        }
        if let Some((_, count)) = &mut self.old {
            *count += 1;
        }
        Ok(())
    }

    /// Adds a message whose body `emit` appends to the vector it is given.
    ///
    /// # Errors
    /// What `emit` returns, and `Unsupported` when the body is longer than a message can be.
    pub fn push(
        &mut self,
        kind: u16,
        flags: u8,
        emit: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.push_at(kind, flags, 0, emit)
    }

    /// The same for an attribute, with its place in the order of creation, where that is kept.
    ///
    /// # Errors
    /// As [`MessageArea::push`].
    pub fn push_at(
        &mut self,
        kind: u16,
        flags: u8,
        order: u16,
        emit: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        if self.old.is_some() {
            return self.push_old(kind, flags, emit);
        }
        let kind = u8::try_from(kind)
            .map_err(|_| Error::unsupported(format!("message {kind:#x} in a version 2 header")))?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[kind, 0, 0, flags]);
        if self.flags & ORDERED != 0 {
            self.bytes.put_u16(order);
        }
        let body = self.bytes.len();
        emit(&mut self.bytes)?;
        let len = self.bytes.len() - body;
        let size = u16::try_from(len).map_err(|_| {
            Error::unsupported(format!("object header message of {len} bytes (the format ends at 65535)"))
        })?;
        if let Some(field) = self.bytes.get_mut(start + 1..start + 3) {
            field.copy_from_slice(&size.to_le_bytes());
        }
        Ok(())
    }

    /// Bytes of the messages so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no message.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that [`MessageArea::emit`] will append without padding.
    pub fn header_len(&self) -> usize {
        self.header_len_with(0)
    }

    /// The same when messages of `more` bytes (their own headers included) are still to come.
    pub fn header_len_with(&self, more: usize) -> usize {
        let area = self.bytes.len() + more;
        match self.old {
            Some(_) => 16 + area,
            None => 6 + self.times_len() + size_width(area) + area + 4,
        }
    }

    fn times_len(&self) -> usize {
        if self.times.is_some() { 16 } else { 0 }
    }

    /// Appends the header: exactly `total` bytes, the spare room a NIL message, or as many as it takes.
    ///
    /// # Errors
    /// `Usage` when it does not fit `total`; `Unsupported` for more messages than version 1 counts.
    pub fn emit(&self, total: Option<usize>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let need = self.header_len();
        let total = total.unwrap_or(need);
        if let Some((links, count)) = self.old {
            if total != need {
                return Err(Error::usage("a version 1 header has no spare room"));
            }
            out.extend_from_slice(&[1, 0]);
            out.put_u16(narrow(count as usize, "message count")?);
            out.put_u32(links);
            out.put_u32(narrow(self.bytes.len(), "object header")?);
            out.put_u32(0);
            out.extend_from_slice(&self.bytes);
            return Ok(());
        }
        // The widest area that leaves room for its own size field; 1 or 2 bytes can be impossible to fill.
        let (width, area) = [1usize, 2, 4]
            .into_iter()
            .filter_map(|w| Some((w, total.checked_sub(10 + self.times_len() + w)?)))
            .find(|&(w, area)| (area >> (8 * w)) == 0)
            .filter(|&(_, area)| area >= self.bytes.len())
            .ok_or_else(|| {
                Error::usage(format!("an object header of {need} bytes in {total} bytes of space"))
            })?;
        out.extend_from_slice(&SIGNATURE);
        out.put_u8(2);
        out.put_u8(match width {
            1 => self.flags,
            2 => self.flags | 1,
            _ => self.flags | 2,
        });
        self.times.into_iter().flatten().for_each(|t| out.put_u32(t));
        out.put_uint(area as u64, width);
        out.extend_from_slice(&self.bytes);
        let mut spare = area - self.bytes.len();
        let head = if self.flags & ORDERED == 0 { 4 } else { 6 };
        while spare >= head {
            let body = (spare - head).min(0xffff);
            out.put_u8(0);
            out.put_uint(body as u64, 2);
            out.put_zeros(body + head - 3);
            spare -= body + head;
        }
        out.put_zeros(spare);
        checksum::seal(out, start);
        Ok(())
    }
}

fn size_width(area: usize) -> usize {
    match area {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(bytes: &[u8]) -> Result<Vec<(u16, Vec<u8>)>> {
        let p = Prefix::parse(bytes, 1000)?;
        let mut m = p.messages(bytes, 1000)?;
        let mut out = Vec::new();
        while m.advance()? {
            let m = m.message();
            assert_eq!(m.offset - 1000, m.body.as_ptr() as u64 - bytes.as_ptr() as u64);
            out.push((m.kind, m.body.to_vec()));
        }
        Ok(out)
    }

    fn sample(n: usize) -> MessageArea {
        let mut area = MessageArea::new();
        for i in 0..n {
            area.push(3, 0, |out| {
                out.put_zeros(i);
                Ok(())
            })
            .unwrap();
        }
        area
    }

    #[test]
    fn padded_headers_hold_their_messages() {
        for n in [0, 1, 5, 30] {
            let area = sample(n);
            let mut exact = Vec::new();
            area.emit(None, &mut exact).unwrap();
            assert_eq!(exact.len(), area.header_len());
            assert_eq!(list(&exact).unwrap().len(), n);
            for extra in 0..600 {
                let total = area.header_len() + extra;
                let mut out = Vec::new();
                match area.emit(Some(total), &mut out) {
                    Ok(()) => {
                        assert_eq!(out.len(), total);
                        assert_eq!(list(&out).unwrap().len(), n);
                    }
                    // Growing the size field can take the byte that was to be filled.
                    Err(_) => assert!(extra < 2),
                }
            }
            assert!(area.emit(Some(area.header_len() - 1), &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn orders_and_times_are_kept() {
        let times = [1, 2, 3, 0xffff_fffe];
        for (indexed, times) in [(false, None), (true, Some(times))] {
            for n in [0usize, 3, 40] {
                let mut area = MessageArea::new().with_times(times).in_order(indexed);
                for i in 0..n {
                    let body = |out: &mut Vec<u8>| {
                        out.put_zeros(i);
                        Ok(())
                    };
                    area.push_at(0xc, 0, 7 * i as u16, body).unwrap();
                }
                for spare in [0, 5, 6, 700] {
                    let mut out = Vec::new();
                    area.emit(Some(area.header_len() + spare), &mut out).unwrap();
                    let p = Prefix::parse(&out, 0).unwrap();
                    assert_eq!((p.times(&out), p.flags & INDEXED != 0), (times, indexed));
                    let mut m = p.messages(&out, 0).unwrap();
                    for i in 0..n {
                        assert!(m.advance().unwrap());
                        let got = (m.message().body.len(), m.message().creation_order);
                        assert_eq!(got, (i, Some(7 * i as u16)));
                    }
                    assert!(!m.advance().unwrap());
                }
            }
        }
    }

    #[test]
    fn version_1_headers_hold_their_messages() {
        let mut area = MessageArea::version_1(3);
        for n in [0usize, 1, 8, 65_528] {
            area.push(0x11, 0, |out| {
                out.extend(vec![7; n]);
                Ok(())
            })
            .unwrap();
        }
        let mut out = Vec::new();
        area.emit(None, &mut out).unwrap();
        assert_eq!(out.len(), area.header_len());
        let lengths: Vec<_> = list(&out).unwrap().iter().map(|(_, b)| b.len()).collect();
        assert_eq!(lengths, [0, 8, 8, 65_528]);
        assert_eq!(Prefix::parse(&out, 0).unwrap().message_count, Some(4));
        let too_long = area.push(0x11, 0, |out| {
            out.put_zeros(65_529);
            Ok(())
        });
        assert!(too_long.is_err());
    }

    #[test]
    fn large_spare_room_takes_several_nils() {
        let mut out = Vec::new();
        sample(2).emit(Some(200_000), &mut out).unwrap();
        assert_eq!((out.len(), list(&out).unwrap().len()), (200_000, 2));
    }

    #[test]
    fn version_1_messages() {
        let mut b = vec![1, 0, 2, 0, 1, 0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0];
        b.extend([0, 0, 8, 0, 0, 0, 0, 0].iter().chain(&[9; 8]));
        b.extend([0x11, 0, 8, 0, 0, 0, 0, 0].iter().chain(&[7; 8]));
        assert_eq!(list(&b).unwrap(), [(0x11, vec![7; 8])]);
        b[34] = 9;
        assert!(list(&b).is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        let mut out = Vec::new();
        sample(5).emit(None, &mut out).unwrap();
        for n in 0..out.len() {
            assert!(list(&out[..n]).is_err(), "{n}");
        }
    }

    #[test]
    fn a_message_has_an_end() {
        let r = MessageArea::new().push(0xc, 0, |out| {
            out.put_zeros(65536);
            Ok(())
        });
        assert!(r.is_err());
    }
}
