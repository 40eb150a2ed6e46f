//! Blocks of LZ4, by a library; the frames round them are those of the filters.

use hyperslab_core::{Error, Result};

/// Decodes a block that must give exactly `out.len()` bytes.
///
/// # Errors
/// `Invalid` for a damaged block, or one that gives fewer or more bytes.
pub(in super::super) fn block(packed: &[u8], out: &mut [u8]) -> Result<()> {
    match lz4_flex::block::decompress_into(packed, out) {
        Ok(n) if n == out.len() => Ok(()),
        Ok(n) => Err(Error::invalid(format!("LZ4 block gives {n} bytes instead of {}", out.len()))),
        Err(e) => Err(Error::invalid(format!("LZ4 block of {} bytes: {e}", packed.len()))),
    }
}

/// Packs bytes into a block.
pub(in super::super) fn pack(plain: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        // Three literals, then nine bytes from three back, then five literals.
        let packed = [0x35, b'a', b'b', b'c', 3, 0, 0x50, b'v', b'w', b'x', b'y', b'z'];
        let mut out = [0; 17];
        block(&packed, &mut out).unwrap();
        assert_eq!(&out, b"abcabcabcabcvwxyz");
        assert!(block(&packed, &mut [0; 16]).is_err());
        assert!(block(&packed, &mut [0; 18]).is_err());
        assert!(block(&packed[..11], &mut out).is_err());
        assert!(block(&[0x10, b'a', 2, 0], &mut out).is_err());
    }
}
