//! Standard output: text that loses its colors where nobody sees them, and bytes as they are.

use std::io::{BufWriter, Read as _, StdoutLock, Write};

use hyperslab::{Error, Result};

/// A write beyond the size that a file may have (`ulimit -f`) is an error like that of a full disk, and not the end of
/// the program in the middle of a file.
pub(crate) fn outlive_size_limits() {
    #[cfg(unix)]
    {
        // Any handler will do: with one, the write itself returns the error. Without it, nothing else is worse.
        let flag = std::sync::Arc::default();
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, flag);
    }
}

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
