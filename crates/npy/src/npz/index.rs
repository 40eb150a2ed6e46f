//! A hash table from texts that lie elsewhere to their numbers.
//!
//! Keyed by a random seed of its own, so that no archive can be made whose names all fall into one place.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

const FREE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Index {
    /// Numbers of texts, each at the place of its hash or the first free one after it.
    slots: Vec<u32>,
    seed: RandomState,
}

impl Index {
    /// A table for at most `count` texts.
    pub(super) fn new(count: usize) -> Index {
        let size = count.saturating_add(1).saturating_mul(2).next_power_of_two();
        Index { slots: vec![FREE; size], seed: RandomState::new() }
    }

    /// Adds a text's number, unless an equal text is there: then that one's number is returned.
    pub(super) fn insert<'t>(
        &mut self,
        text: &str,
        number: u32,
        text_of: impl Fn(u32) -> &'t str,
    ) -> Option<u32> {
        let (slot, found) = self.place(text, text_of);
        if found.is_none()
            && let Some(slot) = self.slots.get_mut(slot)
        {
            *slot = number;
        }
        found
    }

    /// The number of a text.
    pub(super) fn find<'t>(&self, text: &str, text_of: impl Fn(u32) -> &'t str) -> Option<u32> {
        self.place(text, text_of).1
    }

    /// Where a text is or would be. At least half of the slots are free, so the walk ends.
    fn place<'t>(&self, text: &str, text_of: impl Fn(u32) -> &'t str) -> (usize, Option<u32>) {
        let mask = self.slots.len().wrapping_sub(1);
        let mut slot = self.seed.hash_one(text) as usize & mask;
        loop {
            match self.slots.get(slot) {
                None | Some(&FREE) => return (slot, None),
                Some(&number) if text_of(number) == text => return (slot, Some(number)),
                Some(_) => slot = slot.wrapping_add(1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_put_in() {
        let texts: Vec<String> = (0..1000).map(|i| format!("t{i}")).collect();
        let of = |i: u32| texts[i as usize].as_str();
        let mut index = Index::new(1000);
        for i in 0..1000 {
            assert_eq!(index.insert(of(i), i, of), None);
        }
        assert_eq!(index.insert("t7", 1000, of), Some(7));
        assert!((0..1000).all(|i| index.find(of(i), of) == Some(i)));
        assert_eq!(index.find("t1000", of), None);
        assert_eq!(Index::new(0).find("", of), None);
    }
}
