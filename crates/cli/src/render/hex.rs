//! Bytes as `xxd` shows them: offset, sixteen bytes in pairs, text.

use std::io::{self, Write};

/// Writes the lines of `bytes`, which start at `offset`.
pub(crate) fn dump(out: &mut dyn Write, bytes: &[u8], offset: u64) -> io::Result<()> {
    for (i, line) in bytes.chunks(16).enumerate() {
        let mut hex = String::with_capacity(40);
        for (k, b) in line.iter().enumerate() {
            if k % 2 == 0 && k > 0 {
                hex.push(' ');
            }
            hex.push_str(&format!("{b:02x}"));
        }
        let text: String =
            line.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '.' }).collect();
        writeln!(out, "{:08x}: {hex:<39}  {text}", offset + 16 * i as u64)?;
    }
    Ok(())
}

/// Bytes as hexadecimal digits, nothing between.
pub(crate) fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_xxd() {
        let mut out = Vec::new();
        dump(&mut out, b"\x93NUMPY\x01\x00v\x00{'descr'", 0x10).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "00000010: 934e 554d 5059 0100 7600 7b27 6465 7363  .NUMPY..v.{'desc\n\
             00000020: 7227                                     r'\n"
        );
    }
}
