//! Messages that were read from a log.

use super::columns::HeaderRow;
use bytes::Bytes;
use hyperslab_core::Result;
use hyperslab_hdf5::append::VlenRows;

/// Messages read from a log, in the order that was asked for.
#[derive(Debug, Default)]
pub struct Messages {
    places: Places,
    pub(super) headers: Vec<u8>,
    row: Option<HeaderRow>,
    pub(super) rows: VlenRows,
}

/// Positions in the log.
#[derive(Debug)]
pub(super) enum Places {
    /// One after the other.
    From(u64),
    Each(Vec<u64>),
}

impl Default for Places {
    fn default() -> Places {
        Places::From(0)
    }
}

impl Messages {
    /// None; a buffer for [`LogReader::read_into`](super::LogReader::read_into).
    pub fn new() -> Messages {
        Messages::default()
    }

    /// Forgets what was read, but its memory.
    pub(super) fn begin(&mut self, places: Places, row: HeaderRow) {
        self.places = places;
        self.row = Some(row);
        self.headers.clear();
    }

    /// Brings what was read into another order: what is at `i` goes to `order[i]`.
    pub(super) fn reorder(&mut self, order: &[usize]) -> Result<()> {
        self.rows.reorder(order)?;
        let width = self.row.map_or(1, |r| r.width).max(1);
        let mut headers = vec![0; self.headers.len()];
        for (header, &place) in self.headers.chunks_exact(width).zip(order) {
            if let Some(slot) = place.checked_mul(width).and_then(|at| headers.get_mut(at..at + width)) {
                slot.copy_from_slice(header);
            }
        }
        self.headers = headers;
        Ok(())
    }

    /// Position in the log of the first message, counted from 0.
    pub fn first(&self) -> u64 {
        self.position(0).unwrap_or(match self.places {
            Places::From(first) => first,
            Places::Each(_) => 0,
        })
    }

    /// Position in the log of a message, counted from the first one here.
    #[inline]
    pub fn position(&self, i: usize) -> Option<u64> {
        match &self.places {
            Places::From(first) if i < self.len() => first.checked_add(i as u64),
            Places::From(_) => None,
            Places::Each(places) => places.get(i).copied(),
        }
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The group and the bytes of a message, counted from the first one here.
    #[inline]
    pub fn get(&self, i: usize) -> Option<(u8, &[u8])> {
        let row = self.row?;
        let group = self.headers.get(i.checked_mul(row.width)?.checked_add(row.io_group)?)?;
        Some((*group, self.rows.get(i)?))
    }

    /// The bytes of a message, counted and not copied: they outlive the reader. `None` where they are not used where
    /// they lie in the file (see [`LogReader::open_mapped`](super::LogReader::open_mapped)).
    pub fn shared(&self, i: usize) -> Option<Bytes> {
        self.rows.shared(i)
    }

    /// Group and bytes of each message.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u8, &[u8])> {
        let row = self.row.unwrap_or(HeaderRow { width: 1, io_group: 0 });
        self.rows.iter().zip(row.io_groups(&self.headers)).map(|(m, h)| (h, m))
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = (u8, &'a [u8]);
    type IntoIter = Box<dyn ExactSizeIterator<Item = Self::Item> + 'a>;
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}
