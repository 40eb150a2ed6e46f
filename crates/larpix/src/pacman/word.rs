//! The words of a PACMAN message, 16 bytes each. The first byte says which word it is, within its message type.

use super::{MessageType, WORD_BYTES};
use crate::packet::{Asic, PacketV2, PacketV3};
use hyperslab_core::{Error, Result};
use std::fmt;

/// One word. Unused bytes are ignored when parsed and zero when formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `D` in a data message: a packet that a card received.
    Data {
        /// Channel of the card (byte 1).
        io_channel: u8,
        /// The card's 10 MHz counter on arrival (bytes 2 to 5).
        receipt_timestamp: u32,
        /// The packet's eight bytes (8 to 15).
        packet: [u8; 8],
    },
    /// `T` in a data message: an external trigger.
    Trigger {
        /// Trigger bits (byte 1).
        bits: u8,
        /// The card's counter (bytes 4 to 7).
        timestamp: u32,
    },
    /// `S` in a data message: a synchronisation of the clock.
    Sync {
        /// `S` sync, `H` heartbeat, `C` clock switch (byte 1).
        kind: u8,
        /// The clock's source as stored (byte 2); bit 0 is what it means.
        clock_source: u8,
        /// The card's counter (bytes 4 to 7).
        timestamp: u32,
    },
    /// `P` in a request.
    Ping,
    /// `P` in a reply.
    Pong,
    /// `W`: write a register of the card, or the echo of having done so.
    Write {
        /// Register (bytes 4 to 7).
        address: u32,
        /// Value (bytes 12 to 15).
        value: u32,
    },
    /// `R`: read a register of the card, or its answer.
    Read {
        /// Register (bytes 4 to 7).
        address: u32,
        /// Value (bytes 12 to 15).
        value: u32,
    },
    /// `D` in a request or a reply: a packet for the detector.
    Tx {
        /// Channel of the card (byte 1).
        io_channel: u8,
        /// The packet's eight bytes (8 to 15).
        packet: [u8; 8],
    },
    /// `E` in a reply.
    Error {
        /// Code (byte 1).
        code: u8,
        /// Text, NUL padded (bytes 2 to 15).
        description: [u8; 14],
    },
}

impl Word {
    /// Parses a word of a message of type `kind`.
    ///
    /// # Errors
    /// `Invalid` for a word that this message type does not have.
    pub fn parse(kind: MessageType, bytes: &[u8; WORD_BYTES]) -> Result<Word> {
        use MessageType::{Data, Reply, Request};
        let [code, b1, b2, b3, b4, b5, b6, b7, p @ ..] = *bytes;
        let at_4 = u32::from_le_bytes([b4, b5, b6, b7]);
        let [_, _, _, _, v @ ..] = p;
        let value = u32::from_le_bytes(v);
        Ok(match (kind, code) {
            (Data, b'D') => Word::Data {
                io_channel: b1,
                receipt_timestamp: u32::from_le_bytes([b2, b3, b4, b5]),
                packet: p,
            },
            (Data, b'T') => Word::Trigger { bits: b1, timestamp: at_4 },
            (Data, b'S') => Word::Sync { kind: b1, clock_source: b2, timestamp: at_4 },
            (Request, b'P') => Word::Ping,
            (Reply, b'P') => Word::Pong,
            (Request | Reply, b'W') => Word::Write { address: at_4, value },
            (Request | Reply, b'R') => Word::Read { address: at_4, value },
            (Request | Reply, b'D') => Word::Tx { io_channel: b1, packet: p },
            (Reply, b'E') => {
                let mut description = [0; 14];
                description.copy_from_slice(&bytes[2..]);
                Word::Error { code: b1, description }
            }
            _ => {
                return Err(Error::invalid(format!("word type {code:#04x} is not one of a {kind} message")));
            }
        })
    }

