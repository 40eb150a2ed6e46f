//! The order in which the bytes of a live file are written. Everything that makes it safe to read a file that grows,
//! and safe to kill its writer, is decided here and nowhere else.
//!
//! A reader goes from lengths to index to chunk to heap. So the bytes come in the opposite order, nothing that a
//! reader may have seen is changed but the page, and a publish becomes visible by one write:
//!
//! 1. Room. The end of file that the superblock states runs ahead of what is written, because readers keep the one
//!    that they read on opening; and the file runs ahead of that, because a reader asks for its size before it reads
//!    the superblock.
//! 2. Heap: complete collections in new space.
//! 3. Index, when rows need chunks that have no place yet: new blocks in new space, then the column's sector.
//! 4. Rows, into chunk slots beyond the published length, where no reader looks.
//! 5. Barrier, when the order must also hold for a loss of power.
//! 6. Publish: sectors 0 and 1 of the page in one write. All lengths change in one sector. The superblock in front of
//!    them is left alone unless it changes: a program that has opened the file for writing has marked it there.
//! 7. Barrier, when a publish must survive a loss of power before it returns.
//!
//! A file that was closed first goes live: room, and the shared length, in a publish of no rows; and a closed file is
//! cut when its page says so. Between these and what comes next readers are given time (`Options::settle`): libraries
//! read the superblock, the lengths and the data one after the other, and remember what they have read.
//!
//! Writes 2 to 4 may be torn or lost without anybody noticing; 1, 3's sector and 6 lie in one page each and are
//! protected by checksums. Before 1 and after 7 the file is looked at: where another program has changed it, or has
//! opened it for writing meanwhile, nothing is acknowledged (`contest` goes on from there).

use super::array::{Array, Run, Space, Write};
use super::page::{HEADERS, Page, SECTOR, State};
use super::{Appender, Pair, Storage, Sync};
use crate::format::superblock::LEN_V2;
use hyperslab_core::{Error, Kind, Result};
use std::thread::sleep;
use std::time::Instant;

/// What one publish will write, worked out before anything is written.
struct Plan {
    heap_at: u64,
    /// Per column the array with new blocks, when it gains some.
    columns: Vec<Option<Growth>>,
    end: u64,
}

struct Growth {
    array: Array,
    /// The new blocks.
    writes: Vec<Write>,
    /// The chunks that have got a place, the ones before them included.
    run: Run,
}

impl<S: Storage> Appender<S> {
    /// Makes everything gathered visible; `time` becomes the group's touched attribute. Returns the number of rows
    /// published so far.
    ///
    /// # Errors
    /// `Usage` when the columns have different numbers of rows; `Conflict` when another program has changed the file
    /// or was writing to it meanwhile, and when an earlier write of the page went wrong: then
    /// [`Appender::readopt`] finds out what is there; `Io`. After an error nothing gathered is lost, and nothing is
    /// acknowledged: the publish can be tried again.
    pub fn publish(&mut self, time: f64) -> Result<u64> {
        let count = self.gather.rows()?;
        if count == 0 {
            return Ok(self.state.rows);
        }
        self.look()?;
        if self.go_live()? {
            self.look()?;
        }
        self.before = self.state.rows;
        let plan = self.plan(count)?;
        self.room(plan.end)?;
        // What lies there after an error is written over by the next try, which begins at the same place with the same
        // bytes: a disk that stays full makes no holes.
        self.unfinished = true;
        self.storage.write_all_at(plan.heap_at, &self.gather.heap)?;
        // From here on this space is used: after an error it holds something, and only unused space is zero.
        let end = plan.end;
        self.state.end = end;
        self.index(plan)?;
        self.write_rows()?;
        if self.options.sync != Sync::None {
            self.barrier()?;
        }
        let rows = self.state.rows + count;
        self.attempted = true;
        self.put_page(State { rows, end, touched: time, ..self.state })?;
        self.unfinished = false;
        if self.options.sync == Sync::Durable {
            // The publish is in the file and readers may see it: only its durability is not certain.
            self.barrier()?;
        }
        self.alone()?;
        self.attempted = false;
        for column in &mut self.columns {
            column.run.forget_before(rows / column.chunk_rows.max(1));
        }
        self.gather.clear(Space { end }.take(0)?);
        Ok(rows)
    }

