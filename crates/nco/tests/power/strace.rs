//! What a process did to the files of a directory, from what `strace` wrote down of it.
//!
//! Facts: strace(1), its forms `-f -xx -s` (every string in hexadecimal, none shortened).

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One thing that was done. Files are told by the number of their opening.
pub(super) enum Op {
    /// A file opened: made if it was not there, emptied if that was asked for.
    Open {
        path: PathBuf,
        number: usize,
        create: bool,
        empty: bool,
    },
    /// Bytes at an offset, or at the end.
    Write {
        number: usize,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Cut {
        number: usize,
        len: u64,
    },
    Sync {
        number: usize,
    },
    SyncDir(PathBuf),
    Mkdir(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf, PathBuf),
    Remove(PathBuf),
    /// A line that the process said.
    Said(String),
}

impl std::fmt::Debug for Op {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Op::Open { path, .. } => write!(f, "open {}", path.display()),
            Op::Write { number, at, bytes } => write!(f, "write {} bytes at {at:?} of {number}", bytes.len()),
            Op::Cut { number, len } => write!(f, "cut {number} to {len}"),
            Op::Sync { number } => write!(f, "sync {number}"),
            Op::SyncDir(path) => write!(f, "sync {}", path.display()),
            Op::Mkdir(path) => write!(f, "make {}", path.display()),
            Op::Rename(from, to) => write!(f, "rename {} to {}", from.display(), to.display()),
            Op::Link(from, to) => write!(f, "link {} to {}", from.display(), to.display()),
            Op::Remove(path) => write!(f, "remove {}", path.display()),
            Op::Said(line) => f.write_str(line),
        }
    }
}

/// The calls that are written down: all that change files or make them last.
pub(super) const CALLS: &str = "trace=open,openat,creat,close,write,writev,pwrite64,pwritev,pwritev2,truncate,\
ftruncate,fallocate,copy_file_range,sendfile,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,\
symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,lseek,dup,dup2,dup3,fcntl,mmap";

/// What is open under a descriptor.
#[derive(Clone)]
enum Open {
    File {
        number: usize,
        at: u64,
        append: bool,
    },
    Dir(PathBuf),
    /// The file of what is said.
    Voice,
    Other,
}

