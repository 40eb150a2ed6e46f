//! One member of an archive: its local header held against the directory, its bytes unpacked and checked.
//!
//! Nothing is allocated for a size that the archive cannot have: stored bytes are in the file, and deflate never
//! gives more than 1032 bytes for one. The CRC is always checked when the whole member is read.
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.9 and 4.4.5.

use super::directory::{DESCRIPTOR, ENCRYPTED, Entry, LOCAL_LEN, UTF8, Wide};
use super::le::{u16_at, u32_at};
use super::names;
use crate::dense;
use flate2::{Decompress, FlushDecompress, Status};
use hyperslab_core::view::{Buffer, Data};
use hyperslab_core::{Error, Limits, Result, Source};
use std::borrow::Cow;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const DESCRIPTOR_MARK: &[u8; 4] = b"PK\x07\x08";

/// Methods of packing.
pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// The most bytes that one byte of deflate can stand for: 258 for every two bits.
const MAX_RATIO: u64 = 1032;

/// Members up to this size are read from a file together with their local header.
const TOGETHER: u64 = 1 << 16;

/// What is read of the local header of larger ones at first.
const HEAD: u64 = 512;

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
        self.checked_content(limits).map_err(|e| e.at(self.data_at).reading("ZIP member's data"))
    }

    fn checked_content(&self, limits: &Limits) -> Result<Data<'a>> {
        let data = self.unchecked(limits)?;
        let (crc, told) = (crc32fast::hash(&data), self.entry.crc);
        if crc != told {
            return Err(Error::invalid(format!(
                "CRC is {crc:08x}, expected {told:08x}: the bytes are damaged"
            )));
        }
        Ok(data)
    }

    fn unchecked(&self, limits: &Limits) -> Result<Data<'a>> {
        if self.entry.method == STORED
            && let Some(data) = dense::in_memory(self.source, self.data_at, self.entry.size)
        {
            return Ok(data);
        }
        // A buffer of its own, so that the elements behind a header are aligned.
        let mut out = Buffer::zeroed(self.entry.size, limits)?;
        if self.entry.method == DEFLATED {
            inflate(&self.packed(self.entry.packed, limits)?, &mut out)?;
        } else if let Some(bytes) = self.at_hand(self.entry.packed) {
            out.copy_from_slice(bytes);
        } else {
            self.source.read_exact_at(self.data_at, &mut out)?;
        }
        Ok(Data::Owned(out))
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
            let mut inflater = Decompress::new(false);
            let done = fill(&mut inflater, &input, &mut out).map_err(|e| e.at(self.data_at))?;
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

/// Whether this version can unpack a member, and whether its sizes are possible.
fn packable(entry: &Entry) -> Result<()> {
    if entry.flags & ENCRYPTED != 0 {
        return Err(Error::unsupported("the member is encrypted").hint("decrypt the archive first"));
    }
    let Entry { packed, size, .. } = *entry;
    match entry.method {
        STORED if packed == size => Ok(()),
        STORED => Err(Error::invalid(format!("stored without packing, yet {size} bytes take {packed}"))),
        DEFLATED if size <= packed.saturating_mul(MAX_RATIO) => Ok(()),
        DEFLATED => Err(Error::invalid(format!("{packed} bytes cannot unpack to {size}"))),
        method => Err(Error::unsupported(format!("packed by method {method}{}", method_name(method)))
            .hint("only stored and deflate are read: repack the archive")),
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

struct Filled {
    read: usize,
    written: usize,
    finished: bool,
}

/// Inflates until the output is full, the input is used up or the stream ends.
fn fill(inflater: &mut Decompress, input: &[u8], out: &mut [u8]) -> Result<Filled> {
    let mut done = Filled { read: 0, written: 0, finished: false };
    loop {
        let (from, to) = (inflater.total_in(), inflater.total_out());
        let status = inflater
            .decompress(
                input.get(done.read..).unwrap_or_default(),
                out.get_mut(done.written..).unwrap_or_default(),
                FlushDecompress::None,
            )
            .map_err(|e| {
                Error::invalid(format!("damaged deflate stream after {} bytes: {e}", done.written))
            })?;
        let (read, written) = (inflater.total_in() - from, inflater.total_out() - to);
        done.read = done.read.saturating_add(usize::try_from(read).unwrap_or(usize::MAX));
        done.written = done.written.saturating_add(usize::try_from(written).unwrap_or(usize::MAX));
        done.finished = status == Status::StreamEnd;
        if done.finished || (read == 0 && written == 0) || done.written >= out.len() {
            return Ok(done);
        }
    }
}

/// Inflates a whole stream, which must give exactly `out` and use exactly `input`.
fn inflate(input: &[u8], out: &mut [u8]) -> Result<()> {
    let mut inflater = Decompress::new(false);
    let mut done = fill(&mut inflater, input, out)?;
    let mut excess = [0u8; 1];
    if !done.finished && done.written == out.len() {
        // The end of the stream may still be unread; a byte more would be one too many.
        let rest = fill(&mut inflater, input.get(done.read..).unwrap_or_default(), &mut excess)?;
        done.read = done.read.saturating_add(rest.read);
        done.finished = rest.finished;
        if rest.written > 0 {
            return Err(Error::invalid(format!(
                "deflate stream gives more than the {} bytes announced",
                out.len()
            )));
        }
    }
    if done.written < out.len() || !done.finished {
        return Err(Error::invalid(format!(
            "deflate stream ends early (wanted {} bytes, got {})",
            out.len(),
            done.written
        )));
    }
    if done.read != input.len() {
        return Err(Error::invalid(format!(
            "deflate stream ends after {} of {} packed bytes",
            done.read,
            input.len()
        )));
    }
    Ok(())
}
