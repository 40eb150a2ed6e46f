//! How a command ends: its exit code, and what it says on the way out.

use crate::render::style::{BAD, paint};
use crate::render::text;
use hyperslab::{Error, Kind};
use std::io;
use std::process::ExitCode;

/// What a command answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, or yes: exit code 0.
    Yes,
    /// No: differences or damage were found. Exit code 1.
    No,
    /// Some of it could not be done, and that was said: exit code 2.
    Failed,
}

impl Answer {
    /// The graver of two answers.
    pub(crate) fn and(self, other: Answer) -> Answer {
        match (self, other) {
            (Answer::Failed, _) | (_, Answer::Failed) => Answer::Failed,
            (Answer::No, _) | (_, Answer::No) => Answer::No,
            _ => Answer::Yes,
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// What it works on: said on stderr, exit code 2.
    Error(Error),
    /// Its output: a reader that closed the pipe is content, anything else is an error.
    Output(io::Error),
}

/// The end of a command.
pub(crate) type Outcome<T = Answer> = Result<T, Stop>;

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        // Formatting code reports a closed pipe as the I/O error that it is.
        match e.io_error().map(io::Error::kind) {
            Some(io::ErrorKind::BrokenPipe) => Stop::Output(io::ErrorKind::BrokenPipe.into()),
            _ => Stop::Error(e),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Self {
        Stop::Output(e)
    }
}

/// The exit code of an outcome; an error is said here.
pub(crate) fn code(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::Failed) => ExitCode::from(2),
        Err(Stop::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Output(e)) => {
            say(&Error::io(e, "cannot write to standard output"));
            ExitCode::from(2)
        }
        Err(Stop::Error(e)) => {
            say(&e);
            ExitCode::from(2)
        }
    }
}

/// Says an error on stderr, on one line.
pub(crate) fn say(error: &Error) {
    message(&error.to_string());
}

/// Says one line on stderr.
pub(crate) fn message(line: &str) {
    // Nobody is left to tell when stderr is gone.
    let _ = io::Write::write_all(
        &mut anstream::stderr().lock(),
        format!("{} {}\n", paint(BAD, "slab:"), text::name(line)).as_bytes(),
    );
}

/// A note on stderr: something happened that is not an error.
pub(crate) fn note(line: &str) {
    let _ = io::Write::write_all(
        &mut anstream::stderr().lock(),
        format!("slab: note: {}\n", text::name(line)).as_bytes(),
    );
}

/// A caller's mistake.
pub(crate) fn usage(message: impl Into<std::borrow::Cow<'static, str>>) -> Stop {
    Stop::Error(Error::new(Kind::Usage, message))
}
