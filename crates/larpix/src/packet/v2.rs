//! The packet of the LArPix v2 ASICs (v2, v2b, v2d, LightPix-1): 64 bits, bit 0 the lowest of the first byte.
//!
//! A packet's fields overlap: which ones are meant depends on its type, and every one can be asked for. Facts:
//! larpix-control 3.7.0 `Packet_v2`.

use std::fmt;

/// What a packet is (bits 0 and 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// A hit.
    Data,
    /// A test packet.
    Test,
    /// A register written.
    ConfigWrite,
    /// A register read.
    ConfigRead,
}

impl PacketType {
    /// The code in the packet and in the packet table.
    pub const fn code(self) -> u8 {
        match self {
            PacketType::Data => 0,
            PacketType::Test => 1,
            PacketType::ConfigWrite => 2,
            PacketType::ConfigRead => 3,
        }
    }
}

/// One packet, as the little-endian number that its eight bytes make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PacketV2(pub u64);

super::fields! {
    PacketV2;
    /// The type's code (bits 0-1).
    packet_type, with_packet_type: u8 = 0, 2;
    /// The chip (bits 2-9).
    chip_id, with_chip_id: u8 = 2, 8;
    /// The channel of a data packet (bits 10-15).
    channel_id, with_channel_id: u8 = 10, 6;
    /// The chip's clock in a data packet (bits 16-46).
    timestamp, with_timestamp: u32 = 16, 31;
    /// Whether this is the first packet of a burst (bit 47).
    first_packet, with_first_packet: u8 = 47, 1;
    /// The ADC value of a data packet (bits 48-55).
    dataword, with_dataword: u8 = 48, 8;
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
    /// The chip's clock in a data packet when the host has switched FIFO diagnostics on (bits 16-31).
    diagnostics_timestamp, with_diagnostics_timestamp: u16 = 16, 16;
    /// Packets in the chip's queue, likewise (bits 32-43).
    shared_fifo_events, with_shared_fifo_events: u16 = 32, 12;
    /// Packets in the channel's queue, likewise (bits 44-45).
    local_fifo_events, with_local_fifo_events: u8 = 44, 2;
}

super::whole!(PacketV2);

impl PacketV2 {
    /// The type.
    pub const fn kind(self) -> PacketType {
        match self.packet_type() {
            0 => PacketType::Data,
            1 => PacketType::Test,
            2 => PacketType::ConfigWrite,
            _ => PacketType::ConfigRead,
        }
    }
}

impl fmt::Display for PacketV2 {
    /// The fields that the packet's type gives a meaning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind() {
            PacketType::Data => "data",
            PacketType::Test => "test",
            PacketType::ConfigWrite => "config_write",
            PacketType::ConfigRead => "config_read",
        };
        write!(f, "{kind} chip={}", self.chip_id())?;
        match self.kind() {
            PacketType::Data | PacketType::Test => write!(
                f,
                " channel={} timestamp={} adc={} trigger={} first={} fifo={}/{}",
                self.channel_id(),
                self.timestamp(),
                self.dataword(),
                self.trigger_type(),
                self.first_packet(),
                self.local_fifo(),
                self.shared_fifo()
            )?,
            PacketType::ConfigWrite | PacketType::ConfigRead => {
                write!(f, " register={} value={}", self.register_address(), self.register_data())?;
            }
        }
        let parity = if self.has_valid_parity() { "ok" } else { "bad" };
        write!(f, " downstream={} parity={parity}", self.downstream_marker())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_do_not_touch_each_other() {
        let p = PacketV2(0)
            .with_packet_type(0)
            .with_chip_id(0xA5)
            .with_channel_id(63)
            .with_timestamp((1 << 31) - 1)
            .with_first_packet(1)
            .with_dataword(0x5A)
            .with_trigger_type(2)
            .with_local_fifo(1)
            .with_shared_fifo(3)
            .with_downstream_marker(1)
            .with_valid_parity();
        assert_eq!((p.chip_id(), p.channel_id(), p.timestamp()), (0xA5, 63, 0x7FFF_FFFF));
        assert_eq!((p.dataword(), p.trigger_type(), p.local_fifo(), p.shared_fifo()), (0x5A, 2, 1, 3));
        assert!(p.has_valid_parity());
        assert!(!p.with_parity(1 - p.parity()).has_valid_parity());
        assert_eq!(PacketV2::from_bytes(p.to_bytes()), p);
        let c = PacketV2(0).with_packet_type(2).with_register_address(200).with_register_data(77);
        assert_eq!((c.kind(), c.register_address(), c.register_data()), (PacketType::ConfigWrite, 200, 77));
        assert_eq!(c.with_timestamp(u32::MAX).timestamp(), 0x7FFF_FFFF);
    }

    #[test]
    fn a_packet_from_a_detector() {
        let p = PacketV2::from_bytes([0x50, 0x04, 0xBC, 0x5E, 0x5A, 0x80, 0x23, 0xC0]);
        assert_eq!(
            p.to_string(),
            "data chip=20 channel=1 timestamp=5922492 adc=35 trigger=0 first=1 fifo=0/0 downstream=1 parity=ok"
        );
    }
}
