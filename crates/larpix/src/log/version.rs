//! Versions of the log and of its messages: `major.minor`, two integers.
//!
//! A file serves a request when its major is the requested one and its minor at least the requested one: what
//! larpix-control's documentation promises. Its code compares minors as text ('0.10' < '0.9') and, on appending,
//! wants equality; the promise is kept here, with integers.

use hyperslab_core::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// The only version of the log that was ever written.
pub const LATEST: Version = Version { major: 0, minor: 0 };

/// A version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Another major is another format.
    pub major: u32,
    /// A greater minor can do all that a smaller one can.
    pub minor: u32,
}

impl Version {
    /// Whether something of this version can be used where `requested` is asked for.
    pub fn serves(self, requested: Version) -> bool {
        self.major == requested.major && self.minor >= requested.minor
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Version> {
        // Digits alone: `parse` would also take a sign.
        let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse().ok()).flatten();
        let parts = text.split_once('.').and_then(|(a, b)| Some((number(a)?, number(b)?)));
        let (major, minor) =
            parts.ok_or_else(|| Error::usage(format!("{text:?} is not a version such as \"0.0\"")))?;
        Ok(Version { major, minor })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Checks a file's log version against a requested one.
///
/// # Errors
/// `Conflict` when it does not serve the request, `Usage` when the request is no version.
pub(super) fn check(file: &str, requested: Option<&str>) -> Result<()> {
    let Some(requested) = requested else { return Ok(()) };
    let wanted: Version = requested.parse()?;
    match file.parse::<Version>() {
        Ok(have) if have.serves(wanted) => Ok(()),
        _ => Err(Error::conflict(format!("log version {file} where {requested} is requested"))),
    }
}

/// Checks a file's message version against a requested one for appending.
///
/// # Errors
/// `Conflict` when it does not serve the request or there is none, `Usage` when the request is no version.
pub(super) fn check_io(file: Option<&str>, requested: Option<&str>) -> Result<()> {
    let Some(requested) = requested else { return Ok(()) };
    let wanted: Version = requested.parse()?;
    match file.map(|f| (f, f.parse::<Version>())) {
        Some((_, Ok(have))) if have.serves(wanted) => Ok(()),
        Some((file, _)) => Err(Error::conflict(format!(
            "message version (io_version) {file} where {requested} is requested"
        ))),
        None => Err(Error::conflict(format!("file has no io_version where {requested} is requested"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_core::Kind;

    #[test]
    fn versions_are_two_integers() {
        for (text, want) in [("0.0", Some((0, 0))), ("0.10", Some((0, 10))), ("12.3", Some((12, 3)))] {
            assert_eq!(text.parse().ok(), want.map(|(major, minor)| Version { major, minor }), "{text}");
        }
        for text in ["", "0", "0.", ".0", "0.0.1", "a.b", "-1.0", "+1.0", "0. 1", "99999999999.0"] {
            assert_eq!(text.parse::<Version>().unwrap_err().kind(), Kind::Usage, "{text}");
        }
    }

    /// The table of the promise: file, requested, append with io_version, read or append with version.
    #[test]
    fn the_table_of_requests() {
        for (file, requested, good) in [
            ("0.1", "0.0", true),
            ("0.1", "0.1", true),
            ("0.1", "0.2", false),
            ("0.1", "1.0", false),
            ("0.10", "0.9", true),
            ("0.9", "0.10", false),
        ] {
            assert_eq!(check(file, Some(requested)).is_ok(), good, "{file} {requested}");
            assert_eq!(check_io(Some(file), Some(requested)).is_ok(), good, "{file} {requested}");
        }
        assert!(check("anything", None).is_ok() && check_io(None, None).is_ok());
        assert_eq!(
            check_io(None, Some("0.0")).unwrap_err().to_string(),
            "file has no io_version where 0.0 is requested"
        );
        assert_eq!(check("0.0", Some("x")).unwrap_err().kind(), Kind::Usage);
        assert_eq!(check("x", Some("0.0")).unwrap_err().kind(), Kind::Conflict);
    }
}
