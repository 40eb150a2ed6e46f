//! The modification-time message: when an object with a version 1 header was changed.
//!
//! Version 2 headers have their times before the messages.
//!
//! Source: HDF5 File Format Specification 3.0, sections IV.A.2.o and s.

use crate::format::{Cursor, Put};
use hyperslab_core::Result;

/// Parses a body: seconds since 1970.
///
/// # Errors
/// `Invalid`, `Unsupported` for unknown versions.
pub fn parse(body: &[u8], offset: u64) -> Result<u32> {
    let mut c = Cursor::new(body, "modification time", offset);
    c.version(1, 1)?;
    c.skip(3)?;
    c.u32()
}

/// Parses the body of the old message, fourteen digits of a date and time in UTC; `None` for what is none.
pub fn parse_old(body: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(body.get(..14)?).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since the first of March of year 0, which is 719468 days before 1970: leap days come last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    u32::try_from(86_400 * days + 3600 * hour + 60 * minute + second).ok()
}

/// Appends a body.
pub fn emit(seconds: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&[1, 0, 0, 0]);
    out.put_u32(seconds);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let mut out = Vec::new();
        emit(1_234_567_890, &mut out);
        assert_eq!(parse(&out, 0).unwrap(), 1_234_567_890);
        assert!(parse(&out[..7], 0).is_err());
        assert_eq!(parse_old(b"20090213233130\0\0"), Some(1_234_567_890));
        assert_eq!(parse_old(b"19700101000000"), Some(0));
        assert_eq!(parse_old(b"20000229000000"), Some(951_782_400));
        for none in [&b"20091313233130"[..], b"2009021323313", b"2009-02-13....", b""] {
            assert_eq!(parse_old(none), None);
        }
    }
}
