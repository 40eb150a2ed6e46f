//! Messages out of a stream of bytes.

use super::Framing;
use hyperslab::{Error, Result};
use std::io::{BufRead as _, BufReader, Read};
use std::ops::Range;

/// A longer message is a mistake in the framing: cards send at most a megabyte.
const MAX_MESSAGE: usize = 64 << 20;

/// Reads messages from a stream, block by block.
pub(super) struct Frames<R> {
    input: BufReader<R>,
    framing: Framing,
    io_group: u8,
    /// Bytes and lines taken so far, for errors about them.
    at: u64,
    line: u64,
}

/// Some messages, their bytes one after another.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    messages: Vec<(u8, Range<usize>)>,
}

impl Block {
    /// Group and bytes of each message.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.messages.iter().map(|(g, r)| (*g, self.bytes.get(r.clone()).unwrap_or_default()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= 1 << 16 || self.messages.len() >= 1 << 12
    }
}

impl<R: Read> Frames<R> {
    pub(super) fn new(input: R, framing: Framing, io_group: u8) -> Self {
        Frames { input: BufReader::with_capacity(1 << 16, input), framing, io_group, at: 0, line: 0 }
    }

    /// Waits for a message and takes those that are there with it; an empty block is the end of the stream. The
    /// error of a message that is not whole comes with those before it.
    pub(super) fn next_block(&mut self) -> (Block, Result<()>) {
        let mut block = Block::default();
        loop {
            match self.message(&mut block) {
                Ok(true) if !block.is_full() && self.another_is_there() => {}
                Ok(_) => return (block, Ok(())),
                Err(e) => return (block, Err(e)),
            }
        }
    }

    /// Whether a whole message is in the buffer, so that reading it does not wait.
    fn another_is_there(&self) -> bool {
        let buffered = self.input.buffer();
        match self.framing {
            Framing::U32le => {
                let length = buffered.first_chunk::<4>().map(|n| u32::from_le_bytes(*n) as usize);
                length.is_some_and(|n| buffered.len() - 4 >= n)
            }
            _ => buffered.contains(&b'\n'),
        }
    }

    /// Takes one message; `false` at the end of the stream.
    fn message(&mut self, block: &mut Block) -> Result<bool> {
        let start = block.bytes.len();
        let io_group = match self.framing {
            Framing::U32le => {
                if !self.counted(&mut block.bytes)? {
                    return Ok(false);
                }
                self.io_group
            }
            framing => {
                let Some(line) = self.text_line()? else { return Ok(false) };
                match framing {
                    Framing::Lines => {
                        block.bytes.extend_from_slice(&line);
                        self.io_group
                    }
                    Framing::Hex => {
                        self.hex(&line, &mut block.bytes)?;
                        self.io_group
                    }
                    _ => self.json(&line, &mut block.bytes)?,
                }
            }
        };
        block.messages.push((io_group, start..block.bytes.len()));
        Ok(true)
    }

    fn counted(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let mut head = [0u8; 4];
        match self.fill(&mut head)? {
            0 => return Ok(false),
            4 => {}
            n => return Err(self.wrong(format!("the stream ends after {n} of the 4 bytes of a length"))),
        }
        let length = u32::from_le_bytes(head) as usize;
        if length > MAX_MESSAGE {
            return Err(self
                .wrong(format!("a message of {length} bytes, the most is {MAX_MESSAGE}"))
                .hint("is --framing right?"));
        }
        let start = out.len();
        out.resize(start + length, 0);
        let got = self.fill(out.get_mut(start..).unwrap_or_default())?;
        if got < length {
            out.truncate(start);
            return Err(self.wrong(format!("the stream ends after {got} of the {length} bytes of a message")));
        }
        self.at += 4 + length as u64;
        Ok(true)
    }

