//! Files that libhdf5 writes while we read them (single writer, multiple readers).
//!
//! The writer flushes structures in an order that keeps every one reachable whole, but a reader can see one of them
//! half way through its being written: its checksum is wrong for a moment. What does not hold is read again, for a
//! bounded time. The mark of a writer that died stays, and so does damage: a file on which waiting was in vain a few
//! times is not waited for any longer, or a file of many damaged objects would take minutes. Nothing that was read is
//! kept from one call to the next, so extents are always the current ones.
//!
//! Source: HDF5 File Format Specification 3.0, section II.A (file consistency flags); libhdf5 1.10 retries a hundred
//! times.

use super::File;
use crate::format::superblock;
use hyperslab_core::{Error, Kind, Node, Result};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Reads of a damaged structure, and how long to wait before the last of them: a tenth of a second in all.
const TRIES: u32 = 100;
const LONGEST: Duration = Duration::from_millis(10);
/// Where one read takes long itself, there are no more of them after this time than of a file that is past hope.
const PATIENCE: Duration = Duration::from_secs(1);
/// Reads of what is damaged in a file that is past hope, and how many calls must wait in vain until it is.
const FEW: u32 = 3;
const IN_VAIN: u32 = 4;

/// How many calls waited in vain since the last that did not.
#[derive(Default)]
pub(super) struct Vain(AtomicU32);

impl File<'_> {
    /// Whether another program may be writing the file for readers like us, as its superblock says.
    pub fn is_live(&self) -> bool {
        self.superblock.version == 3 && self.superblock.flags & superblock::SWMR != 0
    }

    /// Lists nodes; where the file is [live](File::is_live), again while one of them is damaged.
    pub(crate) fn settled_nodes(&self, list: impl Fn() -> Result<Vec<Node>>) -> Result<Vec<Node>> {
        let damaged = |n: &Node| n.error.as_ref().is_some_and(|e| e.kind() == Kind::Invalid);
        let last = RefCell::new(None);
        let settled = self.settled(|| {
            let nodes = list()?;
            if !self.is_live() || !nodes.iter().any(damaged) {
                return Ok(nodes);
            }
            last.replace(Some(nodes));
            Err(Error::invalid("a node is damaged"))
        });
        // What stays damaged is listed as that.
        settled.or_else(|e| last.take().ok_or(e))
    }

    /// Does something that reads; where the file is [live](File::is_live), again while it finds damage.
    pub(crate) fn settled<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        let mut done = work();
        if !self.is_live() {
            return done;
        }
        // A fuzzer's bytes do not change, and it is to look at others instead of waiting.
        let hopeless = cfg!(fuzzing) || self.vain.0.load(Ordering::Relaxed) >= IN_VAIN;
        let (start, mut left) = (Instant::now(), if hopeless { FEW } else { TRIES });
        let damaged = |done: &Result<T>| done.as_ref().is_err_and(|e| e.kind() == Kind::Invalid);
        while left > 0 && damaged(&done) {
            left -= 1;
            if start.elapsed() > PATIENCE {
                left = left.min(FEW);
            }
            if !cfg!(fuzzing) {
                std::thread::sleep(LONGEST / if hopeless { 20 } else { left.clamp(1, 20) });
            }
            done = work();
            if done.is_ok() {
                self.vain.0.store(0, Ordering::Relaxed);
            } else if left == 0 && !hopeless {
                self.vain.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;
    use hyperslab_core::source::SliceSource;
    use hyperslab_core::{Limits, Selection, Source};

    /// A file with the mark of a writer, whose dataset's header is damaged in the reads that `torn` counts.
    struct Torn {
        bytes: Vec<u8>,
        at: u64,
        torn: AtomicU32,
        reads: AtomicU32,
    }

    impl Torn {
        fn new() -> Torn {
            let mut w = Writer::in_memory();
            w.dataset("/x").write(&[1i32, 2, 3]).unwrap();
            let mut bytes = w.into_image().unwrap();
            (bytes[8], bytes[11]) = (3, superblock::SWMR | superblock::WRITING);
            crate::testing::repair(&mut bytes);
            let file = File::from_image(&bytes).unwrap();
            let at = walk_to(&file);
            drop(file);
            Torn { bytes, at, torn: AtomicU32::new(0), reads: AtomicU32::new(0) }
        }
    }

    fn walk_to(file: &File<'_>) -> u64 {
        let limits = Limits::default();
        crate::read::walk::resolve(file.context(&limits), "/x").unwrap().0.address
    }

    impl Source for &Torn {
        fn len(&self) -> Result<u64> {
            Ok(self.bytes.len() as u64)
        }
        fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
            SliceSource(&self.bytes).read_exact_at(offset, out)?;
            if offset == self.at && out.len() > 8 {
                self.reads.fetch_add(1, Ordering::Relaxed);
                let left = self.torn.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                out[8] ^= u8::from(left.is_ok());
            }
            Ok(())
        }
    }

    #[test]
    fn what_is_torn_is_read_again_and_what_stays_damaged_is_not_waited_for() {
        let (torn, limits) = (Torn::new(), Limits::default());
        let file = File::from_source(&torn).unwrap();
        assert!(file.is_live());
        let read = || file.read("/x", &Selection::ALL, &limits).map(|v| v.to_vec::<i32>().unwrap());
        // However many times others were torn before: nothing was in vain.
        for _ in 0..6 {
            torn.torn.store(20, Ordering::Relaxed);
            assert_eq!(read().unwrap(), [1, 2, 3]);
        }
        torn.torn.store(u32::MAX, Ordering::Relaxed);
        torn.reads.store(0, Ordering::Relaxed);
        for _ in 0..100 {
            assert_eq!(read().unwrap_err().kind(), Kind::Invalid);
        }
        let reads = torn.reads.load(Ordering::Relaxed);
        assert!(reads <= IN_VAIN * (TRIES + 1) + 96 * (FEW + 1), "{reads}");
        // What was mended is read, and waited for again.
        torn.torn.store(2, Ordering::Relaxed);
        assert_eq!(read().unwrap(), [1, 2, 3]);
        torn.torn.store(20, Ordering::Relaxed);
        assert_eq!(read().unwrap(), [1, 2, 3]);
    }
}
