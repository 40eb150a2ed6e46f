//! Other files that a file names: external links, sources of virtual datasets, external raw data.
//!
//! A file is data, not a program that its reader wants to run: it must not make the reader open what lies elsewhere.
//! So a name is looked for beside the file that has it and below that folder, and leads elsewhere only when the
//! caller allowed it. Symbolic links are the user's own and are followed.
//!
//! Source: the order in which libhdf5 1.10 to 2.0 tries places (`H5F_prefix_open_file`), without environment
//! variables and without the process's working directory: an absolute name itself, otherwise or if that is not
//! there its last part; beside the file by its given name, and beside what that name resolves to.

use super::{Context, File};
use hyperslab_core::{Error, Result, Source};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// How many other files are kept open.
const MAX_OPEN: usize = 128;
/// How many files and virtual datasets may lead to one another.
pub(crate) const MAX_NESTED: u32 = 16;
/// What one more file within another takes of the limit of objects: it costs that much more than an object.
const OBJECTS: u64 = 64;

const HINT: &str = "if you trust the file, allow it with '--follow-outside'";

/// Room for one file and where it is.
type Slot = OnceLock<(PathBuf, File<'static>)>;

/// Where the names of other files in a file may lead: of external links, of the sources of virtual datasets, and of
/// external raw data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// To no file: right for bytes that only have a name.
    Nowhere,
    /// To files in the folder of the file and below it.
    #[default]
    Beside,
    /// Anywhere: right for files that are trusted.
    Anywhere,
}

/// The other files of one opened file. They stay open as long as it.
#[derive(Default)]
pub(crate) struct Others {
    /// Where names may lead.
    pub(crate) follow: Follow,
    open: OnceLock<Box<[Slot]>>,
}

impl Others {
    /// None yet, and where names may lead.
    pub(crate) fn following(follow: Follow) -> Others {
        Others { follow, open: OnceLock::new() }
    }

    fn anywhere(&self) -> bool {
        self.follow == Follow::Anywhere
    }

    /// Calls `f` with the file at a path, which stays open when there is room for it.
    pub(crate) fn with<T>(
        &self,
        cx: Context<'_, '_>,
        path: &Path,
        f: impl FnOnce(&File<'static>) -> Result<T>,
    ) -> Result<T> {
        match self.kept(cx, path)? {
            Ok(file) => f(file),
            Err(file) => f(&file),
        }
    }

    /// The file at a path, kept open.
    pub(crate) fn file(&self, cx: Context<'_, '_>, path: &Path) -> Result<&File<'static>> {
        self.kept(cx, path)?
            .map_err(|_| Error::limit(format!("links to more than {MAX_OPEN} other files")).file(path))
    }

    /// The file among those that are kept, or itself when they are too many.
    fn kept(
        &self,
        cx: Context<'_, '_>,
        path: &Path,
    ) -> Result<std::result::Result<&File<'static>, Box<File<'static>>>> {
        let slots = self.open.get_or_init(|| (0..MAX_OPEN).map(|_| OnceLock::new()).collect());
        let known = |slot: &Slot| slot.get().is_some_and(|(p, _)| p == path);
        if let Some(slot) = slots.iter().take_while(|s| s.get().is_some()).find(|s| known(s))
            && let Some((_, file)) = slot.get()
        {
            return Ok(Ok(file));
        }
        cx.limits.count_objects(OBJECTS)?;
        let mut new = (path.to_path_buf(), File::open(path)?.with_filters(cx.file.filters.clone()));
        for slot in slots {
            match slot.set(new) {
                Ok(()) => {}
                // Another thread may have opened it meanwhile.
                Err(_) if known(slot) => {}
                Err(back) => {
                    new = back;
                    continue;
                }
            }
            if let Some((_, file)) = slot.get() {
                return Ok(Ok(file));
            }
            return Err(Error::invalid("a file that was opened and is not there"));
        }
        Ok(Err(Box::new(new.1)))
    }
}

