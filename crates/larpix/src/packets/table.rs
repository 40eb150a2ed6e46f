//! Packet files read, of every version that there is, into one form.
//!
//! Facts: larpix-control 3.7.0 `hdf5format`. Version 0.0 has its rows in `/raw_packet`, later ones in `/packets`;
//! `/messages` came with 1.0 and `/configs` with 2.4. Rows are read by the names of their fields, because files of one
//! version have rows of 31, 32 or 36 bytes, as the release that wrote them had it.

use super::packet::{Columns, Packet, trimmed};
use hyperslab_core::Container as _;
use hyperslab_core::dtype::Struct;
use hyperslab_core::{Dtype, Error, Kind, Limits, Result, Selection, Source, Value};
use hyperslab_hdf5::File;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

const HEADER: &str = "/_header";
const MESSAGES: &str = "/messages";
const CONFIGS: &str = "/configs";

/// What a packet file says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableInfo {
    /// Version of the file.
    pub version: String,
    /// Unix time of its creation, in seconds.
    pub created: Option<f64>,
    /// Unix time of its last change.
    pub modified: Option<f64>,
    /// Version of the chips whose configuration it holds.
    pub asic_version: Option<String>,
}

/// A text that was put between the packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRow {
    /// The text.
    pub text: String,
    /// Unix time in seconds.
    pub timestamp: u64,
    /// Its number, by which its row among the packets means it.
    pub index: u32,
}

/// The configuration of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRow {
    /// Unix time in seconds.
    pub timestamp: u64,
    /// Where the chip is.
    pub io_group: u8,
    /// The channel to it.
    pub io_channel: u8,
    /// The chip.
    pub chip_id: u8,
    /// All its registers, one after another.
    pub registers: Vec<u8>,
}

/// An open packet file.
pub struct PacketTable<'s> {
    file: File<'s>,
    path: PathBuf,
    info: TableInfo,
    rows: &'static str,
    columns: Columns,
    len: u64,
    limits: Limits,
}

impl fmt::Debug for PacketTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("PacketTable");
        out.field("path", &self.path)
            .field("info", &self.info)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl PacketTable<'static> {
    /// Opens a packet file of any version.
    ///
    /// # Errors
    /// `Unsupported` when it is none, or has fields that are not known; `Invalid`, `Io`.
    pub fn open(path: impl AsRef<Path>) -> Result<PacketTable<'static>> {
        let path = path.as_ref();
        let open = || PacketTable::new(File::open(path)?, path, Limits::default());
        open().map_err(|e| e.file(path))
    }
}

