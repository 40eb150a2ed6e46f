//! Waiting for a file to change: a notification wakes us early where the system sends one, and the clock always does.
//!
//! A notification is a hint and nothing else. Network file systems send none, maps change files without one, and one
//! file can be replaced by another; so whoever waits looks again after every pause. Not here: what is looked at.

use hyperslab_core::{Error, Result};
use std::fs::{File, Metadata};
use std::path::Path;
use std::time::Duration;

/// Pauses that grow while nothing comes.
#[derive(Debug)]
pub(super) struct Watch {
    pause: Duration,
    #[cfg(target_os = "linux")]
    inotify: Option<std::os::fd::OwnedFd>,
}

/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));

impl Watch {
    /// Watches a file; where the system cannot, by the clock alone.
    pub(super) fn new(path: &Path) -> Watch {
        let _ = path;
        Watch {
            pause: PAUSES.0,
            #[cfg(target_os = "linux")]
            inotify: linux::watch(path).ok(),
        }
    }

    /// Something came: the next pause is short again.
    pub(super) fn changed(&mut self) {
        self.pause = PAUSES.0;
    }

    /// Returns when the file may have changed, at the latest after a pause or after `left`.
    pub(super) fn wait(&mut self, left: Option<Duration>) {
        let pause = left.map_or(self.pause, |l| l.min(self.pause));
        self.pause = (self.pause * 2).min(PAUSES.1);
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &self.inotify
            && linux::wait(inotify, pause)
        {
            return;
        }
        std::thread::sleep(pause);
    }
}

/// Whether a path still names an open file: `false` when another has taken its place. A path that names nothing says
/// nothing: its file may still be written.
///
/// # Errors
/// `Io`.
pub(super) fn is_same(path: &Path, file: &File) -> Result<bool> {
    let there = match std::fs::metadata(path) {
        Ok(there) => there,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(Error::io(e, "cannot stat").file(path)),
    };
    let open = file.metadata().map_err(|e| Error::io(e, "cannot stat").file(path))?;
    Ok(same(&there, &open))
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    pub(super) fn watch(path: &Path) -> rustix::io::Result<OwnedFd> {
        let inotify = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        add_watch(&inotify, path, WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::MOVE_SELF)?;
        Ok(inotify)
    }

    /// Whether the time was spent waiting; `false` when that is left to the clock.
    pub(super) fn wait(inotify: &OwnedFd, pause: Duration) -> bool {
        let Ok(time) = Timespec::try_from(pause) else { return false };
        match poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&time)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => true,
            Ok(_) => {
                // What was notified is not looked at: the file is.
                let mut events = [0u8; 4096];
                while rustix::io::read(inotify, &mut events[..]).is_ok_and(|n| n > 0) {}
                true
            }
            Err(_) => false,
        }
    }
}
