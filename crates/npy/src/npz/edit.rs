//! Editing an NPZ: members put in, replaced and taken out, and its attributes.
//!
//! The archive is written anew beside the old one and takes its place in one step, or not at all. Members that stay
//! are copied as they are packed, with the CRC they have; only headers are new, so times and extra fields of other
//! programs are not kept. What is put in waits in a nameless temporary file in the same folder.

use super::directory::Entry;
use super::member::Member;
use super::record::Record;
use super::writer::NpzWriter;
use super::{Npz, attributes, names};
use crate::dense;
use hyperslab_core::output::NewFile;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Result, Source, Value, View};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::fs::{File, Metadata, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Packed bytes that are copied at a time.
const COPY: u64 = 1 << 20;

/// An archive that is being changed. Nothing happens to the file before [`NpzEditor::commit`].
///
/// ```
/// use hyperslab_core::{Limits, View};
/// use hyperslab_npy::{NpzEditor, NpzWriter};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("run.npz");
/// let mut archive = NpzWriter::create(&path, false)?;
/// archive.add("x", &View::from_slice([3], &[1.0f32, 2.0, 3.0])?, None)?;
/// archive.into_inner()?.commit()?;
///
/// let mut edit = NpzEditor::open(&path, &Limits::default())?;
/// edit.put("y", &View::from_slice([2], &[4i64, 5])?, Some(6))?;
/// edit.replace("x", &View::from_slice([1], &[0.5f64])?, None)?;
/// edit.set_attribute("x", "unit", &"mV".into())?;
/// edit.commit()?;
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct NpzEditor {
    npz: Npz<FileSource>,
    path: PathBuf,
    stamp: Stamp,
    limits: Limits,
    /// The members as they will be, in order.
    slots: Vec<Option<Slot>>,
    by_key: HashMap<String, usize>,
    /// What was put in, under the numbers of the slots.
    spool: Option<NpzWriter<File>>,
    put_in: usize,
    /// The attributes, once they are to be written anew.
    attributes: Option<Map<String, Json>>,
}

/// A member of the archive to be.
#[derive(Debug)]
enum Slot {
    /// The entry of this number in the old directory.
    Old(usize),
    /// The member of this number in the spool, under its new name.
    New(usize, String),
}

/// What tells one state of a file from another.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// Device, inode and the time of the last change of any kind.
    unix: [i64; 4],
}

impl Stamp {
    fn of(m: &Metadata) -> Stamp {
        #[cfg(unix)]
        let unix = {
            use std::os::unix::fs::MetadataExt;
            [m.dev().cast_signed(), m.ino().cast_signed(), m.ctime(), m.ctime_nsec()]
        };
        #[cfg(not(unix))]
        let unix = [0; 4];
        Stamp { len: m.len(), modified: m.modified().ok(), unix }
    }
}

impl NpzEditor {
    /// Opens an archive and reads its directory.
    ///
    /// # Errors
    /// As [`Npz::open`]; `Conflict` while another program edits it; `Unsupported` for an archive with a comment or with bytes around it, which would be lost.
    pub fn open(path: impl AsRef<Path>, limits: &Limits) -> Result<NpzEditor> {
        let path = path.as_ref();
        let source = FileSource::open(path)?;
        lock(&source, path)?;
        let stamp = stamp(&source)?;
        // Whoever had the lock before may have put another file in its place.
        if path.metadata().ok().map(|m| Stamp::of(&m)).as_ref() != Some(&stamp) {
            return Err(Error::conflict("another program has just changed it").file(path).hint("try again"));
        }
        let npz = Npz::open(source, limits)?;
        if npz.directory.surplus() > 0 {
            let n = npz.directory.surplus();
            return Err(Error::unsupported(format!("{n} bytes before the archive or in its comment"))
                .file(path)
                .hint("they would be lost: repack the archive first"));
        }
        let entries = npz.directory.entries();
        let key = |e: &Entry| npz.directory.key(e).to_string();
        let by_key = entries.iter().enumerate().map(|(i, e)| (key(e), i)).collect();
        let slots = (0..entries.len()).map(|i| Some(Slot::Old(i))).collect();
        Ok(NpzEditor {
            path: path.to_path_buf(),
            stamp,
            limits: limits.clone(),
            slots,
            by_key,
            spool: None,
            put_in: 0,
            attributes: None,
            npz,
        })
    }

    /// The archive as it was when it was opened.
    pub fn before(&self) -> &Npz<FileSource> {
        &self.npz
    }