    /// The sixteen bytes.
    pub fn to_bytes(self) -> [u8; WORD_BYTES] {
        let mut out = [0; WORD_BYTES];
        out[0] = self.code();
        match self {
            Word::Data { io_channel, receipt_timestamp, packet } => {
                out[1] = io_channel;
                out[2..6].copy_from_slice(&receipt_timestamp.to_le_bytes());
                out[8..].copy_from_slice(&packet);
            }
            Word::Trigger { bits, timestamp } => {
                out[1] = bits;
                out[4..8].copy_from_slice(&timestamp.to_le_bytes());
            }
            Word::Sync { kind, clock_source, timestamp } => {
                out[1] = kind;
                out[2] = clock_source;
                out[4..8].copy_from_slice(&timestamp.to_le_bytes());
            }
            Word::Ping | Word::Pong => {}
            Word::Write { address, value } | Word::Read { address, value } => {
                out[4..8].copy_from_slice(&address.to_le_bytes());
                out[12..].copy_from_slice(&value.to_le_bytes());
            }
            Word::Tx { io_channel, packet } => {
                out[1] = io_channel;
                out[8..].copy_from_slice(&packet);
            }
            Word::Error { code, description } => {
                out[1] = code;
                out[2..].copy_from_slice(&description);
            }
        }
        out
    }

    /// The byte that stands for it.
    pub fn code(&self) -> u8 {
        match self {
            Word::Data { .. } | Word::Tx { .. } => b'D',
            Word::Trigger { .. } => b'T',
            Word::Sync { .. } => b'S',
            Word::Ping | Word::Pong => b'P',
            Word::Write { .. } => b'W',
            Word::Read { .. } => b'R',
            Word::Error { .. } => b'E',
        }
    }

    /// As larpix-control names it.
    pub fn name(&self) -> &'static str {
        match self {
            Word::Data { .. } => "DATA",
            Word::Trigger { .. } => "TRIG",
            Word::Sync { .. } => "SYNC",
            Word::Ping => "PING",
            Word::Pong => "PONG",
            Word::Write { .. } => "WRITE",
            Word::Read { .. } => "READ",
            Word::Tx { .. } => "TX",
            Word::Error { .. } => "ERR",
        }
    }

    /// Whether messages of type `kind` have this word.
    pub fn fits(&self, kind: MessageType) -> bool {
        match self {
            Word::Data { .. } | Word::Trigger { .. } | Word::Sync { .. } => kind == MessageType::Data,
            Word::Ping => kind == MessageType::Request,
            Word::Pong | Word::Error { .. } => kind == MessageType::Reply,
            Word::Write { .. } | Word::Read { .. } | Word::Tx { .. } => kind != MessageType::Data,
        }
    }
}

impl Word {
    /// The word as text, the packet in it decoded as these ASICs send it.
    pub fn display(&self, asic: Asic) -> impl fmt::Display {
        Shown { word: self, asic }
    }
}

impl fmt::Display for Word {
    /// The name, then the fields, a packet decoded as of version 2: `DATA io_channel=17 receipt_timestamp=1516360 ..`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.display(Asic::V2))
    }
}

struct Shown<'w> {
    word: &'w Word,
    asic: Asic,
}

impl Shown<'_> {
    fn packet(&self, bytes: [u8; 8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.asic {
            Asic::V2 => write!(f, "{}", PacketV2::from_bytes(bytes)),
            Asic::V3 => write!(f, "{}", PacketV3::from_bytes(bytes)),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word.name())?;
        match self.word {
            Word::Data { io_channel, receipt_timestamp, packet } => {
                write!(f, " io_channel={io_channel} receipt_timestamp={receipt_timestamp} ")?;
                self.packet(*packet, f)
            }
            Word::Trigger { bits, timestamp } => write!(f, " bits={bits:#04x} timestamp={timestamp}"),
            Word::Sync { kind, clock_source, timestamp } => {
                let kind = char::from(*kind).escape_default();
                write!(f, " type={kind} clk_source={} timestamp={timestamp}", clock_source & 1)
            }
            Word::Ping | Word::Pong => Ok(()),
            Word::Write { address, value } | Word::Read { address, value } => {
                write!(f, " address={address:#x} value={value:#x}")
            }
            Word::Tx { io_channel, packet } => {
                write!(f, " io_channel={io_channel} ")?;
                self.packet(*packet, f)
            }
            Word::Error { code, description } => {
                let text = description.split(|&b| b == 0).next().unwrap_or_default();
                write!(f, " code={code} {:?}", String::from_utf8_lossy(text))
            }
        }
    }
}
