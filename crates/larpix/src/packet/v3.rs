//! The packet of the LArPix v3 ASIC: 64 bits, bit 0 the lowest of the first byte.
//!
//! As version 2 with a shorter clock, a longer ADC value and two flags in between; data packets have type 1, and
//! configuration packets carry a number that makes them unlikely to arise by chance. Facts: `Packet_v3` of the
//! larpix-control releases that have it, as recorded in field decoders.

use std::fmt;

/// One packet, as the little-endian number that its eight bytes make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketV3(pub u64);

super::fields! {
    PacketV3;
    /// The type's code (bits 0-1): 1 data, 2 configuration write, 3 configuration read.
    packet_type, with_packet_type: u8 = 0, 2;
    /// The chip (bits 2-9).
    chip_id, with_chip_id: u8 = 2, 8;
    /// The channel of a data packet (bits 10-15).
    channel_id, with_channel_id: u8 = 10, 6;
    /// The chip's clock in a data packet (bits 16-43).
    timestamp, with_timestamp: u32 = 16, 28;
    /// Whether the value is a sample taken at a reset (bit 44).
    reset_sample_flag, with_reset_sample_flag: u8 = 44, 1;
    /// Whether correlated double sampling was on (bit 45).
    cds_flag, with_cds_flag: u8 = 45, 1;
    /// The ADC value of a data packet (bits 46-55).
    dataword, with_dataword: u16 = 46, 10;
    /// 0 normal, 1 external, 2 cross, 3 periodic (bits 56-57).
    trigger_type, with_trigger_type: u8 = 56, 2;
    /// The channel's queue: bit 0 half full, bit 1 full (bits 58-59).
    local_fifo, with_local_fifo: u8 = 58, 2;
    /// The chip's queue, likewise (bits 60-61).
    shared_fifo, with_shared_fifo: u8 = 60, 2;
    /// Which way the packet travels (bit 62).
    downstream_marker, with_downstream_marker: u8 = 62, 1;
    /// The parity bit (bit 63).
    parity, with_parity: u8 = 63, 1;
    /// The register of a configuration packet (bits 10-17).
    register_address, with_register_address: u8 = 10, 8;
    /// The register's value (bits 18-25).
    register_data, with_register_data: u8 = 18, 8;
    /// The number that every configuration packet carries (bits 26-57).
    magic_word, with_magic_word: u32 = 26, 32;
    /// The chip's clock in a data packet when the host has switched FIFO diagnostics on (bits 16-31).
    diagnostics_timestamp, with_diagnostics_timestamp: u16 = 16, 16;
    /// Packets in the chip's queue, likewise (bits 32-43).
    shared_fifo_events, with_shared_fifo_events: u16 = 32, 12;
    /// Packets in the channel's queue, likewise (bits 44-45).
    local_fifo_events, with_local_fifo_events: u8 = 44, 2;
}

super::whole!(PacketV3);

impl fmt::Display for PacketV3 {
    /// The fields that the packet's type gives a meaning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.packet_type() {
            1 => write!(
                f,
                "data chip={} channel={} timestamp={} adc={} reset_sample={} cds={} trigger={} fifo={}/{}",
                self.chip_id(),
                self.channel_id(),
                self.timestamp(),
                self.dataword(),
                self.reset_sample_flag(),
                self.cds_flag(),
                self.trigger_type(),
                self.local_fifo(),
                self.shared_fifo()
            )?,
            0 => write!(f, "type_0 chip={}", self.chip_id())?,
            kind => write!(
                f,
                "config_{} chip={} register={} value={} magic={:#x}",
                if kind == 2 { "write" } else { "read" },
                self.chip_id(),
                self.register_address(),
                self.register_data(),
                self.magic_word()
            )?,
        }
        let parity = if self.has_valid_parity() { "ok" } else { "bad" };
        write!(f, " downstream={} parity={parity}", self.downstream_marker())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fields of a data packet fill the 64 bits without a gap and without touching each other.
    #[test]
    fn fields_tile_the_packet() {
        let p = PacketV3(0)
            .with_packet_type(3)
            .with_chip_id(0xFF)
            .with_channel_id(0x3F)
            .with_timestamp((1 << 28) - 1)
            .with_reset_sample_flag(1)
            .with_cds_flag(1)
            .with_dataword(1023)
            .with_trigger_type(3)
            .with_local_fifo(3)
            .with_shared_fifo(3)
            .with_downstream_marker(1)
            .with_parity(1);
        assert_eq!(p.0, u64::MAX);
        let p = PacketV3(0).with_packet_type(1).with_dataword(0x2A5).with_timestamp(0x0BCD_EF01);
        assert_eq!((p.dataword(), p.timestamp(), p.cds_flag(), p.trigger_type()), (0x2A5, 0x0BCD_EF01, 0, 0));
        assert!(p.with_valid_parity().has_valid_parity());
        assert_eq!(PacketV3::from_bytes(p.to_bytes()), p);
        let c = PacketV3(0).with_packet_type(2).with_magic_word(0x8950_4E47).with_register_data(9);
        assert_eq!((c.magic_word(), c.register_data(), c.register_address()), (0x8950_4E47, 9, 0));
        assert!(c.to_string().starts_with("config_write chip=0 register=0 value=9 magic=0x89504e47"));
    }
}
