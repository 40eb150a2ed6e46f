//! PACMAN messages: an 8-byte header and words of 16 bytes, as a PACMAN card sends them (message format 0.0).
//!
//! Not the packets inside the words (see [`crate::packet`]) and not the log that holds the messages. Everything is
//! little-endian. Facts: larpix-control 3.7.0 `pacman_msg_format` and messages recorded at a detector; the
//! timestamp of a data word is at byte 2 there, although the firmware's C header draws it at byte 4.

mod carry;
mod envelope;
mod header;
mod word;

pub use carry::Cargo;
pub use envelope::{ENVELOPE_BYTES, Envelope, EnvelopeWord};
pub use header::{Header, MessageType};
pub use word::Word;

use hyperslab_core::{Error, Result};

/// Bytes of a message's header.
pub const HEADER_BYTES: usize = 8;
/// Bytes of one word.
pub const WORD_BYTES: usize = 16;

/// How much of a message's claims must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Check {
    /// The header's word count must be the number of words that follow.
    #[default]
    Strict,
    /// The header's word count is ignored, as larpix-control ignores it.
    Lenient,
}

/// One message: its header, and its words still in their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// What the header says.
    pub header: Header,
    body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Parses the header and, when `check` is strict, compares its word count with the length.
    ///
    /// # Errors
    /// `Invalid` for less than a header, an unknown message type, or a count that lies; `Unsupported` for a message
    /// in the newer [`Envelope`].
    pub fn parse(bytes: &'a [u8], check: Check) -> Result<Message<'a>> {
        let (head, body) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(|| {
            Error::invalid(format!("{} bytes are less than the header of 8", bytes.len()))
                .reading("PACMAN message")
        })?;
        let header = match Header::parse(head) {
            // Format 1.0 has a type that 0.0 does not have.
            Err(_) if Envelope::is_one(bytes) => return Err(unsupported()),
            header => header?,
        };
        let message = Message { header, body };
        if !message.is_counted() && Envelope::is_one(bytes) {
            return Err(unsupported());
        }
        if check == Check::Strict && !message.is_counted() {
            return Err(Error::invalid(format!(
                "the header counts {} words ({} bytes), {} bytes follow",
                header.words,
                usize::from(header.words) * WORD_BYTES,
                body.len()
            ))
            .reading("PACMAN message"));
        }
        Ok(message)
    }

    /// The bytes of the words.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Whether the header counts as many words as follow.
    pub fn is_counted(&self) -> bool {
        usize::from(self.header.words) * WORD_BYTES == self.body.len()
    }

    /// Number of words, a trailing part of one included.
    pub fn len(&self) -> usize {
        self.body.len().div_ceil(WORD_BYTES)
    }

    /// Whether only the header is there.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// The words in order. A word that cannot be parsed is an error item, and the next one follows: all words
    /// have the same size. A trailing part of a word is a last error.
    pub fn words(&self) -> impl Iterator<Item = Result<Word>> + use<'a> {
        let kind = self.header.kind;
        self.body.chunks(WORD_BYTES).enumerate().map(move |(i, bytes)| {
            let at = (HEADER_BYTES + i * WORD_BYTES) as u64;
            let whole = bytes
                .try_into()
                .map_err(|_| Error::invalid(format!("{} bytes are left for a word of 16", bytes.len())));
            whole.and_then(|w| Word::parse(kind, w)).map_err(|e: Error| e.reading("PACMAN word").at(at))
        })
    }
}

fn unsupported() -> Error {
    Error::unsupported("message format 1.0, of which no packet table is made").reading("PACMAN message").at(0)
}

/// Appends a message of `words` to `out`; `seconds` is the card's Unix time.
///
/// # Errors
/// `Usage` for more than 65535 words, or a word that its message type does not have; `out` is then unchanged.
pub fn format(out: &mut Vec<u8>, kind: MessageType, seconds: u32, words: &[Word]) -> Result<()> {
    let count = u16::try_from(words.len())
        .map_err(|_| Error::usage(format!("{} words do not fit a message (65535 at most)", words.len())))?;
    if let Some(w) = words.iter().find(|w| !w.fits(kind)) {
        return Err(Error::usage(format!("{} is not a word of a {kind} message", w.name())));
    }
    out.reserve(HEADER_BYTES + words.len() * WORD_BYTES);
    out.extend_from_slice(&Header { kind, seconds, words: count }.to_bytes());
    words.iter().for_each(|w| out.extend_from_slice(&w.to_bytes()));
    Ok(())
}

#[cfg(test)]
mod tests;