/// Where another file is that the file of `cx` names; `None` when it is not there.
pub(crate) fn find(cx: Context<'_, '_>, name: &[u8]) -> Result<Option<PathBuf>> {
    let shown = String::from_utf8_lossy(name);
    let given = path_of(name).ok_or_else(|| Error::unsupported(format!("file name {shown:?}")))?;
    let folder = reachable(cx).ok_or_else(|| in_memory(&shown))?;
    let plain = |p: &Path| p.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    let mut wanted = given;
    if wanted.has_root() || matches!(wanted.components().next(), Some(Component::Prefix(_))) {
        let inside = wanted.strip_prefix(&folder).is_ok_and(plain);
        if (inside || cx.others.anywhere()) && wanted.is_file() {
            return Ok(Some(wanted.to_path_buf()));
        }
        if !inside && !cx.others.anywhere() && wanted.is_file() {
            return Err(outside(&shown));
        }
        let Some(last) = wanted.file_name() else { return Ok(None) };
        wanted = Path::new(last);
    }
    let resolved = || {
        let own = cx.source.name()?.canonicalize().ok()?;
        own.parent().map(Path::to_path_buf)
    };
    for place in [Some(folder.clone()), resolved()].into_iter().flatten() {
        let path = place.join(wanted);
        if path.is_file() {
            if !plain(wanted) && !cx.others.anywhere() {
                return Err(outside(&shown));
            }
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Where a file of raw data is that the file of `cx` names: there or nowhere, since such a file says nothing of itself
/// by which a wrong one could be told.
pub(crate) fn find_raw(cx: Context<'_, '_>, name: &[u8]) -> Result<PathBuf> {
    let shown = String::from_utf8_lossy(name);
    let given = path_of(name).ok_or_else(|| Error::unsupported(format!("file name {shown:?}")))?;
    let folder = reachable(cx).ok_or_else(|| in_memory(&shown))?;
    let relative = given.strip_prefix(&folder).unwrap_or(given);
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !plain && !cx.others.anywhere() {
        return Err(outside(&shown));
    }
    let path = folder.join(given);
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::usage(format!("elements are in {}, which is not there or no regular file", path.display())))
}

fn in_memory(name: &str) -> Error {
    Error::unsupported(format!("it needs the file {name:?}, and a file in memory lies beside no other"))
}

fn outside(name: &str) -> Error {
    Error::unsupported(format!("it needs the file {name:?}, which is not below the folder of this one"))
        .hint(HINT)
}

/// The folder beside which other files may be looked for.
fn reachable(cx: Context<'_, '_>) -> Option<PathBuf> {
    folder(cx.source).filter(|_| cx.others.follow != Follow::Nowhere)
}

/// The folder of a file that has one.
pub(crate) fn folder(source: &dyn Source) -> Option<PathBuf> {
    let name = std::path::absolute(source.name()?).ok()?;
    name.parent().map(Path::to_path_buf)
}

#[cfg(unix)]
fn path_of(name: &[u8]) -> Option<&Path> {
    use std::os::unix::ffi::OsStrExt;
    Some(Path::new(std::ffi::OsStr::from_bytes(name))).filter(|_| !name.is_empty())
}

#[cfg(not(unix))]
fn path_of(name: &[u8]) -> Option<&Path> {
    std::str::from_utf8(name).ok().filter(|n| !n.is_empty()).map(Path::new)
}

impl<'f, 'l> Context<'f, 'l> {
    /// The context for reading another file on behalf of this one.
    pub(crate) fn within<'g>(self, file: &'g File<'_>) -> Result<Context<'g, 'l>>
    where
        'f: 'g,
    {
        let nested = self.deeper()?;
        Ok(Context {
            source: &file.source,
            sizes: file.superblock.sizes,
            limits: self.limits,
            file,
            others: self.others,
            nested: nested.nested,
        })
    }

    /// The same file, one step further from what was asked for.
    pub(crate) fn deeper(self) -> Result<Self> {
        let nested = self.nested + 1;
        if nested > MAX_NESTED {
            return Err(Error::invalid(format!(
                "more than {MAX_NESTED} files or virtual datasets that lead to one another: they run in a circle"
            )));
        }
        // Each step can branch, so the steps are counted too.
        self.limits.count_objects(OBJECTS << nested.min(8))?;
        Ok(Context { nested, ..self })
    }

    /// Names this file in an error, and makes its offset count from the start of the file, where it is another file
    /// than the one that was opened.
    pub(crate) fn place(self, e: Error) -> Error {
        if e.file_path().is_some() || self.nested == 0 {
            return e;
        }
        let e = e.shifted(self.source.base());
        match self.source.name() {
            Some(name) => e.file(name),
            None => e,
        }
    }
}
