//! The comment message: what somebody has noted about an object.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.n.

/// The text of a body, up to its NUL.
pub fn parse(body: &[u8]) -> &[u8] {
    body.split(|&b| b == 0).next().unwrap_or_default()
}

/// Appends a body.
pub fn emit(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_comment_ends_at_its_nul() {
        let mut out = Vec::new();
        super::emit("grüße", &mut out);
        assert_eq!(super::parse(&out), "grüße".as_bytes());
        assert_eq!(super::parse(b"ab\0c"), b"ab");
        assert_eq!(super::parse(b"ab"), b"ab");
        assert_eq!(super::parse(b""), b"");
    }
}
