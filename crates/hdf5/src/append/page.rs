//! The page: everything of a live file that ever changes in place, in one 4 KiB page, each structure inside one
//! 512-byte sector.
//!
//! Sector 0 holds the superblock (in a file made here; elsewhere its room stays empty) and the headers of all
//! columns, sector 1 the headers of the root group and of the described group, and from sector 2 on each column has
//! one with the header and index block of its extensible array. A publish writes sectors 0 and 1 at once: it is one
//! write that no reader can see half of, apart from tearing inside a sector, which checksums show. Not here: when
//! that happens (`order`).
//!
//! The last bytes of sector 0 lie between all structures, where no library looks: a record of where the used part of
//! the file ended, so that a file whose writer died is continued without a gap.

use super::array::Array;
use super::object::Message;
use super::schema::{area, f64_message, message};
use crate::format::extensible_array::Parameters;
use crate::format::message::dataspace::{Dataspace, UNLIMITED};
use crate::format::message::shared::Shared;
use crate::format::message::{kind, layout};
use crate::format::object_header::{MessageArea, SHARED};
use crate::format::superblock::{LEN_V2, Superblock};
use crate::format::{Put, checksum};
use hyperslab_core::{Error, Result};

/// Bytes that a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;
/// Bytes of the page; it begins at a multiple of them.
pub(super) const PAGE: u64 = 4096;
/// Bytes of the sectors that a publish writes.
pub(super) const HEADERS: usize = 2 * SECTOR;
/// Columns that have a sector in the page.
pub(super) const MAX_COLUMNS: usize = 6;
/// Bytes of the record at the end of sector 0.
const RECORD: usize = 32;
const RECORD_MAGIC: [u8; 4] = *b"slab";

/// A header in the page: its place and the messages that do not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) address: u64,
    pub(super) len: usize,
    pub(super) messages: Vec<Message>,
}

/// What a column's header says besides [`Slot::messages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColumnLayout {
    pub(super) chunk_rows: u64,
    pub(super) width: u64,
}

/// The attribute that holds the time of the last publish, and its position among the group's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) name: String,
    pub(super) position: usize,
}

/// What changes from publish to publish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct State {
    /// Rows of every column.
    pub(super) rows: u64,
    /// End of file as the superblock says it.
    pub(super) eoa: u64,
    /// End of the used space.
    pub(super) end: u64,
    /// Time of the last publish.
    pub(super) touched: f64,
    /// Whether all columns share the length of the first, and libraries are kept from writing.
    pub(super) shared: bool,
}

/// The page's fixed part.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    pub(super) at: u64,
    pub(super) superblock: Superblock,
    pub(super) columns: Vec<(Slot, ColumnLayout)>,
    /// The root group's header, where it lies in the page.
    pub(super) root: Option<Slot>,
    pub(super) group: Option<(Slot, Option<Touched>)>,
}

/// What a page is to hold, before its places are known.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    /// Name, messages and layout of every column.
    pub(super) columns: Vec<(String, Vec<Message>, ColumnLayout)>,
    /// Name, messages (without the touched attribute) and touched attribute of the group.
    pub(super) group: Option<(String, Vec<Message>, Option<Touched>)>,
}

impl Page {
    /// Where a column's array lies.
    pub(super) fn array_at(&self, column: usize) -> u64 {
        self.at + (HEADERS + column * SECTOR) as u64
    }

    /// Bytes of the page that are in use.
    pub(super) fn used(&self) -> usize {
        HEADERS + self.columns.len() * SECTOR
    }

