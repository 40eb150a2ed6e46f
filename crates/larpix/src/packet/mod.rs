//! LArPix packets: 64 bits that an ASIC sends or receives.
//!
//! Not the words that carry them ([`crate::pacman`]) and not the table made of them ([`crate::packets`]).

mod v2;

pub use v2::{PacketType, PacketV2};
