//! `slab log info`: what can be said of a log without its messages.

use crate::exit::{Answer, Outcome};
use crate::output;
use crate::render::{size, text};
use hyperslab::hdf5::append::AttributeValue;
use hyperslab::larpix::log::{LogStats, State};
use serde_json::{Value as Json, json as object};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Count messages, bytes and groups; say versions, times, rates and who can read the file
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let stats = LogStats::read(&args.file)?;
    if args.json {
        output::json(&mut output::bytes(), &json(&stats, &args.file))?;
        return Ok(Answer::Yes);
    }
    let mut out = output::text();
    for (label, value) in lines(&stats) {
        writeln!(out, "{label:<12} {}", text::name(&value))?;
    }
    out.flush()?;
    Ok(Answer::Yes)
}

fn lines(s: &LogStats) -> Vec<(&'static str, String)> {
    let mut out = vec![("messages", s.messages.to_string())];
    if let Some((messages, headers)) = s.uneven {
        out.push((
            "uneven",
            format!("{messages} messages and {headers} headers: 'slab recover' makes them even"),
        ));
    }
    if s.empty > 0 {
        out.push(("empty", format!("{} of them: recorded so, or never written", s.empty)));
    }
    let per = |n: f64| if s.messages > 0 { n / s.messages as f64 } else { 0.0 };
    out.push(("payload", size::bytes(s.bytes)));
    let more = if s.bytes > 0 {
        format!(", {:.3} times the payload", s.file_bytes as f64 / s.bytes as f64)
    } else {
        String::new()
    };
    out.push(("file", format!("{}{more}", size::bytes(s.file_bytes))));
    if let Some((low, high)) = s.lengths {
        out.push(("lengths", format!("{low} to {high} B, {:.1} on average", per(s.bytes as f64))));
    }
    const GROUPS: usize = 8;
    let mut groups: Vec<String> = s.groups.iter().take(GROUPS).map(|(g, n)| format!("{g} ({n})")).collect();
    if s.groups.len() > GROUPS {
        groups.push(format!("and {} more", s.groups.len() - GROUPS));
    }
    if !groups.is_empty() {
        out.push(("io_groups", groups.join(", ")));
    }
    out.push(("version", s.version.clone()));
    out.push(("io_version", s.io_version.clone().unwrap_or_else(|| "not stated".into())));
    let time = |t: Option<f64>| t.map_or_else(|| "not stated".into(), moment);
    out.push(("created", time(s.created)));
    out.push(("modified", time(s.modified)));
    if let Some(seconds) = s.seconds().filter(|_| s.messages > 0) {
        let rate = s.messages as f64 / seconds;
        out.push(("rate", format!("{rate:.1} messages a second over {seconds:.1} s")));
    }
    for (name, value) in &s.others {
        let value = match value {
            Some(AttributeValue::Text(t)) => format!("{name} = {t}"),
            Some(AttributeValue::F64(v)) => format!("{name} = {v}"),
            None => format!("{name} (see 'slab ls --attrs')"),
        };
        out.push(("attribute", value));
    }
    out.extend(s.foreign.iter().map(|path| ("also in it", path.clone())));
    out.push(("state", state(s.state).1.into()));
    let d = &s.dialect;
    let versions = format!("superblock {}, layout {}, datatypes {}", d.superblock, d.layout, d.datatype);
    out.push(("stored as", format!("{versions}: read by HDF5 {} and later", d.oldest_reader())));
    out
}

fn state(state: State) -> (&'static str, &'static str) {
    match state {
        State::Closed => ("closed", "closed"),
        State::Open => ("open", "a writer has it open, or was killed: whole, every reader reads it"),
        State::Marked => (
            "marked",
            "marked as open by another program, which may have been killed: plain opens are refused",
        ),
    }
}

/// A Unix time as a date and time of day (UTC), and the number itself.
fn moment(seconds: f64) -> String {
    let days = (seconds / 86_400.0).floor();
    // Years 1970 to 9999: anything else is shown as it is.
    if !(0.0..2_932_897.0).contains(&days) {
        return format!("{seconds}");
    }
    let second = (seconds - days * 86_400.0).floor() as u64;
    // The calendar from 0000-03-01 on, in which leap days come last.
    let z = days as u64 + 719_468;
    let (era, day) = (z / 146_097, z % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (d, m) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let y = era * 400 + year + u64::from(m <= 2);
    let (h, min, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{y:04}-{m:02}-{d:02} {h:02}:{min:02}:{s:02} UTC ({seconds})")
}

fn json(s: &LogStats, file: &Path) -> Json {
    let groups: serde_json::Map<String, Json> =
        s.groups.iter().map(|(g, n)| (g.to_string(), (*n).into())).collect();
    let attributes: serde_json::Map<String, Json> = s
        .others
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Some(AttributeValue::Text(t)) => t.as_str().into(),
                Some(AttributeValue::F64(v)) => float(Some(*v)),
                None => Json::Null,
            };
            (name.clone(), value)
        })
        .collect();
    let (low, high) = s.lengths.unzip();
    let d = &s.dialect;
    object!({
        "file": file.to_string_lossy(), "messages": s.messages,
        "uneven": s.uneven.map(|(messages, headers)| object!({ "messages": messages, "headers": headers })),
        "empty": s.empty, "bytes": s.bytes, "file_bytes": s.file_bytes,
        "lengths": { "min": low, "mean": float(s.mean_length()), "max": high },
        "io_groups": groups, "version": s.version, "io_version": s.io_version,
        "created": float(s.created), "modified": float(s.modified),
        "messages_per_second": float(s.seconds().map(|t| s.messages as f64 / t)),
        "attributes": attributes, "objects": s.foreign, "state": state(s.state).0,
        "hdf5": {
            "superblock": d.superblock, "layout": d.layout, "datatype": d.datatype, "oldest": d.oldest_reader(),
        },
    })
}

/// A number; what JSON has no number for as the contract's strings.
fn float(v: Option<f64>) -> Json {
    match v {
        None => Json::Null,
        Some(v) if v.is_nan() => "NaN".into(),
        Some(v) if v.is_infinite() => if v > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        Some(v) => v.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        for (seconds, want) in [
            (0.0, "1970-01-01 00:00:00 UTC (0)"),
            (951_782_400.0, "2000-02-29 00:00:00 UTC (951782400)"),
            (1_720_396_800.5, "2024-07-08 00:00:00 UTC (1720396800.5)"),
            (1_735_689_599.0, "2024-12-31 23:59:59 UTC (1735689599)"),
            (253_402_300_799.0, "9999-12-31 23:59:59 UTC (253402300799)"),
            (-1.0, "-1"),
            (f64::NAN, "NaN"),
        ] {
            assert!(moment(seconds).starts_with(want), "{} for {want}", moment(seconds));
        }
    }
}
