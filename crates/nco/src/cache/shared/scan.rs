//! The dict of an index, read straight from its pickle.
//!
//! Nengo's indexes, and ours, are made of a dozen opcodes: these are run here, on text that stays where it is. What
//! holds anything else is left to the general reader, which knows all of them.

/// What lies on the stack of the pickle machine.
#[derive(Clone, Copy)]
enum Item<'a> {
    Dict,
    Mark,
    Str(&'a str),
    Int(i64),
    Row(&'a str, i64, i64),
}

/// Hands out the rows `{key: (file, start, end)}` in their order, the last of a key counting; nothing where the pickle
/// is not plainly that. Rows may have been handed out before that is known.
pub(super) fn rows<'a>(bytes: &'a [u8], visit: &mut dyn FnMut(&'a str, &'a str, i64, i64)) -> Option<()> {
    let mut machine = Machine { rest: bytes, stack: Vec::with_capacity(2048), memo: Vec::new() };
    while machine.step(visit)? {}
    match machine.stack.as_slice() {
        [Item::Dict] => Some(()),
        _ => None,
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Item<'a>>,
    memo: Vec<Item<'a>>,
}

impl<'a> Machine<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn text(&mut self, len: usize) -> Option<()> {
        let text = str::from_utf8(self.take(len)?).ok()?;
        self.stack.push(Item::Str(text));
        Some(())
    }

    fn put(&mut self, slot: usize) -> Option<()> {
        let top = *self.stack.last()?;
        // Picklers fill slots in turn.
        if slot == self.memo.len() {
            self.memo.push(top);
        } else {
            *self.memo.get_mut(slot)? = top;
        }
        Some(())
    }

    fn get(&mut self, slot: usize) -> Option<()> {
        let item = *self.memo.get(slot)?;
        // A dict that is within itself is for the general reader.
        if matches!(item, Item::Dict | Item::Mark) {
            return None;
        }
        self.stack.push(item);
        Some(())
    }

    /// Runs an opcode; whether more follow.
    fn step(&mut self, visit: &mut dyn FnMut(&'a str, &'a str, i64, i64)) -> Option<bool> {
        let [opcode] = self.array()?;
        match opcode {
            // PROTO
            0x80 => drop(self.take(1)?),
            // FRAME
            0x95 => drop(self.take(8)?),
            b'}' if self.stack.is_empty() => self.stack.push(Item::Dict),
            b'(' => self.stack.push(Item::Mark),
            // SHORT_BINUNICODE, BINUNICODE
            0x8c => {
                let [len] = self.array()?;
                self.text(len.into())?;
            }
            b'X' => {
                let len = u32::from_le_bytes(self.array()?);
                self.text(usize::try_from(len).ok()?)?;
            }
            // BININT1, BININT2, BININT, LONG1
            b'K' => {
                let [n] = self.array()?;
                self.stack.push(Item::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.array()?);
                self.stack.push(Item::Int(n.into()));
            }
            b'J' => {
                let n = i32::from_le_bytes(self.array()?);
                self.stack.push(Item::Int(n.into()));
            }
            0x8a => {
                let [len] = self.array()?;
                let digits = self.take(len.into())?;
                let fill = if digits.last().is_some_and(|b| *b >= 0x80) { 0xff } else { 0 };
                let mut n = [fill; 8];
                n.get_mut(..digits.len())?.copy_from_slice(digits);
                self.stack.push(Item::Int(i64::from_le_bytes(n)));
            }
            // BINPUT, LONG_BINPUT, MEMOIZE
            b'q' => {
                let [slot] = self.array()?;
                self.put(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.put(usize::try_from(slot).ok()?)?;
            }
            0x94 => self.put(self.memo.len())?,
            // BINGET, LONG_BINGET
            b'h' => {
                let [slot] = self.array()?;
                self.get(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.get(usize::try_from(slot).ok()?)?;
            }
            // TUPLE3
            0x87 => {
                let (Item::Int(end), Item::Int(start), Item::Str(file)) =
                    (self.stack.pop()?, self.stack.pop()?, self.stack.pop()?)
                else {
                    return None;
                };
                self.stack.push(Item::Row(file, start, end));
            }
            b's' => {
                let (value, key) = (self.stack.pop()?, self.stack.pop()?);
                row(key, value, visit)?;
                matches!(self.stack.as_slice(), [Item::Dict]).then_some(())?;
            }
            b'u' => {
                // There is one dict, at the bottom, and the mark above it.
                let [Item::Dict, Item::Mark, items @ ..] = self.stack.as_slice() else { return None };
                let (pairs, []) = items.as_chunks::<2>() else { return None };
                pairs.iter().try_for_each(|&[key, value]| row(key, value, visit))?;
                self.stack.truncate(1);
            }
            b'.' => return Some(false),
            _ => return None,
        }
        Some(true)
    }
}

fn row<'a>(key: Item<'a>, value: Item<'a>, visit: &mut dyn FnMut(&'a str, &'a str, i64, i64)) -> Option<()> {
    let (Item::Str(key), Item::Row(file, start, end)) = (key, value) else { return None };
    visit(key, file, start, end);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperslab_pickle::{Plain, Protocol, RowsDump};

    fn read(bytes: &[u8]) -> Option<Vec<(String, String, i64, i64)>> {
        let mut out = Vec::new();
        rows(bytes, &mut |key, file, start, end| out.push((key.to_owned(), file.to_owned(), start, end)))?;
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