impl<'s> PacketTable<'s> {
    /// The same of any source, within limits for each operation.
    ///
    /// # Errors
    /// As [`PacketTable::open`].
    pub fn from_source(source: impl Source + 's, limits: Limits) -> Result<PacketTable<'s>> {
        let path = source.name().unwrap_or(Path::new("")).to_path_buf();
        PacketTable::new(File::from_source(source)?, &path, limits)
    }

    fn new(file: File<'s>, path: &Path, limits: Limits) -> Result<PacketTable<'s>> {
        let missing = |what: &'static str| Error::unsupported(format!("no packet file: {what}"));
        let attributes = match file.attributes(HEADER, &limits) {
            Err(e) if e.kind() == Kind::Usage => return Err(missing("there is no /_header")),
            found => found?,
        };
        let mut info = TableInfo::default();
        for (name, value) in attributes {
            match (name.as_str(), value) {
                ("version", Value::String(v)) => info.version = v,
                ("created", value) => info.created = double(&value),
                ("modified", value) => info.modified = double(&value),
                _ => {}
            }
        }
        if info.version.is_empty() {
            return Err(missing("its header has no version"));
        }
        info.asic_version = match file.attribute(CONFIGS, "asic_version", &limits) {
            Ok(v) => v.as_str().map(str::to_owned),
            Err(e) if e.kind() == Kind::Usage => None,
            Err(e) => return Err(e),
        };
        let rows = if info.version == "0.0" { "/raw_packet" } else { "/packets" };
        let found = shape(&file, rows, &limits)?;
        let (dtype, len) = found.ok_or_else(|| missing("there is no table of packets"))?;
        let columns = Columns::of(&dtype).map_err(|e| e.object(rows))?;
        Ok(PacketTable { file, path: path.into(), info, rows, columns, len, limits })
    }

    /// What the file says of itself.
    pub fn info(&self) -> &TableInfo {
        &self.info
    }

    /// Number of packets.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The packets of a range of rows.
    ///
    /// # Errors
    /// `Usage` beyond the length, `Invalid` for damage or a value that its field cannot have, `Limit`, `Io`.
    pub fn read(&self, rows: Range<u64>) -> Result<Vec<Packet>> {
        if rows.start > rows.end || rows.end > self.len {
            return Err(Error::usage(format!("rows {rows:?} of a table of {}", self.len)).file(&self.path));
        }
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let read = || {
            let view = self.file.read(self.rows, &Selection::rows(rows.start, rows.end), &self.limits)?;
            self.columns.rows(&view.to_bytes(&self.limits)?, rows.start).map_err(|e| e.object(self.rows))
        };
        read().map_err(|e| e.file(&self.path))
    }

    /// The texts; none in files that have no room for them.
    ///
    /// # Errors
    /// `Unsupported` when they are stored in an unknown way, `Invalid`, `Limit`, `Io`.
    pub fn messages(&self) -> Result<Vec<TextRow>> {
        self.others(MESSAGES, |fields, row| {
            Ok(TextRow {
                text: String::from_utf8_lossy(trimmed(fields.bytes(row, "message")?)).into_owned(),
                timestamp: fields.number(row, "timestamp")?,
                index: u32::try_from(fields.number(row, "index")?).unwrap_or(u32::MAX),
            })
        })
    }

    /// The chips' configurations; none in files that have no room for them.
    ///
    /// # Errors
    /// As [`PacketTable::messages`].
    pub fn configs(&self) -> Result<Vec<ConfigRow>> {
        self.others(CONFIGS, |fields, row| {
            let byte = |name| Ok::<u8, Error>(u8::try_from(fields.number(row, name)?).unwrap_or(u8::MAX));
            Ok(ConfigRow {
                timestamp: fields.number(row, "timestamp")?,
                io_group: byte("io_group")?,
                io_channel: byte("io_channel")?,
                chip_id: byte("chip_id")?,
                registers: fields.bytes(row, "registers")?.to_vec(),
            })
        })
    }

    fn others<T>(&self, path: &str, make: impl Fn(&Fields<'_>, &[u8]) -> Result<T>) -> Result<Vec<T>> {
        let read = || -> Result<Vec<T>> {
            let Some((dtype, len)) = shape(&self.file, path, &self.limits)? else { return Ok(Vec::new()) };
            let Dtype::Struct(s) = &dtype else {
                return Err(Error::unsupported(format!("rows of {dtype}")));
            };
            s.check()?;
            if len == 0 {
                return Ok(Vec::new());
            }
            let view = self.file.read(path, &Selection::ALL, &self.limits)?;
            let bytes = view.to_bytes(&self.limits)?;
            let width = usize::try_from(s.itemsize).unwrap_or(usize::MAX).max(1);
            bytes.chunks_exact(width).map(|row| make(&Fields(s), row)).collect()
        };
        read().map_err(|e| e.object(path).file(&self.path))
    }
}

/// A double of an attribute.
pub(crate) fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Float(v) => Some(*v),
        Value::Array(view) if view.len() == 1 => view.to_vec::<f64>().ok()?.first().copied(),
        _ => None,
    }
}

/// Type and length of a dataset of one dimension, if it is there.
fn shape(file: &File<'_>, path: &str, limits: &Limits) -> Result<Option<(Dtype, u64)>> {
    let nodes = match file.nodes(path, Some(0), false, limits) {
        Err(e) if e.kind() == Kind::Usage => return Ok(None),
        nodes => nodes?,
    };
    let Some(node) = nodes.into_iter().next() else { return Ok(None) };
    if let Some(e) = node.error {
        return Err(e);
    }
    match (node.dtype, node.shape.as_deref()) {
        (Some(dtype), Some([len])) => Ok(Some((dtype, *len))),
        _ => Err(Error::unsupported("is no array of one dimension").object(path)),
    }
}

/// The fields of a row by name.
struct Fields<'a>(&'a Struct);

impl Fields<'_> {
    fn bytes<'r>(&self, row: &'r [u8], name: &str) -> Result<&'r [u8]> {
        let field = self.0.fields.iter().find(|f| f.name == name);
        let place = field.and_then(|f| {
            let start = usize::try_from(f.offset).ok()?;
            row.get(start..start.checked_add(usize::try_from(f.dtype.itemsize()).ok()?)?)
        });
        place.ok_or_else(|| Error::unsupported(format!("no field {name:?}")))
    }

    fn number(&self, row: &[u8], name: &str) -> Result<u64> {
        let bytes = self.bytes(row, name)?;
        match bytes.len() {
            1..=8 => Ok(bytes.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b))),
            n => Err(Error::unsupported(format!("field {name:?} of {n} bytes"))),
        }
    }
}
