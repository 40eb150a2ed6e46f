//! Walks over the blocks of a raw deflate stream without unpacking them, to find where its last block is.
//!
//! libdeflate gives whole streams only. Clearing the mark of the last block, and appending an empty stored block
//! behind it, opens a stream's end so that another can follow. Source: RFC 1951, section 3.2.

/// Codes up to this length are looked up at once; longer ones are rare and read bit by bit.
const FAST: u32 = 12;
const LITERALS: usize = 288;

/// What a looked-up code is, in the upper bits of its entry; the lower five are the bits that it takes.
const LITERAL: u8 = 0;
const LENGTH: u8 = 1 << 5;
const END: u8 = 2 << 5;
const LONG: u8 = 3 << 5;
const BAD: u8 = 4 << 5;
const KIND: u8 = 7 << 5;
const BITS: u8 = 31;

/// The order in which the lengths of the code length code are stored.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Turns a whole stream into one that another may follow. Says no, and leaves it as it was, when it is not sound.
pub(super) fn open_end(stream: &mut Vec<u8>) -> bool {
    let Some((mark, end)) = last_block(stream) else { return false };
    let Some(marked) = stream.get_mut(mark / 8) else { return false };
    *marked &= !(1 << (mark % 8));
    // Three zero bits begin a stored block that is not the last; the bits behind the end are zero already.
    stream.resize((end + 3).div_ceil(8), 0);
    stream.extend_from_slice(&[0, 0, 0xff, 0xff]);
    true
}

/// The bits at which a stream's last block begins and ends; the stream must end in that byte.
fn last_block(stream: &[u8]) -> Option<(usize, usize)> {
    let mut bits = Bits { bytes: stream, at: 0 };
    let mut codes = Codes::new();
    loop {
        let mark = bits.at;
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let len = bits.take(16)?;
                let inverse = bits.take(16)?;
                if len ^ 0xffff != inverse {
                    return None;
                }
                bits.at = bits.at.checked_add(len as usize * 8)?;
            }
            1 => {
                codes.fixed();
                codes.skip(&mut bits)?;
            }
            2 => {
                codes.dynamic(&mut bits)?;
                codes.skip(&mut bits)?;
            }
            _ => return None,
        }
        if bits.at > stream.len() * 8 {
            return None;
        }
        if last {
            return (bits.at.div_ceil(8) == stream.len()).then_some((mark, bits.at));
        }
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// At least the next 57 bits, zeros behind the end.
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => rest.iter().rev().fold(0, |word, &b| (word << 8) | u64::from(b)),
        };
        word >> (self.at % 8)
    }

    fn take(&mut self, n: usize) -> Option<u64> {
        let value = self.peek() & ((1 << n) - 1);
        self.at += n;
        (self.at <= self.bytes.len() * 8).then_some(value)
    }
}

/// Bits that follow a length code.
fn length_extra(symbol: usize) -> u8 {
    match symbol {
        265..285 => ((symbol - 261) / 4) as u8,
        _ => 0,
    }
}

/// Bits that follow a distance code.
fn distance_extra(symbol: usize) -> u8 {
    (symbol / 2).saturating_sub(1) as u8
}

struct Codes {
    literal: Table,
    distance: Table,
}

impl Codes {
    fn new() -> Codes {
        Codes { literal: Table::new(), distance: Table::new() }
    }

    fn fixed(&mut self) {
        let mut lengths = [8u8; LITERALS];
        lengths.iter_mut().take(256).skip(144).for_each(|l| *l = 9);
        lengths.iter_mut().take(280).skip(256).for_each(|l| *l = 7);
        self.literal.build(&lengths, literal_entry);
        self.literal.join_literals();
        self.distance.build(&[5; 30], distance_entry);
    }

    fn dynamic(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let literals = bits.take(5)? as usize + 257;
        let distances = bits.take(5)? as usize + 1;
        let count = bits.take(4)? as usize + 4;
        let mut lengths = [0u8; 19];
        for slot in ORDER.iter().take(count) {
            *lengths.get_mut(*slot)? = bits.take(3)? as u8;
        }
        let mut all = [0u8; LITERALS + 32];
        let mut filled = 0;
        let wanted = literals + distances;
        while filled < wanted {
            let symbol = small_symbol(&lengths, bits)?;
            let (value, times) = match symbol {
                0..16 => (symbol as u8, 1),
                16 => (*all.get(filled.checked_sub(1)?)?, bits.take(2)? as usize + 3),
                17 => (0, bits.take(3)? as usize + 3),
                _ => (0, bits.take(7)? as usize + 11),
            };
            all.get_mut(filled..filled + times)?.fill(value);
            filled += times;
        }
        if filled != wanted {
            return None;
        }
        self.literal.build(all.get(..literals)?, literal_entry);
        self.literal.join_literals();
        self.distance.build(all.get(literals..wanted)?, distance_entry);
        Some(())
    }

