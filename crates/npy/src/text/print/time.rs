//! Times as Python's `datetime` has them: what fits becomes a date, a moment or a span, what does not stays its number
//! of ticks, as do units finer than a microsecond.
//! Source: `numpy.datetime64.item` of NumPy 2.4, probed.

use super::Item;
use hyperslab_core::dtype::TimeUnit;
use std::io::Write as _;

/// Not a time.
const NAT: i64 = i64::MIN;
/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// A day of the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::text) struct Date {
    year: i64,
    month: i64,
    day: i64,
}

/// A day and the microseconds since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::text) struct Moment {
    date: Date,
    micros: i128,
}

/// Days, and microseconds below a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::text) struct Delta {
    days: i128,
    micros: i128,
}

/// Microseconds of a unit of fixed length.
fn micros(base: &str) -> Option<i128> {
    Some(match base {
        "W" => 7 * DAY,
        "D" => DAY,
        "h" => DAY / 24,
        "m" => 60_000_000,
        "s" => 1_000_000,
        "ms" => 1000,
        "us" | "\u{3bc}s" => 1,
        _ => return None,
    })
}

pub(super) fn datetime(unit: TimeUnit, ticks: i64) -> Item<'static> {
    if ticks == NAT || unit.base.is_empty() {
        return Item::None;
    }
    let n = i128::from(ticks) * i128::from(unit.count);
    let found = match unit.base {
        "Y" => year(n + 1970).map(|year| Item::Date(Date { year, month: 1, day: 1 })),
        "M" => year(1970 + n.div_euclid(12)).map(|year| {
            let month = i64::try_from(n.rem_euclid(12)).unwrap_or(0) + 1;
            Item::Date(Date { year, month, day: 1 })
        }),
        base => micros(base).and_then(|size| {
            let all = n * size;
            let date = Date::from_days(all.div_euclid(DAY))?;
            Some(match base {
                "W" | "D" => Item::Date(date),
                _ => Item::Moment(Moment { date, micros: all.rem_euclid(DAY) }),
            })
        }),
    };
    found.unwrap_or(Item::Int(ticks.into()))
}

pub(super) fn timedelta(unit: TimeUnit, ticks: i64) -> Item<'static> {
    if ticks == NAT {
        return Item::None;
    }
    let n = i128::from(ticks) * i128::from(unit.count);
    match micros(unit.base).map(|size| n * size) {
        Some(all) if all.div_euclid(DAY).abs() <= 999_999_999 => {
            Item::Delta(Delta { days: all.div_euclid(DAY), micros: all.rem_euclid(DAY) })
        }
        _ => Item::Int(ticks.into()),
    }
}

fn year(n: i128) -> Option<i64> {
    i64::try_from(n).ok().filter(|year| (1..=9999).contains(year))
}

impl Date {
    /// The date so many days after the first of January 1970, in the Gregorian calendar extended to all years.
    fn from_days(days: i128) -> Option<Date> {
        let days = i64::try_from(days).ok().filter(|days| days.abs() < 4_000_000)?;
        // Years of 400 begin on the first of March, so that the leap day comes last.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year(i128::from(year_of_era + era * 400 + i64::from(month <= 2)))?;
        Some(Date { year, month, day })
    }

    pub(super) fn push(self, out: &mut Vec<u8>) {
        drop(write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day));
    }

    pub(super) fn push_repr(self, out: &mut Vec<u8>) {
        drop(write!(out, "datetime.date({}, {}, {})", self.year, self.month, self.day));
    }
}

/// Hours, minutes, seconds and microseconds of a day.
fn clock(micros: i128) -> (i128, i128, i128, i128) {
    let seconds = micros / 1_000_000;
    (seconds / 3600, seconds / 60 % 60, seconds % 60, micros % 1_000_000)
}

impl Moment {
    pub(super) fn push(self, out: &mut Vec<u8>) {
        self.date.push(out);
        let (h, m, s, us) = clock(self.micros);
        drop(write!(out, " {h:02}:{m:02}:{s:02}"));
        if us != 0 {
            drop(write!(out, ".{us:06}"));
        }
    }

    pub(super) fn push_repr(self, out: &mut Vec<u8>) {
        let (h, m, s, us) = clock(self.micros);
        let Date { year, month, day } = self.date;
        drop(write!(out, "datetime.datetime({year}, {month}, {day}, {h}, {m}"));
        if s != 0 || us != 0 {
            drop(write!(out, ", {s}"));
        }
        if us != 0 {
            drop(write!(out, ", {us}"));
        }
        out.push(b')');
    }
}

impl Delta {
    pub(super) fn push(self, out: &mut Vec<u8>) {
        if self.days != 0 {
            let plural = if self.days.abs() == 1 { "" } else { "s" };
            drop(write!(out, "{} day{plural}, ", self.days));
        }
        let (h, m, s, us) = clock(self.micros);
        drop(write!(out, "{h}:{m:02}:{s:02}"));
        if us != 0 {
            drop(write!(out, ".{us:06}"));
        }
    }

    pub(super) fn push_repr(self, out: &mut Vec<u8>) {
        let (seconds, us) = (self.micros / 1_000_000, self.micros % 1_000_000);
        let parts = [("days", self.days), ("seconds", seconds), ("microseconds", us)];
        let shown: Vec<String> =
            parts.iter().filter(|(_, n)| *n != 0).map(|(name, n)| format!("{name}={n}")).collect();
        let shown = if shown.is_empty() { "0".into() } else { shown.join(", ") };
        drop(write!(out, "datetime.timedelta({shown})"));
    }
}
