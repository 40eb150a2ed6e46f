//! What can still be read of a damaged file, in a new one.
//!
//! For raw message logs, whatever is left of them, and for packs of Nengo cache objects, of which the whole objects are
//! kept. Of other files nothing is salvaged yet, and that is said.

use crate::convert::{aside_of, free, put_in_place};
use crate::create::Output;
use crate::larpix::log::{self, RecoverOptions, Report};
use crate::nco::{self, Block, Entry, Extension, Nco, write};
use crate::source::FileSource;
use crate::{Error, Kind, Limits, Result, ResultExt as _, Selection, View, detect};
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::path::Path;

/// What recovering a file saved and lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// What the file is: `log` or `nco-pack`.
    pub format: &'static str,
    /// What is counted: `messages` or `objects`.
    pub unit: &'static str,
    /// The account.
    pub report: Report,
}

/// Saves what can be read of the file at `path` into a new one at `out`, which appears when it is complete. The damaged
/// file is never written.
///
/// # Errors
/// `Usage` when `out` is `path`, or is there and may not be replaced; `Unsupported` for a file of which nothing is
/// salvaged; `Limit`, `Io`. Nothing is written then.
pub fn recover(path: &Path, out: &Path, options: &RecoverOptions) -> Result<Recovered> {
    if path.is_dir() {
        return Err(Error::usage("is a directory").file(path));
    }
    let format = detect::detect(&FileSource::open(path)?)?;
    match format {
        // A log may have lost what it would be recognised by.
        None | Some(detect::Format::Hdf5) => match log::recover(path, out, options) {
            // So may a pack whose first header is lost.
            Err(e) if e.kind() == Kind::Unsupported && format.is_none() && holds_objects(path, options)? => {
                pack(path, out, options).in_file(path)
            }
            Ok(report) => Ok(Recovered { format: "log", unit: "messages", report }),
            Err(e) if e.kind() == Kind::Unsupported => Err(match format {
                None => Error::unsupported(format!("not recognised, and {}", e.message())),
                Some(_) => {
                    e.hint("of HDF5 files only message logs are recovered; 'slab verify' names the damage")
                }
            }
            .file(path)),
            Err(e) => Err(e),
        },
        Some(detect::Format::Nco) => pack(path, out, options).in_file(path),
        Some(other) => Err(Error::unsupported(format!(
            "{} files are not recovered (known: message logs, packs of Nengo cache objects)",
            other.name()
        ))
        .file(path)
        .hint("'slab verify' names the damage, 'slab convert' takes single arrays out")),
    }
}

/// Whether objects are found in a file that does not start with one.
fn holds_objects(path: &Path, options: &RecoverOptions) -> Result<bool> {
    let found = nco::pack::walk(&FileSource::open(path)?, &options.limits)?;
    Ok(!found.entries.is_empty())
}

/// The whole objects of a pack, each with its pickle and its extension as they are.
fn pack(path: &Path, out: &Path, options: &RecoverOptions) -> Result<Recovered> {
    if let (Ok(a), Ok(b)) = (path.canonicalize(), out.canonicalize())
        && a == b
    {
        return Err(Error::usage("is the file that is read, which is never written").file(out));
    }
    let limits = &options.limits;
    let input = Nco::open(FileSource::open(path)?, limits)?;
    free(out, Output::Nco, options.replace)?;
    let (dir, made) = aside_of(out)?;
    let mut file = std::fs::File::create_new(&made).map_err(|e| Error::io(e, "cannot create").file(out))?;
    let mut report = Report::default();
    let mut end = 0;
    for (i, entry) in input.entries().iter().enumerate() {
        match Whole::read(entry, &input, limits) {
            Ok(Whole { array, pickle, extension, note, left_out }) => {
                let written = write::write_with(&mut file, end, &pickle, &array, extension.as_ref());
                end = written.in_file(out)?.array.end;
                report.saved += 1;
                report.bytes = report.bytes.saturating_add(array.nbytes());
                report.notes.extend(note.map(|n| format!("object {i}: {n}")));
                report.left_out.extend(left_out.map(|n| format!("of object {i}: {n}")));
            }
            Err(e) if matches!(e.kind(), Kind::Limit | Kind::Io) => return Err(e),
            Err(e) => {
                report.lost += 1;
                report.notes.push(format!("object {i} is lost: {e}"));
            }
        }
    }
    for damage in input.damage() {
        report.lost += u64::from(damage.object);
        let (start, end) = (damage.range.start, damage.range.end);
        report.notes.push(format!("bytes {start} to {end} hold no whole object: {}", damage.what));
    }
    if report.saved == 0 {
        return Err(Error::invalid("not one whole object is left"));
    }
    file.sync_all().map_err(|e| Error::io(e, "cannot sync").file(out))?;
    drop(file);
    put_in_place(&made, out, Output::Nco, options.replace)?;
    drop(dir);
    Ok(Recovered { format: "nco-pack", unit: "objects", report })
}

/// What is kept of an object.
struct Whole<'s> {
    array: View<'s>,
    pickle: Cow<'s, [u8]>,
    extension: Option<Extension>,
    /// How it was found.
    note: Option<String>,
    /// What is not carried over.
    left_out: Option<String>,
}

impl<'s> Whole<'s> {
    fn read(entry: &Entry, input: &'s Nco<FileSource>, limits: &Limits) -> Result<Whole<'s>> {
        let source = input.source();
        let note = entry
            .lost_header()
            .map(|what| format!("found by its extension block; its header was lost: {what}"));
        let (extension, left_out) = match entry.block(source, limits) {
            Ok(Some(Block::Known(extension, _))) => {
                entry.verify(source, limits)?;
                (Some(extension), None)
            }
            Ok(Some(Block::Other { version, .. })) => {
                (None, Some(format!("its extension block of version {version}")))
            }
            Ok(None) => (None, None),
            Err(e) if matches!(e.kind(), Kind::Limit | Kind::Io) => return Err(e),
            // What can be read is kept, and what is not known about it is said.
            Err(e) => (None, Some(format!("its key and checksums: {e}"))),
        };
        let array = entry.array(source, &Selection::ALL, limits)?;
        Ok(Whole { array, pickle: entry.pickle(source, limits)?, extension, note, left_out })
    }
}

impl Recovered {
    /// The document of `slab recover --json`.
    pub fn to_json(&self, file: &Path, out: &Path) -> Json {
        let r = &self.report;
        let losses: Vec<Json> = r
            .losses
            .iter()
            .map(|l| {
                json!({
                    "first": l.messages.start, "end": l.messages.end, "lost": l.lost, "why": l.why,
                    "offset": l.offset,
                })
            })
            .collect();
        json!({
            "file": file.to_string_lossy(), "out": out.to_string_lossy(), "format": self.format,
            "complete": r.is_complete(), "stated": r.stated, "saved": r.saved, "bytes": r.bytes,
            "placed": r.placed, "without_group": r.without_group, "lost": r.lost, "unwritten": r.unwritten,
            "losses": losses, "notes": r.notes, "left_out": r.left_out,
        })
    }
}