    /// Adds an array under a key that is free, deflated at a level from 0 to 9 or stored.
    ///
    /// # Errors
    /// `Usage` for a key that is taken or cannot be stored, `Unsupported` for types that NPY cannot hold, `Io`.
    pub fn put(&mut self, key: &str, view: &View<'_>, deflate: Option<u32>) -> Result<()> {
        if self.by_key.contains_key(key) {
            return Err(self.about("the name is taken", key).hint("replace it, or take another name"));
        }
        self.place(key, view, deflate)
    }

    /// Puts an array in the place of a member; its attributes stay.
    ///
    /// # Errors
    /// As [`NpzEditor::put`]; `Usage` when there is no such member.
    pub fn replace(&mut self, key: &str, view: &View<'_>, deflate: Option<u32>) -> Result<()> {
        if !self.by_key.contains_key(key) {
            return Err(self.about("no such member", key));
        }
        self.place(key, view, deflate)
    }

    fn place(&mut self, key: &str, view: &View<'_>, deflate: Option<u32>) -> Result<()> {
        names::check_key(key).map_err(|e| e.file(&self.path))?;
        let others = |k: &str| k != key && self.by_key.contains_key(k);
        let folder = format!("{key}/");
        if names::clashes(key, others) || self.by_key.contains_key(&folder) {
            return Err(self.about("the name is taken by one that is nearly the same", key));
        }
        let number = self.put_in;
        let spool = match &mut self.spool {
            Some(spool) => spool,
            None => {
                let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty());
                let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))
                    .map_err(|e| Error::io(e, "cannot make a temporary file beside it").file(&self.path))?;
                self.spool.insert(NpzWriter::new(file))
            }
        };
        spool.add(&number.to_string(), view, deflate).map_err(|e| e.object(key).file(&self.path))?;
        self.put_in = self.put_in.saturating_add(1);
        let slot = Some(Slot::New(number, format!("{key}{}", names::SUFFIX)));
        match self.by_key.get(key).and_then(|&i| self.slots.get_mut(i)) {
            Some(place) => *place = slot,
            None => {
                self.by_key.insert(key.into(), self.slots.len());
                self.slots.push(slot);
            }
        }
        Ok(())
    }

    /// Takes a member out, and its attributes with it.
    ///
    /// # Errors
    /// `Usage` when there is no such member or it holds the attributes of all others; as
    /// [`NpzEditor::set_attribute`] when it may have some.
    pub fn remove(&mut self, key: &str) -> Result<()> {
        let Some(&i) = self.by_key.get(key) else { return Err(self.about("no such member", key)) };
        if key == names::METADATA && self.parsed()?.is_some() {
            return Err(self.about("is the member that holds the attributes", key));
        }
        if let Some(mut all) = self.parsed()?
            && all.shift_remove(key).is_some()
        {
            self.attributes = Some(all);
        }
        if let Some(slot) = self.slots.get_mut(i) {
            *slot = None;
        }
        self.by_key.remove(key);
        Ok(())
    }

    /// Sets or replaces an attribute of a member, or of the archive itself (`""`).
    ///
    /// # Errors
    /// `Usage` for a name that is not there, or when `metadata.json` is somebody else's; `Unsupported` for values
    /// that it cannot hold, `Invalid` when it is damaged.
    pub fn set_attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        let key = self.key(path);
        let mut all = match self.parsed()? {
            Some(all) => all,
            None if self.by_key.contains_key(names::METADATA) => {
                return Err(self.about("is not in the form that holds attributes", names::METADATA));
            }
            None => Map::new(),
        };
        let known = key.is_empty()
            || self.by_key.contains_key(key)
            || self.by_key.contains_key(&format!("{key}/"))
            || all.contains_key(key);
        if !known {
            return Err(self.about("no such member", path));
        }
        let json = attributes::write(value, &self.limits)
            .map_err(|e| e.file(&self.path).object(path).reading(format!("attribute {name:?}")))?;
        let node = all.entry(key).or_insert_with(|| Json::Object(Map::new()));
        if let Some(node) = node.as_object_mut() {
            node.insert(name.into(), json);
        }
        self.attributes = Some(all);
        Ok(())
    }

    /// Takes an attribute away.
    ///
    /// # Errors
    /// As [`NpzEditor::set_attribute`]; `Usage` when it is not there.
    pub fn remove_attribute(&mut self, path: &str, name: &str) -> Result<()> {
        let key = self.key(path);
        let mut all = self.parsed()?.unwrap_or_default();
        let node = all.get_mut(key).and_then(Json::as_object_mut);
        if node.and_then(|attributes| attributes.shift_remove(name)).is_none() {
            return Err(self.about("no such attribute", path).reading(format!("attribute {name:?}")));
        }
        if all.get(key).and_then(Json::as_object).is_some_and(Map::is_empty) {
            all.shift_remove(key);
        }
        self.attributes = Some(all);
        Ok(())
    }

    /// The key that a path means.
    fn key<'p>(&self, path: &'p str) -> &'p str {
        if self.by_key.contains_key(path) && !path.ends_with('/') { path } else { path.trim_matches('/') }
    }

    /// The attributes as they will be; `None` where there is no member for them, or it is somebody else's.
    fn parsed(&self) -> Result<Option<Map<String, Json>>> {
        if let Some(all) = &self.attributes {
            return Ok(Some(all.clone()));
        }
        match self.by_key.contains_key(names::METADATA) {
            true => Ok(self.npz.metadata(&self.limits)?.map(attributes::All::into_paths)),
            false => Ok(None),
        }
    }

    /// Writes the archive as it is to be and puts it in the place of the old one, with its permissions.
    ///
    /// # Errors
    /// `Conflict` when the file was changed by somebody else meanwhile; `Invalid` or `Unsupported` for a member that
    /// cannot be copied, `Io`. The old file is then as it was.
    pub fn commit(mut self) -> Result<()> {
        let file = NewFile::create(&self.path, true)?;
        let failed = |e| Error::io(e, "cannot keep the permissions").file(&self.path);
        let old = self.npz.source.file().metadata().map_err(failed)?;
        file.file().set_permissions(old.permissions()).map_err(failed)?;
        let mut writer = NpzWriter::over(file);
        let spool = match self.spool.take() {
            None => None,
            Some(spool) => {
                let file = spool.into_inner().map_err(|e| e.file(&self.path))?;
                Some(Npz::open(FileSource::from_file(file, &self.path), &self.limits)?)
            }
        };
        let anew = self.attributes.take();
        for slot in self.slots.iter().flatten() {
            match slot {
                Slot::Old(i) => {
                    let Some(entry) = self.npz.directory.entries().get(*i) else { continue };
                    let name = self.npz.directory.name(entry);
                    if anew.is_none() || name != names::METADATA {
                        copy(&self.npz, entry, name, &mut writer, &self.limits)?;
                    }
                }
                Slot::New(number, name) => {
                    let Some(spool) = &spool else { continue };
                    let entry = spool.entry(&number.to_string())?;
                    copy(spool, entry, name, &mut writer, &self.limits)?;
                }
            }
        }
        writer.set_attributes(anew.unwrap_or_default());
        let file = writer.into_inner()?;
        let now = self.path.metadata().ok().map(|m| Stamp::of(&m));
        if now.as_ref() != Some(&self.stamp) || stamp(&self.npz.source)? != self.stamp {
            return Err(Error::conflict("the file was changed by somebody else since it was opened")
                .file(&self.path)
                .hint("nothing was written: edit it again"));
        }
        file.commit()
    }

    fn about(&self, message: &'static str, key: &str) -> Error {
        Error::usage(message).object(key).file(&self.path)
    }
}

