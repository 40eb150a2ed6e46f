//! Member names: how they are stored, which key each gets, and which are fit to be written.
//!
//! Source: PKWARE APPNOTE 6.3.10, sections 4.4.17 and D.1 (code page 437 or UTF-8); `numpy.load` of NumPy 2.4 for
//! the keys.

use hyperslab_core::{Error, Result};

/// What NumPy adds to a key to make the name of its member.
pub(super) const SUFFIX: &str = ".npy";

/// The raw member that holds the attributes of all others.
pub(super) const METADATA: &str = "metadata.json";

/// Code page 437 from 0x80 on.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Appends a stored name as text.
pub(super) fn decode(name: &[u8], utf8: bool, out: &mut String) -> Result<()> {
    if let Some(nul) = name.iter().position(|&b| b == 0) {
        return Err(Error::invalid(format!("NUL at byte {nul} of a member's name")));
    }
    if utf8 || name.is_ascii() {
        let text = std::str::from_utf8(name).map_err(|_| {
            Error::invalid(format!(
                "a member's name is marked as UTF-8 and is not: {:?}",
                String::from_utf8_lossy(name)
            ))
        })?;
        out.push_str(text);
        return Ok(());
    }
    let high: Vec<char> = CP437.chars().collect();
    out.extend(name.iter().map(|&b| match b.checked_sub(0x80) {
        None => char::from(b),
        Some(i) => high.get(usize::from(i)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
    }));
    Ok(())
}

/// Checks that a key can be written so that every reader finds it again under the same name, and no program that
/// unpacks the archive writes outside its folder.
pub(super) fn check_key(key: &str) -> Result<()> {
    let reason = if key.is_empty() {
        "is empty"
    } else if key.len() + SUFFIX.len() > usize::from(u16::MAX) {
        "is longer than a ZIP archive can hold"
    } else if key.chars().any(char::is_control) {
        "holds control characters"
    } else if key.contains('\\') || key.starts_with('/') {
        "is a path on some systems"
    } else if key.split('/').any(|part| matches!(part, "" | "." | "..")) {
        "has an empty, '.' or '..' component"
    } else if key == METADATA {
        "is the member that holds the metadata"
    } else {
        return Ok(());
    };
    Err(unfit(key, reason))
}

/// Checks that a member can keep its name: beyond what NumPy finds under it, that no reader takes it for another one
/// or for a place in a folder above. A name that another archive has may begin with a slash, and its parts be empty.
pub(super) fn check_name(name: &str) -> Result<()> {
    let reason = if name.len() > usize::from(u16::MAX) {
        "is longer than a ZIP archive can hold"
    } else if name.chars().any(char::is_control) {
        "holds control characters"
    } else if name.contains('\\') {
        "is a path on some systems"
    } else if name.split('/').any(|part| part == "..") {
        "has a '..' component"
    } else if name.ends_with('/') {
        "is that of a folder"
    } else if name.strip_suffix(SUFFIX).unwrap_or(name) == METADATA {
        "is the member that holds the metadata"
    } else {
        return Ok(());
    };
    Err(unfit(name, reason))
}

fn unfit(name: &str, reason: &str) -> Error {
    let shown: String = name.chars().take(60).collect();
    Error::usage(format!("the name {shown:?} cannot be stored in an NPZ: it {reason}"))
}

/// Whether a new key cannot stand beside those that are taken: a key that is another one with `.npy` would be found
/// in its place.
pub(super) fn clashes(key: &str, taken: impl Fn(&str) -> bool) -> bool {
    taken(key) || taken(&format!("{key}{SUFFIX}")) || key.strip_suffix(SUFFIX).is_some_and(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_both_encodings() {
        let text = |b: &[u8], utf8| {
            let mut s = String::new();
            decode(b, utf8, &mut s).map(|()| s)
        };
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(text(b"a\x81\xe1\xff", false).unwrap(), "aüß\u{a0}");
        assert_eq!(text("aüß".as_bytes(), true).unwrap(), "aüß");
        assert!(text(b"\xff", true).is_err());
        assert!(text(b"a\0b", false).is_err());
    }

    #[test]
    fn keys_that_escape_are_not_written() {
        for key in ["a", "d/a", "a.b", "été", "a b", "...", "a..b", "C:x"] {
            check_key(key).unwrap();
        }
        for key in ["", "/a", "a/../b", "..", "./a", "a//b", "a/", "a\\b", "a\x07", "metadata.json"] {
            assert!(check_key(key).is_err(), "{key:?}");
        }
        assert!(check_key(&"x".repeat(65_532)).is_err());
    }

    #[test]
    fn names_that_an_archive_has_are_kept() {
        for name in ["/a.npy", ".npy", "a.npy.npy", "a", "a//b.npy", "/.npy", "..npy", "x/metadata.json"] {
            check_name(name).unwrap();
        }
        for name in ["../a.npy", "a\\b.npy", "a\x07.npy", "a/", "metadata.json", "metadata.json.npy"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
