//! The processor that rows of one thread run on.
//!
//! The processors of a virtual machine are not alike: one may take half as long again for fresh pages as its neighbor,
//! all day, and which of them a program gets is left to chance. Both sides of a row get the same one.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::run::{Result, command, output};

/// Tries of each processor, in turns.
const TRIES: usize = 5;

/// The processor that fills fresh pages soonest; none where there is one, or no way to choose.
pub(super) fn quickest(scratch: &Path) -> Option<usize> {
    let all = allowed()?;
    let file = scratch.join("pages");
    let mut best = vec![f64::INFINITY; all.len()];
    for _ in 0..TRIES {
        for (best, &processor) in best.iter_mut().zip(&all) {
            let mut fill = command("dd");
            fill.arg("if=/dev/zero").arg(format!("of={}", file.display())).args(["bs=256K", "count=1000", "status=none"]);
            let start = Instant::now();
            pinned(fill, Some(processor)).ok()?;
            *best = best.min(start.elapsed().as_secs_f64());
            std::fs::remove_file(&file).ok()?;
        }
    }
    let quickest = best.iter().zip(&all).min_by(|a, b| a.0.total_cmp(b.0));
    quickest.filter(|_| all.len() > 1).map(|(_, processor)| *processor)
}

/// The processors that this program may run on, where the system tells.
fn allowed() -> Option<Vec<usize>> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut all = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        all.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(all)
}

/// What a command prints, run on one processor where one is given.
pub(super) fn pinned(mut program: Command, processor: Option<usize>) -> Result<String> {
    let Some(processor) = processor else { return output(&mut program) };
    let mut on = command("taskset");
    on.args(["-c", &processor.to_string()]).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => on.env(name, value),
            None => on.env_remove(name),
        };
    }
    output(&mut on)
}
