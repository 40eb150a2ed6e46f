//! Deflate without matches: each byte by its frequency alone.
//!
//! In measured values whose low bits are noise there is nothing to match, and looking for it takes nearly all the
//! time of packing. Source: RFC 1951, section 3.2.7.

/// Bytes of a block, which has its own code.
const BLOCK: usize = 1 << 15;
/// The symbol that ends a block, and the number of symbols with it.
const END: usize = 256;
const SYMBOLS: usize = 257;
/// The longest code.
const LONGEST: u8 = 15;
/// The longest code of the code that code lengths are stored in.
const LONGEST_OF_LENGTHS: u8 = 7;

/// The order in which the lengths of the code length code are stored.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Packs bytes; a stream that is not the last ends with an empty stored block, at a whole byte.
pub(super) fn deflate(bytes: &[u8], last: bool) -> Vec<u8> {
    let mut out = Bits { bytes: Vec::with_capacity(bytes.len() / 8 * 9 + 512), word: 0, count: 0 };
    let blocks = bytes.len().div_ceil(BLOCK);
    for (i, block) in bytes.chunks(BLOCK).enumerate() {
        let code = Block::of(block);
        out.put(u64::from(last && i + 1 == blocks), 1);
        out.put(2, 2);
        code.header(&mut out);
        code.body(block, &mut out);
    }
    match (last, blocks) {
        // An empty block of the fixed code.
        (true, 0) => out.put(0b011, 10),
        (true, _) => {}
        (false, _) => {
            out.put(0, 3);
            out.align();
            out.bytes.extend_from_slice(&[0, 0, 0xff, 0xff]);
        }
    }
    out.align();
    out.bytes
}

/// How many bytes it would give, about.
pub(super) fn size(bytes: &[u8]) -> usize {
    let bits: u64 = bytes.chunks(BLOCK).map(|block| Block::of(block).bits()).sum();
    usize::try_from(bits / 8).unwrap_or(usize::MAX)
}

struct Block {
    counts: [u32; SYMBOLS],
    lengths: [u8; SYMBOLS],
    /// The code of each symbol of the lengths.
    of_lengths: [u8; 16],
}

impl Block {
    fn of(bytes: &[u8]) -> Block {
        // Equal bytes in a row do not wait for one another's count.
        let mut tables = [[0u32; 256]; 4];
        let (fours, rest) = bytes.as_chunks::<4>();
        for four in fours {
            for (table, &b) in tables.iter_mut().zip(four) {
                if let Some(n) = table.get_mut(usize::from(b)) {
                    *n += 1;
                }
            }
        }
        let mut counts = [0u32; SYMBOLS];
        for table in &tables {
            counts.iter_mut().zip(table).for_each(|(n, more)| *n += more);
        }
        for n in rest.iter().map(|&b| usize::from(b)).chain([END]) {
            if let Some(n) = counts.get_mut(n) {
                *n += 1;
            }
        }
        let mut lengths = [0u8; SYMBOLS];
        code_lengths(&counts, LONGEST, &mut lengths);
        let mut often = [0u32; 16];
        // The two distances, which are never used, have a code of one bit each.
        for n in lengths.iter().copied().chain([1, 1]) {
            if let Some(n) = often.get_mut(usize::from(n)) {
                *n += 1;
            }
        }
        let mut of_lengths = [0u8; 16];
        code_lengths(&often, LONGEST_OF_LENGTHS, &mut of_lengths);
        Block { counts, lengths, of_lengths }
    }

    fn bits(&self) -> u64 {
        let body = self.counts.iter().zip(&self.lengths).map(|(&n, &l)| u64::from(n) * u64::from(l));
        let lengths =
            self.lengths.iter().map(|&l| self.of_lengths.get(usize::from(l)).map_or(0, |&b| b.into()));
        body.sum::<u64>() + lengths.sum::<u64>() + 3 + 14 + 19 * 3
    }

    fn header(&self, out: &mut Bits) {
        // 257 literals and lengths, 2 distances, 19 lengths of the code for both.
        out.put(0, 5);
        out.put(1, 5);
        out.put(15, 4);
        for &symbol in &ORDER {
            out.put(self.of_lengths.get(symbol).copied().unwrap_or(0).into(), 3);
        }
        let mut codes = [(0, 0); 16];
        codes_of(&self.of_lengths, &mut codes);
        for &length in self.lengths.iter().chain(&[1, 1]) {
            if let Some(&(code, bits)) = codes.get(usize::from(length)) {
                out.put(code.into(), bits);
            }
        }
    }

