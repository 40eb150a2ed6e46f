//! One member of an archive: its local header held against the directory, its bytes unpacked and checked.
//!
//! Nothing is allocated for a size that the archive cannot have: stored bytes are in the file, and deflate never
//! gives more than 1032 bytes for one. The CRC is always checked when the whole member is read. Not the reading in
//! pieces, which is `unpack`.
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.9 and 4.4.5.

use super::directory::{DESCRIPTOR, ENCRYPTED, Entry, LOCAL_LEN, UTF8, Wide};
use super::le::{u16_at, u32_at};
use super::names;
use super::unpack::Unpacker;
use crate::dense;
use hyperslab_core::codec::deflate::{self, Backend, Form, Inflater};
use hyperslab_core::view::{Buffer, Data};
use hyperslab_core::{Error, Limits, Result, Source};
use std::borrow::Cow;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const DESCRIPTOR_MARK: &[u8; 4] = b"PK\x07\x08";

/// Methods of packing.
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// Members up to this size are read from a file together with their local header.
const TOGETHER: u64 = 1 << 16;

/// What is read of the local header of larger ones at first.
const HEAD: u64 = 512;

/// Packed bytes up to this many are unpacked in one go, which is faster and needs them in memory.
const AT_ONCE: u64 = 32 << 20;

/// A member whose local header agrees with the directory.
pub(super) struct Member<'a, S: ?Sized> {
    source: &'a S,
    entry: &'a Entry,
    /// Where its bytes begin in the source.
    data_at: u64,
    /// What was read from the local header on.
    head: Cow<'a, [u8]>,
}

impl<'a, S: Source + ?Sized> Member<'a, S> {
    /// Reads the local header and checks everything that it repeats.
    ///
    /// # Errors
    /// `Invalid` where the two disagree, `Unsupported` for encryption and other methods, `Limit`, `Io`.
    pub(super) fn open(source: &'a S, entry: &'a Entry, name: &str, limits: &Limits) -> Result<Self> {
        Self::checked(source, entry, name, limits).map_err(|e| e.at(entry.at).reading("ZIP local header"))
    }

    fn checked(source: &'a S, entry: &'a Entry, name: &str, limits: &Limits) -> Result<Self> {
        let room = entry.end.saturating_sub(entry.at);
        let want = match source.as_slice() {
            Some(_) => room,
            None if entry.packed <= TOGETHER => entry.packed.saturating_add(name.len() as u64 + 160),
            None => HEAD,
        };
        let mut head = fetch(source, entry.at, room.min(want), limits)?;
        let cut = || Error::invalid("the local header is cut off by the next member");
        if !head.starts_with(LOCAL) {
            let found = head.get(..4).unwrap_or(&head);
            return Err(Error::invalid(format!(
                "{found:02x?} where a local header begins with {LOCAL:02x?}"
            )));
        }
        let half = |i| u16_at(&head, i).ok_or_else(cut);
        let word = |i| u32_at(&head, i).ok_or_else(cut);
        let (flags, method, crc, packed, size) = (half(6)?, half(8)?, word(14)?, word(18)?, word(22)?);
        let name_end = LOCAL_LEN + u64::from(half(26)?);
        let data_start = name_end + u64::from(half(28)?);
        if data_start.saturating_add(entry.packed) > room {
            return Err(Error::invalid(format!("{} packed bytes overlap the next member", entry.packed)));
        }
        if data_start > head.len() as u64 {
            head = fetch(source, entry.at, data_start, limits)?;
        }
        let part = |from: u64, to: u64| head.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
        let local_name = part(LOCAL_LEN, name_end).ok_or_else(cut)?;
        let mut text = String::new();
        if local_name != name.as_bytes() {
            names::decode(local_name, flags & UTF8 != 0, &mut text)?;
            if text != name {
                return Err(Error::invalid(format!("named {text:?} here and {name:?} in the directory")));
            }
        }
        let told = |what: &str, here: u64, there: u64| match here == there {
            true => Ok(()),
            false => Err(Error::invalid(format!("{what} is {here} here and {there} in the directory"))),
        };
        told("the method", method.into(), entry.method.into())?;
        let shared = ENCRYPTED | DESCRIPTOR;
        told("the set of flags", (flags & shared).into(), (entry.flags & shared).into())?;
        let mut wide = Wide::new(part(name_end, data_start).ok_or_else(cut)?);
        let (size, packed) = (wide.resolve(size)?, wide.resolve(packed)?);
        // A descriptor after the data may hold what was not known when the header was written.
        let later = flags & DESCRIPTOR != 0;
        let unless_later = |value: u64| later && value == 0;
        if !unless_later(crc.into()) {
            told("the CRC", crc.into(), entry.crc.into())?;
        }
        if !unless_later(size) {
            told("the size", size, entry.size)?;
        }
        if !unless_later(packed) {
            told("the packed size", packed, entry.packed)?;
        }
        let data_at = entry.at.saturating_add(data_start);
        if later {
            descriptor(source, entry, data_at, limits)?;
        }
        packable(entry)?;
        Ok(Member { source, entry, data_at, head })
    }