    /// Fills `out`, or as much of it as there is before the end.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut got = 0;
        while got < out.len() {
            match self.input.read(out.get_mut(got..).unwrap_or_default()) {
                Ok(0) => break,
                Ok(n) => got += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(e, "cannot read standard input")),
            }
        }
        Ok(got)
    }

    /// One line without its end; `None` at the end of the stream.
    fn text_line(&mut self) -> Result<Option<Vec<u8>>> {
        // Two hexadecimal digits a byte, and what JSON adds.
        const MOST: u64 = 2 * MAX_MESSAGE as u64 + 4096;
        let mut line = Vec::new();
        let n = (&mut self.input)
            .take(MOST)
            .read_until(b'\n', &mut line)
            .map_err(|e| Error::io(e, "cannot read standard input"))?;
        if n == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.pop_if(|c| *c == b'\n').is_none() && n as u64 == MOST {
            return Err(self.wrong(format!("longer than {MOST} bytes")).hint("is --framing right?"));
        }
        Ok(Some(line))
    }

    fn hex(&self, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let mut high = None;
        for &c in text.iter().filter(|c| !c.is_ascii_whitespace()) {
            let digit = char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
            let Some(digit) = digit else {
                out.truncate(start);
                return Err(self.wrong(format!("{:?} is not a hexadecimal digit", char::from(c))));
            };
            match high.take() {
                None => high = Some(digit),
                Some(h) => out.push(h << 4 | digit),
            }
        }
        match high {
            None => Ok(()),
            Some(_) => {
                out.truncate(start);
                Err(self.wrong("an odd number of hexadecimal digits"))
            }
        }
    }

    fn json(&self, line: &[u8], out: &mut Vec<u8>) -> Result<u8> {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(line).map_err(|e| self.wrong(format!("not a JSON object: {e}")))?;
        // `index` is what `slab log show --json` writes beside them.
        if let Some(key) = object.keys().find(|k| !matches!(k.as_str(), "io_group" | "hex" | "index")) {
            return Err(self.wrong(format!("the key {key:?} has no place in a message")));
        }
        let io_group = match object.get("io_group") {
            None => self.io_group,
            Some(v) => v
                .as_u64()
                .and_then(|n| u8::try_from(n).ok())
                .ok_or_else(|| self.wrong(format!("io_group {v} is not a number from 0 to 255")))?,
        };
        let hex = object
            .get("hex")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(|| self.wrong("no \"hex\" with the message's bytes"))?;
        self.hex(hex.as_bytes(), out)?;
        Ok(io_group)
    }

    /// An error about the message that comes next.
    fn wrong(&self, what: impl Into<String>) -> Error {
        let e = Error::invalid(what.into()).file("standard input");
        match self.framing {
            Framing::U32le => e.at(self.at),
            _ => e.reading(format!("line {}", self.line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framing: Framing, input: &[u8]) -> (Vec<(u8, Vec<u8>)>, Result<()>) {
        let mut frames = Frames::new(input, framing, 7);
        let mut out = Vec::new();
        loop {
            let (block, end) = frames.next_block();
            out.extend(block.iter().map(|(g, m)| (g, m.to_vec())));
            if block.is_empty() || end.is_err() {
                return (out, end);
            }
        }
    }

    #[test]
    fn each_framing() {
        let (m, end) = all(Framing::U32le, b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c");
        end.unwrap();
        assert_eq!(m, [(7, b"ab".to_vec()), (7, vec![]), (7, b"c".to_vec())]);
        let (m, end) = all(Framing::Lines, b"ab\r\n\nc");
        end.unwrap();
        assert_eq!(m, [(7, b"ab\r".to_vec()), (7, vec![]), (7, b"c".to_vec())]);
        let (m, end) = all(Framing::Hex, b"61 62\nFF\n");
        end.unwrap();
        assert_eq!(m, [(7, b"ab".to_vec()), (7, vec![255])]);
        let (m, end) =
            all(Framing::Jsonl, b"{\"io_group\": 1, \"hex\": \"00\"}\n{\"hex\":\"\",\"index\":3}\n");
        end.unwrap();
        assert_eq!(m, [(1, vec![0]), (7, vec![])]);
    }

    #[test]
    fn what_came_before_a_mistake_is_kept() {
        for (framing, input, why) in [
            (Framing::U32le, &b"\x01\0\0\0a\x05\0\0\0bc"[..], "byte 5: the stream ends after 2 of the 5"),
            (Framing::U32le, b"\x01\0\0\0a\x05\0", "ends after 2 of the 4"),
            (Framing::U32le, b"\x01\0\0\0atext", "is --framing right?"),
            (Framing::Hex, b"61\n6\n", "line 2: an odd number"),
            (Framing::Hex, b"61\nxy\n", "'x' is not a hexadecimal digit"),
            (Framing::Jsonl, b"{\"hex\":\"61\"}\n{\"io_group\":256,\"hex\":\"\"}", "0 to 255"),
            (Framing::Jsonl, b"{\"hex\":\"61\"}\n[]", "line 2: not a JSON object"),
        ] {
            let (m, end) = all(framing, input);
            assert_eq!(m.len(), 1, "{why}");
            let e = end.unwrap_err().to_string();
            assert!(e.contains(why), "{e} / {why}");
        }
    }
}
