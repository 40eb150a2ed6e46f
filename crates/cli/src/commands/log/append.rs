//! `slab log append`: messages from standard input into a log that others may be reading.
//!
//! A thread reads the input into a queue, from which another commits: in time also while nothing more comes. A signal
//! ends the recording as the end of the input does: everything that was read is committed.

use super::Framing;
use super::frames::Frames;
use crate::exit::{self, Answer, Outcome, Stop};
use crate::output;
use hyperslab::larpix::log::{LogEvent, LogOptions, LogQueue, LogWriter, Sync};
use hyperslab::{Error, Result};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

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
    /// Write also to NFS, Lustre, GPFS and the like, where a second writer is not kept out
    #[arg(long)]
    force: bool,
    /// Continue a log that is marked as open by a writer that no longer runs
    #[arg(long)]
    take_over: bool,
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

/// What ends the recording.
enum Event {
    /// The input is over, well or not.
    End(Result<()>),
    /// A signal asked to stop.
    Stop,
    /// A commit did not succeed.
    Failed(Error),
    /// The acknowledgement could not be printed.
    Output(std::io::Error),
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
        commit_interval: Some(Duration::from_millis(args.commit_ms)),
        force: args.force,
        take_over: args.take_over,
        ..LogOptions::default()
    };
    let (sender, events) = channel();
    let stop = sender.clone();
    ctrlc::set_handler(move || drop(stop.send(Event::Stop)))
        .map_err(|e| Error::usage(format!("cannot listen for signals: {e}")))?;
    let is_new = !args.file.exists();
    let mut log = LogWriter::open_or_create(&args.file, &options)?;
    log.take_warnings().iter().for_each(|w| exit::note(w));
    let queue = Arc::new(LogQueue::new(log, tell(args.ack, sender.clone()))?);
    let (framing, io_group, reading) = (args.framing, args.io_group, Arc::clone(&queue));
    std::thread::spawn(move || {
        // Nobody listens when the recording is over.
        let _ = sender.send(Event::End(read(framing, io_group, &reading)));
    });
    let ended: Outcome<()> = match events.recv() {
        Ok(Event::End(end)) => end.map_err(Stop::from),
        Ok(Event::Stop) | Err(_) => Ok(()),
        Ok(Event::Failed(e)) => Err(e.into()),
        Ok(Event::Output(e)) => Err(e.into()),
    };
    // Whatever ends the recording, what was read is committed before it is reported.
    let closed = queue.close();
    if is_new && queue.committed() == 0 && matches!(ended, Err(Stop::Error(_))) {
        // The first thing that came was no message: a log that was made for it says nothing.
        let _ = std::fs::remove_file(&args.file);
    }
    ended?;
    closed?;
    // An acknowledgement of the last commit that could not be printed.
    match events.try_iter().find_map(|e| if let Event::Output(e) = e { Some(e) } else { None }) {
        Some(e) => Err(e.into()),
        None => Ok(Answer::Yes),
    }
}

/// Reads the input to its end and hands it on.
fn read(framing: Framing, io_group: u8, queue: &LogQueue) -> Result<()> {
    let mut frames = Frames::new(std::io::stdin().lock(), framing, io_group);
    loop {
        let (block, end) = frames.next_block();
        queue.append_all(block.iter())?;
        end?;
        if block.is_empty() {
            return Ok(());
        }
    }
}

/// Prints what the queue tells, and hands on what ends the recording.
fn tell(mut ack: bool, events: Sender<Event>) -> impl FnMut(LogEvent) + Send {
    move |event| match event {
        LogEvent::Committed(count) if ack => {
            let mut out = output::bytes();
            match writeln!(out, "{count}").and_then(|()| out.flush()) {
                Ok(()) => {}
                Err(e) => {
                    ack = false;
                    // Nobody listens any more: that is no reason to stop recording.
                    if e.kind() != std::io::ErrorKind::BrokenPipe {
                        let _ = events.send(Event::Output(e));
                    }
                }
            }
        }
        LogEvent::Warning(warning) => exit::note(&warning),
        LogEvent::Failed(e) => drop(events.send(Event::Failed(e))),
        _ => {}
    }
}
