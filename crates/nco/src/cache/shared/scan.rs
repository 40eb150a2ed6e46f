//! The dict of an index, read straight from its pickle.
//!
//! Nengo's indexes, and ours, are made of a dozen opcodes: these are run here, on text that stays where it is, and the
//! usual sequence of them for a row in one go. What holds anything else is left to the general reader, which knows all
//! of them.

/// Where text lies: its first byte and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    /// The bytes of it, none if it leads outside.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        let (at, len) = (self.at as usize, self.len as usize);
        bytes.get(at..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }
}

/// A row `{key: (file, start, end)}` of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: Span,
    pub(super) file: Span,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// What lies on the stack of the pickle machine.
#[derive(Clone, Copy)]
enum Item {
    Dict,
    Mark,
    Str(Span),
    Int(i64),
    Tuple(Span, i64, i64),
}

/// What a memo keeps: text, or nothing that plain rows ask for.
const NO_TEXT: Span = Span { at: 0, len: u32::MAX };

/// Hands out the rows in their order, the last of a key counting; nothing where the pickle at `from` is not plainly
/// a dict of such. Rows may have been handed out before that is known. Texts are UTF-8.
pub(super) fn rows(bytes: &[u8], from: usize, mut visit: impl FnMut(Row) -> Option<()>) -> Option<()> {
    u32::try_from(bytes.len()).ok()?;
    let mut machine = Machine { bytes, at: from, stack: Vec::with_capacity(64), memo: Vec::new() };
    while machine.step(&mut visit)? {}
    match machine.stack.as_slice() {
        [Item::Dict] => Some(()),
        _ => None,
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Item>,
    memo: Vec<Span>,
}

impl Machine<'_> {
    /// Bytes as an array, and where the next ones are.
    fn array<const N: usize>(&self, at: usize) -> Option<([u8; N], usize)> {
        Some((*self.bytes.get(at..)?.first_chunk::<N>()?, at + N))
    }

    /// SHORT_BINUNICODE and BINUNICODE.
    fn text(&self, at: usize) -> Option<(Span, usize)> {
        let (len, at) = match self.array::<5>(at)? {
            ([0x8c, len, ..], _) => (usize::from(len), at + 2),
            ([b'X', len @ ..], next) => (usize::try_from(u32::from_le_bytes(len)).ok()?, next),
            _ => return None,
        };
        let next = at.checked_add(len)?;
        str::from_utf8(self.bytes.get(at..next)?).ok()?;
        Some((Span { at: at as u32, len: len as u32 }, next))
    }

    /// BININT1, BININT2, BININT, LONG1.
    fn int(&self, at: usize) -> Option<(i64, usize)> {
        let ([opcode, first], _) = self.array(at)?;
        Some(match opcode {
            b'K' => (first.into(), at + 2),
            b'M' => {
                let (n, next) = self.array(at + 1)?;
                (u16::from_le_bytes(n).into(), next)
            }
            b'J' => {
                let (n, next) = self.array(at + 1)?;
                (i32::from_le_bytes(n).into(), next)
            }
            0x8a => {
                let next = at + 2 + usize::from(first);
                let digits = self.bytes.get(at + 2..next)?;
                let fill = if digits.last().is_some_and(|b| *b >= 0x80) { 0xff } else { 0 };
                let mut n = [fill; 8];
                n.get_mut(..digits.len())?.copy_from_slice(digits);
                (i64::from_le_bytes(n), next)
            }
            _ => return None,
        })
    }

    /// The slot of MEMOIZE, BINPUT and LONG_BINPUT, `next` being that of the first.
    fn put(&self, at: usize, next: usize) -> Option<(usize, usize)> {
        match *self.bytes.get(at)? {
            0x94 => Some((next, at + 1)),
            b'q' => self.array(at + 1).map(|([slot], at)| (usize::from(slot), at)),
            b'r' => self.array(at + 1).map(|(slot, at)| (u32::from_le_bytes(slot) as usize, at)),
            _ => None,
        }
    }

    /// The slot of BINGET and LONG_BINGET.
    fn get(&self, at: usize) -> Option<(usize, usize)> {
        match *self.bytes.get(at)? {
            b'h' => self.array(at + 1).map(|([slot], at)| (usize::from(slot), at)),
            b'j' => self.array(at + 1).map(|(slot, at)| (u32::from_le_bytes(slot) as usize, at)),
            _ => None,
        }
    }

    fn memorize(&mut self, slot: usize, text: Span) -> Option<()> {
        // Picklers fill slots in turn.
        if slot == self.memo.len() {
            self.memo.push(text);
        } else {
            *self.memo.get_mut(slot)? = text;
        }
        Some(())
    }

    /// One put that may be there, behind what was pushed.
    fn put_one(&mut self, at: usize, text: Span) -> Option<usize> {
        let Some((slot, next)) = self.put(at, self.memo.len()) else { return Some(at) };
        self.memorize(slot, text)?;
        Some(next)
    }

    /// Key, file, two integers and the tuple of the three as picklers write them, if they are next.
    fn plain_row(&mut self) -> Option<Row> {
        let memo = self.memo.len();
        let row = self.try_row();
        if row.is_none() {
            // What was overwritten before is only ever overwritten with the same again.
            self.memo.truncate(memo);
        }
        row
    }

    fn try_row(&mut self) -> Option<Row> {
        let (key, at) = self.text(self.at)?;
        let at = self.put_one(at, key)?;
        let (file, at) = match self.get(at) {
            Some((slot, at)) => (*self.memo.get(slot)?, at),
            None => {
                let (file, at) = self.text(at)?;
                (file, self.put_one(at, file)?)
            }
        };
        let (start, at) = self.int(at)?;
        let (end, at) = self.int(at)?;
        if file == NO_TEXT || *self.bytes.get(at)? != 0x87 {
            return None;
        }
        self.at = self.put_one(at + 1, NO_TEXT)?;
        Some(Row { key, file, start, end })
    }

    /// Runs an opcode, or those of a row; whether more follow.
    fn step(&mut self, visit: &mut impl FnMut(Row) -> Option<()>) -> Option<bool> {
        let opcode = *self.bytes.get(self.at)?;
        match opcode {
            0x8c | b'X' => {
                // A row that came apart, by a frame, is whole when the next text comes.
                if let [Item::Dict, Item::Mark, key, value] = *self.stack.as_slice()
                    && let Some(row) = row(key, value)
                {
                    visit(row)?;
                    self.stack.truncate(2);
                }
                if let [Item::Dict, Item::Mark] = self.stack.as_slice()
                    && let Some(row) = self.plain_row()
                {
                    visit(row)?;
                    return Some(true);
                }
                let (text, next) = self.text(self.at)?;
                self.stack.push(Item::Str(text));
                self.at = next;
            }
            b'K' | b'M' | b'J' | 0x8a => {
                let (n, next) = self.int(self.at)?;
                self.stack.push(Item::Int(n));
                self.at = next;
            }
            // MEMOIZE, BINPUT, LONG_BINPUT
            0x94 | b'q' | b'r' => {
                let text = match self.stack.last()? {
                    Item::Str(text) => *text,
                    _ => NO_TEXT,
                };
                let (slot, next) = self.put(self.at, self.memo.len())?;
                self.memorize(slot, text)?;
                self.at = next;
            }
            // BINGET, LONG_BINGET
            b'h' | b'j' => {
                let (slot, next) = self.get(self.at)?;
                // Anything but text is for the general reader, a dict that is within itself, too.
                let text = *self.memo.get(slot).filter(|text| **text != NO_TEXT)?;
                self.stack.push(Item::Str(text));
                self.at = next;
            }
            _ => {
                self.at += 1;
                return self.structure(opcode, visit);
            }
        }
        Some(true)
    }

    /// The opcodes that hold no data of a row.
    fn structure(&mut self, opcode: u8, visit: &mut impl FnMut(Row) -> Option<()>) -> Option<bool> {
        match opcode {
            // PROTO, FRAME
            0x80 => self.at += 1,
            0x95 => self.at += 8,
            b'}' if self.stack.is_empty() => self.stack.push(Item::Dict),
            b'(' => self.stack.push(Item::Mark),
            // TUPLE3
            0x87 => {
                let (Item::Int(end), Item::Int(start), Item::Str(file)) =
                    (self.stack.pop()?, self.stack.pop()?, self.stack.pop()?)
                else {
                    return None;
                };
                self.stack.push(Item::Tuple(file, start, end));
            }
            // SETITEM, SETITEMS
            b's' => {
                let (value, key) = (self.stack.pop()?, self.stack.pop()?);
                visit(row(key, value)?)?;
                matches!(self.stack.as_slice(), [Item::Dict]).then_some(())?;
            }
            b'u' => {
                // There is one dict, at the bottom, and the mark above it.
                let [Item::Dict, Item::Mark, items @ ..] = self.stack.as_slice() else { return None };
                let (pairs, []) = items.as_chunks::<2>() else { return None };
                pairs.iter().try_for_each(|&[key, value]| visit(row(key, value)?))?;
                self.stack.truncate(1);
            }
            b'.' => return Some(false),
            _ => return None,
        }
        Some(true)
    }
}

