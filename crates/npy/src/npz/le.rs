//! Little-endian integers at positions of a slice, absent past its end.

pub(super) fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    let b = b.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*b))
}

pub(super) fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    let b = b.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*b))
}

pub(super) fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    let b = b.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*b))
}
