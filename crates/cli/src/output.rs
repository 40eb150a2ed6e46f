//! Standard output: text that loses its colors where nobody sees them, and bytes as they are.

use std::io::{BufWriter, Read as _, StdoutLock, Write};

use hyperslab::{Error, Result};

/// Standard output for text.
pub(crate) fn text() -> BufWriter<anstream::AutoStream<StdoutLock<'static>>> {
    BufWriter::with_capacity(1 << 16, anstream::stdout().lock())
}

/// Standard output for bytes and JSON.
pub(crate) fn bytes() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, std::io::stdout().lock())
}

/// Writes a JSON document and ends its line.
pub(crate) fn json(out: &mut dyn Write, document: &serde_json::Value) -> std::io::Result<()> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// All of standard input, up to a limit.
///
/// # Errors
/// `Limit` when there is more, `Io`.
pub(crate) fn all_of_stdin(limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|e| Error::io(e, "cannot read standard input"))?;
    if bytes.len() as u64 > limit {
        return Err(Error::limit(format!("standard input holds more than {limit} bytes")));
    }
    Ok(bytes)
}
