//! The newer envelope of PACMAN messages, as far as it is known: a header and words of 24 bytes each.
//!
//! Field firmware sends it; no released larpix-control reads it, and no packet table is defined for it, so it is told
//! apart and taken to pieces here and made into rows nowhere. It cannot be taken for a message of format 0.0, nor the
//! other way round: both state their exact length, and the lengths exclude each other, because the upper half of the
//! new length is the old word count. Facts: a third-party decoder of field data.

use hyperslab_core::{Error, Result};

/// Bytes of the header, and of each word.
pub const ENVELOPE_BYTES: usize = 24;
const WHAT: &str = "PACMAN message of format 1.0";

/// A message in the newer envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// `D` data, `?` request, `!` reply, `S` status (byte 0).
    pub kind: u8,
    /// The card (byte 1).
    pub pacman: u8,
    /// The card's time (bytes 8 to 15).
    pub timestamp: u64,
    body: &'a [u8],
}

/// A word of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeWord {
    /// As in format 0.0, and `C` for a configuration (byte 0).
    pub kind: u8,
    /// The card (byte 1).
    pub pacman: u8,
    /// Channel of the card (bytes 2 and 3).
    pub io_channel: u16,
    /// The card's time on arrival (bytes 8 to 15).
    pub receipt_timestamp: u64,
    /// The packet's eight bytes (16 to 23).
    pub packet: [u8; 8],
}

impl<'a> Envelope<'a> {
    /// Whether these bytes are such a message: its version, its kind and its exact length.
    pub fn is_one(bytes: &[u8]) -> bool {
        Envelope::parse(bytes).is_ok()
    }

    /// Parses the header.
    ///
    /// # Errors
    /// `Invalid` unless everything that the header says holds.
    pub fn parse(bytes: &'a [u8]) -> Result<Envelope<'a>> {
        let refuse = |what: String| Error::invalid(what).reading(WHAT).at(0);
        let (head, body) = bytes
            .split_first_chunk::<ENVELOPE_BYTES>()
            .ok_or_else(|| refuse(format!("{} bytes are less than the header of 24", bytes.len())))?;
        let [kind, pacman, major, minor, n0, n1, n2, n3, time @ .., _, _, _, _, _, _, _, _] = *head;
        let claimed = u32::from_le_bytes([n0, n1, n2, n3]);
        if !matches!(kind, b'D' | b'?' | b'!' | b'S') || (major, minor) != (1, 0) {
            return Err(refuse(format!("kind {kind:#04x} of version {major}.{minor}")));
        }
        if usize::try_from(claimed).ok() != Some(body.len()) || !body.len().is_multiple_of(ENVELOPE_BYTES) {
            return Err(refuse(format!("{claimed} bytes of words claimed, {} follow", body.len())));
        }
        Ok(Envelope { kind, pacman, timestamp: u64::from_le_bytes(time), body })
    }

    /// The words in order.
    pub fn words(&self) -> impl ExactSizeIterator<Item = EnvelopeWord> + use<'a> {
        let (words, _) = self.body.as_chunks::<ENVELOPE_BYTES>();
        words.iter().map(|word| {
            let [kind, pacman, c0, c1, _, _, _, _, t0, t1, t2, t3, t4, t5, t6, t7, packet @ ..] = *word;
            EnvelopeWord {
                kind,
                pacman,
                io_channel: u16::from_le_bytes([c0, c1]),
                receipt_timestamp: u64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
                packet,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacman::{Check, Message, MessageType, Word, format};
    use hyperslab_core::Kind;

    fn envelope(words: usize) -> Vec<u8> {
        let mut m = vec![b'D', 7, 1, 0];
        m.extend_from_slice(&(24 * words as u32).to_le_bytes());
        m.extend_from_slice(&1_700_000_000u64.to_le_bytes());
        m.extend_from_slice(&[0; 8]);
        for i in 0..words {
            m.extend_from_slice(&[b'D', 7, 0x34, 0x12, 0, 0, 0, 0]);
            m.extend_from_slice(&(i as u64 + (1 << 40)).to_le_bytes());
            m.extend_from_slice(&[i as u8; 8]);
        }
        m
    }

    #[test]
    fn words_come_out() {
        let m = envelope(3);
        let e = Envelope::parse(&m).unwrap();
        assert_eq!((e.kind, e.pacman, e.timestamp, e.words().len()), (b'D', 7, 1_700_000_000, 3));
        let last = e.words().last().unwrap();
        assert_eq!((last.io_channel, last.receipt_timestamp, last.packet), (0x1234, (1 << 40) + 2, [2; 8]));
        for n in 0..m.len() {
            assert!(!Envelope::is_one(&m[..n]));
        }
    }

    /// Neither is ever taken for the other, and the newer one is not silently read as the older.
    #[test]
    fn the_two_formats_exclude_each_other() {
        for words in [0, 1, 2, 5, 100, 3000] {
            let new = envelope(words);
            for check in [Check::Strict, Check::Lenient] {
                assert_eq!(Message::parse(&new, check).unwrap_err().kind(), Kind::Unsupported);
            }
            // The seconds are those that look most like the new version: bytes 2 and 3 of the message are 1 and 0.
            for seconds in [0x0000_0100, 0xFF00_01FF, 0x6500_0144] {
                let mut old = Vec::new();
                let word = Word::Sync { kind: b'S', clock_source: 0, timestamp: 0 };
                format(&mut old, MessageType::Data, seconds, &vec![word; words]).unwrap();
                assert!(!Envelope::is_one(&old) && Message::parse(&old, Check::Strict).is_ok());
            }
        }
    }
}
