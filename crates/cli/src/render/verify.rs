//! What checking one file found, a line each.

use super::style::{BAD, DIM, GOOD, paint};
use super::{size, text};
use hyperslab::Error;
use hyperslab::verify::{Verdict, Verified};

/// As many places that belong to nothing are told one by one: HDF5 leaves free space all over a file.
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
    if found.notes.len() <= FEW {
        out.extend(found.notes.iter().map(|n| line(DIM, "note", &n.to_string())));
    } else if let Some(most) = found.notes.iter().max_by_key(|n| n.len) {
        let sum: u64 = found.notes.iter().map(|n| n.len).sum();
        out.push(line(
            DIM,
            "note",
            &format!(
                "{sum} bytes in {} places belong to nothing, {} of them from byte {} on",
                found.notes.len(),
                most.len,
                most.offset
            ),
        ));
    }
    out
}
