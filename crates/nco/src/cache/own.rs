//! Which files of a directory are the cache's own, and their deletion: the only place where files are deleted.
//!
//! Own is a regular file `XX/UUID.nco`, in a folder that is no link, that starts with the header of an object.
//! Everything else, links above all, is somebody else's: it is not counted, not read and not deleted.

use super::folder::Folder;
use super::name::PackName;
use crate::header::{HEADER_LEN, Header};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Result, Source as _};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// A file that has an own file's name and is regular. Whether it starts with an object is looked at when it is read
/// or deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackFile {
    /// Its name.
    pub name: PackName,
    /// Its bytes.
    pub bytes: u64,
    /// When it was last used: read, or written, or marked as used.
    pub used: SystemTime,
    /// When it was last written.
    pub written: SystemTime,
}

/// The pack files of a directory, in the order of their names.
///
/// # Errors
/// `Io` when the directory cannot be listed. What vanishes meanwhile is not there.
pub(crate) fn list(dir: &Path) -> Result<Vec<PackFile>> {
    let fail = |e| Error::io(e, "cannot list the cache").file(dir);
    let mut shards = Vec::new();
    for shard in std::fs::read_dir(dir).map_err(fail)? {
        let shard = shard.map_err(fail)?;
        if let Ok(name) = shard.file_name().into_string()
            && name.len() == 2
            && shard.file_type().is_ok_and(|t| t.is_dir())
        {
            shards.push((name, shard.path()));
        }
    }
    let found = in_threads(&shards, |(name, path)| list_shard(name, path));
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_unstable_by_key(|f| f.name);
    Ok(found)
}

/// The pack files of a folder.
fn list_shard(shard: &str, path: &Path) -> Vec<PackFile> {
    let Ok(files) = std::fs::read_dir(path) else { return Vec::new() };
    let mut found = Vec::new();
    for file in files.flatten() {
        let rest = file.file_name();
        let Some(pack) = rest.to_str().and_then(|rest| PackName::of(shard, rest)) else { continue };
        // Of the name itself, not of what a link leads to.
        let Ok(meta) = file.metadata() else { continue };
        if meta.is_file() {
            let written = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            // The time of access comes late or not at all where the file system is told so; a hit marks it (see
            // `mark_used`), and nothing is older than its last write.
            let used = meta.accessed().map_or(written, |t| t.max(written));
            found.push(PackFile { name: pack, bytes: meta.len(), used, written });
        }
    }
    found
}

