//! What of a damaged log belongs to no log, such as `/daq_configs`: read as of any HDF5 file, and written into the new one.
//!
//! Each object with all below it is carried whole, or left out and named. Not here: messages, which come from whatever is
//! left of them (`rows`).

use super::super::fresh::Extra;
use hyperslab_core::{Error, Kind, Limits, Result};
use hyperslab_hdf5::File;

/// What is not of the log itself.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Members of the root group.
    pub(super) objects: Vec<String>,
    /// Attributes of `/meta` that the log machinery does not write.
    pub(super) attributes: Vec<String>,
}

impl Others {
    /// Writes what can be read into the new log; what cannot is returned, as paths, with the reasons.
    ///
    /// # Errors
    /// `Io` when the new log cannot be written.
    pub(super) fn carry(
        self,
        file: Result<File<'_>>,
        new: &mut Extra,
        limits: &Limits,
    ) -> Result<Vec<(String, Error)>> {
        let mut left = Vec::new();
        let file = match file {
            Ok(file) => file,
            Err(e) => {
                let why = || Error::invalid(e.message().to_owned());
                left.extend(self.attributes.into_iter().map(|name| (format!("/meta@{name}"), why())));
                left.extend(self.objects.into_iter().map(|name| (format!("/{name}"), why())));
                return Ok(left);
            }
        };
        for name in self.attributes {
            let value = file.attribute("/meta", &name, limits);
            let done = value.map(|value| new.attribute("/meta", &name, value));
            left.extend(written(done)?.map(|e| (format!("/meta@{name}"), e)));
        }
        // What hangs on objects that every log has.
        for path in ["/", "/msgs", "/msg_headers"] {
            let Ok(found) = file.attributes(path, limits) else { continue };
            for (name, value) in found {
                let done = new.attribute(path, &name, value);
                left.extend(written(Ok(done))?.map(|e| (format!("{path}@{name}"), e)));
            }
        }
        let mut paths: Vec<String> = self.objects.into_iter().map(|name| format!("/{name}")).collect();
        // Together, so that what leads from one to another still does; without those that cannot be read.
        for _ in 0..=MOST_TRIES {
            let Some(e) = objects(&file, &paths, new, limits)? else { return Ok(left) };
            let below = |path: &String| {
                let rest = e.object_path().and_then(|at| at.strip_prefix(path.as_str()));
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
            };
            match paths.iter().position(below) {
                Some(at) => left.push((paths.remove(at), e)),
                None => break,
            }
        }
        // Each by itself: an object with names in two of them becomes two.
        for path in paths {
            let failed = objects(&file, std::slice::from_ref(&path), new, limits)?;
            left.extend(failed.map(|e| (path, e)));
        }
        Ok(left)
    }
}

/// So many objects are left out one by one.
const MOST_TRIES: usize = 8;

/// Why something is left out, if it is: what was read cannot be read, or the new log has no place for it.
fn written(done: Result<Result<()>>) -> Result<Option<Error>> {
    match done {
        Ok(Err(e)) if e.kind() == Kind::Io => Err(e),
        Ok(done) => Ok(done.err()),
        Err(e) => Ok(Some(e)),
    }
}

/// Members of the root group with all below them, or why not: all of it is made in memory first, so nothing of what
/// cannot be read is in the new log.
fn objects(file: &File<'_>, paths: &[String], new: &mut Extra, limits: &Limits) -> Result<Option<Error>> {
    if paths.is_empty() {
        return Ok(None);
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mut unread = None;
    let done = new.add("/", |w| {
        w.carry(file, &paths, limits).map_err(|e| {
            unread = Some(e);
            Error::usage("stopped")
        })
    });
    written(unread.map_or(Ok(done), Err))
}