/// Keeps other editors out for as long as the file is open; readers are not kept out.
fn lock(source: &FileSource, path: &Path) -> Result<()> {
    match source.file().try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            Err(Error::conflict("another program is changing it").file(path).hint("try again"))
        }
        Err(TryLockError::Error(e)) => Err(Error::io(e, "cannot lock").file(path)),
    }
}

fn stamp(source: &FileSource) -> Result<Stamp> {
    let metadata = source.file().metadata();
    metadata.map(|m| Stamp::of(&m)).map_err(|e| {
        let e = Error::io(e, "cannot stat");
        dense::named(e, source)
    })
}

/// Copies a member as it is packed, under a name.
fn copy(
    from: &Npz<FileSource>,
    entry: &Entry,
    name: &str,
    writer: &mut NpzWriter<NewFile>,
    limits: &Limits,
) -> Result<()> {
    let mut done = || {
        let data_at = Member::open(&from.source, entry, from.directory.name(entry), limits)?.data_at();
        let Entry { method, crc, packed, size, .. } = *entry;
        let record = Record { name: name.into(), method, crc, packed, size, at: 0 };
        let (mut buffer, _reservation) = limits.vec(packed.min(COPY))?;
        writer.copied(record, &mut |out| {
            let mut done = 0;
            while done < packed {
                let n = COPY.min(packed - done);
                buffer.resize(usize::try_from(n).unwrap_or(0), 0);
                from.source.read_exact_at(data_at.saturating_add(done), &mut buffer)?;
                out(&buffer)?;
                done += n;
            }
            Ok(())
        })
    };
    done().map_err(|e| e.object(name).file(from.source.name().unwrap_or(Path::new(""))))
}
