//! Whether the bytes behind a local header are a whole member, and where they end.

use super::super::directory::{DESCRIPTOR, Entry, LOCAL_LEN, UTF8, Wide};
use super::super::le::{u16_at, u32_at, u64_at};
use super::super::member::{DATA, DEFLATED, STORED, packable};
use super::super::names;
use super::super::unpack::Unpacker;
use hyperslab_core::codec::deflate::{Form, Inflater};
use hyperslab_core::{Error, Kind, Limits, Result, Source};

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const MARK: &[u8; 4] = b"PK\x07\x08";
/// Packed bytes that are read at a time.
const FEED: u64 = 1 << 18;
/// Bytes of the longest descriptor, its mark included.
const DESCRIPTOR_LEN: u64 = 24;

/// What states the content of a member: its header, the directory, or its descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) name: String,
    /// Of the local header.
    pub(super) at: u64,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
}

impl Claim {
    /// Whether sizes and CRC are in the descriptor behind the data.
    pub(super) fn is_open(&self) -> bool {
        self.flags & DESCRIPTOR != 0 && self.crc == 0 && self.packed == 0 && self.size == 0
    }

    fn entry(&self) -> Entry {
        Entry::loose(self.flags, self.method, self.crc, self.packed, self.size, self.at)
    }
}

/// Reads the local header at `at`: what it states, and where its data begin.
///
/// # Errors
/// `Invalid` when it is none.
pub(super) fn local<S: Source + ?Sized>(source: &S, at: u64, limits: &Limits) -> Result<(Claim, u64)> {
    let len = source.len()?;
    let room = |n: u64| len.saturating_sub(at).min(n);
    let cut = || Error::invalid("the file ends in the middle of its local header");
    let fixed = source.bytes_at(at, room(LOCAL_LEN), limits)?;
    if !fixed.starts_with(LOCAL) {
        return Err(Error::invalid("no local header where it should be"));
    }
    let half = |i| u16_at(&fixed, i).ok_or_else(cut);
    let word = |i| u32_at(&fixed, i).ok_or_else(cut);
    let (needs, flags, method, crc) = (half(4)?, half(6)?, half(8)?, word(14)?);
    let (packed, size) = (word(18)?, word(22)?);
    let name_end = LOCAL_LEN + u64::from(half(26)?);
    let end = name_end + u64::from(half(28)?);
    // The low byte is a version, of which there are few: what only begins like a header mostly has another one.
    if needs & 0xFF > 63 {
        return Err(Error::invalid(format!("its local header needs version {needs} of ZIP")));
    }
    let all = source.bytes_at(at, room(end), limits)?;
    let part = |from: u64, to: u64| all.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
    let mut name = String::new();
    names::decode(part(LOCAL_LEN, name_end).ok_or_else(cut)?, flags & UTF8 != 0, &mut name)?;
    let mut wide = Wide::new(part(name_end, end).ok_or_else(cut)?);
    let (size, packed) = (wide.resolve(size)?, wide.resolve(packed)?);
    Ok((Claim { name, at, flags, method, crc, packed, size }, at.saturating_add(end)))
}

/// Whether the bytes at `data_at` unpack to what is claimed.
///
/// # Errors
/// `Invalid` or `Unsupported` with the reason when they do not, `Limit`, `Io`.
pub(super) fn closed<S: Source + ?Sized>(
    source: &S,
    claim: &Claim,
    data_at: u64,
    limits: &Limits,
) -> Result<()> {
    let (end, len) = (data_at.checked_add(claim.packed), source.len()?);
    if end.is_none_or(|end| end > len) {
        let there = len.saturating_sub(data_at);
        return Err(Error::invalid(format!("the file ends after {there} of its {} bytes", claim.packed)));
    }
    let entry = claim.entry();
    packable(&entry)?;
    let mut unpacker = Unpacker::new(source, &entry, data_at, limits)?;
    match claim.size {
        0 => unpacker.fill(&mut []),
        n => unpacker.skip(n),
    }
}

/// A member whose sizes are behind its data: what its descriptor states, once that was found to hold, and where the
/// descriptor ends. `spent` is told how many bytes were read.
///
/// # Errors
/// As [`closed`].
pub(super) fn open<S: Source + ?Sized>(
    source: &S,
    claim: &Claim,
    data_at: u64,
    limits: &Limits,
    spent: &mut u64,
) -> Result<(Claim, u64)> {
    match claim.method {
        DEFLATED => inflated(source, claim, data_at, limits, spent),
        STORED => stored(source, claim, data_at, limits, spent),
        _ => packable(&claim.entry()).and(Err(Error::invalid("its length is not stated"))),
    }
}

