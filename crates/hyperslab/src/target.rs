//! What a person points at: `FILE[:PATH][[SLICE]]`, or `FILE:PATH@NAME` for an attribute.
//!
//! File names and object names may themselves contain `:`, `[` and `@`. The longest prefix that names an existing
//! file is the file; of what is left, the longest text that names an object is the path.

use crate::{Container, Limits, Node, Result, Selection};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A file, and what was written after its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    file: PathBuf,
    rest: String,
}

/// What a [`Target`] names inside its container.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Path of the node; empty for the whole file.
    pub path: String,
    /// Name of an attribute of that node.
    pub attribute: Option<String>,
    /// The elements to take; everything unless a slice was given.
    pub selection: Selection,
}

impl Target {
    /// Splits a target; looks at the file system to see which prefix is a file.
    ///
    /// ```
    /// let t = hyperslab::Target::parse("no-such-file.h5:/run/x[0, ::2]");
    /// assert_eq!(t.file(), std::path::Path::new("no-such-file.h5"));
    /// assert_eq!(t.rest(), ":/run/x[0, ::2]");
    /// ```
    pub fn parse(text: impl AsRef<OsStr>) -> Target {
        Target::parse_with(text.as_ref(), |p| p.exists())
    }

    fn parse_with(text: &OsStr, exists: impl Fn(&Path) -> bool) -> Target {
        // A name that is not UTF-8 can only be a whole file name.
        let Some(t) = text.to_str() else { return Target::file_only(text.into()) };
        if t == "-" || exists(Path::new(t)) {
            return Target::file_only(text.into());
        }
        let split = |at: usize| {
            let (file, rest) = t.split_at(at);
            Target { file: file.into(), rest: rest.into() }
        };
        let cuts = || t.char_indices().filter(|&(i, c)| i > 0 && matches!(c, ':' | '[')).map(|(i, _)| i);
        // Standard input cannot be asked whether it exists.
        let is_file = |at: &usize| t.get(..*at).is_some_and(|p| p == "-" || exists(Path::new(p)));
        let found = cuts().filter(is_file).last();
        // Nothing exists: the message should name the likely file, not the whole text.
        let likely = || cuts().find(|&i| !(i == 1 && t.get(i..i + 2) == Some(":\\")));
        match found.or_else(likely) {
            Some(at) => split(at),
            None => Target::file_only(text.into()),
        }
    }

    fn file_only(text: OsString) -> Target {
        Target { file: text.into(), rest: String::new() }
    }

    /// The file; `-` is standard input.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What follows the file's name, as it was written: empty, `:PATH`, `[SLICE]`, ..
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// Whether the target is the whole file.
    pub fn is_whole_file(&self) -> bool {
        matches!(self.rest.as_str(), "" | ":" | ":/")
    }

    /// The readings of the rest, the one with the longest path first.
    ///
    /// # Errors
    /// `Usage` when the rest is nothing that can follow a file name.
    pub fn readings(&self) -> Result<Vec<Place>> {
        let rest = self.rest.as_str();
        if rest.is_empty() {
            return Ok(vec![Place::default()]);
        }
        let path = match rest.strip_prefix(':') {
            Some(path) => path,
            // `FILE[SLICE]`: of the one array.
            None => return Ok(vec![Place { selection: rest.parse()?, ..Place::default() }]),
        };
        let mut places = vec![Place { path: path.into(), ..Place::default() }];
        if path.ends_with(']') {
            let slices = path.rmatch_indices('[').filter_map(|(i, _)| path.split_at_checked(i));
            places.extend(slices.filter_map(|(p, s)| {
                Some(Place { path: p.into(), selection: s.parse().ok()?, ..Place::default() })
            }));
        }
        let names = path.rmatch_indices('@').filter_map(|(i, _)| path.split_at_checked(i));
        places.extend(names.map(|(p, n)| Place {
            path: p.into(),
            attribute: n.get(1..).map(str::to_owned),
            selection: Selection::ALL,
        }));
        places.sort_by_key(|p| std::cmp::Reverse(p.path.len()));
        Ok(places)
    }

