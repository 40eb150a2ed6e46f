//! A file in memory that remembers every write, and fails when it is told to.

use super::super::storage::Storage;
use hyperslab_core::source::beyond;
use hyperslab_core::{Error, Result, Source};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Clone, Debug)]
pub(super) enum Op {
    Write(u64, Vec<u8>),
    Sync,
}

impl Op {
    /// Does it to an image, the first `upto` bytes of a write.
    pub(super) fn apply(&self, image: &mut Vec<u8>, upto: usize) {
        let Op::Write(at, bytes) = self else { return };
        let n = bytes.len().min(upto);
        let (at, end) = (*at as usize, *at as usize + n);
        if n > 0 && image.len() < end {
            image.resize(end, 0);
        }
        image[at..end].copy_from_slice(&bytes[..n]);
    }
}

#[derive(Debug)]
struct State {
    image: Vec<u8>,
    ops: Vec<Op>,
    room: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Recorder(Arc<Mutex<State>>);

impl Recorder {
    pub(super) fn new(image: Vec<u8>) -> Recorder {
        Recorder(Arc::new(Mutex::new(State { image, ops: Vec::new(), room: usize::MAX })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn image(&self) -> Vec<u8> {
        self.state().image.clone()
    }

    /// What was done since the last time.
    pub(super) fn take(&self) -> Vec<Op> {
        std::mem::take(&mut self.state().ops)
    }

    /// The disk is full after so many more bytes.
    pub(super) fn room(&self, bytes: usize) {
        self.state().room = bytes;
    }
}

impl Source for Recorder {
    fn len(&self) -> Result<u64> {
        Ok(self.state().image.len() as u64)
    }
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let s = self.state();
        let found = usize::try_from(offset).ok().and_then(|at| s.image.get(at..at.checked_add(out.len())?));
        out.copy_from_slice(found.ok_or_else(|| beyond(offset, out.len() as u64, s.image.len() as u64))?);
        Ok(())
    }
}

impl Storage for Recorder {
    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut s = self.state();
        let n = bytes.len().min(s.room);
        s.room -= n;
        let op = Op::Write(offset, bytes[..n].to_vec());
        op.apply(&mut s.image, n);
        s.ops.push(op);
        match n == bytes.len() {
            true => Ok(()),
            false => Err(Error::io(std::io::ErrorKind::StorageFull.into(), "cannot write")),
        }
    }
    fn sync(&self) -> Result<()> {
        self.state().ops.push(Op::Sync);
        Ok(())
    }
}
