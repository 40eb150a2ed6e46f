//! Cutting a log into several, by count or by size.
//!
//! The new files are named as larpix-control's `raw_hdf5_tool.py --split` names them, `raw.h5` into `raw.0.h5`,
//! `raw.1.h5`, ..; each has the metadata of the whole. They appear together when all of them are complete.

use super::fresh::NewLog;
use super::merge::{Copy, Input};
use hyperslab_core::output::Unfinished;
use hyperslab_core::{Error, Result};
use std::path::{Path, PathBuf};

/// Where a log is cut; a limit of 0 is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SplitAt {
    /// Most messages of a file.
    pub messages: Option<u64>,
    /// Most bytes of a file, approximately: each message counts its length rounded up to 8, and 33 bytes that it takes
    /// besides. A message that is longer has a file for itself.
    pub bytes: Option<u64>,
}

/// What became of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The new logs and their numbers of messages.
    pub files: Vec<(PathBuf, u64)>,
    /// What was not carried over.
    pub notes: Vec<String>,
}

/// What a message takes besides its bytes: heap header, reference, header row.
const OVERHEAD: u64 = 33;

/// Writes the messages of the log at `path` into new logs in the folder `dir`, which is made if need be; `progress` is
/// told of messages.
///
/// # Errors
/// `Usage` when nothing says where to cut, or a file is there and may not be replaced; `Unsupported` for what is no log;
/// `Invalid` for damage; `Io`. No file has appeared then, unless putting them in place failed half-way.
pub fn split(
    path: impl AsRef<Path>,
    dir: impl AsRef<Path>,
    at: SplitAt,
    replace: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Split> {
    let (path, dir) = (path.as_ref(), dir.as_ref());
    let most = |limit: Option<u64>| limit.filter(|&n| n > 0).unwrap_or(u64::MAX);
    let (messages, bytes) = (most(at.messages), most(at.bytes));
    if (messages, bytes) == (u64::MAX, u64::MAX) {
        return Err(Error::usage("nothing says where to cut: a number of messages or of bytes is wanted"));
    }
    let input = Input::open(path)?;
    std::fs::create_dir_all(dir).map_err(|e| Error::io(e, "cannot make the folder").file(dir))?;
    let aside = tempfile::Builder::new().prefix(".slab-").tempdir_in(dir);
    let aside = aside.map_err(|e| Error::io(e, "cannot make a folder in it").file(dir))?;
    let _listed = Unfinished::new(aside.path());
    let stem = path.file_stem().unwrap_or_default().to_os_string();
    let name = |i: usize| {
        let mut name = stem.clone();
        name.push(format!(".{i}.h5"));
        name
    };
    let mut done = Split::default();
    let mut meta = input.meta.clone();
    let mut start =
        |i: usize| NewLog::create(&aside.path().join(name(i)), false, &mut meta, Some(&input.header));
    let mut current = Part { log: start(0)?, bytes: 0 };
    let finish = |part: Part, files: &mut Vec<(PathBuf, u64)>| -> Result<()> {
        files.push((dir.join(name(files.len())), part.log.messages()));
        part.log.finish()
    };
    let mut take = |header: &[u8], message: &[u8]| -> Result<()> {
        let takes = (message.len() as u64).next_multiple_of(8) + OVERHEAD;
        let have = current.log.messages();
        if have > 0 && (have >= messages || current.bytes.saturating_add(takes) > bytes) {
            let next = Part { log: start(done.files.len() + 1)?, bytes: 0 };
            finish(std::mem::replace(&mut current, next), &mut done.files)?;
        }
        current.bytes += takes;
        current.log.push(header, message)
    };
    Copy::default().range(&input, 0..input.live.rows(), &mut take, progress)?;
    finish(current, &mut done.files)?;
    for (target, _) in &done.files {
        hyperslab_core::output::place(target, replace)?;
        if target.canonicalize().ok().is_some_and(|t| path.canonicalize().is_ok_and(|p| p == t)) {
            return Err(Error::usage("is the log that is cut").file(target));
        }
    }
    for (i, (target, _)) in done.files.iter().enumerate() {
        std::fs::rename(aside.path().join(name(i)), target)
            .map_err(|e| Error::io(e, "cannot put the new file in place").file(target))?;
    }
    done.notes.extend(input.foreign.iter().map(|n| format!("{n} is not carried over")));
    done.notes.extend(meta.left.iter().map(|n| format!("the attribute {n:?} of /meta is not carried over")));
    Ok(done)
}

/// A file being filled.
struct Part {
    log: NewLog,
    bytes: u64,
}
