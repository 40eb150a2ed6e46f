//! The demo's table: one line a step, printed as it is done.

use super::contents::Contents;
use super::folder::Folder;
use crate::exit;
use crate::render::size;
use crate::render::style::{BAD, DIM, GOOD, NAME, paint};
use hyperslab::convert::ConvertOptions;
use hyperslab::{Container, Error, Place, Result, convert, open};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const STEP: usize = 56;
const FILE: usize = 30;

/// The demo under way.
pub(super) struct Demo<'d> {
    pub(super) folder: Folder,
    out: &'d mut dyn Write,
    /// The first error of the output ends the demo quietly.
    broken: Option<io::Error>,
    pub(super) steps: u32,
    pub(super) differ: u32,
}

/// What a step found: nothing, or why its result is not what it should be.
pub(super) type Found = Result<Option<Error>>;

impl<'d> Demo<'d> {
    pub(super) fn new(folder: Folder, out: &'d mut dyn Write) -> Demo<'d> {
        let mut demo = Demo { folder, out, broken: None, steps: 0, differ: 0 };
        let head = format!("{:<STEP$}  {:<FILE$}  {:>8}  {:>7}  agreement", "step", "file", "size", "time");
        demo.line(&paint(DIM, &head));
        demo
    }

    /// A line of text.
    pub(super) fn line(&mut self, text: &str) {
        if self.broken.is_none()
            && let Err(e) = writeln!(self.out, "{text}").and_then(|()| self.out.flush())
        {
            self.broken = Some(e);
        }
    }

    /// The title of a part.
    pub(super) fn title(&mut self, number: u32, title: &str) {
        self.line("");
        self.line(&paint(NAME, &format!("{number}  {title}")));
    }

    /// Does a step, and says what it took and whether its result agrees. `file` names what the step has made.
    pub(super) fn step(&mut self, what: &str, file: &str, work: impl FnOnce(&mut Folder) -> Result<Check>) {
        let start = Instant::now();
        let done = work(&mut self.folder);
        let (time, found) = match done {
            Ok(check) => {
                let time = check.took.unwrap_or_else(|| start.elapsed());
                (time, (check.compare)())
            }
            Err(e) => (start.elapsed(), Err(e)),
        };
        self.row(what, file, time, found);
    }

    /// A step that was done and timed elsewhere.
    pub(super) fn row(&mut self, what: &str, file: &str, time: Duration, found: Found) {
        self.steps += 1;
        let meta = std::fs::metadata(self.folder.file(file)).ok().filter(|m| m.is_file() && !file.is_empty());
        let size = meta.map(|m| size::bytes(stored(&m))).unwrap_or_default();
        let (agreement, why) = match found {
            Ok(None) => (paint(GOOD, "same"), None),
            Ok(Some(why)) | Err(why) => (paint(BAD, "DIFFERS"), Some(why)),
        };
        let time = size::time(time);
        self.line(&format!("   {what:<w$}  {file:<FILE$}  {size:>8}  {time:>7}  {agreement}", w = STEP - 3));
        if let Some(why) = why {
            self.differ += 1;
            exit::say(&why);
        }
    }

    /// Converts a file of the folder, or one thing in it, to another, and compares both.
    pub(super) fn carry(&mut self, what: &str, from: &str, path: &str, to: &str, options: &ConvertOptions) {
        self.step(what, to, |folder| {
            if to.ends_with(".dat") {
                // Metadata of an earlier demo would lie beside the new file.
                folder.new_file(&format!("{to}.meta.json"))?;
            }
            let (from, to) = (folder.file(from), folder.new_file(to)?);
            let start = Instant::now();
            let input = open(&from)?;
            let place = Place { path: path.to_owned(), ..Place::default() };
            convert(&*input, &place, &to, Vec::new(), options)?;
            let took = start.elapsed();
            let want = Contents::of(&*input, path)?;
            Ok(Check::new(move || Ok(want.difference(&contents(&to)?, true))).took(took))
        });
    }

    /// Ends the table.
    pub(super) fn finish(self) -> io::Result<()> {
        self.broken.map_or(Ok(()), Err)
    }
}

/// What remains to be compared when a step is done; it is not part of its time.
pub(super) struct Check {
    took: Option<Duration>,
    compare: Box<dyn FnOnce() -> Found>,
}

impl Check {
    pub(super) fn new(compare: impl FnOnce() -> Found + 'static) -> Check {
        Check { took: None, compare: Box::new(compare) }
    }

    /// How long the step itself took, where it is not all that was done.
    pub(super) fn took(mut self, took: Duration) -> Check {
        self.took = Some(took);
        self
    }
}

/// The bytes that a file takes: a log that is being written is longer than what is in it, and the rest a hole.
fn stored(meta: &std::fs::Metadata) -> u64 {
    #[cfg(unix)]
    let blocks = std::os::unix::fs::MetadataExt::blocks(meta).saturating_mul(512);
    #[cfg(not(unix))]
    let blocks = u64::MAX;
    meta.len().min(blocks)
}

/// Everything in a file.
pub(super) fn contents(file: &Path) -> Result<Contents> {
    let container: Box<dyn Container> = open(file)?;
    Contents::of(&*container, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_counted_and_shown() {
        let dir = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        let mut demo = Demo::new(Folder::open(dir.path()).unwrap(), &mut out);
        demo.step("good", "", |_| Ok(Check::new(|| Ok(None))));
        demo.step("bad", "", |_| Ok(Check::new(|| Ok(Some(Error::invalid("other bytes"))))));
        demo.step("broken", "", |_| Err(Error::invalid("no file")));
        assert_eq!((demo.steps, demo.differ), (3, 2));
        demo.finish().unwrap();
        let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
        let words: Vec<&str> = text.lines().filter_map(|l| l.split_whitespace().last()).collect();
        assert_eq!(words, ["agreement", "same", "DIFFERS", "DIFFERS"]);
    }
}
