//! A table of packets that grows with its log.
//!
//! The file is there from the beginning and whole at every moment: its rows are published in the order that
//! [`hyperslab_hdf5::append`] guards, and with the same write the number of messages that they come from, as the
//! attribute `raw_messages` of `/_header`. So a table can always be continued where it ends, whatever ended it: with
//! the message of that number.

use super::blocks::{Blocks, stops, why};
use super::file::{self, HEADER, PACKETS, Surroundings};
use super::{Options, Report, Skipped, in_message};
use crate::log::{Follow, LogReader, Messages};
use crate::packet::Asic;
use crate::packets::{PacketRows, RowForm, double};
use crate::pacman::Check;
use hyperslab_core::{Error, Kind, Limits, Result, Source as _, Value};
use hyperslab_hdf5::File;
use hyperslab_hdf5::append::{self, Appender, Existing, Names};
use hyperslab_hdf5::write::Writer;
use std::path::Path;
use std::time::Duration;

/// How many of the log's messages are in the table: a double, as all attributes that a publish changes.
const POSITION: &str = "raw_messages";
/// When the log was created: by this it is known again.
const LOG_CREATED: &str = "raw_created";
/// Which packets the table is of.
const ASIC: &str = "raw_asic_version";
const NAMES: Names<'static> = Names { columns: &["packets"], group: Some((HEADER, Some(POSITION))) };

/// Rows of a chunk: small enough that a table of a quiet run is small.
const CHUNK_ROWS: u32 = 4096;
/// Messages that are caught up with before it is asked whether to go on.
const SLICE: u64 = 64 << 10;
/// How long nothing may come before it is asked whether to go on.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes a table of the log's packets, or continues the one that is there, and keeps it up to date with the log until
/// `go_on` says no: it is told how many messages are done and of how many, after every block and several times a
/// second while nothing comes. A table that had caught up with the log ends with all that was committed until then.
///
/// # Errors
/// `Usage` when there is another file at the table's place and must not be replaced; `Conflict` when the table is of
/// another log, of another format, or is being written by another process; what [`super::convert`] gives for
/// messages that cannot be decoded: the table then ends before the first of them.
pub fn follow(
    raw: &Path,
    out: &Path,
    options: &Options,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<Report> {
    let mut log = LogReader::open(raw)?;
    file::check_distinct(raw, out)?;
    let mut report = Report::default();
    if options.replace || !out.exists() {
        begin(raw, &log, out, options, &mut report)?;
    }
    let mut at = position(out, &log, options.form).map_err(|e| e.file(out))?;
    let existing = Existing::open(out, &NAMES, false)?;
    let mut table = existing.resume(append::Options::default()).map_err(|e| e.file(out))?;
    let mut ended = catch_up(&log, &mut table, options, &mut at, &mut report, go_on);
    let mut total = log.len();
    let live = at >= total;
    let mut room = Room { messages: Messages::new(), rows: PacketRows::of(options.form) };
    let mut following = log.follow(at, Some(PAUSE));
    while ended.is_ok() && go_on(at, total.max(at)) {
        ended = advance(&mut following, &mut table, options, &mut at, &mut report, &mut room).map(drop);
        total = following.position();
    }
    if ended.is_ok() && live {
        // What was committed before the end was asked for belongs to it; a table that was far behind is continued
        // another time.
        ended = log.refresh().and_then(|end| {
            let mut rest = log.follow(at, Some(Duration::ZERO));
            while at < end && advance(&mut rest, &mut table, options, &mut at, &mut report, &mut room)? {}
            Ok(())
        });
    }
    let closed = table.close(at as f64);
    ended.and(closed.map_err(|e| e.file(out)))?;
    Ok(report)
}

/// Memory that is used again.
struct Room {
    messages: Messages,
    rows: PacketRows,
}

/// Publishes the packets of the next messages; `false` when none have come.
fn advance(
    following: &mut Follow<'_>,
    table: &mut Appender,
    options: &Options,
    at: &mut u64,
    report: &mut Report,
    room: &mut Room,
) -> Result<bool> {
    if !following.next_into(&mut room.messages)? {
        return Ok(false);
    }
    let first = *at;
    let decoded = decode(&room.messages, &mut room.rows, options.check, at, &mut report.skipped);
    report.messages += *at - first;
    report.rows += room.rows.len();
    publish(table, &room.rows, *at)?;
    decoded.map_err(|e| in_message(e, following.path(), *at))?;
    Ok(true)
}

/// Publishes the packets of the messages that are there already, decoded by several threads. Ends early where one cannot
/// be decoded, which is then looked at by itself.
fn catch_up(
    log: &LogReader,
    table: &mut Appender,
    options: &Options,
    at: &mut u64,
    report: &mut Report,
    go_on: &mut dyn FnMut(u64, u64) -> bool,
) -> Result<()> {
    while *at < log.len() && go_on(*at, log.len()) {
        let range = *at..log.len().min(at.saturating_add(SLICE));
        let mut published = Ok(());
        let decoded = Blocks::new(log, range, options.form, options.check).each(options.threads(), |block| {
            let done = *at + block.messages;
            if let Err(e) = publish(table, &block.rows, done) {
                published = Err(e);
                return Err(Error::usage("nothing more is published"));
            }
            *at = done;
            report.add(&block);
            Ok(block.rows)
        });
        published?;
        if decoded.is_err() {
            break;
        }
    }
    Ok(())
}

/// Makes the rows of the messages up to the first that cannot be decoded; `at` becomes its position.
fn decode(
    messages: &Messages,
    rows: &mut PacketRows,
    check: Check,
    at: &mut u64,
    skipped: &mut Skipped,
) -> Result<()> {
    rows.clear();
    *at = messages.first();
    let mut done = Ok(());
    for (io_group, message) in messages {
        let before = (rows.skipped(), rows.miscounted());
        match rows.push(io_group, message, check) {
            Err(e) if stops(&e, check) => {
                done = Err(e);
                break;
            }
            Err(e) => {
                skipped.messages += 1;
                skipped.first.get_or_insert_with(|| (*at, e.to_string()));
            }
            Ok(_) if (rows.skipped(), rows.miscounted()) != before => {
                skipped.first.get_or_insert_with(|| (*at, why(message)));
            }
            Ok(_) => {}
        }
        *at += 1;
    }
    skipped.words += rows.skipped();
    skipped.miscounted += rows.miscounted();
    done
}

/// Publishes rows, and that they are those of the first `position` messages.
fn publish(table: &mut Appender, rows: &PacketRows, position: u64) -> Result<()> {
    for row in rows.raw_rows() {
        table.push(0, row)?;
    }
    // A log of more than 2^53 messages does not fit any disk.
    let published = table.publish(position as f64).map(drop);
    match table.storage().name() {
        Some(name) => published.map_err(|e| e.file(name)),
        None => published,
    }
}

/// A table without rows.
fn begin(raw: &Path, log: &LogReader, out: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let mut writer = Writer::create(out, options.replace)?;
    let around = Surroundings::of(raw, &mut report.notes)?;
    let format = options.form.format();
    let write = || {
        writer.growing(PACKETS, &format.dtype(), CHUNK_ROWS)?;
        let mut more = vec![(POSITION, Value::Float(0.0)), (ASIC, Value::from(asic(options.form)))];
        more.extend(log.info().created.map(|t| (LOG_CREATED, Value::Float(t))));
        around.write(&mut writer, format, &more)?;
        file::describe(&mut writer, format)
    };
    write().map_err(|e| e.file(out))?;
    writer.finish()
}

fn asic(form: RowForm) -> &'static str {
    match form.asic() {
        Asic::V2 => "2",
        Asic::V3 => "3",
    }
}