fn row(key: Item, value: Item) -> Option<Row> {
    let (Item::Str(key), Item::Tuple(file, start, end)) = (key, value) else { return None };
    Some(Row { key, file, start, end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_pickle::{Plain, Protocol, RowsDump};

    fn read(bytes: &[u8]) -> Option<Vec<(String, String, i64, i64)>> {
        let mut out = Vec::new();
        let text = |span: Span| String::from_utf8(span.of(bytes).to_vec()).unwrap();
        rows(bytes, 0, |row| {
            out.push((text(row.key), text(row.file), row.start, row.end));
            Some(())
        })?;
        Some(out)
    }

    #[test]
    fn what_is_written_is_read() {
        for protocol in [Protocol::Two, Protocol::Three, Protocol::Four, Protocol::Five] {
            let mut dump = RowsDump::new(protocol);
            let mut want = Vec::new();
            for i in 0..3000i64 {
                let (key, file, end) = (format!("k{i}"), format!("f{}", i / 7), i << (i % 40));
                want.push((key, file, -i, end));
            }
            for (key, file, start, end) in &want {
                dump.insert(key, &[Plain::Str(file), Plain::Int((*start).into()), Plain::Int((*end).into())])
                    .unwrap();
            }
            let bytes = dump.finish();
            assert_eq!(read(&bytes).unwrap(), want);
            for cut in 0..200 {
                assert_eq!(read(&bytes[..bytes.len() - 1 - cut]), None);
            }
        }
    }

    #[test]
    fn anything_else_is_left_to_others() {
        for other in [
            &b""[..],
            b"}",
            b".",
            b"N.",
            b"}}.",
            b"}(u",
            b"}(h\0K\x01u.",
            b"}q\0(h\0h\0u.",
            b"}X\x01\0\0\0aK\x01s.",
            b"}r\xff\xff\xff\xff.",
            b"}\x8a\xff",
            b"}(cos\nsystem\nu.",
            b"}X\x01\0\0\0\xff.",
            b"}(X\x01\0\0\0au.",
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
        assert_eq!(read(b"\x80\x02}q\0."), Some(Vec::new()));
        assert_eq!(read(b"}(u."), Some(Vec::new()));
    }
}
