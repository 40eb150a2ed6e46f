//! Memory for what lies between two steps, which a thread keeps: fresh memory costs more than the step.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// More is given back.
const KEPT: usize = 8 << 20;
/// So are more pieces.
const PIECES: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes with whatever was in them before.
pub(super) struct Spare {
    memory: Vec<u8>,
    len: usize,
}

impl Spare {
    /// `len` bytes, which the caller has counted.
    pub(super) fn new(len: usize) -> Spare {
        let mut memory = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if memory.len() < len {
            memory.resize(len, 0);
        }
        Spare { memory, len }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // A thread that is ending has no place for it.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && memory.capacity() <= KEPT
                && spare.len() < PIECES
            {
                spare.push(memory);
            }
        });
    }
}

impl Deref for Spare {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.memory.get(..self.len).unwrap_or_default()
    }
}

impl DerefMut for Spare {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again() {
        let first = Spare::new(1000);
        let place = first.as_ptr();
        drop(first);
        let (second, third) = (Spare::new(500), Spare::new(10));
        assert_eq!((second.as_ptr(), second.len(), third.len()), (place, 500, 10));
    }
}
