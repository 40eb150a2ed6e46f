//! Members on their way into an archive as deflate: cut into pieces that wait until threads pack many at once.
//!
//! What waits is bounded and the order of members is kept. The bytes do not depend on which pieces wait together or
//! on which thread packs them; a thread alone takes larger pieces, since there is nobody to share with and joining
//! pieces costs time.

use hyperslab_core::Result;
use hyperslab_core::codec::deflate::{self, Backend, PIECE};
use rayon::prelude::*;

/// Bytes that wait at most, where threads share the work.
const WAITING: usize = 32 << 20;
/// Bytes of one piece, and bytes that wait at most, where one thread packs alone.
const ALONE: usize = 128 << 20;
/// Pieces that wait at most.
const PIECES: usize = 1 << 14;

/// Bytes that are packed as one.
#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    level: u32,
    last: bool,
}

/// A packed piece.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    /// Of the unpacked bytes.
    pub(super) crc: crc32fast::Hasher,
    /// Whether the member ends with it.
    pub(super) last: bool,
}

/// Pieces of one member after another.
#[derive(Debug)]
pub(super) struct Queue {
    pieces: Vec<Piece>,
    /// Bytes of one piece.
    size: usize,
    waiting: usize,
    /// Memory to be used again.
    spare: Vec<Vec<u8>>,
}

impl Queue {
    /// An empty one for the current pool of threads.
    pub(super) fn new() -> Queue {
        let size = if rayon::current_num_threads() == 1 { ALONE } else { PIECE };
        Queue { pieces: Vec::new(), size, waiting: 0, spare: Vec::new() }
    }

    /// Whether it should be packed before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.waiting >= WAITING.max(self.size) || self.pieces.len() >= PIECES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Adds as many bytes as the newest piece has room for, and returns the rest.
    pub(super) fn add<'b>(&mut self, bytes: &'b [u8], level: u32) -> &'b [u8] {
        if self.pieces.last().is_none_or(|p| p.last || p.bytes.len() >= self.size) {
            let bytes = self.spare.pop().unwrap_or_default();
            self.pieces.push(Piece { bytes, level, last: false });
        }
        let Some(piece) = self.pieces.last_mut() else { return bytes };
        let room = self.size.saturating_sub(piece.bytes.len());
        let (here, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        piece.bytes.extend_from_slice(here);
        self.waiting = self.waiting.saturating_add(here.len());
        rest
    }

    /// Ends the member: its newest piece is its last.
    pub(super) fn end(&mut self, level: u32) {
        match self.pieces.last_mut().filter(|p| !p.last) {
            Some(piece) => piece.last = true,
            // An empty one, or one whose pieces are packed already.
            None => self.pieces.push(Piece { bytes: Vec::new(), level, last: true }),
        }
    }

    /// Packs everything that waits.
    pub(super) fn pack(&mut self, backend: Backend) -> Result<Vec<Packed>> {
        let pieces = std::mem::take(&mut self.pieces);
        self.waiting = 0;
        let packed = pieces.par_iter().map(|piece| {
            let mut crc = crc32fast::Hasher::new();
            crc.update(&piece.bytes);
            let bytes = deflate::piece(&piece.bytes, piece.level, piece.last, backend)?;
            Ok(Packed { bytes, crc, last: piece.last })
        });
        let packed: Result<Vec<Packed>> = packed.collect();
        let reusable = pieces.into_iter().map(|mut piece| {
            piece.bytes.clear();
            piece.bytes
        });
        self.spare = reusable.filter(|b| (PIECE..=WAITING).contains(&b.capacity())).collect();
        packed
    }
}
