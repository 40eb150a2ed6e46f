//! Decoded chunks that are kept for the next selection that takes a part of them.
//!
//! A chunk that is taken as a whole is not kept: whoever reads everything reads it once.

use lru::LruCache;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that an open file keeps of its chunks unless it is told otherwise.
pub(crate) const DEFAULT: usize = 16 << 20;

/// Whose chunk it is, and where it is stored: the address of the dataset's header, that of the chunk.
pub(crate) type Key = (u64, u64);

/// The chunks that were used last, up to a number of bytes.
pub(crate) struct ChunkCache {
    most: usize,
    /// Made with the first chunk: most files that are opened are small.
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    chunks: LruCache<Key, Arc<Vec<u8>>>,
    bytes: usize,
}

impl ChunkCache {
    pub(crate) fn new(most: usize) -> ChunkCache {
        ChunkCache { most, kept: Mutex::new(None) }
    }

    /// Whether a chunk of so many bytes is worth keeping: one that drives out all others is not.
    pub(crate) fn takes(&self, bytes: u64) -> bool {
        bytes <= self.most as u64 / 2
    }

    pub(crate) fn get(&self, key: Key) -> Option<Arc<Vec<u8>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_mut()?.chunks.get(&key).cloned()
    }

    pub(crate) fn put(&self, key: Key, chunk: Arc<Vec<u8>>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get_or_insert_with(|| Kept { chunks: LruCache::unbounded(), bytes: 0 });
        kept.bytes += chunk.capacity();
        if let Some(old) = kept.chunks.put(key, chunk) {
            kept.bytes -= old.capacity();
        }
        while kept.bytes > self.most {
            let Some((_, old)) = kept.chunks.pop_lru() else { break };
            kept.bytes -= old.capacity();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_last_is_kept() {
        let cache = ChunkCache::new(100);
        assert!(cache.takes(50) && !cache.takes(51));
        let chunk = |b: u8| Arc::new(vec![b; 40]);
        cache.put((1, 1), chunk(1));
        cache.put((1, 2), chunk(2));
        assert_eq!(cache.get((1, 1)).unwrap()[0], 1);
        // The same address under another dataset is another chunk.
        cache.put((2, 1), chunk(3));
        assert!(cache.get((1, 2)).is_none());
        assert_eq!(cache.get((1, 1)).unwrap()[0], 1);
        assert_eq!(cache.get((2, 1)).unwrap()[0], 3);
        cache.put((2, 1), chunk(4));
        assert_eq!(cache.get((2, 1)).unwrap()[0], 4);
        assert_eq!(cache.kept.lock().unwrap().as_ref().unwrap().bytes, 80);
    }
}
