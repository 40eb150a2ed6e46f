//! The packet of the first LArPix ASIC: 54 bits in seven bytes, bit 0 the lowest of the first byte.
//!
//! No PACMAN message carries it; it explains what tables of formats 0.0 and 1.0 hold. Facts: larpix-control 3.7.0
//! `Packet_v1`.

/// One packet, as the little-endian number that its seven bytes make; the two highest bits of the last one are unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketV1(pub u64);

super::fields! {
    PacketV1;
    /// The type's code (bits 0-1): 0 data, 1 test, 2 configuration write, 3 configuration read.
    packet_type, with_packet_type: u8 = 0, 2;
    /// The chip (bits 2-9).
    chip_id, with_chip_id: u8 = 2, 8;
    /// The channel of a data packet (bits 10-16).
    channel_id, with_channel_id: u8 = 10, 7;
    /// The chip's clock in a data packet (bits 17-40).
    timestamp, with_timestamp: u32 = 17, 24;
    /// The ADC value as stored (bits 41-50); its lowest bit means nothing, see [`PacketV1::adc`].
    dataword, with_dataword: u16 = 41, 10;
    /// Whether the queue was half full (bit 51).
    fifo_half, with_fifo_half: u8 = 51, 1;
    /// Whether the queue was full (bit 52).
    fifo_full, with_fifo_full: u8 = 52, 1;
    /// The parity bit (bit 53).
    parity, with_parity: u8 = 53, 1;
    /// The register of a configuration packet (bits 10-17).
    register_address, with_register_address: u8 = 10, 8;
    /// The register's value (bits 18-25).
    register_data, with_register_data: u8 = 18, 8;
}

/// The bits that count for parity.
const USED: u64 = (1 << 54) - 1;

impl PacketV1 {
    /// The packet in seven bytes.
    pub const fn from_bytes(bytes: [u8; 7]) -> PacketV1 {
        let [a, b, c, d, e, f, g] = bytes;
        PacketV1(u64::from_le_bytes([a, b, c, d, e, f, g, 0]) & USED)
    }

    /// The seven bytes.
    pub const fn to_bytes(self) -> [u8; 7] {
        let [a, b, c, d, e, f, g, _] = (self.0 & USED).to_le_bytes();
        [a, b, c, d, e, f, g]
    }

    /// The ADC value: the stored one without its lowest bit, which this ASIC gets wrong.
    pub const fn adc(self) -> u16 {
        self.dataword() & !1
    }

    /// The counter of a test packet: 12 low bits where the ADC value is, 4 high ones where the channel is.
    pub const fn test_counter(self) -> u16 {
        let low = (self.0 >> 41) & 0xFFF;
        let high = (self.0 >> 10) & 0xF;
        (high << 12 | low) as u16
    }

    /// Whether the 54 bits hold an odd number of ones, as they must.
    pub const fn has_valid_parity(self) -> bool {
        (self.0 & USED).count_ones() % 2 == 1
    }

    /// The packet with the parity bit that makes it valid.
    #[must_use]
    pub const fn with_valid_parity(self) -> PacketV1 {
        let rest = self.with_parity(0);
        rest.with_parity(if rest.has_valid_parity() { 0 } else { 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_tile_the_packet() {
        let p = PacketV1(0)
            .with_packet_type(3)
            .with_chip_id(0xFF)
            .with_channel_id(0x7F)
            .with_timestamp((1 << 24) - 1)
            .with_dataword(1023)
            .with_fifo_half(1)
            .with_fifo_full(1)
            .with_parity(1);
        assert_eq!(p.0, USED);
        assert_eq!(p.adc(), 1022);
        assert_eq!(PacketV1::from_bytes(p.to_bytes()), p);
        assert_eq!(PacketV1::from_bytes([0xFF; 7]), p);
        assert!(p.with_valid_parity().has_valid_parity());
        assert_eq!(PacketV1(0xABC << 41 | 0xD << 10).test_counter(), 0xDABC);
    }
}
