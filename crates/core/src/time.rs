//! Times as text: ticks since 1970 as ISO 8601 dates, to the precision of their unit, as NumPy prints `datetime64`.
//!
//! Proleptic Gregorian calendar, no leap seconds, years beyond 9999 and before 0 as NumPy writes them.

use crate::dtype::TimeUnit;

/// `'2020-01-01T00:00:01'` without quotes; `NaT` for not-a-time. Units without a calendar are their ticks.
pub fn date(ticks: i64, unit: &TimeUnit) -> String {
    if ticks == i64::MIN {
        return "NaT".into();
    }
    let n = i128::from(ticks) * i128::from(unit.count);
    // Ticks in one day, and the digits of a second, of the units finer than a day.
    let (per_day, digits) = match unit.base {
        "Y" => return year(n + 1970),
        "M" => return format!("{}-{:02}", year(n.div_euclid(12) + 1970), n.rem_euclid(12) + 1),
        "W" => return day(n * 7),
        "D" => return day(n),
        "h" => (24, None),
        "m" => (1440, None),
        "s" => (86_400, Some(0)),
        "ms" => (86_400 * 10i128.pow(3), Some(3)),
        "us" => (86_400 * 10i128.pow(6), Some(6)),
        "ns" => (86_400 * 10i128.pow(9), Some(9)),
        "ps" => (86_400 * 10i128.pow(12), Some(12)),
        "fs" => (86_400 * 10i128.pow(15), Some(15)),
        "as" => (86_400 * 10i128.pow(18), Some(18)),
        _ => return ticks.to_string(),
    };
    let date = day(n.div_euclid(per_day));
    let rest = n.rem_euclid(per_day);
    let Some(digits) = digits else {
        let minutes = rest * 1440 / per_day;
        let clock = format!("{date}T{:02}", minutes / 60);
        return if unit.base == "h" { clock } else { format!("{clock}:{:02}", minutes % 60) };
    };
    let second = per_day / 86_400;
    let (s, fraction) = (rest / second, rest % second);
    let clock = format!("{date}T{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    match digits {
        0 => clock,
        w => format!("{clock}.{fraction:0w$}"),
    }
}

fn year(y: i128) -> String {
    format!("{y:04}")
}

/// A duration alone, `5 seconds`.
pub fn duration(ticks: i64, unit: &TimeUnit) -> String {
    if ticks == i64::MIN {
        return "NaT".into();
    }
    let name = match unit.base {
        "Y" => "years",
        "M" => "months",
        "W" => "weeks",
        "D" => "days",
        "h" => "hours",
        "m" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "ps" => "picoseconds",
        "fs" => "femtoseconds",
        "as" => "attoseconds",
        _ => "generic time units",
    };
    format!("{} {name}", i128::from(ticks) * i128::from(unit.count))
}

/// The date of a count of days since 1970-01-01.
fn day(days: i128) -> String {
    // Years start in March, so that the leap day is the last; eras of 400 years.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + i128::from(month <= 2);
    format!("{}-{month:02}-{:02}", year(y), doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ticks: i64, base: &'static str) -> String {
        date(ticks, &TimeUnit { count: 1, base })
    }

    #[test]
    fn dates() {
        assert_eq!(at(0, "D"), "1970-01-01");
        assert_eq!(at(-1, "D"), "1969-12-31");
        assert_eq!(at(11_016, "D"), "2000-02-29");
        assert_eq!(at(50, "Y"), "2020");
        assert_eq!(at(-1, "M"), "1969-12");
        assert_eq!(at(1, "h"), "1970-01-01T01");
        assert_eq!(at(61, "m"), "1970-01-01T01:01");
        assert_eq!(at(-1, "s"), "1969-12-31T23:59:59");
        assert_eq!(at(1, "ns"), "1970-01-01T00:00:00.000000001");
        assert_eq!(at(i64::MIN, "s"), "NaT");
        assert_eq!(date(2, &TimeUnit { count: 25, base: "s" }), "1970-01-01T00:00:50");
    }
}
