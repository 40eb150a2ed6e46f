//! The writers of the runs.

use super::stream::Stream;
use super::{Process, WRITER, Written, full_size};
use hyperslab_larpix::log::{LogOptions, LogWriter, Pair};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// 200 publishes a second of 1 to 60 messages; a new session after so many of them.
pub(crate) fn paced(path: &Path, stop: &AtomicBool, pair: Pair, session: u64) -> Written {
    let stream = Stream::new();
    let options = LogOptions { commit_bytes: usize::MAX, pair, ..LogOptions::default() };
    let mut log = LogWriter::open(path, &options).unwrap();
    let (mut out, mut message) = (Written { logs: 1, ..Written::default() }, Vec::new());
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..1 + out.publishes * 7 % 60 {
            let group = stream.make(out.messages, &mut message);
            log.append(group, &message).unwrap();
            out.messages += 1;
            out.bytes += message.len() as u64;
        }
        assert_eq!(log.commit().unwrap(), out.messages);
        out.publishes += 1;
        if out.publishes.is_multiple_of(session) {
            log.close().unwrap();
            log = LogWriter::open(path, &options).unwrap();
        }
        due += Duration::from_millis(5);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    log.close().unwrap();
    out.last = out.messages;
    out
}

/// Without a pause, published every 10 ms; a log of the full size is replaced by a new one.
pub(crate) fn flat_out(path: &Path, stop: &AtomicBool) -> Written {
    let stream = Stream::new();
    let options = LogOptions {
        commit_bytes: usize::MAX,
        commit_interval: Some(Duration::from_millis(10)),
        ..LogOptions::default()
    };
    let next = path.with_extension("next");
    let mut log = LogWriter::open(path, &options).unwrap();
    let (mut out, mut message) = (Written { logs: 1, ..Written::default() }, Vec::new());
    let (mut bytes, mut committed) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let group = stream.make(out.last, &mut message);
        log.append(group, &message).unwrap();
        out.last += 1;
        bytes += message.len() as u64;
        if log.committed() != committed {
            committed = log.committed();
            out.publishes += 1;
        }
        if bytes >= full_size() {
            log.close().unwrap();
            out.messages += out.last;
            out.bytes += bytes;
            // The end of file that a closed log states is just behind what it holds. Nobody opens the new one before
            // it is live.
            log = LogWriter::create(&next, &options).unwrap();
            let group = stream.make(0, &mut message);
            log.append(group, &message).unwrap();
            committed = log.commit().unwrap();
            std::fs::rename(&next, path).unwrap();
            (out.last, bytes) = (1, message.len() as u64);
            out.logs += 1;
        }
    }
    log.close().unwrap();
    out.messages += out.last;
    out.bytes += bytes;
    out
}

/// larpix-control, a call every `pause` seconds.
pub(crate) fn by_larpix(python: &Path, path: &Path, stop: &AtomicBool, pause: f64) -> Written {
    let mut writer = Process::start(python, WRITER, &[path.to_str().unwrap(), &pause.to_string()]);
    writer.ready();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
    }
    writer.line();
    let json = writer.json();
    let number = |name: &str| json[name].as_u64().unwrap();
    let errors = json["errors"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_u64().unwrap()));
    Written {
        publishes: number("publishes"),
        messages: number("messages"),
        bytes: number("bytes"),
        logs: 1,
        last: number("messages"),
        errors: errors.collect(),
    }
}
