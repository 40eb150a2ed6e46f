//! Which word carries what, so that packets become a message as larpix-control's `format` makes one of them.

use super::{MessageType, Word};

/// Something that a message may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cargo {
    /// A packet.
    Packet {
        /// Channel of the card; 0 when it is not known.
        io_channel: Option<u8>,
        /// When the card received it; the time of the message when it is not known.
        receipt_timestamp: Option<u32>,
        /// The packet's eight bytes.
        packet: [u8; 8],
    },
    /// A synchronization of the clock.
    Sync {
        /// `S` sync, `H` heartbeat, `C` clock switch.
        kind: u8,
        /// The clock's source.
        clock_source: u8,
        /// The card's counter.
        timestamp: u32,
    },
    /// An external trigger.
    Trigger {
        /// Trigger bits.
        bits: u8,
        /// The card's counter.
        timestamp: u32,
    },
    /// A time or a text: no message carries it.
    Note,
}

impl Cargo {
    /// The word that carries it in a message of a type; `None` where no word does. `now` is the card's counter, for
    /// packets that have no time of their own.
    pub fn word(self, kind: MessageType, now: u32) -> Option<Word> {
        match (kind, self) {
            (MessageType::Data, Cargo::Packet { io_channel, receipt_timestamp, packet }) => {
                Some(Word::Data {
                    io_channel: io_channel.unwrap_or(0),
                    receipt_timestamp: receipt_timestamp.unwrap_or(now),
                    packet,
                })
            }
            (MessageType::Data, Cargo::Sync { kind, clock_source, timestamp }) => {
                Some(Word::Sync { kind, clock_source, timestamp })
            }
            (MessageType::Data, Cargo::Trigger { bits, timestamp }) => {
                Some(Word::Trigger { bits, timestamp })
            }
            (MessageType::Request | MessageType::Reply, Cargo::Packet { io_channel, packet, .. }) => {
                Some(Word::Tx { io_channel: io_channel.unwrap_or(0), packet })
            }
            _ => None,
        }
    }
}
