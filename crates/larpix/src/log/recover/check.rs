//! Whether a log is sound beyond what makes it a sound HDF5 file, and in which of HDF5's dialects it is stored.
//!
//! What recovering would come across, told instead of mended.

use super::column::{REFERENCE, reference};
use super::find::Found;
use super::heap::Heap;
use super::input::Input;
use super::object::Object;
use crate::log::version::Version;
use hyperslab_core::{Error, Kind, Limits, Result, ResultExt as _, Source};
use hyperslab_hdf5::append::AttributeValue;
use hyperslab_hdf5::format::Sizes;
use hyperslab_hdf5::format::message::kind;
use hyperslab_hdf5::format::message::link::{Link, Target};
use hyperslab_hdf5::format::superblock::{MAX_LEN, Superblock};
use std::collections::HashSet;

/// Damages that are told one by one.
const MOST: usize = 1000;

/// Checks a log: lengths, chunks, every reference, every heap collection, versions. `None` when the file is no log;
/// else every damage with path, number of the message and byte.
///
/// # Errors
/// `Limit`, `Io`.
pub fn check(source: &dyn Source, limits: &Limits) -> Result<Option<Vec<Error>>> {
    let input = Input::new(source, limits.clone())?;
    let mut heap = Heap::new(&input);
    let mut found = match Found::look(&input, &mut heap) {
        Ok(found) => found,
        Err(e) if matches!(e.kind(), Kind::Limit | Kind::Io) => return Err(e),
        Err(_) => return Ok(None),
    };
    if found.scan.is_some() {
        // Nothing leads to a part of it, which the check of the HDF5 file says.
        return Ok(None);
    }
    let mut damage = Damage { all: Vec::new(), more: 0 };
    let rows = |c: Option<&super::column::Column>| c.and_then(|c| c.rows);
    let (messages, headers) = (rows(found.messages.as_ref()), rows(found.headers.as_ref().map(|(c, _)| c)));
    if let (Some(m), Some(h)) = (messages, headers)
        && m != h
    {
        damage.add(Error::invalid(format!("{h} headers of {m} messages")).object("/msg_headers"));
    }
    versions(&input, &mut found, &mut heap, &mut damage)?;
    if let Some((column, _)) = &found.headers {
        chunks(&input, column, "/msg_headers", &mut damage, &mut |_, _, _| Ok(()))?;
    }
    if let Some(column) = &found.messages {
        let mut unsound = HashSet::new();
        chunks(&input, column, "/msgs", &mut damage, &mut |first, bytes, damage| {
            for (i, row) in (first..).zip(bytes.chunks_exact(REFERENCE as usize)) {
                let Some((count, at, number)) = reference(row).filter(|r| r.0 > 0) else { continue };
                match heap.resolve(count, at, number) {
                    Ok(found) => {
                        if !found.collection.sound && unsound.insert(at) {
                            let e =
                                Error::invalid("its objects do not follow one another, or it is not whole");
                            damage.add(
                                e.reading("global heap collection").at(at).object(format!("/msgs[{i}]")),
                            );
                        }
                    }
                    Err(e) if matches!(e.kind(), Kind::Limit) => return Err(e),
                    Err(e) => damage.add(e.object(format!("/msgs[{i}]"))),
                }
            }
            Ok(())
        })?;
    }
    if damage.more > 0 {
        let (told, more) = (damage.all.len(), damage.more);
        damage.all.push(Error::invalid(format!("{more} more damages, {told} are told")).object("/msgs"));
    }
    Ok(Some(damage.all))
}

struct Damage {
    all: Vec<Error>,
    more: u64,
}

impl Damage {
    fn add(&mut self, e: Error) {
        if self.all.len() < MOST { self.all.push(e) } else { self.more += 1 }
    }
}

/// The rows of every chunk below a column's length: the first one's number and the bytes.
type Each<'e> = &'e mut dyn FnMut(u64, &[u8], &mut Damage) -> Result<()>;