    /// Puts headers into the sectors of a page at `at`. The root's messages follow from the addresses, through
    /// `root`; when they do not fit beside the group's, [`Page::root`] is `None` and the caller puts them elsewhere.
    pub(super) fn plan(
        at: u64,
        superblock: Superblock,
        contents: Contents,
        root: impl Fn(&[(String, u64)]) -> Result<Vec<Message>>,
    ) -> Result<(Page, Option<Vec<Message>>)> {
        let needs = contents
            .columns
            .iter()
            .map(|(name, messages, layout)| {
                column_area(messages, layout, 0, Length::Own(0), true)
                    .map_err(|e| e.object(format!("/{name}")))
            })
            .map(|a| a.map(|a| need(&a)))
            .collect::<Result<Vec<_>>>()?;
        let room = SECTOR - LEN_V2 - RECORD;
        let total: usize = needs.iter().sum();
        if contents.columns.is_empty() || contents.columns.len() > MAX_COLUMNS || total > room {
            return Err(Error::unsupported(format!(
                "{} datasets whose headers take {total} bytes: at most {MAX_COLUMNS} in {room} bytes grow together",
                contents.columns.len()
            )));
        }
        let extra = ((room - total) / contents.columns.len()) & !7;
        let mut address = at + LEN_V2 as u64;
        let mut columns = Vec::new();
        let mut names = Vec::new();
        for ((name, messages, layout), need) in contents.columns.into_iter().zip(needs) {
            let len = need + extra;
            names.push((name, address));
            columns.push((Slot { address, len, messages }, layout));
            address += len as u64;
        }
        let group_need = match &contents.group {
            Some((name, messages, touched)) => {
                let n = need(&group_area(messages, touched.as_ref(), 0.0, true)?);
                if n > SECTOR {
                    return Err(Error::unsupported(format!("a header of {n} bytes does not fit a sector"))
                        .object(format!("/{name}")));
                }
                n
            }
            None => 0,
        };
        // The root, when it fits, begins the sector, and the group ends it. A header's size does not depend on the
        // addresses in it.
        let sector = at + SECTOR as u64;
        let name = contents.group.as_ref().map(|(name, ..)| name.clone());
        let root_at = |group_at: u64| {
            let mut names = names.clone();
            names.extend(name.clone().map(|n| (n, group_at)));
            root(&names)
        };
        let root_need = need(&area(&root_at(sector)?)?);
        let fits = root_need + group_need <= SECTOR;
        let root_len = if fits { root_need.max((SECTOR - group_need).min(128)) & !7 } else { 0 };
        let group_at = sector + root_len as u64;
        let root_messages = root_at(group_at)?;
        let group = contents.group.map(|(_, messages, touched)| {
            (Slot { address: group_at, len: SECTOR - root_len, messages }, touched)
        });
        let slot = fits.then(|| Slot { address: sector, len: root_len, messages: root_messages.clone() });
        let page = Page { at, superblock, columns, root: slot, group };
        Ok((page, (!fits).then_some(root_messages)))
    }

    /// Appends sectors 0 and 1.
    pub(super) fn emit(&self, state: &State, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        if self.at == 0 {
            self.emit_superblock(state.eoa, out)?;
        } else {
            out.put_zeros(LEN_V2);
        }
        let first = self.columns.first().map(|(slot, _)| slot.address).filter(|_| state.shared);
        for (i, (slot, layout)) in self.columns.iter().enumerate() {
            let length = match first {
                Some(address) if i > 0 => Length::Of(address),
                _ => Length::Own(state.rows),
            };
            let area = column_area(&slot.messages, layout, self.array_at(i), length, state.shared)?;
            self.put(slot, area, out)?;
        }
        pad(start + SECTOR - RECORD, out)?;
        let record = out.len();
        out.extend_from_slice(&RECORD_MAGIC);
        out.put_u32(0);
        out.put_u64(state.end);
        out.put_u64(state.eoa);
        out.put_u64(self.at);
        let sum = checksum::lookup3(out.get(record + 8..).unwrap_or_default());
        if let Some(field) = out.get_mut(record + 4..record + 8) {
            field.copy_from_slice(&sum.to_le_bytes());
        }
        if let Some(root) = &self.root {
            self.put(root, area(&root.messages)?, out)?;
        }
        if let Some((slot, touched)) = &self.group {
            pad(start + slot.address.saturating_sub(self.at) as usize, out)?;
            self.put(slot, group_area(&slot.messages, touched.as_ref(), state.touched, state.shared)?, out)?;
        }
        pad(start + HEADERS, out)
    }

    /// Appends the superblock.
    fn emit_superblock(&self, eoa: u64, out: &mut Vec<u8>) -> Result<()> {
        Superblock { end: eoa, ..self.superblock }.emit(out)
    }