/// What a function says of each item, in their order; many items are shared among threads, since it is the file
/// system that takes the time.
pub(crate) fn in_threads<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    const FEW: usize = 64;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get()).min(8);
    if items.len() < FEW || threads == 1 {
        return items.iter().map(each).collect();
    }
    // In parts that are taken one after the other: a thread that is held up does not hold up the rest.
    let part = items.len().div_ceil(threads * 16);
    let (parts, next) = (items.chunks(part), AtomicUsize::new(0));
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.clone().nth(at) else { return done };
            done.push((at, part.iter().map(&each).collect::<Vec<R>>()));
        }
    };
    let mut done: Vec<_> = std::thread::scope(|s| {
        let threads: Vec<_> = (0..threads).map(|_| s.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().flat_map(|(_, part)| part).collect()
}

/// A mark of use that is no older is left as it is.
const RECENT: Duration = Duration::from_secs(60);

/// Marks a file as used now. Nengo sorts by the same time. Only its owner may: others leave it as it is.
pub(crate) fn mark_used(file: &File) {
    let marked = file.metadata().and_then(|m| m.accessed());
    if marked.is_ok_and(|t| t.elapsed().is_ok_and(|age| age < RECENT)) {
        return;
    }
    let _ = file.set_times(std::fs::FileTimes::new().set_accessed(SystemTime::now()));
}

/// Opens a pack file for reading, if it is regular and neither it nor its folder is a link.
///
/// # Errors
/// The operating system's; `NotFound` also for what is no regular file.
pub(crate) fn open(dir: &Path, name: PackName) -> io::Result<File> {
    let path = name.path(dir);
    let shard = path.parent().map(Path::symlink_metadata).transpose()?;
    if !shard.is_some_and(|m| m.is_dir()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = no_follow().read(true).open(&path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(file)
}

/// Whether a file of this name is there. Whether it is own is looked at when it is opened.
pub(crate) fn is_there(dir: &Path, name: PackName) -> bool {
    name.path(dir).symlink_metadata().is_ok_and(|m| m.is_file())
}

/// Options to open files with that are no links, and do not make the process wait for one that is a pipe.
pub(crate) fn no_follow() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options
}

/// Whether a file starts with the header of an object.
pub(crate) fn is_pack(file: File) -> bool {
    let source = FileSource::from_file(file, PathBuf::new());
    source.head(HEADER_LEN).is_ok_and(|(head, size)| starts_object(&head, size))
}

fn starts_object(head: &[u8], size: u64) -> bool {
    Header::parse(head, 0, size).is_ok_and(|h| h.is_ordered() && h.pickle.start <= size)
}

/// Whether a file that was listed just now is the cache's own.
fn is_own(folder: &Folder, file: &PackFile) -> bool {
    let starts_object = |opened: File| {
        let source = FileSource::from_file(opened, PathBuf::new());
        let mut head = [0; HEADER_LEN];
        source.read_exact_at(0, &mut head).is_ok() && starts_object(&head, file.bytes)
    };
    folder.open(file.name).is_ok_and(starts_object)
}

/// Files that were listed just now, those of a folder beside each other.
fn by_folder<T: Sync, R: Send>(
    files: &[T],
    name: fn(&T) -> PackName,
    each: impl Fn(&[T]) -> Vec<R> + Sync,
) -> Vec<R> {
    let groups: Vec<&[T]> = files.chunk_by(|a, b| name(a).uuid() >> 120 == name(b).uuid() >> 120).collect();
    in_threads(&groups, |group| each(group)).into_iter().flatten().collect()
}

/// Those of the files, listed just now, that are the cache's own, in the order of their names.
pub(crate) fn own_of(dir: &Path, mut files: Vec<PackFile>) -> Vec<PackFile> {
    files.sort_unstable_by_key(|f| f.name);
    by_folder(
        &files,
        |f| f.name,
        |group| {
            let folder = group.first().and_then(|first| Folder::of(dir, first.name).ok());
            let Some(folder) = folder else { return Vec::new() };
            group.iter().filter(|file| is_own(&folder, file)).copied().collect()
        },
    )
}

/// Deletes a pack file if it is the cache's own. Whether it is gone.
///
/// # Errors
/// `Io` when it is own and cannot be deleted.
pub(crate) fn delete(dir: &Path, name: PackName) -> Result<bool> {
    match open(dir, name) {
        Ok(file) => match is_pack(file) {
            true => delete_checked(dir, &[name]).map(|()| true),
            false => Ok(false),
        },
        Err(e) => Ok(e.kind() == io::ErrorKind::NotFound && name.path(dir).symlink_metadata().is_err()),
    }
}

/// Deletes files that were found to be the cache's own just now, in the order of their names.
///
/// # Errors
/// `Io` for the first that cannot be deleted, unless somebody else has deleted it, when all others are gone.
pub(crate) fn delete_checked(dir: &Path, names: &[PackName]) -> Result<()> {
    let delete = |group: &[PackName]| -> Vec<(PackName, io::Error)> {
        let Some(first) = group.first() else { return Vec::new() };
        let failed =
            |name: &PackName, e: io::Error| (e.kind() != io::ErrorKind::NotFound).then_some((*name, e));
        match Folder::of(dir, *first) {
            Ok(folder) => group.iter().filter_map(|n| failed(n, folder.delete(*n).err()?)).collect(),
            Err(e) => failed(first, e).into_iter().collect(),
        }
    };
    match by_folder(names, |name| *name, delete).into_iter().next() {
        Some((name, e)) => Err(Error::io(e, "cannot delete").file(name.path(dir))),
        None => Ok(()),
    }
}

/// File systems of one machine, by the number that statfs(2) gives: ext, XFS, Btrfs, tmpfs, ZFS, F2FS, bcachefs, and
/// overlays. Source: linux/magic.h.
#[cfg(target_os = "linux")]
const LOCAL: [u32; 8] =
    [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x2FC1_2FC1, 0xF2F5_2010, 0xCA45_1A4E, 0x794C_7630];

/// Whether a file lies where no other machine can change it.
#[cfg(target_os = "linux")]
pub(crate) fn is_of_this_machine(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|stat| LOCAL.contains(&(stat.f_type as u32)))
}

/// Elsewhere that is not known.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_of_this_machine(_file: &File) -> bool {
    false
}

/// What a file's size on the disk is rounded up to.
pub(crate) fn block_size(dir: &Path) -> u64 {
    #[cfg(unix)]
    if let Ok(stat) = rustix::fs::statvfs(dir) {
        return stat.f_frsize.max(1);
    }
    let _ = dir;
    4096
}

/// Makes a directory's names reach the disk.
///
/// # Errors
/// `Io`.
#[cfg(unix)]
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|d| d.sync_all()).map_err(|e| Error::io(e, "cannot sync the folder").file(dir))
}

/// Elsewhere folders cannot be synced.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_dir: &Path) -> Result<()> {
    Ok(())
}