/// Everything that was done below `dir`; `voice` is the file of what was said.
pub(super) fn parse(log: &str, dir: &Path, voice: &Path) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut open: HashMap<i64, Open> = HashMap::new();
    let mut unfinished: HashMap<&str, String> = HashMap::new();
    let mut files = 0;
    for line in log.lines() {
        let (pid, mut line) = line.split_once(' ').map(|(pid, rest)| (pid, rest.trim().to_owned())).unwrap();
        if let Some(start) = line.strip_suffix("<unfinished ...>") {
            unfinished.insert(pid, start.to_owned());
            continue;
        }
        if line.starts_with("<...") {
            let rest = line.split_once("resumed>").unwrap().1;
            line = unfinished.remove(pid).unwrap() + rest;
        }
        // Ends of processes, signals.
        let Some((call, rest)) = line.split_once('(').filter(|_| !line.starts_with(['+', '-'])) else {
            continue;
        };
        let (args, result) = rest.rsplit_once(" = ").unwrap();
        let args: Vec<&str> = args.trim_end().trim_end_matches(')').split(", ").collect();
        let result: i64 = result.split_whitespace().next().unwrap().parse().unwrap_or(-1);
        if result < 0 {
            continue;
        }
        let path = |i: usize| PathBuf::from(String::from_utf8(text(args[i])).unwrap());
        let inside = |path: &PathBuf| path.starts_with(dir);
        // A path as `openat` has it, below an open folder or not.
        let path_at = |i: usize| match args[i].parse().ok().and_then(|fd: i64| open.get(&fd)) {
            Some(Open::Dir(folder)) => folder.join(path(i + 1)),
            Some(_) => path(i + 1),
            None => {
                assert!(args[i] == "AT_FDCWD", "a path from a folder that is not known: {line}");
                path(i + 1)
            }
        };
        let fd = || -> i64 { args[0].parse().unwrap() };
        match call {
            "openat" => {
                let (path, flags) = (path_at(0), args[2]);
                let now = if path == voice {
                    Open::Voice
                } else if !inside(&path) {
                    Open::Other
                } else if path.is_dir() {
                    Open::Dir(path)
                } else {
                    let (create, empty) = (flags.contains("O_CREAT"), flags.contains("O_TRUNC"));
                    ops.push(Op::Open { path, number: files, create, empty });
                    files += 1;
                    Open::File { number: files - 1, at: 0, append: flags.contains("O_APPEND") }
                };
                open.insert(result, now);
            }
            "close" => drop(open.remove(&fd())),
            "lseek" => {
                if let Some(Open::File { at, .. }) = on(&mut open, &args) {
                    *at = result as u64;
                }
            }
            "write" => match on(&mut open, &args) {
                Some(Open::Voice) => {
                    let said = String::from_utf8(text(args[1])).unwrap();
                    ops.extend(said.lines().map(|line| Op::Said(line.to_owned())));
                }
                Some(Open::File { number, at, append }) => {
                    let bytes = text(args[1])[..result as usize].to_vec();
                    ops.push(Op::Write { number: *number, at: (!*append).then_some(*at), bytes });
                    *at += result as u64;
                }
                _ => {}
            },
            "pwrite64" => {
                if let Some(Open::File { number, .. }) = on(&mut open, &args) {
                    let bytes = text(args[1])[..result as usize].to_vec();
                    ops.push(Op::Write { number: *number, at: Some(args[3].parse().unwrap()), bytes });
                }
            }
            "ftruncate" => {
                if let Some(Open::File { number, .. }) = on(&mut open, &args) {
                    ops.push(Op::Cut { number: *number, len: args[1].parse().unwrap() });
                }
            }
            "fsync" | "fdatasync" => match on(&mut open, &args) {
                Some(Open::File { number, .. }) => ops.push(Op::Sync { number: *number }),
                Some(Open::Dir(path)) => ops.push(Op::SyncDir(path.clone())),
                _ => {}
            },
            "mkdir" if inside(&path(0)) => ops.push(Op::Mkdir(path(0))),
            "rename" if inside(&path(0)) => ops.push(Op::Rename(path(0), path(1))),
            "link" if inside(&path(0)) => ops.push(Op::Link(path(0), path(1))),
            "linkat" if inside(&path_at(0)) => ops.push(Op::Link(path_at(0), path_at(2))),
            "unlink" if inside(&path(0)) => ops.push(Op::Remove(path(0))),
            "unlinkat" if inside(&path_at(0)) => ops.push(Op::Remove(path_at(0))),
            "mkdir" | "rename" | "link" | "linkat" | "unlink" | "unlinkat" => {}
            "fcntl" => {
                let copy = args
                    .get(1)
                    .is_some_and(|a| a.starts_with("F_DUPFD"))
                    .then(|| on(&mut open, &args).cloned())
                    .flatten();
                // A copy that is only read from: its place is the same.
                copy.map(|copy| open.insert(result, copy));
            }
            "mmap" => {
                let file = args[4].parse().ok().and_then(|fd: i64| open.get(&fd));
                let is_ours = matches!(file, Some(Open::File { .. }));
                assert!(
                    !is_ours || !args[2].contains("PROT_WRITE") || args[3].contains("MAP_PRIVATE"),
                    "{line}"
                );
            }
            // Nothing of the cache's is left out.
            _ => {
                let touches = line.contains(&hex(dir))
                    || on(&mut open, &args).is_some_and(|o| matches!(o, Open::File { .. }));
                assert!(!touches, "a call that is not understood: {line}");
            }
        }
    }
    ops
}

/// What is open under the descriptor that is the first argument.
fn on<'o>(open: &'o mut HashMap<i64, Open>, args: &[&str]) -> Option<&'o mut Open> {
    open.get_mut(&args.first()?.parse().ok()?)
}

fn hex(path: &Path) -> String {
    path.to_str().unwrap().bytes().map(|b| format!("\\x{b:02x}")).collect()
}

/// The bytes of `"\x61\x62"`.
fn text(arg: &str) -> Vec<u8> {
    let inner = arg.strip_prefix('"').and_then(|a| a.strip_suffix('"'));
    let inner = inner.unwrap_or_else(|| panic!("no string: {arg:.60}"));
    let digits = |pair: &str| u8::from_str_radix(pair, 16).unwrap();
    inner.split("\\x").skip(1).map(digits).collect()
}
