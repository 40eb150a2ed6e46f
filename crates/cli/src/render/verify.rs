//! What checking one file found, a line each.

use super::style::{BAD, DIM, GOOD, paint};
use super::{size, text};
use hyperslab::Error;
use hyperslab::verify::{Verdict, Verified};

/// As many names of code, and places that belong to nothing are told one by one.
const FEW: usize = 4;

/// `FILE: sound: 3 arrays, 1.2 MiB`, or a line for each damage; then what was not checked, and notes.
pub(crate) fn lines(file: &str, found: &Verified, quiet: bool) -> Vec<String> {
    let name = text::name(file);
    let line =
        |style, word: &str, rest: &str| format!("{name}: {}: {}", paint(style, word), text::name(rest));
    let about = |e: &Error| {
        let whole = e.to_string();
        whole.strip_prefix(&format!("{file}: ")).map(str::to_owned).unwrap_or(whole)
    };
    let mut out: Vec<String> = found.damage.iter().map(|e| line(BAD, "damaged", &about(e))).collect();
    out.extend(found.unchecked.iter().map(|e| line(BAD, "not checked", &about(e))));
    if quiet {
        return out;
    }
    if found.verdict() == Verdict::Sound {
        let arrays = if found.arrays == 1 { "1 array".into() } else { format!("{} arrays", found.arrays) };
        out.push(line(GOOD, "sound", &format!("{arrays}, {}", size::bytes(found.bytes))));
    }
    for (path, n) in found.names.iter().take(FEW) {
        let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
        let note =
            format!("{place}refers to {} at byte {}, which was not imported or called", n.name, n.offset);
        out.push(line(DIM, "note", &note));
    }
    if found.names.len() > FEW {
        let more = found.names.len() - FEW;
        out.push(line(DIM, "note", &format!("and to {more} more names; 'slab show' prints them all")));
    }
    let sum: u64 = found.notes.iter().map(|n| n.len).sum();
    let places = match found.notes.len() {
        1 => "1 place".to_owned(),
        n => format!("{n} places"),
    };
    if found.format == Some("hdf5") && sum > 0 {
        // HDF5 leaves free space all over a file; nothing is wrong with it.
        out.push(line(
            DIM,
            "note",
            &format!("{} in {places} are free, or nothing leads to them", size::bytes(sum)),
        ));
    } else if found.notes.len() <= FEW {
        out.extend(found.notes.iter().map(|n| line(DIM, "note", &n.to_string())));
    } else {
        out.push(line(DIM, "note", &format!("{} in {places} belong to nothing", size::bytes(sum))));
    }
    out
}