    /// Sets the touched attribute, with no row published.
    ///
    /// # Errors
    /// As [`Appender::publish`].
    pub fn touch(&mut self, time: f64) -> Result<()> {
        self.look()?;
        self.put_page(State { touched: time, ..self.state })
    }

    /// Publishes what is gathered, gives every column its own length again and cuts the file to what is used.
    ///
    /// # Errors
    /// As [`Appender::publish`]; the file is then as a killed writer leaves it.
    pub fn close(mut self, time: f64) -> Result<()> {
        if self.gather.rows()? > 0 {
            self.publish(time)?;
        }
        let end = self.state.end;
        let closed = State { eoa: end, shared: false, ..self.state };
        if closed == self.state && self.file_len == end {
            return Ok(());
        }
        // Who has looked at one length before the last publish looks at the others before they are parted.
        if let Some(at) = self.page_written {
            sleep(self.options.settle.saturating_sub(at.elapsed()));
        }
        self.look()?;
        if self.unfinished {
            self.clear_unpublished(self.file_len)?;
        }
        self.put_page(closed)?;
        if self.page.at != 0 {
            self.put_superblock(end)?;
        }
        if self.options.sync != Sync::None {
            self.barrier()?;
        }
        // A program that has opened the file since then cuts it itself, where it knows the end to be. Who has read the
        // end that a live file states asked for the file's length before that.
        if self.alone().is_ok() {
            self.storage.set_len(end)?;
        }
        if self.options.sync == Sync::Durable { self.barrier() } else { Ok(()) }
    }

    /// Makes a closed file one that grows, with nothing published yet, and gives readers that found it closed the time
    /// to look at what they know: its length, its old end, and the numbers of rows that each column states by itself.
    /// Returns whether it was closed.
    fn go_live(&mut self) -> Result<bool> {
        let shared = self.options.pair == Pair::Shared && self.columns.len() > 1;
        // As a killed writer leaves it.
        self.live |= self.state.shared == shared && self.state.eoa > self.state.end;
        if self.live {
            return Ok(false);
        }
        // libhdf5 asks for the length on opening the file, and compares it with the end that it reads after that.
        // Counted from what is used, so that trying again moves it no further.
        let len = self.state.end.saturating_add(self.options.step.saturating_mul(2));
        self.storage.set_len(len.max(self.file_len))?;
        self.file_len = self.storage.len()?;
        sleep(self.options.settle);
        self.look()?;
        self.room(self.state.end)?;
        if self.state.shared != shared {
            self.put_page(State { shared, ..self.state })?;
        }
        self.live = true;
        sleep(self.options.settle);
        Ok(true)
    }

    /// Whether the file is as we left it: its length, the page, the superblock. Another program that writes to it
    /// changes at least one of them. What happens between this look and the write after it cannot be seen here.
    ///
    /// # Errors
    /// `Conflict` when it is not; `Io`.
    pub fn look(&mut self) -> Result<()> {
        if self.unsynced {
            return Err(Error::new(
                Kind::Io,
                "an earlier sync did not succeed: what it covered may not be on the disk",
            )
            .hint("open the file again"));
        }
        if self.broken {
            return Err(Error::conflict("an earlier write of the file's page did not succeed")
                .hint("open the file again"));
        }
        if self.attempted {
            return Err(contested());
        }
        if self.storage.len()? != self.file_len {
            return Err(changed());
        }
        self.scratch.resize(self.left.len(), 0);
        self.storage.read_exact_at(self.page.at, &mut self.scratch)?;
        if self.scratch != self.left {
            return Err(changed());
        }
        if self.page.at != 0 {
            let mut there = [0; LEN_V2];
            self.storage.read_exact_at(0, &mut there)?;
            if there != self.head {
                return Err(changed());
            }
        }
        Ok(())
    }

    /// Whether nobody has marked the file as open for writing since the last look, or written to it and closed it.
    fn alone(&self) -> Result<()> {
        let mut there = [0; LEN_V2];
        self.storage.read_exact_at(0, &mut there)?;
        if there == self.head && self.storage.len()? == self.file_len { Ok(()) } else { Err(contested()) }
    }

