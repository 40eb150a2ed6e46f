//! The machine, its versions and the date: what a measurement must say beside its numbers.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::run::ask;

/// CPU, cores, memory, kernel and compiler in one line each.
pub(crate) fn lines() -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut lines = vec![format!("CPU: {}, {cores} cores", cpu().unwrap_or_else(|| "unknown".to_owned()))];
    if let Some(kernel) = ask("uname", &["-srm"]) {
        lines.push(format!("kernel: {kernel}"));
    }
    if let Some(rustc) = ask("rustc", &["--version"]) {
        lines.push(format!("compiler: {rustc}"));
    }
    lines
}

/// The commit that is checked out, with a mark when files differ from it.
pub(crate) fn commit() -> String {
    let Some(hash) = ask("git", &["rev-parse", "--short=12", "HEAD"]) else { return "no commit".to_owned() };
    match ask("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if !changes.is_empty() => format!("{hash} with changes"),
        _ => hash,
    }
}

/// Today's date in UTC, `YYYY-MM-DD`.
pub(crate) fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    date(i64::try_from(seconds / 86_400).unwrap_or(0))
}

fn cpu() -> Option<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The date of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn date(days: i64) -> String {
    // Years that begin in March put the leap day last, so months have a fixed pattern of 153 days in five.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(19_912), "2024-07-08");
        assert_eq!(date(20_818), "2026-12-31");
    }
}
