//! Files that are no message log: what they are instead, for whoever named one by mistake.
//!
//! A log is opened by code that knows one way of storing one, and says of other files which structure it stumbled
//! over. Where that happens the file is looked at once more, as any HDF5 file, to say what is in it. Not a check: what
//! is damaged keeps the error that says where.

use super::columns::{HeaderRow, NAMES};
use super::reader::LogReader;
use hyperslab_core::source::FileSource;
use hyperslab_core::{Container as _, Dtype, Error, Kind, Limits, Node, NodeKind, Result, Source as _};
use hyperslab_hdf5::File;
use hyperslab_hdf5::append::Live;
use hyperslab_hdf5::format::superblock;
use std::fmt::Write as _;
use std::path::Path;

const NOT: &str = "not a message log";
/// Members of the root group that are named.
const NAMED: usize = 5;
/// The members of a log, in the order in which larpix-control makes them.
const MEMBERS: [&str; 3] = ["meta", "msgs", "msg_headers"];

/// What opening the log at `path` failed with, or what the file is where it is no log.
pub(super) fn or_else(e: Error, path: &Path) -> Error {
    if !matches!(e.kind(), Kind::Usage | Kind::Unsupported | Kind::Invalid) || e.io_error().is_some() {
        return e.file(path);
    }
    if !is_hdf5(path) {
        return Error::invalid("not a message log: not an HDF5 file, no signature").file(path);
    }
    // What cannot be listed is damaged, and `e` says where.
    let Ok(root) = root(path) else { return e.file(path) };
    if MEMBERS.iter().any(|name| !root.iter().any(|n| name_of(n) == *name)) {
        return other(&what(&root, path)).file(path);
    }
    if e.kind() != Kind::Unsupported || e.message().starts_with(NOT) || is_log(path) {
        return e.file(path);
    }
    // Members of a log, in a form that no writer of logs gives them.
    let mut said = Error::unsupported(format!("{NOT}: {}", e.message())).file(path);
    if let Some(object) = e.object_path() {
        said = said.object(object);
    }
    match e.offset() {
        Some(at) => said.at(at),
        None => said,
    }
}

/// Whether readers take it for a log, whatever a writer has against it.
fn is_log(path: &Path) -> bool {
    let live = FileSource::open(path).and_then(|source| Live::open(source, &NAMES));
    live.is_ok_and(|live| HeaderRow::of(live.columns().map(|(name, dtype, _)| (name, dtype))).is_ok())
}

/// What a file of which nothing could be recovered, for the reason `e`, is instead.
pub(super) fn instead(e: Error, path: &Path) -> Error {
    if e.kind() != Kind::Unsupported || !is_hdf5(path) {
        return e.file(path);
    }
    let read = LogReader::open(path).err();
    read.filter(|r| r.kind() == Kind::Unsupported && r.message().starts_with(NOT)).unwrap_or(e.file(path))
}

fn other(what: &What) -> Error {
    let e = Error::unsupported(format!("{NOT}: {}", what.text));
    match &what.hint {
        Some(hint) => e.hint(hint.clone()),
        None => e,
    }
}

struct What {
    text: String,
    hint: Option<String>,
}

/// What a file with these members of the root group is.
fn what(root: &[Node], path: &Path) -> What {
    let find = |name: &str| root.iter().find(|n| name_of(n) == name);
    if let Some(node) = ["packets", "raw_packet"].into_iter().find_map(find).filter(|n| is_packets(n)) {
        let path = path.display();
        return What {
            text: "this is a LArPix packet file".into(),
            hint: Some(format!("use 'slab show {path}:{}'", node.path)),
        };
    }
    if find("msgs").is_some() && find("io_groups").is_some() && find("msg_headers").is_none() {
        let text = "a log of before version 0.0, with \"io_groups\" instead of \"msg_headers\"".into();
        return What { text, hint: None };
    }
    let absent: Vec<_> = MEMBERS.into_iter().filter(|n| find(n).is_none()).collect();
    if absent.len() < MEMBERS.len() {
        let absent: Vec<String> = absent.iter().map(|n| format!("{n:?}")).collect();
        return What { text: format!("no member {} in the root group", absent.join(" and ")), hint: None };
    }
    let mut text = match root.len() {
        0 => "an HDF5 file with nothing in it".to_owned(),
        _ => "an HDF5 file with ".to_owned(),
    };
    for (i, node) in root.iter().take(NAMED).enumerate() {
        let _ = write!(text, "{}{}", if i > 0 { ", " } else { "" }, node.path);
    }
    if root.len() > NAMED {
        let _ = write!(text, " and {} more", root.len() - NAMED);
    }
    What { text, hint: None }
}

/// Rows of packets have fields that nothing else has together.
fn is_packets(node: &Node) -> bool {
    let Some(Dtype::Struct(s)) = &node.dtype else { return false };
    let has = |name: &str| s.fields.iter().any(|f| f.name == name);
    (has("packet_type") || has("type")) && has("timestamp") && has("valid_parity")
}

/// The members of the root group.
fn root(path: &Path) -> Result<Vec<Node>> {
    let nodes = File::open(path)?.nodes("/", Some(1), false, &Limits::default())?;
    Ok(nodes.into_iter().filter(|n| n.path != "/" && !n.path.is_empty()).collect())
}

fn name_of(node: &Node) -> &str {
    match node.kind {
        NodeKind::Link => "",
        _ => node.path.trim_start_matches('/'),
    }
}

/// Whether a superblock is where one can be: at 0, or at a power of two from 512 on.
fn is_hdf5(path: &Path) -> bool {
    let Ok(source) = FileSource::open(path) else { return false };
    let mut at = 0u64;
    let mut bytes = [0; superblock::SIGNATURE.len()];
    while source.read_exact_at(at, &mut bytes).is_ok() {
        if bytes == superblock::SIGNATURE {
            return true;
        }
        at = if at == 0 { 512 } else { at.saturating_mul(2) };
    }
    false
}