    /// Places for the heap and for all rows.
    fn plan(&mut self, count: u64) -> Result<Plan> {
        let mut space = Space { end: self.state.end };
        self.gather.seal();
        let heap_at = space.take(self.gather.heap.len() as u64)?;
        self.gather.rebase(heap_at);
        let last_row = self.state.rows.checked_add(count - 1);
        let last_row = last_row.ok_or_else(|| Error::unsupported("more than 2^64 rows"))?;
        let mut columns = Vec::new();
        for column in &self.columns {
            let last = last_row / column.chunk_rows.max(1);
            // Without a run, the next chunk is the one that takes the next row: all before it are full.
            let mut next = match column.run.addresses.is_empty() {
                true => self.state.rows / column.chunk_rows.max(1),
                false => column.run.end(),
            };
            let mut growth = None;
            while next <= last {
                let g = growth.get_or_insert_with(|| Growth {
                    array: column.array.clone(),
                    writes: Vec::new(),
                    run: column.run.clone(),
                });
                let run = g.array.assign(next, &mut space, &mut g.writes)?;
                next = run.end();
                g.run.extend(run);
            }
            if let Some(g) = &mut growth {
                g.array.flush(&mut space, &mut g.writes)?;
            }
            columns.push(growth);
        }
        Ok(Plan { heap_at, columns, end: space.end })
    }

    /// 1. Moves the stated end of file, and before it the file's length, ahead of `end`.
    fn room(&mut self, end: u64) -> Result<()> {
        if end.saturating_add(self.options.step / 2) <= self.state.eoa {
            return Ok(());
        }
        let wide = self.step();
        // Who knows the file as it is now must not read an end beyond it: what is gained now is used the next time.
        let least = end.saturating_add(self.options.step).next_multiple_of(8);
        let mut eoa = least.max(end.saturating_add(wide).min(self.file_len)).next_multiple_of(8);
        let mut len = eoa.max(end.saturating_add(wide)).saturating_add(wide);
        let mut moved = self.storage.set_len(len);
        // A file may have a largest size.
        if moved.is_err() && wide > self.options.step {
            eoa = least;
            len = eoa.saturating_add(self.options.step);
            moved = self.storage.set_len(len);
        }
        moved?;
        if eoa > self.file_len {
            sleep(self.options.settle);
        }
        self.file_len = len;
        if self.options.sync != Sync::None {
            self.barrier()?;
        }
        if self.page.at != 0 {
            return self.put_superblock(eoa);
        }
        let state = State { eoa, ..self.state };
        self.scratch.clear();
        self.page.emit(&state, &mut self.scratch)?;
        self.scratch.truncate(SECTOR);
        self.put(0, 0)?;
        self.state = state;
        Ok(())
    }

    /// How far the end of file is moved ahead this time: at least twice as much as was written in the last second, as
    /// far as that can be told, up to a limit.
    fn step(&mut self) -> u64 {
        let step = self.options.step;
        let now = Instant::now();
        let wide = self.roomed.map_or(0, |(then, end)| {
            let seconds = now.duration_since(then).as_secs_f64().max(1e-3);
            (2.0 * self.state.end.saturating_sub(end) as f64 / seconds) as u64
        });
        self.roomed = Some((now, self.state.end));
        step.max(wide.min(self.options.max_step))
    }

    /// 3. New blocks, then the sector that makes them known.
    fn index(&mut self, plan: Plan) -> Result<()> {
        for (i, growth) in plan.columns.into_iter().enumerate() {
            let Some(g) = growth else { continue };
            for w in &g.writes {
                self.storage.write_all_at(w.at, &w.bytes)?;
            }
            if self.options.sync != Sync::None {
                self.barrier()?;
            }
            self.scratch.clear();
            Page::emit_array(&g.array, &mut self.scratch)?;
            self.put(HEADERS + i * SECTOR, 0)?;
            // From here on the index knows these chunks, whether or not the publish succeeds.
            if let Some(column) = self.columns.get_mut(i) {
                column.array = g.array;
                column.run = g.run;
            }
        }
        Ok(())
    }

