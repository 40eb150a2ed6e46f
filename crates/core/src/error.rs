//! The one error type, sorted by whose fault it is.
//!
//! An error says what was being read, where (file, object path, byte offset), what was found, what was
//! expected and, where there is one, what to do about it. Decoders know the offset and the structure, readers
//! the object path, callers the file: each adds what it knows with [`Error::at`], [`Error::object`],
//! [`Error::file`] (or the same verbs on a `Result` through [`ResultExt`]), and what was set first stays.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The operating system refused or failed.
    Io,
    /// The file breaks its format's rules.
    Invalid,
    /// The file may be right; this version does not handle what it uses.
    Unsupported,
    /// Refused on purpose: the operation would pass one of its [`Limits`](crate::Limits).
    Limit,
    /// The caller asked for something that cannot be: a name that is not there, a shape that does not fit.
    Usage,
    /// Somebody else holds or changed the file, or its version does not go with the request.
    Conflict,
}

/// What went wrong, where, and whose fault it is.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    reading: Option<Cow<'static, str>>,
    offset: Option<u64>,
    object: Option<String>,
    file: Option<PathBuf>,
    hint: Option<Cow<'static, str>>,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error of a kind with its message: lower case, no full stop, found and expected in it.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            reading: None,
            offset: None,
            object: None,
            file: None,
            hint: None,
            source: None,
        }))
    }

    /// The file breaks its format's rules.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// Valid, as far as is known, but not handled by this version.
    pub fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    /// Refused because it would pass a limit.
    pub fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Limit, message)
    }

    /// The caller's request cannot be met.
    pub fn usage(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Another program, lock or version stands in the way.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// An operating-system error with what was being done.
    pub fn io(source: std::io::Error, doing: impl Into<Cow<'static, str>>) -> Self {
        let mut e = Self::new(Kind::Io, doing);
        e.0.source = Some(source);
        e
    }

    /// Adds the byte offset in the file (absolute), unless one is set.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// Shifts the offset by the position of the enclosing structure: for parsers of a slice that count from
    /// its start.
    #[must_use]
    pub fn shifted(mut self, base: u64) -> Self {
        if let Some(o) = &mut self.0.offset {
            *o = o.saturating_add(base);
        }
        self
    }

    /// Adds the name of the structure being read (`"object header"`, `"chunk (3,)"`), unless one is set.
    #[must_use]
    pub fn reading(mut self, what: impl Into<Cow<'static, str>>) -> Self {
        self.0.reading.get_or_insert_with(|| what.into());
        self
    }

    /// Adds the path of the object in the container, unless one is set.
    #[must_use]
    pub fn object(mut self, path: impl Into<String>) -> Self {
        self.0.object.get_or_insert_with(|| path.into());
        self
    }

    /// Adds the file, unless one is set.
    #[must_use]
    pub fn file(mut self, path: impl AsRef<Path>) -> Self {
        self.0.file.get_or_insert_with(|| path.as_ref().to_path_buf());
        self
    }

    /// Names another file in place of the one that is set: for a file that was written aside and is known to the
    /// user by its final name.
    #[must_use]
    pub fn renamed(mut self, path: impl AsRef<Path>) -> Self {
        self.0.file = Some(path.as_ref().to_path_buf());
        self
    }

    /// Adds what the user can do about it, unless it is set.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The message alone, without file, object and offset.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The absolute byte offset, where known.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The path of the object in the container, where known.
    pub fn object_path(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// The file, where known.
    pub fn file_path(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The operating system's own error, for [`Kind::Io`].
    pub fn io_error(&self) -> Option<&std::io::Error> {
        self.0.source.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let e = &*self.0;
        if let Some(p) = &e.file {
            write!(f, "{}: ", p.display())?;
        }
        if let Some(o) = e.object.as_deref().filter(|o| !o.is_empty()) {
            write!(f, "{o}: ")?;
        }
        match (&e.reading, e.offset) {
            (Some(r), Some(o)) => write!(f, "{r} at byte {o}: ")?,
            (Some(r), None) => write!(f, "{r}: ")?,
            (None, Some(o)) => write!(f, "byte {o}: ")?,
            (None, None) => {}
        }
        f.write_str(&e.message)?;
        if let Some(s) = &e.source {
            write!(f, ": {s}")?;
        }
        if let Some(h) = &e.hint {
            write!(f, "; {h}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}

/// Adds context to the error of a result; what an inner call set first stays.
pub trait ResultExt<T> {
    /// See [`Error::file`].
    fn in_file(self, path: impl AsRef<Path>) -> Result<T>;
    /// See [`Error::object`].
    fn in_object(self, path: &str) -> Result<T>;
    /// See [`Error::reading`] and [`Error::at`].
    fn reading(self, what: &'static str, offset: u64) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T> {
    fn in_file(self, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|e| e.file(path))
    }
    fn in_object(self, path: &str) -> Result<T> {
        self.map_err(|e| e.object(path))
    }
    fn reading(self, what: &'static str, offset: u64) -> Result<T> {
        self.map_err(|e| e.reading(what).at(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_the_contract() {
        let e = Error::invalid("deflate stream ends early (wanted 8192 bytes, got 5120)")
            .reading("chunk (3,)")
            .at(40960)
            .object("/msgs")
            .file("run.h5")
            .hint("try 'slab recover run.h5 out.h5'");
        assert_eq!(
            e.to_string(),
            "run.h5: /msgs: chunk (3,) at byte 40960: deflate stream ends early (wanted 8192 bytes, got 5120); \
             try 'slab recover run.h5 out.h5'"
        );
    }

    #[test]
    fn the_innermost_context_stays() {
        let e = Error::invalid("x").at(5).at(9).object("/a").object("/b").reading("inner").reading("outer");
        assert_eq!(e.to_string(), "/a: inner at byte 5: x");
    }
}
