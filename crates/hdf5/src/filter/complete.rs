//! What filters are told of the elements that go through them, beside what was chosen: their size and type, how many are
//! in a chunk.
//!
//! The parameters of a file have both. Where elements or chunks become others, the first part is forgotten and made
//! anew, as libhdf5 makes it when it creates a dataset. Source: libhdf5 1.14 (`H5Zscaleoffset.c`, `H5Znbit.c`,
//! `H5Zszip.c`), hdf5plugin 7.1, measured.

use super::{BITSHUFFLE, BLOSC, LZF, NBIT, SCALE_OFFSET, SHUFFLE, SZIP};
use crate::format::message::filter_pipeline::Filter;
use hyperslab_core::container::Fill;
use hyperslab_core::dtype::{ByteOrder, FloatFormat};
use hyperslab_core::{Dtype, Error, Result, Shape};

/// Parameters that are chosen: of szip and of scale-offset.
const CHOSEN: usize = 2;
/// Parameters of scale-offset in all.
const SCALE_OFFSET_ALL: usize = 20;
/// Those of n-bit at the most.
const NBIT_MOST: usize = 4096;
/// Types in types.
const MAX_DEPTH: u32 = 32;
/// What szip's mask of options says of the order of bytes.
const SZIP_LSB: u32 = 8;
const SZIP_MSB: u32 = 16;
/// Blocks of a line of szip at the most.
const SZIP_BLOCKS: u64 = 128;

/// Elements, and how many of them are in a chunk.
#[derive(Clone, Copy)]
pub(crate) struct Chunked<'a> {
    pub(crate) dtype: &'a Dtype,
    pub(crate) chunk: &'a Shape,
    pub(crate) fill: &'a Fill,
}

/// Forgets the parameters that describe elements, which others will have instead; a writer makes them anew.
pub fn forget_elements(filters: &mut [Filter]) {
    for f in filters {
        match f.id {
            SHUFFLE | NBIT | LZF => f.values.clear(),
            SZIP | SCALE_OFFSET => f.values.truncate(CHOSEN),
            BLOSC => f.values.iter_mut().skip(2).take(2).for_each(|v| *v = 0),
            BITSHUFFLE => f.values.iter_mut().skip(2).take(1).for_each(|v| *v = 0),
            _ => {}
        }
    }
}

/// Adds the parameters that describe elements, where they are not there.
///
/// # Errors
/// `Unsupported` for elements that a filter cannot have.
pub(crate) fn complete(filter: &mut Filter, of: Chunked<'_>) -> Result<()> {
    let values = &mut filter.values;
    match filter.id {
        SHUFFLE if values.is_empty() => values.push(of.size()?),
        LZF if values.is_empty() => {
            let bytes = of.count()?.saturating_mul(of.size()?.into());
            // Version of h5py's filter, version of LibLZF, bytes of a chunk.
            values.extend([4, 0x0105, u32::try_from(bytes).unwrap_or(0)]);
        }
        BLOSC if values.get(2).is_none_or(|&n| n == 0) => {
            values.resize(values.len().max(4), 0);
            let base = match of.dtype {
                Dtype::Array(a) => a.base.itemsize(),
                other => other.itemsize(),
            };
            let bytes = of.count()?.saturating_mul(of.size()?.into());
            let item = if base > 255 { 1 } else { base as u32 };
            let described = [2, 2, item, u32::try_from(bytes).unwrap_or(0)];
            values.iter_mut().zip(described).for_each(|(to, v)| *to = v);
        }
        BITSHUFFLE if values.get(2).is_none_or(|&n| n == 0) => {
            values.resize(values.len().max(3), 0);
            values.iter_mut().zip([0, 5, of.size()?]).for_each(|(to, v)| *to = v);
        }
        SZIP if values.len() == CHOSEN => of.szip(values)?,
        NBIT if values.is_empty() => *values = of.nbit()?,
        SCALE_OFFSET if values.len() == CHOSEN => of.scale_offset(values)?,
        _ => {}
    }
    Ok(())
}

/// A number as HDF5 sees it: bytes, order, bits, the lowest of them, whether it is signed; and whether it is a float.
struct Number {
    size: u32,
    big: bool,
    precision: u32,
    offset: u32,
    signed: bool,
    float: bool,
}

impl Number {
    fn of(dtype: &Dtype) -> Option<Number> {
        match dtype {
            Dtype::Int(i) => Some(Number {
                size: i.size.into(),
                big: i.order == ByteOrder::Big,
                precision: i.precision.into(),
                offset: i.bit_offset.into(),
                signed: i.signed,
                float: false,
            }),
            Dtype::Float(f) => {
                let whole = u32::from(f.size) * 8;
                let (precision, offset) = match &f.format {
                    FloatFormat::Ieee => (whole, 0),
                    FloatFormat::LongDouble => (80, 0),
                    FloatFormat::Custom(layout) if layout.vax => return None,
                    FloatFormat::Custom(layout) => (layout.precision.into(), layout.bit_offset.into()),
                };
                let big = f.order == ByteOrder::Big;
                Some(Number { size: f.size.into(), big, precision, offset, signed: false, float: true })
            }
            _ => None,
        }
    }
}

