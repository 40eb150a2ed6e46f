//! A bar, or a turning wheel, on stderr for work that takes longer than half a second, when somebody is looking.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

/// How long nothing is shown.
const QUIET: Duration = Duration::from_millis(500);

/// Work whose end is not known.
pub(crate) struct Wheel {
    bar: ProgressBar,
}

impl Wheel {
    /// Starts the work; nothing is shown yet.
    pub(crate) fn start(what: &'static str) -> Wheel {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
            .with_style(ProgressStyle::default_spinner())
            .with_message(what);
        if std::io::stderr().is_terminal() {
            let later = bar.clone();
            std::thread::spawn(move || {
                std::thread::sleep(QUIET);
                if !later.is_finished() {
                    later.set_draw_target(ProgressDrawTarget::stderr());
                    later.enable_steady_tick(Duration::from_millis(100));
                }
            });
        }
        Wheel { bar }
    }
}

impl Drop for Wheel {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Work counted in bytes or messages.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: bool,
}

impl Progress {
    /// Work of so many bytes, not shown yet.
    pub(crate) fn bytes(total: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(
            "{bar:30} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}",
        ) {
            bar.set_style(style);
        }
        Progress { bar, started: Instant::now(), shown: !std::io::stderr().is_terminal() }
    }

    /// Work of so many messages, not shown yet.
    pub(crate) fn messages(total: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} messages {per_sec} {eta}")
        {
            bar.set_style(style);
        }
        Progress { bar, started: Instant::now(), shown: !std::io::stderr().is_terminal() }
    }

    /// So many are done.
    pub(crate) fn set(&mut self, n: u64) {
        self.add(n.saturating_sub(self.bar.position()));
    }

    /// So many more are done.
    pub(crate) fn add(&mut self, n: u64) {
        self.bar.inc(n);
        if !self.shown && self.started.elapsed() > QUIET {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