    /// All bytes, unpacked and checked: where they lie, when they are stored in memory.
    ///
    /// # Errors
    /// `Invalid` for damage, `Limit`, `Io`.
    pub(super) fn content(&self, limits: &Limits) -> Result<Data<'a>> {
        self.checked_content(limits).map_err(|e| e.at(self.data_at).reading(DATA))
    }

    fn checked_content(&self, limits: &Limits) -> Result<Data<'a>> {
        let Entry { method, packed, size, crc, .. } = *self.entry;
        if method == STORED
            && let Some(data) = dense::in_memory(self.source, self.data_at, size)
        {
            check_crc(crc32fast::hash(&data), crc)?;
            return Ok(data);
        }
        // A buffer of its own, so that the elements behind a header are aligned.
        let mut out = Buffer::zeroed(size, limits)?;
        if method == DEFLATED && packed <= AT_ONCE {
            let found = deflate::inflate_raw(&self.packed(packed, limits)?, &mut out, crc, Backend::BEST)?;
            check_crc(found, crc)?;
        } else if let (STORED, Some(bytes)) = (method, self.at_hand(packed)) {
            out.copy_from_slice(bytes);
            check_crc(crc32fast::hash(&out), crc)?;
        } else {
            self.unpacker(limits)?.fill(&mut out)?;
        }
        Ok(Data::Owned(out))
    }

    /// The bytes in pieces, from the first to the last.
    pub(super) fn unpacker(&self, limits: &Limits) -> Result<Unpacker<'a, S>> {
        Unpacker::new(self.source, self.entry, self.data_at, limits)
    }

    /// Where its bytes begin in the source.
    pub(super) fn data_at(&self) -> u64 {
        self.data_at
    }

    /// The first bytes, at most `want`, without a check.
    pub(super) fn start(&self, want: u64, limits: &Limits) -> Result<Cow<'_, [u8]>> {
        let want = want.min(self.entry.size);
        if self.entry.method == STORED {
            return self.packed(want, limits);
        }
        let mut feed = want.saturating_add(HEAD);
        loop {
            let input = self.packed(feed.min(self.entry.packed), limits)?;
            let (mut out, _reservation) = limits.vec(want)?;
            out.resize(usize::try_from(want).unwrap_or(0), 0);
            let done = Inflater::new(Form::Raw)
                .step(&input, &mut out)
                .map_err(|e| e.at(self.data_at).reading(DATA))?;
            if done.written == out.len() || done.finished || feed >= self.entry.packed {
                out.truncate(done.written);
                return Ok(Cow::Owned(out));
            }
            feed = feed.saturating_mul(2);
        }
    }

    /// The first `n` packed bytes.
    fn packed(&self, n: u64, limits: &Limits) -> Result<Cow<'_, [u8]>> {
        match self.at_hand(n) {
            Some(bytes) => Ok(Cow::Borrowed(bytes)),
            None => fetch(self.source, self.data_at, n, limits),
        }
    }

    /// The first `n` packed bytes, when they came with the local header.
    fn at_hand(&self, n: u64) -> Option<&[u8]> {
        let start = usize::try_from(self.data_at.checked_sub(self.entry.at)?).ok()?;
        self.head.get(start..start.checked_add(usize::try_from(n).ok()?)?)
    }
}

