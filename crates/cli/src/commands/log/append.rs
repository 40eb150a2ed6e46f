//! `slab log append`: messages from standard input into a log that others may be reading.
//!
//! A thread waits for the input, so that what has come is committed in time also while nothing more comes, and so
//! that a signal ends the recording as the end of the input does: everything that was read is committed.

use super::Framing;
use super::frames::{Block, Frames};
use crate::exit::{Answer, Outcome, Stop};
use crate::output;
use hyperslab::larpix::log::{LogOptions, LogWriter, Sync};
use hyperslab::{Error, Result};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Append messages from standard input to a log, making it if needed
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How messages follow one another on standard input
    #[arg(long, value_enum, default_value = "u32le")]
    framing: Framing,
    /// The group that messages come from, where the framing does not say
    #[arg(long, value_name = "N", default_value_t = 0)]
    io_group: u8,
    /// Version of the log: of a new one, or that an existing one must serve
    #[arg(long, value_name = "X.Y")]
    version: Option<String>,
    /// Version of the messages, likewise
    #[arg(long, value_name = "X.Y")]
    io_version: Option<String>,
    /// What a message survives once it is committed
    #[arg(long, value_enum, default_value = "none")]
    sync: SyncName,
    /// Commit when messages have waited so long
    #[arg(long, value_name = "MS", default_value_t = 100)]
    commit_ms: u64,
    /// Commit when so many bytes wait
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10)]
    commit_bytes: usize,
    /// Print the number of committed messages after each commit
    #[arg(long)]
    ack: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum SyncName {
    /// The end of this process
    None,
    /// The same; and after a loss of power the log is a complete prefix
    Ordered,
    /// A loss of power
    Durable,
}

/// What the recording waits for.
enum Event {
    Messages(Block),
    /// The input is over, well or not.
    End(Result<()>),
    /// A signal asked to stop.
    Stop,
}

pub(super) fn run(args: &Args) -> Outcome {
    let options = LogOptions {
        version: args.version.clone(),
        io_version: args.io_version.clone(),
        sync: match args.sync {
            SyncName::None => Sync::None,
            SyncName::Ordered => Sync::Ordered,
            SyncName::Durable => Sync::Durable,
        },
        commit_bytes: args.commit_bytes,
        ..LogOptions::default()
    };
    let (sender, events) = sync_channel(4);
    let stop = sender.clone();
    ctrlc::set_handler(move || drop(stop.send(Event::Stop)))
        .map_err(|e| Error::usage(format!("cannot listen for signals: {e}")))?;
    let is_new = !args.file.exists();
    let log = LogWriter::open_or_create(&args.file, &options)?;
    let (framing, io_group) = (args.framing, args.io_group);
    std::thread::spawn(move || read(framing, io_group, &sender));
    let mut recording = Recording { acknowledged: log.committed(), log, ack: args.ack };
    let interval = Duration::from_millis(args.commit_ms);
    // Whatever ends the recording, what was read is committed before it is reported.
    let ended = recording.record(&events, interval);
    let (committed, closed) = recording.close();
    if is_new && committed == 0 && matches!(ended, Err(Stop::Error(_))) {
        // The first thing that came was no message: a log that was made for it says nothing.
        let _ = std::fs::remove_file(&args.file);
    }
    ended?;
    closed?;
    Ok(Answer::Yes)
}

/// Reads the input to its end and hands it on; ends when nobody takes it.
fn read(framing: Framing, io_group: u8, sender: &SyncSender<Event>) {
    let mut frames = Frames::new(std::io::stdin().lock(), framing, io_group);
    loop {
        let (block, end) = frames.next_block();
        let over = block.is_empty() || end.is_err();
        if !block.is_empty() && sender.send(Event::Messages(block)).is_err() {
            return;
        }
        if over {
            let _ = sender.send(Event::End(end));
            return;
        }
    }
}

struct Recording {
    log: LogWriter,
    ack: bool,
    /// What was last printed.
    acknowledged: u64,
}

impl Recording {
    fn record(&mut self, events: &Receiver<Event>, interval: Duration) -> Outcome<()> {
        // When the oldest message that waits must be committed.
        let mut due: Option<Instant> = None;
        loop {
            let event = match due {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match event {
                Ok(Event::Messages(block)) => {
                    for (io_group, message) in block.iter() {
                        self.log.append(io_group, message)?;
                        self.acknowledge()?;
                    }
                }
                Ok(Event::End(end)) => return Ok(end?),
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if due.is_some_and(|at| Instant::now() >= at) {
                self.log.commit()?;
                self.acknowledge()?;
            }
            due = match self.log.gathered() {
                0 => None,
                _ => due.filter(|at| Instant::now() < *at).or_else(|| Some(Instant::now() + interval)),
            };
        }
    }

    /// Prints how many messages are committed, when that has changed.
    fn acknowledge(&mut self) -> Outcome<()> {
        let committed = self.log.committed();
        if self.ack && self.acknowledged != committed {
            self.acknowledged = committed;
            let mut out = output::bytes();
            match writeln!(out, "{committed}").and_then(|()| out.flush()) {
                // Nobody listens any more: that is no reason to stop recording.
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => self.ack = false,
                written => written?,
            }
        }
        Ok(())
    }

    /// Commits what waits; how many messages there are then.
    fn close(mut self) -> (u64, Outcome<()>) {
        let committed = self.log.commit().map_err(Stop::from).and_then(|_| self.acknowledge());
        let count = self.log.committed();
        (count, committed.and_then(|()| Ok(self.log.close()?)))
    }
}
