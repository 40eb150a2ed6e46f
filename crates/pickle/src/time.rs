//! Dates and times of Python's `datetime` module: from the packed bytes of their reductions to fields.
//!
//! The packed layouts were read off `datetime.__reduce_ex__` of CPython 3.11: year big-endian, month (its high
//! bit is the fold), day, hour, minute, second, microsecond big-endian in three bytes.

use crate::node::NodeId;
use hyperslab_core::{Error, Result};

/// A date or time. Zones are nodes: usually a [`Moment::Zone`], or an opaque object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Date(Date),
    Time(Clock, Option<NodeId>),
    DateTime(Date, Clock, Option<NodeId>),
    /// Normalized as Python does: only the days may be negative.
    Delta {
        days: i64,
        seconds: i64,
        microseconds: i64,
    },
    /// A fixed offset in microseconds, and its name.
    Zone(i64, Option<NodeId>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: u16,
    pub(crate) month: u8,
    pub(crate) day: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) microsecond: u32,
    pub(crate) fold: bool,
}

pub(crate) const DAY: i64 = 86_400_000_000;

impl Date {
    /// From the four bytes of `datetime.date`.
    pub(crate) fn unpack(b: [u8; 4]) -> Result<Date> {
        let d = Date { year: u16::from_be_bytes([b[0], b[1]]), month: b[2], day: b[3] };
        if !(1..=9999).contains(&d.year) || d.day == 0 || d.day > days_in_month(d.year, d.month) {
            return Err(Error::invalid(format!("{d} is not a date")));
        }
        Ok(d)
    }

    /// From the text that `Display` gives.
    pub(crate) fn parse(text: &str) -> Option<Date> {
        let [year, month, day] = numbers(text, '-')?;
        let [a, b] = u16::try_from(year).ok()?.to_be_bytes();
        Date::unpack([a, b, u8::try_from(month).ok()?, u8::try_from(day).ok()?]).ok()
    }

    pub(crate) fn pack(self) -> [u8; 4] {
        let [a, b] = self.year.to_be_bytes();
        [a, b, self.month, self.day]
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Clock {
    /// From the six bytes of `datetime.time`. The fold is the high bit of the first byte there, and of the month
    /// in `datetime.datetime`.
    pub(crate) fn unpack(b: [u8; 6]) -> Result<Clock> {
        let c = Clock {
            hour: b[0] & 0x7f,
            minute: b[1],
            second: b[2],
            microsecond: u32::from_be_bytes([0, b[3], b[4], b[5]]),
            fold: b[0] & 0x80 != 0,
        };
        if c.hour > 23 || c.minute > 59 || c.second > 59 || c.microsecond > 999_999 {
            return Err(Error::invalid(format!("{c} is not a time of day")));
        }
        Ok(c)
    }

    /// From the text that `Display` gives; the fold is not in it.
    pub(crate) fn parse(text: &str) -> Option<Clock> {
        let (clock, fraction) = text.split_once('.').unwrap_or((text, "000000"));
        let [hour, minute, second] = numbers(clock, ':')?;
        let microsecond = Some(fraction).filter(|f| f.len() == 6)?.parse::<u32>().ok()?;
        let [_, x, y, z] = microsecond.to_be_bytes();
        let part = |n: u32, most: u32| u8::try_from(n).ok().filter(|_| n <= most);
        Clock::unpack([part(hour, 23)?, part(minute, 59)?, part(second, 59)?, x, y, z]).ok()
    }

    pub(crate) fn pack(self) -> [u8; 6] {
        let [_, x, y, z] = self.microsecond.to_be_bytes();
        [self.hour | if self.fold { 0x80 } else { 0 }, self.minute, self.second, x, y, z]
    }
}

impl std::fmt::Display for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.hour, self.minute, self.second)?;
        if self.microsecond != 0 { write!(f, ".{:06}", self.microsecond) } else { Ok(()) }
    }
}

/// From the ten bytes of `datetime.datetime`.
pub(crate) fn unpack_datetime(b: [u8; 10]) -> Result<(Date, Clock)> {
    let fold = b[2] & 0x80 != 0;
    let date = Date::unpack([b[0], b[1], b[2] & 0x7f, b[3]])?;
    if b[4] > 23 {
        return Err(Error::invalid(format!("hour {} in a time of day", b[4])));
    }
    let clock = Clock::unpack([b[4], b[5], b[6], b[7], b[8], b[9]])?;
    Ok((date, Clock { fold, ..clock }))
}

pub(crate) fn pack_datetime(date: Date, clock: Clock) -> [u8; 10] {
    let d = date.pack();
    let c = Clock { fold: false, ..clock }.pack();
    let month = d[2] | if clock.fold { 0x80 } else { 0 };
    [d[0], d[1], month, d[3], c[0], c[1], c[2], c[3], c[4], c[5]]
}

