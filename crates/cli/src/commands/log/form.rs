//! How messages are printed; what `show` and `tail` have in common.

use super::Framing;
use crate::commands::packets;
use crate::exit::{self, Answer, Outcome};
use crate::output;
use crate::render::{hex, pacman};
use hyperslab::Error;
use hyperslab::larpix::log::{LogReader, Messages, Rows};
use serde_json::json as object;
use std::io::Write;

/// How messages are printed; a line of number, group, length and first bytes each when nothing is asked for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Form {
    /// Number and group alone
    #[arg(long, conflicts_with_all = ["hex", "raw", "pacman"])]
    headers_only: bool,
    /// A line of hexadecimal digits each
    #[arg(long, conflicts_with_all = ["raw", "pacman", "json"])]
    hex: bool,
    /// The bytes of the messages
    #[arg(long, conflicts_with_all = ["pacman", "json"])]
    raw: bool,
    /// With --raw: u32le puts its length before each message, lines an end of line after it
    #[arg(long, value_enum, requires = "raw")]
    framing: Option<Framing>,
    /// Decoded PACMAN words
    #[arg(long)]
    pacman: bool,
    /// With --pacman: version of the ASICs that sent the packets
    #[arg(long, value_name = "VERSION", requires = "pacman", default_value = "2", value_parser = ["2", "3"])]
    asic: String,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
}

/// Headers read at once.
const HEADERS: usize = 64 << 10;

/// Prints messages one after another.
pub(super) struct Printer<'f> {
    form: &'f Form,
    out: Box<dyn Write>,
    undecoded: u64,
}

impl<'f> Printer<'f> {
    pub(super) fn new(form: &'f Form) -> Outcome<Printer<'f>> {
        if matches!(form.framing, Some(Framing::Hex | Framing::Jsonl)) {
            return Err(exit::usage("--raw writes bytes: use --hex or --json for text"));
        }
        let out: Box<dyn Write> = match form.raw || form.json {
            true => Box::new(output::bytes()),
            false => Box::new(output::text()),
        };
        Ok(Printer { form, out, undecoded: 0 })
    }

    /// Prints messages of a log; where headers alone are wanted, no message is read.
    pub(super) fn rows(&mut self, log: &LogReader, rows: &Rows) -> Outcome<()> {
        if self.form.headers_only {
            // Blocks, so that what is printed first does not wait for the last.
            let mut places = rows.iter();
            loop {
                let places: Vec<u64> = places.by_ref().take(HEADERS).collect();
                if places.is_empty() {
                    return Ok(());
                }
                for (&at, group) in places.iter().zip(log.io_groups(&Rows::positions(places.clone()))?) {
                    self.message(at, group, &[])?;
                }
            }
        }
        // An error of the output ends the reading; it is not the log's.
        let mut written = Ok(());
        let done = log.for_each_of(rows, |i, io_group, message| {
            written = self.message(i, io_group, message);
            match &written {
                Ok(()) => Ok(()),
                Err(_) => Err(Error::usage("output ended")),
            }
        });
        written?;
        Ok(done?)
    }

    /// Prints messages as they were read.
    pub(super) fn messages(&mut self, messages: &Messages) -> std::io::Result<()> {
        for (i, (io_group, message)) in messages.iter().enumerate() {
            self.message(messages.position(i).unwrap_or(0), io_group, message)?;
        }
        Ok(())
    }

    fn message(&mut self, index: u64, io_group: u8, message: &[u8]) -> std::io::Result<()> {
        let (form, out) = (self.form, &mut self.out);
        if form.raw {
            if form.framing == Some(Framing::U32le) {
                // The log holds no message of 4 GiB.
                out.write_all(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_le_bytes())?;
            }
            out.write_all(message)?;
            return if form.framing == Some(Framing::Lines) { out.write_all(b"\n") } else { Ok(()) };
        }
        if form.hex {
            return writeln!(out, "{}", hex::digits(message));
        }
        if form.pacman {
            let asic = packets::asic(&form.asic);
            let sound = match form.json {
                true => pacman::json(out, index, io_group, message, asic)?,
                false => pacman::text(out, index, io_group, message, asic)?,
            };
            self.undecoded += u64::from(!sound);
            return Ok(());
        }
        if form.json {
            let mut line = object!({ "index": index, "io_group": io_group });
            if !form.headers_only {
                line["hex"] = hex::digits(message).into();
            }
            return writeln!(out, "{line}");
        }
        if form.headers_only {
            return writeln!(out, "{index} {io_group}");
        }
        const FIRST: usize = 24;
        let start = message.get(..FIRST.min(message.len())).unwrap_or_default();
        let more = if message.len() > FIRST { ".." } else { "" };
        writeln!(out, "{index:>8}  {io_group:>3}  {:>6} B  {}{more}", message.len(), hex::digits(start))
    }

    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }

    /// Ends the printing; whether every message could be decoded, where that was asked for.
    pub(super) fn finish(mut self) -> Outcome {
        self.flush()?;
        match self.undecoded {
            0 => Ok(Answer::Yes),
            n => {
                exit::say(&Error::invalid(format!("not decoded in full: {n} of the messages")));
                Ok(Answer::Failed)
            }
        }
    }
}