fn chunks(
    input: &Input<'_>,
    column: &super::column::Column,
    path: &str,
    damage: &mut Damage,
    each: Each<'_>,
) -> Result<()> {
    let rows = column.rows.unwrap_or(0);
    let chunk_rows = column.chunk_rows.max(1);
    let end = rows.div_ceil(chunk_rows);
    for m in column.chunks.missing.iter().filter(|m| m.chunks.start < end) {
        let first = m.chunks.start.saturating_mul(chunk_rows);
        let behind = m.chunks.end.min(end).saturating_mul(chunk_rows).min(rows);
        let e = Error::invalid(match behind.checked_sub(1).filter(|last| *last >= first) {
            Some(last) => format!("the chunks of messages {first} to {last} are lost: {}", m.why),
            // A damaged index can tell of no chunks at all.
            None => m.why.clone(),
        });
        damage.add(e.reading("chunk index").at(m.at).object(path));
    }
    if column.chunks.unchecked > 0 {
        let e = Error::invalid(format!("{} blocks with a wrong checksum", column.chunks.unchecked));
        damage.add(e.reading("chunk index").object(path));
    }
    for (&number, located) in column.chunks.found.range(..end) {
        let first = number.saturating_mul(chunk_rows);
        match column.decode(input, located) {
            Ok((bytes, _)) => {
                let want = (rows - first).min(chunk_rows);
                let most = usize::try_from(want.saturating_mul(column.width)).unwrap_or(usize::MAX);
                let have = bytes.len() as u64 / column.width.max(1);
                if have < want {
                    let e = Error::invalid(format!("the file ends before message {}", first + have));
                    damage.add(e.reading("chunk").at(located.chunk.address).object(path));
                }
                each(first, bytes.get(..most).unwrap_or(&bytes), damage)?;
            }
            Err(e) if e.kind() == Kind::Limit => return Err(e),
            Err(e) => damage.add(e.object(format!("{path}[{first}]"))),
        }
    }
    Ok(())
}

/// Versions are two integers.
fn versions(
    input: &Input<'_>,
    found: &mut Found,
    heap: &mut Heap<'_, '_>,
    damage: &mut Damage,
) -> Result<()> {
    let attributes = found.attributes(input, heap);
    for name in ["version", "io_version"] {
        let text = attributes.iter().find_map(|(n, v)| match v {
            Ok(Some(AttributeValue::Text(t))) if n == name => Some(t),
            _ => None,
        });
        match text {
            Some(t) if t.parse::<Version>().is_err() => {
                damage.add(
                    Error::invalid(format!("{name} {t:?} is no version such as \"0.0\"")).object("/meta"),
                );
            }
            None if name == "version" => {
                damage.add(Error::invalid("no text attribute \"version\"").object("/meta"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// In which form a log is stored: what decides which libraries read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Version of the superblock.
    pub superblock: u8,
    /// Greatest version of a layout message.
    pub layout: u8,
    /// Greatest version of a datatype message.
    pub datatype: u8,
}

impl Dialect {
    /// The oldest HDF5 that reads it.
    pub fn oldest_reader(&self) -> &'static str {
        match self {
            Dialect { layout: 5.., .. } | Dialect { datatype: 5.., .. } => "2.0",
            Dialect { datatype: 4, .. } => "1.12",
            _ => "1.10",
        }
    }
}

/// Reads which versions of its messages a log uses.
pub(in crate::log) fn dialect(source: &dyn Source, limits: &Limits) -> Result<Dialect> {
    let input = Input::new(source, limits.clone())?;
    let s = Superblock::parse(&input.up_to(0, MAX_LEN as u64)?, 0)?;
    let root = Object::read(&input, s.root)?;
    let mut dialect = Dialect { superblock: s.version, layout: 0, datatype: 0 };
    for m in root.messages.iter().filter(|m| m.kind == kind::LINK) {
        let link = Link::parse(&m.body, Sizes::STANDARD, m.offset)?;
        let Target::Hard(at) = link.target else { continue };
        if !matches!(link.name, b"msgs" | b"msg_headers") {
            continue;
        }
        let object = Object::read(&input, at).reading("object header", at)?;
        let first = |kind| object.find(kind).and_then(|m| m.body.first().copied()).unwrap_or(0);
        dialect.layout = dialect.layout.max(first(kind::LAYOUT));
        dialect.datatype = dialect.datatype.max(first(kind::DATATYPE) >> 4);
    }
    Ok(dialect)
}