/// Bytes that the directory has placed inside the file, so that its size need not be asked for again.
fn fetch<'a, S: Source + ?Sized>(source: &'a S, at: u64, len: u64, limits: &Limits) -> Result<Cow<'a, [u8]>> {
    if source.as_slice().is_some() {
        return source.bytes_at(at, len, limits);
    }
    let (mut bytes, _reservation) = limits.vec(len)?;
    bytes.resize(usize::try_from(len).unwrap_or(0), 0);
    source.read_exact_at(at, &mut bytes)?;
    Ok(Cow::Owned(bytes))
}

/// What an error in a member's bytes is about.
pub(super) const DATA: &str = "ZIP member's data";

/// Compares a CRC-32 with the one that was told.
pub(super) fn check_crc(found: u32, told: u32) -> Result<()> {
    if found != told {
        return Err(Error::invalid(format!(
            "CRC is {found:08x}, expected {told:08x}: the bytes are damaged"
        )));
    }
    Ok(())
}

/// Whether this version can unpack a member, and whether its sizes are possible.
pub(super) fn packable(entry: &Entry) -> Result<()> {
    if entry.flags & ENCRYPTED != 0 {
        return Err(Error::unsupported("the member is encrypted").hint("decrypt the archive first"));
    }
    let Entry { packed, size, .. } = *entry;
    match entry.method {
        STORED if packed == size => Ok(()),
        STORED => Err(Error::invalid(format!("stored without packing, yet {size} bytes take {packed}"))),
        DEFLATED if size <= packed.saturating_mul(deflate::MAX_RATIO) => Ok(()),
        DEFLATED => Err(Error::invalid(format!("{packed} bytes cannot unpack to {size}"))),
        method => Err(Error::unsupported(format!("packed by method {method}{}", method_name(method)))
            .hint("only stored and deflate are read: pack it anew as one of them")),
    }
}

/// The usual name of a method, in brackets.
pub(super) fn method_name(method: u16) -> &'static str {
    match method {
        1 => " (shrink)",
        2..=5 => " (reduce)",
        6 => " (implode)",
        9 => " (deflate64)",
        12 => " (bzip2)",
        14 => " (lzma)",
        93 => " (zstandard)",
        95 => " (xz)",
        98 => " (ppmd)",
        99 => " (AES encryption)",
        _ => "",
    }
}

/// Checks the descriptor after the data: with or without its mark, with 32- or 64-bit sizes.
fn descriptor<S: Source + ?Sized>(source: &S, entry: &Entry, data_at: u64, limits: &Limits) -> Result<()> {
    let at = data_at.saturating_add(entry.packed);
    let there = fetch(source, at, entry.end.saturating_sub(at).min(24), limits)?;
    let narrow = [entry.packed, entry.size].map(|n| u32::try_from(n).ok());
    let mut forms: Vec<Vec<u8>> = Vec::new();
    let mut wide = entry.crc.to_le_bytes().to_vec();
    wide.extend(entry.packed.to_le_bytes());
    wide.extend(entry.size.to_le_bytes());
    forms.push(wide);
    if let [Some(packed), Some(size)] = narrow {
        forms.push([entry.crc.to_le_bytes(), packed.to_le_bytes(), size.to_le_bytes()].concat());
    }
    let bare = there.strip_prefix(DESCRIPTOR_MARK).unwrap_or_default();
    match forms.iter().any(|f| bare.starts_with(f) || there.starts_with(f)) {
        true => Ok(()),
        false => Err(Error::invalid("the data descriptor and the directory disagree").at(at)),
    }
}
