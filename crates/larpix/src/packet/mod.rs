//! LArPix packets: the bits that an ASIC sends or receives.
//!
//! Not the words that carry them ([`crate::pacman`]) and not the table made of them ([`crate::packets`]). Version 2 and
//! version 3 packets have 64 bits and look alike on the wire: which they are, the ASIC that sent them decides.

/// Accessors of a run of bits, each named after its field.
macro_rules! fields {
    ($packet:ident; $($(#[$doc:meta])* $name:ident, $with:ident: $t:ty = $low:literal, $width:literal;)*) => {
        impl $packet {$(
            $(#[$doc])*
            pub const fn $name(self) -> $t {
                // The mask leaves no more bits than the type holds.
                ((self.0 >> $low) & ((1 << $width) - 1)) as $t
            }
            #[doc = concat!("The packet with its `", stringify!($name), "` set; bits beyond the field are dropped.")]
            #[must_use]
            pub const fn $with(self, value: $t) -> $packet {
                let mask = ((1_u64 << $width) - 1) << $low;
                $packet((self.0 & !mask) | (((value as u64) << $low) & mask))
            }
        )*}
    };
}
use fields;

/// What holds for the 64 bits of a packet as a whole.
macro_rules! whole {
    ($packet:ident) => {
        impl $packet {
            /// The packet in eight bytes.
            pub const fn from_bytes(bytes: [u8; 8]) -> $packet {
                $packet(u64::from_le_bytes(bytes))
            }

            /// The eight bytes.
            pub const fn to_bytes(self) -> [u8; 8] {
                self.0.to_le_bytes()
            }

            /// Whether the 64 bits hold an odd number of ones, as they must.
            pub const fn has_valid_parity(self) -> bool {
                self.0.count_ones() % 2 == 1
            }

            /// The packet with the parity bit that makes it valid.
            #[must_use]
            pub const fn with_valid_parity(self) -> $packet {
                let rest = self.with_parity(0);
                rest.with_parity(if rest.has_valid_parity() { 0 } else { 1 })
            }
        }
    };
}
use whole;

mod v1;
mod v2;
mod v3;

pub use v1::PacketV1;
pub use v2::{PacketType, PacketV2};
pub use v3::PacketV3;

/// Which ASICs sent the packets of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Asic {
    /// LArPix v2, v2b, v2d, LightPix-1: [`PacketV2`].
    #[default]
    V2,
    /// LArPix v3: [`PacketV3`].
    V3,
}