    fn body(&self, bytes: &[u8], out: &mut Bits) {
        let mut codes = [(0u16, 0u8); SYMBOLS];
        codes_of(&self.lengths, &mut codes);
        let (threes, rest) = bytes.as_chunks::<3>();
        // Three codes and what is left of a byte fit a word.
        for three in threes {
            let (mut word, mut bits) = (0u64, 0u8);
            for &b in three {
                let (code, n) = codes.get(usize::from(b)).copied().unwrap_or_default();
                word |= u64::from(code) << bits;
                bits += n;
            }
            out.put(word, bits);
        }
        for symbol in rest.iter().map(|&b| usize::from(b)).chain([END]) {
            let (code, n) = codes.get(symbol).copied().unwrap_or_default();
            out.put(code.into(), n);
        }
    }
}

/// Canonical codes, with their first bit lowest.
fn codes_of(lengths: &[u8], codes: &mut [(u16, u8)]) {
    let mut code = 0u16;
    for length in 1..=LONGEST {
        for (slot, _) in codes.iter_mut().zip(lengths).filter(|(_, l)| **l == length) {
            *slot = (code.reverse_bits() >> (16 - length), length);
            code = code.wrapping_add(1);
        }
        code = code.wrapping_shl(1);
    }
}

/// Code lengths by Huffman's rule; where they would be too long, frequencies are brought nearer to one another. A
/// lone symbol gets a partner, as a code must use all its bits.
fn code_lengths(counts: &[u32], longest: u8, lengths: &mut [u8]) {
    let mut weights: Vec<(u32, u16)> =
        (0u16..).zip(counts).filter(|(_, n)| **n > 0).map(|(symbol, &n)| (n, symbol)).collect();
    if let [(_, only)] = weights[..] {
        weights.push((0, u16::from(only == 0)));
    }
    loop {
        weights.sort_unstable();
        let depths = depths(&weights);
        if depths.iter().all(|d| *d <= longest) {
            for (&(_, symbol), depth) in weights.iter().zip(depths) {
                if let Some(length) = lengths.get_mut(usize::from(symbol)) {
                    *length = depth;
                }
            }
            return;
        }
        weights.iter_mut().for_each(|(n, _)| *n = *n / 2 + 1);
    }
}

/// The depth of each leaf of the tree over sorted weights.
fn depths(weights: &[(u32, u16)]) -> Vec<u8> {
    let leaves = weights.len();
    // Inner nodes are made in the order of their weights: two queues instead of a heap.
    let mut inner: Vec<u64> = Vec::with_capacity(leaves);
    let mut parent = vec![0usize; leaves * 2];
    let (mut leaf, mut node) = (0, 0);
    while inner.len() + 1 < leaves {
        let mut sum = 0;
        for _ in 0..2 {
            let a = weights.get(leaf).map(|w| u64::from(w.0));
            let b = inner.get(node).copied();
            let child = match (a, b) {
                (Some(a), b) if b.is_none_or(|b| a <= b) => {
                    sum += a;
                    leaf += 1;
                    leaf - 1
                }
                (_, b) => {
                    sum += b.unwrap_or(0);
                    node += 1;
                    leaves + node - 1
                }
            };
            if let Some(p) = parent.get_mut(child) {
                *p = leaves + inner.len();
            }
        }
        inner.push(sum);
    }
    let root = (leaves + inner.len()).saturating_sub(1);
    let mut depth = vec![0u8; leaves * 2];
    for child in (0..root).rev() {
        let above = parent.get(child).and_then(|p| depth.get(*p)).copied().unwrap_or(0);
        if let Some(d) = depth.get_mut(child) {
            *d = above.saturating_add(1);
        }
    }
    depth.truncate(leaves);
    depth
}

/// Bits, the lowest first.
struct Bits {
    bytes: Vec<u8>,
    word: u64,
    count: u8,
}

impl Bits {
    /// Appends up to 45 bits.
    #[inline]
    fn put(&mut self, bits: u64, n: u8) {
        self.word |= bits << self.count;
        self.count += n;
        if self.count >= 16 {
            // Whole bytes go; the vector's end is set behind them.
            let whole = usize::from(self.count / 8);
            let end = self.bytes.len() + whole;
            self.bytes.extend_from_slice(&self.word.to_le_bytes());
            self.bytes.truncate(end);
            self.word = self.word.checked_shr(whole as u32 * 8).unwrap_or(0);
            self.count %= 8;
        }
    }

    /// Fills the last byte with zeros.
    fn align(&mut self) {
        let whole = usize::from(self.count.div_ceil(8));
        let word = self.word.to_le_bytes();
        self.bytes.extend_from_slice(word.get(..whole).unwrap_or_default());
        (self.word, self.count) = (0, 0);
    }
}