/// A duration from the arguments of `datetime.timedelta`.
pub(crate) fn delta(days: i64, seconds: i64, microseconds: i64) -> Result<Moment> {
    let total =
        i128::from(days) * i128::from(DAY) + i128::from(seconds) * 1_000_000 + i128::from(microseconds);
    let (whole, rest) = (total.div_euclid(DAY.into()), total.rem_euclid(DAY.into()));
    let days = i64::try_from(whole).ok().filter(|d| d.abs() <= 999_999_999);
    match (days, i64::try_from(rest)) {
        (Some(days), Ok(rest)) => {
            Ok(Moment::Delta { days, seconds: rest / 1_000_000, microseconds: rest % 1_000_000 })
        }
        _ => Err(Error::invalid("a duration beyond what Python's timedelta holds")),
    }
}

/// A fixed zone from the duration that is its offset.
pub(crate) fn zone(offset: Moment, name: Option<NodeId>) -> Result<Moment> {
    match offset {
        Moment::Delta { days: days @ (-1 | 0), seconds, microseconds } => {
            let offset = days * DAY + seconds * 1_000_000 + microseconds;
            if offset <= -DAY {
                return Err(Error::invalid("a time zone a whole day away"));
            }
            Ok(Moment::Zone(offset, name))
        }
        _ => Err(Error::invalid("the offset of a time zone is not a duration of less than a day")),
    }
}

/// An offset as ISO 8601 writes it: `+01:00`, `-00:30:15`.
pub(crate) fn offset_text(offset: i64) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let us = offset.unsigned_abs();
    let (s, us) = (us / 1_000_000, us % 1_000_000);
    let mut out = format!("{sign}{:02}:{:02}", s / 3600, s / 60 % 60);
    if s % 60 != 0 || us != 0 {
        out += &format!(":{:02}", s % 60);
    }
    if us != 0 {
        out += &format!(".{us:06}");
    }
    out
}

/// The offset that [`offset_text`] wrote.
pub(crate) fn parse_offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let clock = text.get(1..)?;
    let padded = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    let c = Clock::parse(&padded)?;
    let seconds = i64::from(c.hour) * 3600 + i64::from(c.minute) * 60 + i64::from(c.second);
    Some(sign * (seconds * 1_000_000 + i64::from(c.microsecond)))
}

fn numbers(text: &str, separator: char) -> Option<[u32; 3]> {
    let mut parts = text.split(separator).map(|p| p.parse::<u32>().ok());
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Some(a)), Some(Some(b)), Some(Some(c)), None) => Some([a, b, c]),
        _ => None,
    }
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_fields() {
        let (d, c) = unpack_datetime(*b"\x07\xe8\x02\x1d\x0c\"8\x0c\n\x14").unwrap();
        assert_eq!(format!("{d}T{c}"), "2024-02-29T12:34:56.789012");
        assert_eq!(Date::parse(&d.to_string()), Some(d));
        assert_eq!(Clock::parse(&c.to_string()), Some(c));
        assert_eq!(pack_datetime(d, c), *b"\x07\xe8\x02\x1d\x0c\"8\x0c\n\x14");
        let (_, c) = unpack_datetime(*b"\x07\xe8\x81\x01\0\0\0\0\0\0").unwrap();
        assert!(c.fold);
        assert!(Date::unpack([7, 231, 2, 29]).is_err());
        assert!(Date::unpack([0, 0, 1, 1]).is_err());
        assert!(Clock::unpack([24, 0, 0, 0, 0, 0]).is_err());
        assert!(unpack_datetime(*b"\x07\xe8\x01\x01\x81\0\0\0\0\0").is_err());
    }

    #[test]
    fn durations_are_normalized() {
        assert_eq!(delta(0, -1, 0).unwrap(), Moment::Delta { days: -1, seconds: 86_399, microseconds: 0 });
        assert!(delta(i64::MAX, i64::MAX, i64::MAX).is_err());
        assert_eq!(zone(delta(-1, 84_600, 0).unwrap(), None).unwrap(), Moment::Zone(-1_800_000_000, None));
        assert!(zone(delta(1, 0, 0).unwrap(), None).is_err());
        assert!(zone(delta(-1, 0, 0).unwrap(), None).is_err());
        assert_eq!(offset_text(-1_800_000_000), "-00:30");
        assert_eq!(offset_text(5_025_000_001), "+01:23:45.000001");
        for offset in [0, -1_800_000_000, 5_025_000_001, -86_399_999_999] {
            assert_eq!(parse_offset(&offset_text(offset)), Some(offset));
        }
    }
}
