//! A run of text in memory: number, separator, number, .., as far as it goes. The one loop of reading.

use super::number::{Bad, Scan, Why};
use super::separator::{Found, Match, skip_space};

/// What is known of the text around a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// Whether no element comes before it.
    pub(super) first: bool,
    /// Whether the text ends with it.
    pub(super) last: bool,
    /// No more than so many elements are wanted.
    pub(super) wanted: u64,
}

/// Parses elements into `out` and says where it stopped: at the end, after the last element wanted, or before an
/// element that may go on behind a run that is not the last.
///
/// # Errors
/// The place that is wrong, in `s`; `out` has the elements before it, with the one whose separator is missing.
pub(super) fn parse<const N: usize, S: Scan<N>, M: Match>(
    scan: S,
    separator: &M,
    s: &[u8],
    around: Around,
    out: &mut Vec<[u8; N]>,
) -> Result<usize, Bad> {
    let mut at = 0;
    let wanted = usize::try_from(around.wanted).unwrap_or(usize::MAX);
    while out.len() < wanted {
        let start = at;
        at = skip_space(s, at);
        let Some(rest) = s.get(at..).filter(|rest| !rest.is_empty()) else {
            if !around.last {
                return Ok(start);
            }
            let empty = around.first && out.is_empty();
            if at == start || S::BLANK_END || separator.takes_trailing() || empty {
                return Ok(s.len());
            }
            return Err(Bad { why: Why::BlankEnd, at: start, reach: at });
        };
        let (element, n) = match scan.scan(rest) {
            Ok(found) => found,
            Err(bad) if !around.last && bad.reach >= rest.len() => return Ok(start),
            Err(bad) => return Err(Bad { at: at + bad.at, reach: at + bad.reach, ..bad }),
        };
        at += n;
        if at >= s.len() && !around.last {
            return Ok(start);
        }
        out.push(element);
        match separator.find(s, at) {
            Found::Separator(next) => at = next,
            Found::End if around.last => return Ok(s.len()),
            Found::End => {
                out.pop();
                return Ok(start);
            }
            Found::Other => return Err(Bad { why: Why::NoSeparator, at, reach: at }),
        }
    }
    Ok(at)
}
