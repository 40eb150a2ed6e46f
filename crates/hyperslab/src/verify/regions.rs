//! The regions of a file held against each other: in bounds, apart, and what lies between them.

use crate::Error;
use crate::walk::Region;
use std::fmt;

/// Bytes that belong to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Between,
    End,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Note { offset, len, .. } = self;
        let bytes = if *len == 1 { "1 byte".to_owned() } else { format!("{len} bytes") };
        match self.place {
            Place::Start => write!(f, "{bytes} before the first structure belong to nothing"),
            Place::Between => write!(f, "{bytes} from byte {offset} on belong to nothing"),
            Place::End => {
                write!(f, "{bytes} follow the last structure at byte {offset}: readers ignore them")
            }
        }
    }
}

/// What is out of bounds or overlaps, and what belongs to nothing. What is known to be damaged is not said again to
/// be out of bounds.
pub(super) fn check(
    mut regions: Vec<Region>,
    size: u64,
    is_known: &dyn Fn(&str) -> bool,
) -> (Vec<Error>, Vec<Note>) {
    let (mut wrong, mut notes) = (Vec::new(), Vec::new());
    regions.retain(|r| r.len > 0);
    regions.sort_by_key(|r| (r.offset, r.end()));
    // How far the regions so far reach, and the one that does.
    let mut reach = 0u64;
    let mut last: Option<&Region> = None;
    for region in &regions {
        let error = |message: String| {
            let e = Error::invalid(message).reading(region.what.clone()).at(region.offset);
            if region.path.is_empty() { e } else { e.object(&*region.path) }
        };
        if region.end() > size && !is_known(&region.path) {
            wrong.push(error(format!("{} bytes where the file ends at byte {size}", region.len)));
        }
        match last {
            Some(other) if region.offset < reach => {
                let which =
                    if other.path.is_empty() { String::new() } else { format!(" of {:?}", other.path) };
                wrong.push(error(format!("overlaps the {}{which} at byte {}", other.what, other.offset)));
            }
            _ if region.offset > reach => {
                let place = if last.is_none() { Place::Start } else { Place::Between };
                notes.push(Note { offset: reach, len: region.offset - reach, place });
            }
            _ => {}
        }
        if region.end() > reach {
            reach = region.end();
            last = Some(region);
        }
    }
    if reach < size {
        notes.push(Note { offset: reach, len: size - reach, place: Place::End });
    }
    (wrong, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(regions: &[(u64, u64)], size: u64) -> (Vec<String>, Vec<String>) {
        let regions = regions.iter().map(|&(at, len)| Region::new(at, len, "part", "x")).collect();
        let (wrong, notes) = check(regions, size, &|_| false);
        (wrong.iter().map(ToString::to_string).collect(), notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn gaps_overlaps_and_ends() {
        assert_eq!(of(&[(10, 5), (0, 10), (3, 0)], 15), (vec![], vec![]));
        let (wrong, notes) = of(&[(2, 8), (9, 3), (20, 4), (3, 1)], 30);
        assert_eq!(
            wrong,
            [
                "x: part at byte 3: overlaps the part of \"x\" at byte 2",
                "x: part at byte 9: overlaps the part of \"x\" at byte 2"
            ]
        );
        assert_eq!(
            notes,
            [
                "2 bytes before the first structure belong to nothing",
                "8 bytes from byte 12 on belong to nothing",
                "6 bytes follow the last structure at byte 24: readers ignore them"
            ]
        );
        let (wrong, _) = of(&[(0, u64::MAX), (5, 10)], 12);
        assert_eq!(wrong.len(), 3);
    }
}
