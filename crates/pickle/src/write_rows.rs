//! Large dicts of short tuples, as an index is: written row by row, without a tree of values between.

use crate::opcode as op;
use crate::protocol::Protocol;
use crate::write::{BATCH, Writer};
use hyperslab_core::Result;
use std::collections::HashMap;

/// A part of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain<'a> {
    /// Text. What is equal is written once and shared.
    Str(&'a str),
    /// An integer.
    Int(i128),
}

/// The pickle of a dict `{text: (text or integer, ..)}`, or of one such tuple.
///
/// ```
/// use hyperslab_core::Limits;
/// use hyperslab_pickle::{Item, Plain, Policy, Protocol, RowsDump, load};
///
/// let mut file = RowsDump::tuple(Protocol::Two, &[Plain::Int(2), Plain::Int(4)])?;
/// let mut rows = RowsDump::new(Protocol::Four);
/// rows.insert("key", &[Plain::Str("a.nco"), Plain::Int(0), Plain::Int(209)])?;
/// file.extend(rows.finish());
///
/// let version = load(&file, Policy::Strict, &Limits::default())?;
/// let index = load(&file[version.consumed()..], Policy::Strict, &Limits::default())?;
/// let Item::Dict(pairs) = index.get(index.root()) else { panic!() };
/// for (key, row) in pairs.as_chunks::<2>().0.iter().map(|&[k, v]| (index.get(k), index.get(v))) {
///     let (Item::Str(key), Item::Tuple(&[file, start, end])) = (key, row) else { panic!() };
///     assert_eq!(key, "key");
///     assert!(matches!(index.get(file), Item::Str("a.nco")));
///     assert!(matches!((index.get(start), index.get(end)), (Item::Int(0), Item::Int(209))));
/// }
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
pub struct RowsDump<'a> {
    writer: Writer,
    shared: HashMap<&'a str, u32>,
    /// Rows of the batch that is open.
    batch: usize,
}

impl<'a> RowsDump<'a> {
    /// An empty dict.
    pub fn new(protocol: Protocol) -> RowsDump<'a> {
        let mut writer = Writer::new(protocol);
        writer.out.push(op::EMPTY_DICT);
        RowsDump { writer, shared: HashMap::new(), batch: 0 }
    }

    /// The pickle of a tuple.
    ///
    /// # Errors
    /// As [`RowsDump::insert`].
    pub fn tuple(protocol: Protocol, parts: &[Plain<'a>]) -> Result<Vec<u8>> {
        let mut rows = RowsDump { writer: Writer::new(protocol), shared: HashMap::new(), batch: 0 };
        rows.row(parts)?;
        Ok(rows.writer.finish())
    }

    /// Adds a row. Of rows with equal keys, who loads the pickle sees the last, in the place of the first.
    ///
    /// # Errors
    /// `Unsupported` for text of 4 GiB and more before protocol 4; the dump is then of no use.
    pub fn insert(&mut self, key: &str, parts: &[Plain<'a>]) -> Result<()> {
        if self.batch == BATCH {
            self.writer.out.push(op::SETITEMS);
            self.batch = 0;
        }
        if self.batch == 0 {
            self.writer.out.push(op::MARK);
        }
        self.batch += 1;
        self.writer.text(key.as_bytes())?;
        self.row(parts)
    }

    /// The finished pickle.
    pub fn finish(mut self) -> Vec<u8> {
        if self.batch > 0 {
            self.writer.out.push(op::SETITEMS);
        }
        self.writer.finish()
    }

    fn row(&mut self, parts: &[Plain<'a>]) -> Result<()> {
        let shared = &mut self.shared;
        self.writer.tuple(parts.len(), |w| {
            parts.iter().try_for_each(|part| match *part {
                Plain::Int(i) => {
                    w.int(i);
                    Ok(())
                }
                Plain::Str(text) => match shared.get(text) {
                    Some(&slot) => {
                        w.get(slot);
                        Ok(())
                    }
                    None => {
                        w.text(text.as_bytes())?;
                        shared.insert(text, w.memoize());
                        Ok(())
                    }
                },
            })
        })
    }
}