    /// 4. Rows into their slots, neighbouring chunks in one write.
    fn write_rows(&self) -> Result<()> {
        for (column, rows) in self.columns.iter().zip(&self.gather.columns) {
            let chunk_rows = column.chunk_rows.max(1);
            let chunk_bytes = chunk_rows * column.width;
            let mut row = self.state.rows;
            let mut left: &[u8] = &rows.bytes;
            // The piece that is put together: where it goes and how many bytes it has.
            let mut piece: Option<(u64, usize)> = None;
            let mut ahead: &[u8] = left;
            while !ahead.is_empty() {
                let chunk = row / chunk_rows;
                let within = (row % chunk_rows) * column.width;
                let at = column.run.address(chunk).filter(|&a| a != 0);
                let at = at.ok_or_else(|| Error::invalid(format!("chunk {chunk} has no place")))? + within;
                let n = ahead.len().min(usize::try_from(chunk_bytes - within).unwrap_or(usize::MAX));
                piece = match piece {
                    Some((start, len)) if start + len as u64 == at => Some((start, len + n)),
                    Some((start, len)) => {
                        let (bytes, rest) = left.split_at_checked(len).unwrap_or((left, &[]));
                        self.storage.write_all_at(start, bytes)?;
                        left = rest;
                        Some((at, n))
                    }
                    None => Some((at, n)),
                };
                ahead = ahead.get(n..).unwrap_or_default();
                row += n as u64 / column.width.max(1);
            }
            if let Some((start, _)) = piece {
                self.storage.write_all_at(start, left)?;
            }
        }
        Ok(())
    }

    /// 6. Sectors 0 and 1, one write.
    fn put_page(&mut self, state: State) -> Result<()> {
        self.scratch.clear();
        self.page.emit(&state, &mut self.scratch)?;
        let same = self.page.at == 0 && self.scratch.starts_with(&self.head);
        self.put(0, if same { LEN_V2 } else { 0 })?;
        self.page_written = Some(Instant::now());
        self.state = state;
        Ok(())
    }

    /// Writes the scratch bytes, without the first `skip`, which are there, to an offset of the page and remembers
    /// them.
    fn put(&mut self, offset: usize, skip: usize) -> Result<()> {
        let at = self.page.at + (offset + skip) as u64;
        let scratch = std::mem::take(&mut self.scratch);
        let done = self.must(|s| s.write_all_at(at, scratch.get(skip..).unwrap_or_default()));
        if let Some(left) = self.left.get_mut(offset..offset + scratch.len()) {
            left.copy_from_slice(&scratch);
        }
        if self.page.at == 0
            && let Some(head) = self.left.first_chunk()
        {
            self.head = *head;
        }
        self.scratch = scratch;
        done
    }

    /// Writes the superblock of a file whose page is elsewhere.
    fn put_superblock(&mut self, eoa: u64) -> Result<()> {
        let bytes = self.page.superblock_bytes(eoa)?;
        self.must(|s| s.write_all_at(0, &bytes))?;
        self.head = bytes;
        self.state.eoa = eoa;
        Ok(())
    }

    /// Waits for everything written so far. After a sync that failed the system has forgotten what it could not
    /// write, and the next one may succeed all the same: nothing more can be promised.
    fn barrier(&mut self) -> Result<()> {
        let done = self.storage.barrier();
        self.unsynced |= done.is_err();
        done
    }

    /// Does what leaves the file in an unknown state when it fails.
    fn must(&mut self, f: impl FnOnce(&S) -> Result<()>) -> Result<()> {
        let done = f(&self.storage);
        self.broken |= done.is_err();
        done
    }
}

/// Another program was there before us.
fn changed() -> Error {
    Error::conflict("another program has changed the file; nothing was written")
        .hint("stop the other writer, then open the file again to append to what it left")
}

/// Another program was there while we wrote.
fn contested() -> Error {
    Error::conflict("another program has opened the file for writing during a publish")
        .hint("stop the other writer, then open the file again to append to what it left")
}

/// Switches a file to structures written in unused space: all of them, then the superblock that leads to them. Until
/// that last write the file is what it was; `was` is the superblock that they were made from.
///
/// # Errors
/// `Conflict` when the superblock is no longer what it was.
pub(super) fn switch(
    storage: &impl Storage,
    sync: Sync,
    len: u64,
    writes: &[Write],
    was: &[u8; LEN_V2],
    superblock: &[u8],
) -> Result<()> {
    storage.set_len(len)?;
    for w in writes {
        storage.write_all_at(w.at, &w.bytes)?;
    }
    if sync != Sync::None {
        storage.barrier()?;
    }
    let mut there = [0; LEN_V2];
    storage.read_exact_at(0, &mut there)?;
    if there != *was {
        return Err(changed());
    }
    storage.write_all_at(0, superblock)?;
    if sync != Sync::None { storage.barrier() } else { Ok(()) }
}