/// A deflate stream ends by itself.
fn inflated<S: Source + ?Sized>(
    source: &S,
    claim: &Claim,
    data_at: u64,
    limits: &Limits,
    spent: &mut u64,
) -> Result<(Claim, u64)> {
    packable(&Claim { packed: 1, size: 1, ..claim.clone() }.entry())?;
    let len = source.len()?;
    let mut inflater = Inflater::new(Form::Raw);
    let mut crc = crc32fast::Hasher::new();
    let mut out = vec![0; FEED as usize];
    let mut at = data_at;
    while !inflater.is_finished() {
        let input = source.bytes_at(at, len.saturating_sub(at).min(FEED), limits)?;
        let step = inflater.step(&input, &mut out).map_err(|e| e.at(data_at).reading(DATA))?;
        crc.update(out.get(..step.written).unwrap_or_default());
        at = at.saturating_add(step.read as u64);
        *spent = spent.saturating_add(step.read as u64);
        if step.read == 0 && step.written == 0 && !step.finished {
            return Err(Error::invalid("the file ends in the middle of its data"));
        }
    }
    let told = Claim {
        crc: crc.finalize(),
        packed: at.saturating_sub(data_at),
        size: inflater.total_out(),
        ..claim.clone()
    };
    match descriptor(source, &told, at, limits)? {
        Some(end) => Ok((told, end)),
        None => Err(Error::invalid("the data descriptor behind its data does not agree with them")),
    }
}

/// Stored bytes end where a descriptor states their number and their CRC.
fn stored<S: Source + ?Sized>(
    source: &S,
    claim: &Claim,
    data_at: u64,
    limits: &Limits,
    spent: &mut u64,
) -> Result<(Claim, u64)> {
    packable(&claim.entry())?;
    let len = source.len()?;
    let finder = memchr::memmem::Finder::new(MARK);
    let mut crc = crc32fast::Hasher::new();
    let (mut at, mut hashed) = (data_at, data_at);
    while at < len {
        let input = source.bytes_at(at, len.saturating_sub(at).min(FEED), limits)?;
        *spent = spent.saturating_add(input.len() as u64);
        for i in finder.find_iter(&input) {
            let here = at.saturating_add(i as u64);
            let size = here.saturating_sub(data_at);
            let stated = source.bytes_at(here, len.saturating_sub(here).min(DESCRIPTOR_LEN), limits)?;
            let narrow = u32_at(&stated, 8).map(u64::from);
            if narrow != Some(size) && u64_at(&stated, 8) != Some(size) {
                continue;
            }
            let hashes = |from: u64, to: u64, crc: &mut crc32fast::Hasher| {
                let from = usize::try_from(from.saturating_sub(at)).unwrap_or(usize::MAX);
                let to = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX);
                crc.update(input.get(from..to).unwrap_or_default());
            };
            hashes(hashed, here, &mut crc);
            hashed = here;
            let told = Claim { crc: crc.clone().finalize(), packed: size, size, ..claim.clone() };
            if let Some(end) = descriptor(source, &told, here, limits)? {
                return Ok((told, end));
            }
        }
        // Chunks overlap, so that each mark lies whole in one of them.
        let end = at.saturating_add(input.len() as u64);
        let next = if end == len { len } else { end.saturating_sub(MARK.len() as u64 - 1) };
        let from = usize::try_from(hashed.saturating_sub(at)).unwrap_or(usize::MAX);
        let to = usize::try_from(next.saturating_sub(at)).unwrap_or(usize::MAX);
        crc.update(input.get(from..to).unwrap_or_default());
        (at, hashed) = (next, hashed.max(next));
    }
    Err(Error::invalid("no data descriptor says where its data end"))
}

/// Where the descriptor at `at` ends, if it states what is claimed.
pub(super) fn descriptor<S: Source + ?Sized>(
    source: &S,
    claim: &Claim,
    at: u64,
    limits: &Limits,
) -> Result<Option<u64>> {
    let there = source.bytes_at(at, source.len()?.saturating_sub(at).min(DESCRIPTOR_LEN), limits)?;
    let starts = if there.starts_with(MARK) { vec![MARK.len(), 0] } else { vec![0] };
    for start in starts {
        if u32_at(&there, start) != Some(claim.crc) {
            continue;
        }
        let wide = (u64_at(&there, start + 4), u64_at(&there, start + 12));
        let narrow = (u32_at(&there, start + 4).map(u64::from), u32_at(&there, start + 8).map(u64::from));
        let sizes = (Some(claim.packed), Some(claim.size));
        let len = match (wide == sizes, narrow == sizes) {
            (true, _) => 20,
            (false, true) => 12,
            _ => continue,
        };
        return Ok(Some(at.saturating_add(start as u64 + len)));
    }
    Ok(None)
}

/// The reason of a failed trial; what is no reason is the error itself.
pub(super) fn why(e: Error) -> Result<String> {
    match e.kind() {
        Kind::Invalid | Kind::Unsupported => Ok(e.message().to_owned()),
        _ => Err(e),
    }
}
