//! Joining logs: all messages of one after those of the other, in a new log with the metadata of the first.
//!
//! larpix-control's `raw_hdf5_tool.py --merge` takes the metadata of the first file too, and looks at no version; here
//! logs whose versions contradict each other are not joined.

use super::columns::{HEADERS, HeaderRow, MSGS, NAMES};
use super::foreign;
use super::fresh::{Meta, NewLog};
use super::reader::LogInfo;
use super::recover::{Take, apart};
use super::version::{LATEST, Version};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Container as _, Dtype, Error, Limits, Result, Source as _};
use hyperslab_hdf5::append::{Live, VlenRows};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Messages that are copied at a time.
const BLOCK: u64 = 16 << 10;

/// What a new log was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Its messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was not carried over, and other things worth knowing.
    pub notes: Vec<String>,
}

/// Writes the messages of all `inputs`, in their order, into a new log at `out`; `progress` is told of messages.
///
/// # Errors
/// `Usage` without inputs, or when `out` is one of them, or is there and may not be replaced; `Conflict` when versions
/// differ; `Unsupported` for what is no log; `Invalid` for damage, also when an input has more messages than headers;
/// `Io`. Nothing is written then.
pub fn merge(
    out: impl AsRef<Path>,
    inputs: &[PathBuf],
    replace: bool,
    progress: &mut dyn FnMut(u64),
) -> Result<Merged> {
    let out = out.as_ref();
    let mut opened: Vec<Input> = Vec::new();
    for path in inputs {
        apart(path, out, replace)?;
        let input = Input::open(path)?;
        if let Some(first) = opened.first() {
            input.agrees(first).map_err(|e| e.file(path))?;
        }
        opened.push(input);
    }
    let Some(first) = opened.first() else { return Err(Error::usage("no logs to join")) };
    let mut merged = Merged::default();
    let mut meta = first.meta.clone();
    for input in &opened {
        if input.meta.io_version != meta.io_version {
            let (stated, written) = (&input.meta.io_version, &meta.io_version);
            let text =
                |v: &Option<String>| v.clone().map_or("no io_version".into(), |v| format!("io_version {v}"));
            let path = input.path.display();
            merged.notes.push(format!(
                "{path} states {}: the new log states {}",
                text(stated),
                text(written)
            ));
        }
        merged.notes.extend(
            input.foreign.iter().map(|n| format!("{}: {n} is not carried over", input.path.display())),
        );
    }
    let mut new = NewLog::create(out, replace, &mut meta, Some(&first.header))?;
    merged
        .notes
        .extend(meta.left.iter().map(|n| format!("the attribute {n:?} of /meta is not carried over")));
    let mut copy = Copy::default();
    for input in &opened {
        copy.range(input, 0..input.live.rows(), &mut |header, message| new.push(header, message), progress)?;
    }
    (merged.messages, merged.bytes) = (new.messages(), new.payload());
    new.finish()?;
    Ok(merged)
}

/// A log that is read from start to end.
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) live: Live<FileSource>,
    pub(super) meta: Meta,
    pub(super) header: Dtype,
    /// Objects beside the log's own.
    pub(super) foreign: Vec<String>,
    width: usize,
}

impl Input {
    /// # Errors
    /// `Unsupported`, `Invalid`, `Io`.
    pub(super) fn open(path: &Path) -> Result<Input> {
        let input = Input::open_uneven(path)?;
        let lengths: Vec<u64> = input.live.columns().map(|(.., n)| n).collect();
        if lengths.iter().any(|&n| n != input.live.rows()) {
            let hint = format!("try 'slab recover {} OUT'", path.display());
            let e = Error::invalid(format!("lengths {lengths:?} of messages and headers differ"));
            return Err(e.hint(hint).file(path));
        }
        Ok(input)
    }

    /// The same, also where messages and headers differ in number.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub(super) fn open_uneven(path: &Path) -> Result<Input> {
        Input::new(path).map_err(|e| e.file(path))
    }

    fn new(path: &Path) -> Result<Input> {
        let source = FileSource::open(path)?;
        let open = || {
            let live = Live::open(source, &NAMES)?;
            let row = HeaderRow::of(live.columns().map(|(name, dtype, _)| (name, dtype)))?;
            Ok((live, row))
        };
        let (live, row) = open().map_err(|e| foreign::or_else(e, path))?;
        LogInfo::read(&live)?;
        let meta = Meta::read(&live)?;
        if meta.version.parse::<Version>().is_ok_and(|v| v.major != LATEST.major) {
            return Err(Error::unsupported(format!("a log of version {} (known: {LATEST})", meta.version)));
        }
        let header = live.columns().nth(HEADERS).map(|(_, dtype, _)| dtype.clone());
        let header = header.ok_or_else(|| Error::invalid("no headers"))?;
        let foreign = beside(path);
        Ok(Input { path: path.to_path_buf(), live, meta, header, foreign, width: row.width })
    }

    /// Whether the messages of two logs can be in one.
    fn agrees(&self, first: &Input) -> Result<()> {
        let pair = (&self.meta.version, &first.meta.version);
        if pair.0 != pair.1 {
            let first = first.path.display();
            return Err(Error::conflict(format!("log version {} where {first} has {}", pair.0, pair.1)));
        }
        if let (Some(mine), Some(other)) = (&self.meta.io_version, &first.meta.io_version)
            && mine != other
        {
            let first = first.path.display();
            return Err(Error::conflict(format!(
                "message version (io_version) {mine} where {first} has {other}"
            )));
        }
        if self.header != first.header {
            return Err(Error::conflict(format!(
                "headers of type {} where {} has {}",
                self.header,
                first.path.display(),
                first.header
            )));
        }
        Ok(())
    }
}

/// Members of the root group that are not the log's own. A file that cannot be listed has none.
fn beside(path: &Path) -> Vec<String> {
    let list = || -> Result<Vec<String>> {
        let nodes = hyperslab_hdf5::File::open(path)?.nodes("/", Some(1), false, &Limits::default())?;
        Ok(nodes.into_iter().map(|n| n.path).collect())
    };
    let ours = ["", "/", "/meta", "/msgs", "/msg_headers"];
    list().unwrap_or_default().into_iter().filter(|p| !ours.contains(&p.as_str())).collect()
}

/// Memory that is used again from block to block.
#[derive(Default)]
pub(super) struct Copy {
    headers: Vec<u8>,
    rows: VlenRows,
}

impl Copy {
    /// Hands out header row and bytes of each message of a range.
    ///
    /// # Errors
    /// `Invalid` for damage, `Io`, and what `take` returns.
    pub(super) fn range(
        &mut self,
        input: &Input,
        range: Range<u64>,
        take: Take<'_>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let hint = |e: Error| match e.kind() {
            hyperslab_core::Kind::Invalid => {
                e.hint(format!("try 'slab recover {} OUT'", input.path.display()))
            }
            _ => e,
        };
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start.saturating_add(BLOCK));
            self.headers.clear();
            input
                .live
                .rows_into(HEADERS, start..end, &mut self.headers)
                .and_then(|()| input.live.vlen_into(MSGS, start..end, 1, &mut self.rows))
                .map_err(|e| hint(e).file(&input.path))?;
            for (header, message) in self.headers.chunks_exact(input.width.max(1)).zip(self.rows.iter()) {
                take(header, message)?;
            }
            progress(end - start);
            start = end;
        }
        Ok(())
    }
}

impl Input {
    /// Bytes of the file.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn file_bytes(&self) -> Result<u64> {
        self.live.source().len()
    }
}
