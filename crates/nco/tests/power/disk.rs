//! A disk that loses power: what is on it for certain, and what may be.
//!
//! Harsher than file systems are: of the sectors of a file that were written since it was synced any may be missing,
//! and of the names made, changed and removed since their folder was synced, too. A rename is made as a whole or not
//! at all.

use super::strace::Op;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// A repeatable source of numbers.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Dir,
    File(usize),
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    now: Vec<u8>,
    /// Writes since the last sync: offset and bytes, or the length that it was cut to.
    pending: Vec<(u64, Option<Vec<u8>>)>,
}

impl File {
    fn change(&mut self, at: u64, bytes: Option<Vec<u8>>) {
        apply(&mut self.now, at, bytes.as_deref());
        self.pending.push((at, bytes));
    }

    /// What may be left of it.
    fn lose(&self, how: Loss, random: &mut Random) -> Vec<u8> {
        match how {
            Loss::Nothing => return self.now.clone(),
            Loss::Everything => return self.synced.clone(),
            Loss::Any => {}
        }
        let mut after = self.synced.clone();
        let upto = random.below(self.pending.len() as u64 + 1) as usize;
        for (at, bytes) in &self.pending[..upto] {
            apply(&mut after, *at, bytes.as_deref());
        }
        let mut disk = self.synced.clone();
        // The length is the file system's: old or new, as a whole.
        if random.below(2) == 0 {
            disk.resize(after.len(), 0);
        }
        let share = 1 + random.below(8);
        for (i, sector) in after.chunks(512).enumerate() {
            let (start, end) = (i * 512, i * 512 + sector.len());
            if disk.get(start..end) != Some(sector) && random.below(8) < share {
                if disk.len() < end {
                    disk.resize(end, 0);
                }
                disk[start..end].copy_from_slice(sector);
            }
        }
        disk
    }
}

fn apply(image: &mut Vec<u8>, at: u64, bytes: Option<&[u8]>) {
    let at = at as usize;
    let Some(bytes) = bytes else { return image.resize(at, 0) };
    if image.len() < at + bytes.len() {
        image.resize(at + bytes.len(), 0);
    }
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

/// How much of what was not synced is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Nothing,
    Everything,
    Any,
}

/// A directory, as far as it reached the disk and as it is.
#[derive(Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// Which file an opening is of.
    opened: HashMap<usize, usize>,
    synced: BTreeMap<PathBuf, Node>,
    now: BTreeMap<PathBuf, Node>,
    /// Changes of names since their folder was synced.
    pending: Vec<Vec<(PathBuf, Option<Node>)>>,
}

impl Disk {
    /// One that holds these files, synced.
    pub(super) fn new(dir: &Path, files: BTreeMap<PathBuf, Vec<u8>>) -> Disk {
        let mut disk = Disk::default();
        for (path, bytes) in files {
            for folder in path.ancestors().skip(1).take_while(|p| *p != dir) {
                disk.synced.insert(folder.to_path_buf(), Node::Dir);
            }
            disk.synced.insert(path, Node::File(disk.files.len()));
            disk.files.push(File { synced: bytes.clone(), now: bytes, pending: Vec::new() });
        }
        disk.now = disk.synced.clone();
        disk
    }

    fn rename(&mut self, changes: Vec<(PathBuf, Option<Node>)>) {
        change(&mut self.now, &changes);
        self.pending.push(changes);
    }

    /// Does an operation. Whether anything on the disk may be another for it.
    pub(super) fn apply(&mut self, op: &Op) -> bool {
        match op {
            Op::Open { path, number, create, empty } => {
                let there = match self.now.get(path) {
                    Some(Node::File(file)) => Some(*file),
                    Some(Node::Dir) => panic!("{} is a folder", path.display()),
                    None => None,
                };
                let file = there.unwrap_or_else(|| {
                    assert!(create, "{} is not there", path.display());
                    self.files.push(File::default());
                    let new = self.files.len() - 1;
                    self.rename(vec![(path.clone(), Some(Node::File(new)))]);
                    new
                });
                self.opened.insert(*number, file);
                if *empty {
                    self.files[file].change(0, None);
                }
                return there.is_none() || *empty;
            }
            Op::Write { number, at, bytes } => {
                let file = &mut self.files[self.opened[number]];
                file.change(at.unwrap_or(file.now.len() as u64), Some(bytes.clone()));
            }
            Op::Cut { number, len } => self.files[self.opened[number]].change(*len, None),
            Op::Sync { number } => {
                let file = &mut self.files[self.opened[number]];
                file.synced = file.now.clone();
                file.pending.clear();
            }
            Op::SyncDir(dir) => {
                let of_dir = |c: &Vec<(PathBuf, _)>| c.iter().any(|(path, _)| path.parent() == Some(dir));
                for changes in self.pending.extract_if(.., |c| of_dir(c)) {
                    change(&mut self.synced, &changes);
                }
            }
            Op::Mkdir(path) => self.rename(vec![(path.clone(), Some(Node::Dir))]),
            Op::Rename(from, to) => {
                let node = self.now.get(from).copied();
                self.rename(vec![(from.clone(), None), (to.clone(), node)]);
            }
            Op::Link(from, to) => {
                let node = self.now.get(from).copied();
                self.rename(vec![(to.clone(), node)]);
            }
            Op::Remove(path) => self.rename(vec![(path.clone(), None)]),
            Op::Said(_) => return false,
        }
        true
    }

    /// The files that may be found when the power is back.
    pub(super) fn lose(&self, how: Loss, random: &mut Random) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut names = self.synced.clone();
        for changes in &self.pending {
            let kept = match how {
                Loss::Nothing => true,
                Loss::Everything => false,
                Loss::Any => random.below(2) == 0,
            };
            if kept {
                change(&mut names, changes);
            }
        }
        let mut left = BTreeMap::new();
        for (path, node) in &names {
            let Node::File(file) = node else { continue };
            // A file whose folder was lost is lost with it.
            let folder = path.parent().unwrap();
            let in_root = !names.keys().chain(self.now.keys()).any(|p| p == folder);
            if in_root || names.get(folder) == Some(&Node::Dir) {
                left.insert(path.clone(), self.files[*file].lose(how, random));
            }
        }
        left
    }
}

fn change(names: &mut BTreeMap<PathBuf, Node>, changes: &[(PathBuf, Option<Node>)]) {
    for (path, node) in changes {
        match node {
            Some(node) => drop(names.insert(path.clone(), *node)),
            None => drop(names.remove(path)),
        }
    }
}
