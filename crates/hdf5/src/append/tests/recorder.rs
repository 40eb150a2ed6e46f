//! A file in memory that remembers every write, and fails when it is told to.

use super::super::Storage;
use hyperslab_core::source::beyond;
use hyperslab_core::{Error, Result, Source};
use std::sync::{Arc, Mutex, MutexGuard};

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Barrier,
}

impl Op {
    /// Does it to an image, the first `upto` bytes of a write.
    pub(crate) fn apply(&self, image: &mut Vec<u8>, upto: usize) {
        match self {
            Op::Write(at, bytes) => {
                let n = bytes.len().min(upto);
                let (at, end) = (*at as usize, *at as usize + n);
                if n > 0 && image.len() < end {
                    image.resize(end, 0);
                }
                image[at..end].copy_from_slice(&bytes[..n]);
            }
            Op::SetLen(len) => image.resize(*len as usize, 0),
            Op::Barrier => {}
        }
    }

    /// Where a write may be torn: at its first and its last boundary of disk sectors and of pages, in bytes from its
    /// start.
    pub(crate) fn tears(&self) -> Vec<usize> {
        let Op::Write(at, bytes) = self else { return Vec::new() };
        let (at, end) = (*at as usize, *at as usize + bytes.len());
        let mut tears: Vec<usize> = [512, 4096]
            .iter()
            .flat_map(|size| [(at / size + 1) * size, (end - 1) / size * size])
            .filter(|&cut| cut > at && cut < end)
            .map(|cut| cut - at)
            .collect();
        tears.sort_unstable();
        tears.dedup();
        tears
    }
}

#[derive(Debug)]
struct State {
    image: Vec<u8>,
    ops: Vec<Op>,
    left: u64,
    /// Whether the first operation that fails is half done.
    tearing: bool,
    /// What another program does after so many operations.
    then: Option<(u64, Act)>,
}

/// What another program does to a file.
pub(crate) type Act = fn(&mut [u8]);

#[derive(Clone, Debug)]
pub(crate) struct Recorder(Arc<Mutex<State>>);

impl Recorder {
    pub(crate) fn new(image: Vec<u8>) -> Recorder {
        Recorder(Arc::new(Mutex::new(State {
            image,
            ops: Vec::new(),
            left: u64::MAX,
            tearing: true,
            then: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn image(&self) -> Vec<u8> {
        self.state().image.clone()
    }

    /// What was done since the last time.
    pub(crate) fn take(&self) -> Vec<Op> {
        std::mem::take(&mut self.state().ops)
    }

    /// What another program does.
    pub(crate) fn replace(&self, image: Vec<u8>) {
        self.state().image = image;
    }

    /// After so many more operations everything fails, the first one half done.
    pub(crate) fn fail_after(&self, ops: u64) {
        self.state().left = ops;
    }

    /// The same, and the first is not done at all.
    pub(crate) fn fail_cleanly_after(&self, ops: u64) {
        let mut s = self.state();
        (s.left, s.tearing) = (ops, false);
    }

    /// After so many more operations another program does this to the file.
    pub(crate) fn then(&self, ops: u64, act: Act) {
        let mut s = self.state();
        s.then = Some((ops, act));
        s.other();
    }

    fn run(&self, op: Op) -> Result<()> {
        let mut s = self.state();
        let done = s.run(op);
        if let Some((left, _)) = &mut s.then {
            *left = left.saturating_sub(1);
            s.other();
        }
        done
    }
}

impl State {
    fn other(&mut self) {
        if let Some((0, act)) = self.then {
            act(&mut self.image);
            self.then = None;
        }
    }

    fn run(&mut self, op: Op) -> Result<()> {
        let s = self;
        if s.left == 0 {
            return Err(Error::io(std::io::ErrorKind::StorageFull.into(), "cannot write"));
        }
        s.left -= 1;
        if s.left == 0
            && s.tearing
            && let Some(half) = op.tears().first()
        {
            op.apply(&mut s.image, *half);
            return Err(Error::io(std::io::ErrorKind::StorageFull.into(), "cannot write"));
        }
        op.apply(&mut s.image, usize::MAX);
        s.ops.push(op);
        Ok(())
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
        self.run(Op::Write(offset, bytes.to_vec()))
    }
    fn set_len(&self, len: u64) -> Result<()> {
        self.run(Op::SetLen(len))
    }
    fn barrier(&self) -> Result<()> {
        self.run(Op::Barrier)
    }
}