/// How many messages a table has the packets of, once it is known to be of this log and form.
fn position(out: &Path, log: &LogReader, form: RowForm) -> Result<u64> {
    let attributes = match File::open(out)?.attributes(&format!("/{HEADER}"), &Limits::default()) {
        Err(e) if e.kind() == Kind::Usage => Vec::new(),
        found => found?,
    };
    let find = |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v);
    let Some(position) = find(POSITION).and_then(double) else {
        return Err(Error::usage("is there and is no table that was begun by following a log")
            .hint("use --force to replace it"));
    };
    let text = |name| find(name).and_then(Value::as_str).unwrap_or("unknown").to_owned();
    let (version, of) = (text("version"), text(ASIC));
    if (version.as_str(), of.as_str()) != (form.format().version(), asic(form)) {
        return Err(Error::conflict(format!(
            "the table is of format {version} for packets of version {of}, not of format {} for version {}",
            form.format(),
            asic(form)
        )));
    }
    let created = find(LOG_CREATED).and_then(double);
    if created != log.info().created {
        return Err(Error::conflict(format!(
            "the table is of a log created at {created:?}, {} was created at {:?}",
            log.path().display(),
            log.info().created
        )));
    }
    let whole = position >= 0.0 && position.fract() == 0.0 && position < (1u64 << 53) as f64;
    if !whole {
        return Err(Error::invalid(format!("{POSITION} is {position}")).object(format!("/{HEADER}")));
    }
    let position = position as u64;
    if position > log.len() {
        return Err(Error::conflict(format!(
            "the table has the packets of {position} messages, the log has {}",
            log.len()
        )));
    }
    Ok(position)
}
