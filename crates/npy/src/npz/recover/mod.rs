//! Salvaging an NPZ whose directory is lost or wrong, or whose members are damaged: every member that is whole goes
//! into a new archive. The damaged one is read and never written.
//!
//! A member is whole when its bytes unpack to the length and the CRC-32 that its local header, its data descriptor or
//! the directory states; nothing else is believed. Members are found by walking from one local header over its data
//! to the next, so that an archive inside a member is not taken for members of this one; only behind damage is the
//! next header looked for by its signature (`find`). Which bytes are whole is decided in `trial`.
//! Source: PKWARE APPNOTE 6.3.10, sections 4.3.7 to 4.3.16; what NumPy 2.4 leaves when it is killed, probed.

mod find;
mod trial;

use super::names;
use super::record::Record;
use super::writer::NpzWriter;
use crate::dense;
use find::Finding;
use hyperslab_core::output::{NewFile, place};
use hyperslab_core::{Error, Limits, Result, Source};
use std::collections::HashMap;
use std::path::Path;

/// Packed bytes that are copied at a time.
const COPY: u64 = 1 << 20;

/// The account of a recovery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Members that the directory states, where it is left.
    pub stated: Option<u64>,
    /// The names of the members that are in the new archive, in the order of the old one's bytes.
    pub saved: Vec<String>,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// What was lost.
    pub lost: Vec<Lost>,
    /// In which state the archive was.
    pub notes: Vec<String>,
}

/// A member that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its name, where that is left.
    pub name: Option<String>,
    /// Where its local header is, or should be.
    pub at: u64,
    /// Why it is lost.
    pub why: String,
}

/// Saves every whole member of a damaged archive into a new one at `out`, which appears when it is complete. Members
/// keep their names, their order and the bytes that they are packed as.
///
/// ```
/// use hyperslab_core::{Limits, View, source::SliceSource};
/// use hyperslab_npy::{Npz, NpzWriter, npz};
/// # let dir = tempfile::tempdir().unwrap();
/// # let out = dir.path().join("saved.npz");
/// let mut archive = NpzWriter::new(std::io::Cursor::new(Vec::new()));
/// archive.add("x", &View::from_slice([3], &[1.0f32, 2.0, 3.0])?, None)?;
/// archive.add("y", &View::from_slice([2], &[4i64, 5])?, Some(6))?;
/// let mut bytes = archive.into_inner()?.into_inner();
/// // The directory is lost.
/// bytes.truncate(bytes.len() - 60);
///
/// let account = npz::recover(&SliceSource(&bytes), &out, false, &Limits::default())?;
/// assert_eq!(account.saved, ["x.npy", "y.npy"]);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
///
/// # Errors
/// `Usage` when `out` is there and may not be replaced; `Invalid` when not one whole member is left; `Limit`, `Io`.
/// Nothing is written then.
pub fn recover<S: Source + ?Sized>(
    source: &S,
    out: impl AsRef<Path>,
    replace: bool,
    limits: &Limits,
) -> Result<Recovered> {
    let out = out.as_ref();
    place(out, replace)?;
    let mut account = Recovered::default();
    let found = find::find(source, limits, &mut account).map_err(|e| dense::named(e, source))?;
    let whole = fit(found, &mut account);
    account.lost.sort_by_key(|l| l.at);
    if whole.is_empty() {
        let e = Error::invalid("not one whole member is left");
        return Err(dense::named(
            match account.lost.first() {
                Some(first) => e.hint(format!("the first one: {}", first.why)),
                None => e,
            },
            source,
        ));
    }
    let mut writer = NpzWriter::over(NewFile::create(out, replace)?);
    for finding in &whole {
        copy(source, finding, &mut writer, limits).map_err(|e| dense::named(e, source))?;
        account.saved.push(finding.name.clone());
        account.bytes = account.bytes.saturating_add(finding.size);
    }
    writer.into_inner()?.commit()?;
    Ok(account)
}

/// The members that can be in one archive: of two with the same name the later one, as readers take it that go by
/// names; none with a name that leads out of a folder.
fn fit(found: Vec<Finding>, account: &mut Recovered) -> Vec<Finding> {
    let last: HashMap<String, u64> = found.iter().map(|f| (f.name.clone(), f.at)).collect();
    let mut whole = Vec::new();
    for finding in found {
        let folder = finding.name.ends_with('/') && finding.size == 0;
        let why = match names::check_name(&finding.name) {
            _ if last.get(&finding.name) != Some(&finding.at) => "a later member has its name".to_owned(),
            Err(e) if finding.name != names::METADATA && !folder => e.message().to_owned(),
            _ => {
                whole.push(finding);
                continue;
            }
        };
        account.lost.push(Lost { name: Some(finding.name), at: finding.at, why });
    }
    whole
}

/// Copies a member as it is packed.
fn copy<S: Source + ?Sized>(
    source: &S,
    from: &Finding,
    writer: &mut NpzWriter<NewFile>,
    limits: &Limits,
) -> Result<()> {
    let Finding { method, crc, packed, size, data_at, .. } = *from;
    let record = Record { name: from.name.clone(), method, crc, packed, size, at: 0 };
    let (mut buffer, _reservation) = limits.vec(packed.min(COPY))?;
    writer.copied(record, &mut |out| {
        let mut done = 0;
        while done < packed {
            let n = COPY.min(packed - done);
            buffer.resize(usize::try_from(n).unwrap_or(0), 0);
            source.read_exact_at(data_at.saturating_add(done), &mut buffer)?;
            out(&buffer)?;
            done += n;
        }
        Ok(())
    })
}