    /// Goes to the end of the block.
    fn skip(&self, bits: &mut Bits<'_>) -> Option<()> {
        let end = bits.bytes.len() * 8;
        while bits.at <= end {
            let word = bits.peek();
            let entry = self.literal.entry(word, literal_entry);
            let n = u32::from(entry & BITS);
            bits.at += n as usize;
            match entry & KIND {
                LITERAL => {}
                LENGTH => {
                    let entry = self.distance.entry(word >> n, distance_entry);
                    if entry & KIND == BAD {
                        return None;
                    }
                    bits.at += usize::from(entry & BITS);
                }
                END => return Some(()),
                _ => return None,
            }
        }
        None
    }
}

/// Reads one symbol of the code length code, which is short and seldom read.
fn small_symbol(lengths: &[u8; 19], bits: &mut Bits<'_>) -> Option<usize> {
    let (mut code, mut first) = (0u32, 0u32);
    for len in 1..8u8 {
        code = (code << 1) | bits.take(1)? as u32;
        let here = lengths.iter().filter(|l| **l == len).count();
        if code < first + here as u32 {
            let nth = code.checked_sub(first)? as usize;
            return lengths.iter().enumerate().filter(|(_, l)| **l == len).nth(nth).map(|(s, _)| s);
        }
        first = (first + here as u32) << 1;
    }
    None
}

/// What a symbol of the literal and length code is, with the bits that it takes beside its code.
fn literal_entry(symbol: usize) -> u8 {
    match symbol {
        0..256 => LITERAL,
        256 => END,
        257..286 => LENGTH | length_extra(symbol),
        _ => BAD,
    }
}

fn distance_entry(symbol: usize) -> u8 {
    if symbol < 30 { distance_extra(symbol) } else { BAD }
}

/// A prefix code.
struct Table {
    /// By the next bits.
    fast: Vec<u8>,
    /// Number of codes of each length.
    counts: [u16; 16],
    /// Symbols by code.
    symbols: Vec<u16>,
}

impl Table {
    fn new() -> Table {
        Table { fast: vec![BAD; 1 << FAST], counts: [0; 16], symbols: Vec::new() }
    }

    fn build(&mut self, lengths: &[u8], entry_of: impl Fn(usize) -> u8) {
        self.counts = [0; 16];
        for &l in lengths.iter().filter(|l| **l > 0) {
            if let Some(c) = self.counts.get_mut(usize::from(l)) {
                *c += 1;
            }
        }
        self.symbols.clear();
        self.fast.fill(BAD);
        let mut code = 0u32;
        for len in 1..16u32 {
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, l)| u32::from(**l) == len) {
                self.symbols.push(symbol as u16);
                let reversed = (code.reverse_bits() >> (32 - len)) as usize;
                if len <= FAST {
                    let entry = entry_of(symbol).saturating_add(len as u8);
                    self.fast.iter_mut().skip(reversed).step_by(1 << len).for_each(|e| *e = entry);
                } else {
                    let start = reversed & ((1 << FAST) - 1);
                    self.fast.iter_mut().skip(start).take(1).for_each(|e| *e = LONG);
                }
                code += 1;
            }
            code <<= 1;
        }
    }

    /// Lets one look-up step over as many literals as lie in its bits.
    fn join_literals(&mut self) {
        let single = self.fast.clone();
        for (bits, entry) in self.fast.iter_mut().enumerate() {
            while *entry & KIND == LITERAL {
                let next = single.get(bits >> *entry).copied().unwrap_or(BAD);
                if next & KIND != LITERAL || u32::from(*entry + next) > FAST {
                    break;
                }
                *entry += next;
            }
        }
    }

    fn entry(&self, word: u64, entry_of: impl Fn(usize) -> u8) -> u8 {
        let entry = self.fast.get(word as usize & ((1 << FAST) - 1)).copied().unwrap_or(BAD);
        if entry & KIND == LONG { self.long(word, entry_of) } else { entry }
    }

    /// A code that is longer than the look-up.
    #[cold]
    fn long(&self, word: u64, entry_of: impl Fn(usize) -> u8) -> u8 {
        let (mut code, mut first, mut index) = (0u32, 0u32, 0u32);
        for (len, &count) in (0u32..).zip(&self.counts).skip(1) {
            code = (code << 1) | ((word >> (len - 1)) & 1) as u32;
            if let Some(nth) = code.checked_sub(first).filter(|n| *n < u32::from(count)) {
                let symbol = self.symbols.get((index + nth) as usize).copied().unwrap_or(u16::MAX);
                return entry_of(usize::from(symbol)).saturating_add(len as u8);
            }
            index += u32::from(count);
            first = (first + u32::from(count)) << 1;
        }
        BAD
    }
}
