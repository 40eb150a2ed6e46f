//! Going through all bytes of a damaged file for structures that carry a signature, because nothing leads to them any
//! more.

use super::heap::Heap;
use super::input::Input;
use hyperslab_core::{Kind, Result};
use memchr::memmem::Finder;

/// Bytes that are looked at at a time.
const WINDOW: u64 = 1 << 20;
/// More structures of one kind than that are not remembered.
const MOST: usize = 1 << 22;

/// What was found, in file order.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Heap collections: where they begin, and of sound ones where they end.
    pub(super) collections: Vec<(u64, u64)>,
    /// What may be object headers.
    pub(super) objects: Vec<u64>,
    /// What may be headers of extensible arrays.
    pub(super) arrays: Vec<u64>,
}

impl Scan {
    /// Looks at the whole file. What lies inside a sound collection is a message, whatever it looks like.
    ///
    /// # Errors
    /// `Limit`, `Io`.
    pub(super) fn run(input: &Input<'_>, heap: &mut Heap<'_, '_>) -> Result<Scan> {
        let finders = [b"GCOL", b"OHDR", b"EAHD"].map(Finder::new);
        let mut out = Scan::default();
        let mut at = 0;
        let mut hits = Vec::new();
        while at < input.len {
            let Ok(bytes) = input.up_to(at, WINDOW + 3) else {
                input.check()?;
                // Where a medium is damaged, the next piece may be readable again.
                at += WINDOW;
                continue;
            };
            hits.clear();
            for (kind, finder) in finders.iter().enumerate() {
                hits.extend(finder.find_iter(&bytes).map(|i| (i as u64, kind)));
            }
            hits.sort_unstable();
            let mut next = at + WINDOW;
            for &(i, kind) in hits.iter().filter(|(i, _)| *i < WINDOW) {
                let place = at + i;
                if out.inside(place) {
                    continue;
                }
                match kind {
                    0 => match heap.collection(place) {
                        Ok(c) if !c.objects.is_empty() => {
                            out.collections.push((place, if c.sound { place + c.len() } else { place }));
                        }
                        Err(e) if e.kind() == Kind::Limit => return Err(e),
                        _ => {}
                    },
                    1 if out.objects.len() < MOST => out.objects.push(place),
                    2 if out.arrays.len() < MOST => out.arrays.push(place),
                    _ => {}
                }
            }
            if let Some((_, end)) = out.collections.last() {
                next = next.max(*end);
            }
            at = next;
        }
        Ok(out)
    }

    /// Whether a place lies inside the last sound collection.
    fn inside(&self, place: u64) -> bool {
        self.collections.last().is_some_and(|(start, end)| place > *start && place < *end)
    }
}