impl Chunked<'_> {
    fn size(&self) -> Result<u32> {
        let size = self.dtype.itemsize();
        u32::try_from(size).map_err(|_| Error::unsupported(format!("filters of elements of {size} bytes")))
    }

    fn count(&self) -> Result<u64> {
        self.chunk.count()
    }

    fn count_word(&self) -> Result<u32> {
        let count = self.count()?;
        u32::try_from(count)
            .map_err(|_| Error::unsupported(format!("filters of {count} elements of a chunk")))
    }

    fn cannot(&self, filter: &str) -> Error {
        Error::unsupported(format!("the filter {filter} has no elements of {}", self.dtype))
    }

    fn szip(&self, values: &mut Vec<u32>) -> Result<()> {
        let n = Number::of(self.dtype).ok_or_else(|| self.cannot("szip"))?;
        let precision = if n.precision < n.size * 8 && n.offset != 0 { n.size * 8 } else { n.precision };
        let bits = match precision {
            n @ ..=24 => n,
            25..=32 => 32,
            33..=64 => 64,
            _ => return Err(self.cannot("szip")),
        };
        let (count, line) = (self.count()?, self.chunk.last().copied().unwrap_or(1));
        let [mask, block, ..] = values.as_mut_slice() else { return Err(self.cannot("szip")) };
        let most = u64::from(*block).saturating_mul(SZIP_BLOCKS);
        if count < u64::from(*block) {
            let what = format!("szip of {count} elements of a chunk in blocks of {block}");
            return Err(Error::unsupported(what));
        }
        let line = if line < u64::from(*block) { count } else { line }.min(most);
        *mask = (*mask & !(SZIP_LSB | SZIP_MSB)) | if n.big { SZIP_MSB } else { SZIP_LSB };
        values.extend([bits, u32::try_from(line).unwrap_or(u32::MAX)]);
        Ok(())
    }

    fn scale_offset(&self, values: &mut Vec<u32>) -> Result<()> {
        let n = Number::of(self.dtype).filter(|n| if n.float { matches!(n.size, 4 | 8) } else { true });
        let n = n.filter(|n| matches!(n.size, 1 | 2 | 4 | 8)).ok_or_else(|| self.cannot("scaleoffset"))?;
        if (values.first() == Some(&2)) == n.float {
            return Err(self.cannot("scaleoffset, with what was chosen for it,"));
        }
        let fill = match self.fill {
            Fill::Undefined => None,
            Fill::Value(bytes) => {
                let fold = |v: u64, b: &u8| (v << 8) | u64::from(*b);
                Some(if n.big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
            }
            _ => Some(0),
        };
        values.extend([self.count_word()?, n.float.into(), n.size, n.signed.into(), n.big.into()]);
        values.push(fill.is_some().into());
        let fill = fill.unwrap_or(0);
        values.extend([fill as u32, (fill >> 32) as u32]);
        values.resize(SCALE_OFFSET_ALL, 0);
        Ok(())
    }

    fn nbit(&self) -> Result<Vec<u32>> {
        let (mut values, mut whole) = (vec![0, 0, self.count_word()?], true);
        if Number::of(self.dtype).is_some()
            || matches!(self.dtype, Dtype::Struct(_) | Dtype::Array(_) | Dtype::Complex(_))
        {
            self.nbit_type(self.dtype, self.dtype.itemsize(), &mut values, &mut whole, 0)?;
        }
        let said = u32::try_from(values.len()).ok().filter(|_| values.len() <= NBIT_MOST);
        let said = said.ok_or_else(|| self.cannot("nbit"))?;
        values.iter_mut().zip([said, whole.into()]).for_each(|(to, v)| *to = v);
        Ok(values)
    }

    /// The description of a type that may take `room` bytes.
    fn nbit_type(
        &self,
        dtype: &Dtype,
        room: u64,
        out: &mut Vec<u32>,
        whole: &mut bool,
        depth: u32,
    ) -> Result<()> {
        let cannot = || self.cannot("nbit");
        if depth > MAX_DEPTH || out.len() > NBIT_MOST {
            return Err(cannot());
        }
        let word = |n: u64| u32::try_from(n).map_err(|_| cannot());
        let size = word(dtype.itemsize())?;
        if let Some(n) = Number::of(dtype) {
            *whole &= n.offset == 0 && n.precision == n.size * 8;
            out.extend([1, n.size, n.big.into(), n.precision, n.offset]);
            return Ok(());
        }
        match dtype {
            Dtype::Float(_) => Err(cannot()),
            Dtype::Array(a) => {
                // libhdf5 refuses those.
                if a.base.has_indirection() {
                    return Err(cannot());
                }
                out.extend([2, size]);
                self.nbit_type(&a.base, a.base.itemsize(), out, whole, depth + 1)
            }
            Dtype::Struct(s) => {
                out.extend([3, size, word(s.fields.len() as u64)?]);
                for (i, f) in s.fields.iter().enumerate() {
                    out.push(word(f.offset)?);
                    let end = s.fields.get(i + 1).map_or(s.itemsize, |next| next.offset);
                    let room = end.checked_sub(f.offset).ok_or_else(cannot)?;
                    self.nbit_type(&f.dtype, room, out, whole, depth + 1)?;
                }
                Ok(())
            }
            // As h5py has them: a compound of two floats.
            Dtype::Complex(f) => {
                out.extend([3, size, 2]);
                let part = Dtype::Float(f.clone());
                for at in [0, size / 2] {
                    out.push(at);
                    self.nbit_type(&part, u64::from(size / 2), out, whole, depth + 1)?;
                }
                Ok(())
            }
            // libhdf5 does not know how long these are in the file, and takes what there is up to the next member.
            Dtype::Vlen(_) | Dtype::VlenString(_) => {
                out.extend([4, word(room)?]);
                Ok(())
            }
            _ => {
                out.extend([4, size]);
                Ok(())
            }
        }
    }
}
