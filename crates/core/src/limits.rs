//! What one operation may use, whatever the file says: bytes, depth, objects.
//!
//! Lengths, counts and depths from a file are claims. Sizes are checked against the file first where the format
//! allows it; what remains (inflated data, fill values, decoded trees) is reserved here before it is allocated.
//! A [`Reservation`] gives its bytes back when it is dropped, so a long-lived reader does not starve.

use crate::{Error, Result};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One budget for one operation; clones share it.
#[derive(Clone)]
pub struct Limits(Arc<Budget>);

struct Budget {
    bytes_left: AtomicU64,
    bytes: u64,
    objects_left: AtomicU64,
    objects: u64,
    depth: u32,
}

impl Default for Limits {
    /// 8 GiB of decoded bytes, 16 million objects, depth 64.
    fn default() -> Self {
        Limits::new(8 << 30, 16 << 20, 64)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limits({} bytes, {} objects, depth {})", self.0.bytes, self.0.objects, self.0.depth)
    }
}

impl Limits {
    /// Limits of `bytes` allocated at one time, `objects` in all and nesting `depth`.
    pub fn new(bytes: u64, objects: u64, depth: u32) -> Self {
        Limits(Arc::new(Budget {
            bytes_left: AtomicU64::new(bytes),
            bytes,
            objects_left: AtomicU64::new(objects),
            objects,
            depth,
        }))
    }

    /// How deep a structure may nest.
    pub fn depth(&self) -> u32 {
        self.0.depth
    }

    /// Checks a nesting depth, counted from 0.
    pub fn check_depth(&self, depth: u32) -> Result<()> {
        if depth >= self.0.depth {
            return Err(Error::limit(format!("nested deeper than {} levels", self.0.depth)));
        }
        Ok(())
    }

    /// Counts `n` more objects of this operation.
    pub fn count_objects(&self, n: u64) -> Result<()> {
        take(&self.0.objects_left, n)
            .map_err(|_| Error::limit(format!("more than {} objects in one operation", self.0.objects)))
    }

    /// Takes `bytes` from the budget until the reservation is dropped.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation> {
        take(&self.0.bytes_left, bytes).map_err(|left| {
            Error::limit(format!(
                "{bytes} bytes wanted where {left} of the limit of {} bytes are left",
                self.0.bytes
            ))
        })?;
        Ok(Reservation { budget: Arc::clone(&self.0), bytes })
    }

    /// An empty vector that can hold `len` bytes, within the budget. The reservation must live as long as it.
    pub fn vec(&self, len: u64) -> Result<(Vec<u8>, Reservation)> {
        let reservation = self.reserve(len)?;
        let mut v = Vec::new();
        usize::try_from(len)
            .ok()
            .and_then(|n| v.try_reserve_exact(n).ok())
            .ok_or_else(|| Error::limit(format!("no memory for {len} bytes")))?;
        Ok((v, reservation))
    }
}

fn take(left: &AtomicU64, n: u64) -> std::result::Result<(), u64> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |l| l.checked_sub(n)).map(drop)
}

/// Bytes taken from a [`Limits`]; they come back when this is dropped.
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: u64,
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({})", self.bytes)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.bytes_left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn reservations_come_back() {
        let l = Limits::new(100, 2, 3);
        let r = l.reserve(80).unwrap();
        assert_eq!(l.reserve(30).unwrap_err().kind(), Kind::Limit);
        drop(r);
        l.reserve(100).unwrap();
        l.count_objects(2).unwrap();
        assert!(l.count_objects(1).is_err());
        l.check_depth(2).unwrap();
        assert!(l.check_depth(3).is_err());
    }
}
