//! What a packet file holds around its packets.
//!
//! Facts: larpix-control 3.7.0 `hdf5format` writes `/_header`, `/packets`, `/messages` and `/configs`, the last two
//! empty when packets come from a log; its converters since then copy `/daq_configs` (an archive of the chips'
//! configuration, added to the log after the run).

use crate::packets::{TableFormat, configs_dtype, messages_dtype};
use hyperslab_core::{Error, Kind, Limits, Result, Selection, Value, View};
use hyperslab_hdf5::File;
use hyperslab_hdf5::write::Writer;
use std::path::Path;
use std::time::SystemTime;

pub(super) const PACKETS: &str = "/packets";
pub(super) const HEADER: &str = "_header";
const DAQ_CONFIGS: &str = "/daq_configs";
const META: &str = "/meta";

/// Attributes of the log's `/meta` that are about the log itself, not about the run.
const OF_THE_LOG: [&str; 4] = ["version", "created", "modified", "io_version"];

/// The names of `packet_type`s, as larpix-control writes them.
const PACKET_TYPES: &str =
    "\n0: 'data',\n1: 'test',\n2: 'config write',\n3: 'config read',\n4: 'timestamp',\n5: 'message',\n";

/// Rows of a chunk of the smallest and the largest tables.
const CHUNK_ROWS: (u64, u64) = (1024, 16 << 10);
/// Rows that a message makes, about: what the chunk's size is chosen by.
const ROWS_PER_MESSAGE: u64 = 8;

/// Rows of a chunk for the packets of so many messages: a small table shall not fill a large chunk.
pub(super) fn chunk_rows(messages: u64) -> u32 {
    let rows = messages.saturating_mul(ROWS_PER_MESSAGE).clamp(CHUNK_ROWS.0, CHUNK_ROWS.1);
    u32::try_from(rows.next_power_of_two()).unwrap_or(1024)
}

/// Says what the types of packets are, once the dataset is there.
///
/// # Errors
/// `Usage` when it is not.
pub(super) fn describe(writer: &mut Writer, format: TableFormat) -> Result<()> {
    match format {
        TableFormat::V2_4 => writer.attribute(PACKETS, "packet_types", &Value::from(PACKET_TYPES)),
        TableFormat::V3_0 => Ok(()),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// An error when the file to be written is the log.
pub(super) fn check_distinct(raw: &Path, out: &Path) -> Result<()> {
    match (raw.canonicalize(), out.canonicalize()) {
        (Ok(a), Ok(b)) if a == b => {
            Err(Error::usage("the packets cannot take the place of the log they come from").file(out))
        }
        _ => Ok(()),
    }
}

/// What a log holds besides messages and is carried over.
pub(super) struct Surroundings {
    /// What the log says of its run.
    header: Vec<(String, Value)>,
    daq_configs: Option<(View<'static>, Vec<(String, Value)>)>,
}

impl Surroundings {
    /// Reads it from a log; what cannot be carried over is said in `notes`.
    ///
    /// # Errors
    /// `Invalid`, `Limit`, `Io`.
    pub(super) fn of(raw: &Path, notes: &mut Vec<String>) -> Result<Surroundings> {
        let mut read = || -> Result<Surroundings> {
            let limits = Limits::default();
            let file = File::open(raw)?;
            let mut header = file.attributes(META, &limits)?;
            header.retain(|(name, _)| !OF_THE_LOG.contains(&name.as_str()));
            let daq_configs = match file.attributes(DAQ_CONFIGS, &limits) {
                Ok(attributes) => {
                    let view = file.read(DAQ_CONFIGS, &Selection::ALL, &limits);
                    match view.and_then(|v| v.into_owned()) {
                        Ok(view) => Some((view, attributes)),
                        Err(e) if e.kind() == Kind::Unsupported => {
                            notes.push(format!("{DAQ_CONFIGS} is not carried over: {e}"));
                            None
                        }
                        Err(e) => return Err(e),
                    }
                }
                Err(e) if e.kind() == Kind::Usage => None,
                Err(e) => return Err(e),
            };
            Ok(Surroundings { header, daq_configs })
        };
        let mut found = read().map_err(|e| e.file(raw))?;
        let mut keep = |path: &str, attributes: &mut Vec<(String, Value)>| {
            attributes.retain(|(name, value)| match Writer::in_memory().attribute("/", name, value) {
                Ok(()) => true,
                Err(e) => {
                    notes.push(format!("{path}@{name} is not carried over: {e}"));
                    false
                }
            });
        };
        keep(META, &mut found.header);
        if let Some((_, attributes)) = &mut found.daq_configs {
            keep(DAQ_CONFIGS, attributes);
        }
        Ok(found)
    }

    /// Writes it, and the datasets that a packet file has besides packets; `more` are further attributes of the header.
    ///
    /// # Errors
    /// `Unsupported` for what cannot be written, `Io`.
    pub(super) fn write(
        self,
        writer: &mut Writer,
        format: TableFormat,
        more: &[(&str, Value)],
    ) -> Result<()> {
        let time = now();
        writer.group(HEADER)?;
        writer.attribute(HEADER, "version", &Value::from(format.version()))?;
        writer.attribute(HEADER, "created", &Value::Float(time))?;
        writer.attribute(HEADER, "modified", &Value::Float(time))?;
        for (name, value) in more {
            writer.attribute(HEADER, name, value)?;
        }
        let taken = |name: &str| more.iter().any(|(n, _)| *n == name);
        for (name, value) in self.header.iter().filter(|(name, _)| !taken(name)) {
            writer.attribute(HEADER, name, value)?;
        }
        writer.rows("/messages", &messages_dtype(), 128)?.finish()?;
        writer.rows("/configs", &configs_dtype()?, 64)?.finish()?;
        if let Some((view, attributes)) = &self.daq_configs {
            writer.dataset(DAQ_CONFIGS).write(view)?;
            for (name, value) in attributes {
                writer.attribute(DAQ_CONFIGS, name, value)?;
            }
        }
        Ok(())
    }
}