    /// The superblock alone.
    pub(super) fn superblock_bytes(&self, eoa: u64) -> Result<[u8; LEN_V2]> {
        let mut out = Vec::new();
        self.emit_superblock(eoa, &mut out)?;
        <[u8; LEN_V2]>::try_from(out)
            .map_err(|out| Error::invalid(format!("a superblock of {} bytes, not {LEN_V2}", out.len())))
    }

    /// Appends the sector of one column's array.
    pub(super) fn emit_array(array: &Array, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        array.emit(out);
        pad(start + SECTOR, out)
    }

    fn put(&self, slot: &Slot, area: MessageArea, out: &mut Vec<u8>) -> Result<()> {
        area.emit(Some(slot.len), out)
    }
}

/// Where the used part of the file ended, by the record in sector 0 of the page at `at`; `None` when there is no
/// record, or it is not about a file of this end.
pub(super) fn recorded_end(sector: &[u8], at: u64, eoa: u64) -> Option<u64> {
    let record = sector.get(SECTOR - RECORD..SECTOR)?;
    let (head, body) = record.split_first_chunk::<8>()?;
    let number = |i: usize| body.get(8 * i..8 * i + 8)?.try_into().ok().map(u64::from_le_bytes);
    let sum = checksum::lookup3(body).to_le_bytes();
    let good = head.starts_with(&RECORD_MAGIC) && head.ends_with(&sum);
    (good && number(1)? == eoa && number(2)? == at).then(|| number(0)).flatten().filter(|&end| end <= eoa)
}

/// Bytes that a header takes; two to spare, so that its size field may widen.
fn need(area: &MessageArea) -> usize {
    (area.header_len() + 2).next_multiple_of(8)
}

fn pad(len: usize, out: &mut Vec<u8>) -> Result<()> {
    if out.len() > len {
        return Err(Error::invalid(format!("{} bytes where {len} have room in a sector", out.len())));
    }
    out.resize(len, 0);
    Ok(())
}

/// Whose length a column has.
#[derive(Clone, Copy)]
enum Length {
    Own(u64),
    /// That of the column whose header is at this address.
    Of(u64),
}

/// A message that no library knows, with the flag that keeps those from opening the object who could write to it.
/// Readers pass over it. It stands in the headers while their lengths are shared: no library can change a shared
/// length, but some would find out too late.
pub(super) const GUARD: u16 = 0xFE;
const GUARD_FLAGS: u8 = 0x08;
const GUARD_BODY: &[u8; 24] = b"being written, Hyperslab";

fn guard(on: bool) -> Option<Message> {
    on.then(|| message(GUARD, GUARD_FLAGS, GUARD_BODY.to_vec()))
}

/// The header of a column: its dataspace, or a reference to the one that it shares, comes first, its layout last.
fn column_area(
    messages: &[Message],
    layout: &ColumnLayout,
    array: u64,
    length: Length,
    guarded: bool,
) -> Result<MessageArea> {
    let mut body = Vec::new();
    let flags = match length {
        Length::Of(address) => {
            Shared::emit_object(address, &mut body);
            SHARED
        }
        Length::Own(rows) => {
            Dataspace::growing([rows].into(), [UNLIMITED].into()).emit(&mut body)?;
            0
        }
    };
    let space = message(kind::DATASPACE, flags, body);
    let mut body = Vec::new();
    let chunk = [layout.chunk_rows];
    layout::emit_extensible_array(&chunk, layout.width, &Parameters::STANDARD, array, &mut body)?;
    let last = message(kind::LAYOUT, 0, body);
    area([&space].into_iter().chain(messages).chain([&last]).chain(&guard(guarded)))
}

fn group_area(
    messages: &[Message],
    touched: Option<&Touched>,
    time: f64,
    guarded: bool,
) -> Result<MessageArea> {
    let guard = guard(guarded);
    let Some(t) = touched else { return area(messages.iter().chain(&guard)) };
    let (before, after) = messages.split_at_checked(t.position).unwrap_or((messages, &[]));
    let attribute = f64_message(&t.name, time)?;
    area(before.iter().chain([&attribute]).chain(after).chain(&guard))
}