    /// The reading whose node (and attribute, if it names one) is there.
    ///
    /// # Errors
    /// `Usage` naming the path when no reading fits; what the container reports otherwise.
    pub fn find(&self, container: &dyn Container, limits: &Limits) -> Result<Place> {
        let mut places = self.readings()?;
        // One reading needs no look-up: reading it says what is wrong with it.
        if places.len() > 1 {
            for place in &places {
                let there = match &place.attribute {
                    None => exists(container, &place.path, limits)?,
                    Some(name) => match container.attributes(&place.path, limits) {
                        Ok(all) => all.iter().any(|(n, _)| n == name),
                        Err(e) if e.kind() == crate::Kind::Usage => false,
                        Err(e) => return Err(e),
                    },
                };
                if there {
                    return Ok(place.clone());
                }
            }
        }
        // The shortest path is the usual reading: `PATH[SLICE]`, `PATH@NAME`.
        let place = places.pop().unwrap_or_default();
        if let Some((path, slice)) = place.path.rsplit_once('[').filter(|_| place.path.ends_with(']'))
            && place.attribute.is_none()
            && !exists(container, &place.path, limits)?
            && exists(container, path, limits)?
        {
            // What is in the brackets is no slice, and what stands before them is there.
            format!("[{slice}").parse::<Selection>().map_err(|e| e.object(path))?;
        }
        Ok(place)
    }
}

/// Whether a path names a node.
fn exists(container: &dyn Container, path: &str, limits: &Limits) -> Result<bool> {
    match container.nodes(path, Some(0), false, limits) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == crate::Kind::Usage => Ok(false),
        Err(e) => Err(e),
    }
}

/// `FILE:PATH`, or `FILE` where the path is empty: a target that can be typed again.
pub fn display(file: &Path, path: &str) -> String {
    match path {
        "" => file.display().to_string(),
        path => format!("{}:{path}", file.display()),
    }
}

/// A path without the slash of its root.
pub(crate) fn bare(path: &str) -> &str {
    path.trim_matches('/')
}

/// The path of a node below `base`; empty for `base` itself. A member's key below the root is the key: its slashes
/// are part of it.
pub(crate) fn relative<'n>(node: &'n Node, base: &str) -> &'n str {
    if node.member.is_some() {
        let (path, below) = (node.path.as_str(), bare(base));
        return match path.strip_prefix(below) {
            _ if below.is_empty() => path,
            Some("") => "",
            _ if path == base => "",
            rest => rest.and_then(|rest| rest.strip_prefix('/')).unwrap_or(path),
        };
    }
    let (path, base) = (bare(&node.path), bare(base));
    path.strip_prefix(base).map_or(path, |rest| rest.trim_start_matches('/'))
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.file.display(), self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, files: &[&str]) -> (String, String) {
        let t = Target::parse_with(OsStr::new(text), |p| files.iter().any(|f| Path::new(f) == p));
        (t.file.display().to_string(), t.rest)
    }

    #[test]
    fn the_longest_existing_name_wins() {
        let files = ["a.h5", "a.h5:b", "a[1].npy", "x@y.nco"];
        assert_eq!(split("a.h5:/x", &files), ("a.h5".into(), ":/x".into()));
        assert_eq!(split("a.h5:b", &files), ("a.h5:b".into(), "".into()));
        assert_eq!(split("a.h5:b:c", &files), ("a.h5:b".into(), ":c".into()));
        assert_eq!(split("a[1].npy[2]", &files), ("a[1].npy".into(), "[2]".into()));
        assert_eq!(split("x@y.nco:@k", &files), ("x@y.nco".into(), ":@k".into()));
        assert_eq!(split("-[0]", &files), ("-".into(), "[0]".into()));
        assert_eq!(split("-:x", &files), ("-".into(), ":x".into()));
        assert_eq!(split("gone.h5:/x[0]", &files), ("gone.h5".into(), ":/x[0]".into()));
        assert_eq!(split("C:\\gone.h5", &[]), ("C:\\gone.h5".into(), "".into()));
    }

    #[test]
    fn the_rest_is_read_longest_path_first() {
        let rest = |rest: &str| {
            let t = Target { file: "f".into(), rest: rest.into() };
            t.readings().unwrap().into_iter().map(|p| (p.path, p.attribute)).collect::<Vec<_>>()
        };
        let none = |p: &str| (p.to_owned(), None);
        assert_eq!(rest(""), [none("")]);
        assert_eq!(rest("[1:2]"), [none("")]);
        assert_eq!(rest(":/x[0, ...]"), [none("/x[0, ...]"), none("/x")]);
        assert_eq!(rest(":a[0][1]"), [none("a[0][1]"), none("a[0]")]);
        assert_eq!(
            rest(":/g@a@b"),
            [none("/g@a@b"), ("/g@a".into(), Some("b".into())), ("/g".into(), Some("a@b".into())),]
        );
        assert_eq!(rest(":@solver"), [none("@solver"), ("".into(), Some("solver".into()))]);
        assert!(Target { file: "f".into(), rest: "[a]".into() }.readings().is_err());
    }
}
