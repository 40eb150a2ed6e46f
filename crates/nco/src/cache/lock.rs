//! The lock of a cache directory: `flock` on `index.lock`, as nengo has it, but waited for.
//!
//! Nengo tries once more after 0.1 s and then drops what it has; here the wait goes on, with pauses that grow and
//! vary, which also leaves gaps for nengo. The file stays where it is. A process that dies lets go of it. It is empty,
//! but in a directory with a journal: there it says so, for whoever finds the journal damaged or missing.

use super::own::{no_follow, sync_dir};
use hyperslab_core::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// The lock's file.
pub(crate) const LOCK: &str = "index.lock";

/// What it holds where a journal keeps the names.
const NATIVE: &[u8; 7] = b"native\n";

/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_millis(12);

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, waiting for it as long as `patience`.
    ///
    /// # Errors
    /// `Conflict` when others hold it for all that time, `Io`.
    pub(crate) fn take(dir: &Path, patience: Duration) -> Result<Lock> {
        let path = dir.join(LOCK);
        let until = Instant::now() + patience;
        let random = RandomState::new();
        let mut pause = Duration::from_micros(500);
        for round in 0u64.. {
            let file = open(&path)?;
            match file.try_lock() {
                // Who deletes the file locks another one than the next comer: then this lock is worth nothing.
                Ok(()) if is_at(&file, &path) => return Ok(Lock { file }),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(Error::io(e, "cannot lock").file(path)),
            }
            if Instant::now() >= until {
                break;
            }
            // Between half a pause and a whole one, so that those who wait do not come back together.
            let part = 512 + u32::try_from(random.hash_one(round) & 511).unwrap_or(0);
            std::thread::sleep(pause * part / 1024);
            pause = (pause * 2).min(PAUSE);
        }
        let waited = format!("others have held the lock for {:?}", patience);
        Err(Error::conflict(waited).file(path).hint("try again when they are done"))
    }

    /// Says on the disk that a journal keeps the names here.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn say_native(&self, dir: &Path) -> Result<()> {
        if says_native(dir) {
            return Ok(());
        }
        // What a loss of power left of it is said again.
        let said = self.file.set_len(0).and_then(|()| (&self.file).write_all(NATIVE));
        said.and_then(|()| self.file.sync_all())
            .map_err(|e| Error::io(e, "cannot write").file(dir.join(LOCK)))?;
        sync_dir(dir)
    }

    /// Says no more that a journal keeps the names, now that another file does.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn say_shared(&self, dir: &Path) -> Result<()> {
        let empty =
            self.file.metadata().and_then(|m| if m.len() > 0 { self.file.set_len(0) } else { Ok(()) });
        empty.map_err(|e| Error::io(e, "cannot write").file(dir.join(LOCK)))
    }
}

/// Whether the lock of a directory says that a journal keeps the names there.
pub(crate) fn says_native(dir: &Path) -> bool {
    content(dir).is_some_and(|text| text == NATIVE)
}

/// Whether there is a lock of a cache: a regular file that is empty, or says what a lock may say, as far as it reached
/// the disk.
pub(crate) fn is_there(dir: &Path) -> bool {
    let said = |text: &Vec<u8>| {
        text.len() <= NATIVE.len() && text.iter().zip(NATIVE).all(|(t, n)| t == n || *t == 0)
    };
    content(dir).as_ref().is_some_and(said)
}

/// What the lock holds, as much of it as matters; nothing for what is no regular file.
fn content(dir: &Path) -> Option<Vec<u8>> {
    let file = no_follow().read(true).open(dir.join(LOCK)).ok()?;
    let mut text = Vec::new();
    let regular = file.metadata().ok()?.is_file();
    file.take(NATIVE.len() as u64 + 1).read_to_end(&mut text).ok()?;
    regular.then_some(text)
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A link of this name is somebody else's, and so is what it leads to.
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path).map_err(|e| Error::io(e, "cannot open the lock").file(path))
}

/// Whether a path leads to an open file.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |m: std::fs::Metadata| (m.dev(), m.ino());
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(a), Ok(b)) => id(a) == id(b),
        _ => false,
    }
}

/// Whether a path leads to an open file: elsewhere an open file cannot lose its name.
#[cfg(not(unix))]
pub(crate) fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    #[test]
    fn one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path(), Duration::ZERO).unwrap();
        let e = Lock::take(dir.path(), Duration::from_millis(5)).unwrap_err();
        assert_eq!(e.kind(), Kind::Conflict);
        drop(held);
        Lock::take(dir.path(), Duration::ZERO).unwrap();
        assert!(dir.path().join(LOCK).exists());
    }

    #[test]
    fn it_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::take(dir.path(), Duration::ZERO).unwrap();
        std::thread::scope(|s| {
            let waiting = s.spawn(|| Lock::take(dir.path(), Duration::from_secs(60)).unwrap());
            std::thread::sleep(Duration::from_millis(30));
            drop(held);
            waiting.join().unwrap();
        });
    }

    #[test]
    fn what_it_says() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        assert!(!is_there(dir));
        let lock = Lock::take(dir, Duration::ZERO).unwrap();
        assert!(is_there(dir) && !says_native(dir));
        for torn in [&b""[..], b"nati", b"\0\0\0\0\0\0\0", b"nat\0\0\0\0"] {
            std::fs::write(dir.join(LOCK), torn).unwrap();
            assert!(is_there(dir) && !says_native(dir));
            lock.say_native(dir).unwrap();
            assert!(is_there(dir) && says_native(dir));
            lock.say_shared(dir).unwrap();
            assert!(is_there(dir) && !says_native(dir));
        }
        for other in [&b"mine"[..], b"native\n\n", b"native and more"] {
            std::fs::write(dir.join(LOCK), other).unwrap();
            assert!(!is_there(dir) && !says_native(dir));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("theirs");
        std::os::unix::fs::symlink(&target, dir.path().join(LOCK)).unwrap();
        assert!(Lock::take(dir.path(), Duration::ZERO).is_err());
        assert!(!target.exists());
    }
}
