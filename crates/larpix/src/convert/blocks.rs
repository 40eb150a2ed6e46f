//! Blocks of messages, decoded by several threads and handed on in their order.
//!
//! A block is as many messages as a processor's cache holds. Every thread takes the next one when it has room for its
//! rows; there is room for a few blocks only, so a slow output makes the threads wait and memory stays small.

use super::{Skipped, in_message};
use crate::log::{LogReader, Messages};
use crate::packets::{PacketRows, RowForm};
use crate::pacman::Check;
use hyperslab_core::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// The most messages in a block, and the most bytes of them.
const MESSAGES: u64 = 4096;
const BYTES: u64 = 512 << 10;

/// A block's rows.
pub(super) struct Block {
    pub(super) rows: PacketRows,
    pub(super) messages: u64,
    pub(super) skipped: Skipped,
}

/// The messages of a range in blocks.
pub(super) struct Blocks<'l> {
    log: &'l LogReader,
    form: RowForm,
    check: Check,
    next: Mutex<Next>,
}

struct Next {
    /// Number of the next block.
    number: u64,
    /// Its first message.
    from: u64,
    end: u64,
}

impl<'l> Blocks<'l> {
    pub(super) fn new(log: &'l LogReader, range: Range<u64>, form: RowForm, check: Check) -> Blocks<'l> {
        let next = Mutex::new(Next { number: 0, from: range.start, end: range.end });
        Blocks { log, form, check, next }
    }

    /// Calls `take` with every block in order; it returns the rows' memory to be used again.
    ///
    /// # Errors
    /// Of the first block that has one, and what `take` returns.
    pub(super) fn each(self, jobs: usize, mut take: impl FnMut(Block) -> Result<PacketRows>) -> Result<()> {
        if jobs <= 1 {
            let mut messages = Messages::new();
            let mut rows = PacketRows::of(self.form);
            while let Some((_, range)) = self.claim().map_err(|(_, e)| e)? {
                rows = take(self.decode(range, &mut messages, rows)?)?;
            }
            return Ok(());
        }
        let room = jobs + 2;
        let (free, rooms) = sync_channel(room);
        for _ in 0..room {
            // There is room in the channel for all of them.
            let _ = free.send(PacketRows::of(self.form));
        }
        let rooms = Mutex::new(rooms);
        let (done, blocks) = sync_channel(room);
        std::thread::scope(|threads| {
            for _ in 0..jobs {
                let (this, rooms, done) = (&self, &rooms, done.clone());
                threads.spawn(move || this.work(rooms, &done));
            }
            drop(done);
            // Both ends are dropped with this call, so that an error ends the threads.
            in_order(blocks, free, take)
        })
    }

    /// Decodes blocks until there are no more, or nobody takes them.
    fn work(&self, rooms: &Mutex<Receiver<PacketRows>>, done: &SyncSender<(u64, Result<Block>)>) {
        let mut messages = Messages::new();
        loop {
            // First the room, then the block: the first block that is not done always has room.
            let room = rooms.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(rows) = room else { return };
            let (number, block) = match self.claim() {
                Ok(None) => return,
                Ok(Some((number, range))) => (number, self.decode(range, &mut messages, rows)),
                Err((number, e)) => (number, Err(e)),
            };
            let over = block.is_err();
            if done.send((number, block)).is_err() || over {
                return;
            }
        }
    }

    /// The next block's number and messages.
    fn claim(&self) -> std::result::Result<Option<(u64, Range<u64>)>, Failed> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.from >= next.end {
            return Ok(None);
        }
        let number = next.number;
        next.number += 1;
        let from = next.from;
        match self.log.block_end(from, MESSAGES, BYTES) {
            Ok(end) => {
                next.from = end.min(next.end);
                Ok(Some((number, from..next.from)))
            }
            Err(e) => {
                next.from = next.end;
                Err((number, e))
            }
        }
    }

    /// Reads a block and makes its rows, in memory that is used again.
    fn decode(&self, range: Range<u64>, messages: &mut Messages, mut rows: PacketRows) -> Result<Block> {
        rows.clear();
        let mut skipped = Skipped::default();
        self.log.read_into(range.clone(), messages)?;
        for (position, (io_group, message)) in range.clone().zip(messages.iter()) {
            let before = (rows.skipped(), rows.miscounted());
            match rows.push(io_group, message, self.check) {
                Err(e) if stops(&e, self.check) => {
                    return Err(in_message(e, self.log.path(), position));
                }
                Err(e) => {
                    skipped.messages += 1;
                    skipped.first.get_or_insert_with(|| (position, e.to_string()));
                }
                Ok(_) if (rows.skipped(), rows.miscounted()) != before && skipped.first.is_none() => {
                    skipped.first = Some((position, why(message)));
                }
                Ok(_) => {}
            }
        }
        (skipped.words, skipped.miscounted) = (rows.skipped(), rows.miscounted());
        Ok(Block { rows, messages: range.end - range.start, skipped })
    }
}

/// A block's number, and why there is none.
type Failed = (u64, Error);

/// Whether an error in a message ends the conversion. A format that is not known is more than damage: leaving out every
/// message of a run would help nobody.
pub(super) fn stops(e: &Error, check: Check) -> bool {
    check == Check::Strict || e.kind() == Kind::Unsupported
}

/// What a strict reader would have said of a message.
pub(super) fn why(message: &[u8]) -> String {
    let mut rows = PacketRows::new();
    rows.push(0, message, Check::Strict).err().map_or_else(String::new, |e| e.to_string())
}

/// Takes blocks in the order of their numbers, in whatever order they come.
fn in_order(
    blocks: Receiver<(u64, Result<Block>)>,
    free: SyncSender<PacketRows>,
    mut take: impl FnMut(Block) -> Result<PacketRows>,
) -> Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (number, block) in blocks {
        waiting.insert(number, block);
        while let Some(block) = waiting.remove(&next) {
            next += 1;
            // Threads that have ended need no room.
            let _ = free.send(take(block?)?);
        }
    }
    Ok(())
}
