//! The header of a PACMAN message: type, Unix time, number of words.

use super::HEADER_BYTES;
use hyperslab_core::{Error, Result};
use std::fmt;

/// What a message is, which decides what its words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// `D`: data from the detector.
    Data,
    /// `?`: a request to the card.
    Request,
    /// `!`: the card's reply.
    Reply,
}

impl MessageType {
    /// The byte that stands for it.
    pub const fn code(self) -> u8 {
        match self {
            MessageType::Data => b'D',
            MessageType::Request => b'?',
            MessageType::Reply => b'!',
        }
    }

    /// The type that a byte stands for.
    pub const fn from_code(code: u8) -> Option<MessageType> {
        Some(match code {
            b'D' => MessageType::Data,
            b'?' => MessageType::Request,
            b'!' => MessageType::Reply,
            _ => return None,
        })
    }
}

impl fmt::Display for MessageType {
    /// As larpix-control names it: `DATA`, `REQ`, `REP`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MessageType::Data => "DATA",
            MessageType::Request => "REQ",
            MessageType::Reply => "REP",
        })
    }
}

/// The first eight bytes: type, four bytes of seconds, one unused, two of word count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Message type.
    pub kind: MessageType,
    /// Unix time in seconds.
    pub seconds: u32,
    /// Number of words that the sender counted.
    pub words: u16,
}

impl Header {
    /// Parses the eight bytes; the unused one may hold anything.
    ///
    /// # Errors
    /// `Invalid` for an unknown message type.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Header> {
        let [code, a, b, c, d, _, low, high] = *bytes;
        let kind = MessageType::from_code(code).ok_or_else(|| {
            Error::invalid(format!("message type {code:#04x} is none of 'D', '?' and '!'"))
                .reading("PACMAN message")
                .at(0)
        })?;
        Ok(Header { kind, seconds: u32::from_le_bytes([a, b, c, d]), words: u16::from_le_bytes([low, high]) })
    }

    /// The eight bytes, the unused one zero.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.seconds.to_le_bytes();
        let [low, high] = self.words.to_le_bytes();
        [self.kind.code(), a, b, c, d, 0, low, high]
    }
}
