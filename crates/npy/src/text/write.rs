//! Arrays to text: every element in C order, the separator between them and nothing after the last.
//!
//! What cannot be written is found before anything is where the type or the format says so; a value that the format
//! does not take is named by its index.
//! Source: `ndarray.tofile` of NumPy 2.4, probed.

use super::print::{self, Item, little};
use super::{Format, Separator};
use crate::dense;
use crate::single::{Encoding, SingleWriter};
use hyperslab_core::dtype::FloatFormat;
use hyperslab_core::output::NewFile;
use hyperslab_core::{ByteOrder, Dtype, Error, Result, ResultExt, View};
use rayon::prelude::*;
use std::io::Write;
use std::path::Path;

/// Elements that one thread prints at a time.
const PIECE: usize = 1 << 13;

/// Writes the elements in C order, as `tofile` does, and returns the number of bytes.
///
/// ```
/// use hyperslab_core::View;
/// use hyperslab_npy::text::{self, Format};
///
/// let view = View::from_slice([2, 2], &[0.1, 1e16, -0.0, f64::NAN])?;
/// let mut out = Vec::new();
/// text::write_to(&mut out, &view, &",".parse()?, &Format::default())?;
/// assert_eq!(out, b"0.1,1e+16,-0.0,nan");
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
///
/// # Errors
/// `Unsupported` for elements that are no text, `Usage` for a format that does not take them, `Invalid` for a value
/// that it does not take or that is not ASCII, `Io`.
pub fn write_to(
    out: &mut impl Write,
    view: &View<'_>,
    separator: &Separator,
    format: &Format,
) -> Result<u64> {
    let dtype = view.dtype();
    let printer = Printer { dtype, format, separator: separator.as_str().as_bytes() };
    printer.check()?;
    let item = usize::try_from(dtype.itemsize()).unwrap_or(0);
    if item == 0 {
        return Err(Error::unsupported(format!("elements of {dtype} have no bytes")));
    }
    let mut writer = Writer { out, separator: printer.separator, waiting: Vec::new(), bytes: 0 };
    let threads = rayon::current_num_threads();
    let piece = PIECE * item;
    let (mut first, mut texts) = (0u64, Vec::new());
    dense::pieces(view, false, |elements| {
        for round in elements.chunks(piece.saturating_mul(threads.saturating_mul(4).max(1))) {
            texts.resize_with(round.len().div_ceil(piece), Vec::new);
            let print = |(i, (text, part)): (usize, (&mut Vec<u8>, &[u8]))| {
                text.clear();
                printer.print(part, text).map_err(|(at, e)| {
                    let index = first + (i * PIECE + at) as u64;
                    e.reading(format!("element {index}"))
                })
            };
            if threads == 1 || texts.len() == 1 {
                texts.iter_mut().zip(round.chunks(piece)).enumerate().try_for_each(print)?;
                writer.write(false)?;
            } else {
                // What was printed last is written while this is printed.
                let mut printed = Ok(());
                rayon::in_place_scope(|scope| {
                    scope.spawn(|_| {
                        let parts = round.par_chunks(piece);
                        printed = texts.par_iter_mut().zip(parts).enumerate().try_for_each(print);
                    });
                    writer.write(false)
                })?;
                printed?;
            }
            std::mem::swap(&mut texts, &mut writer.waiting);
            first += (round.len() / item) as u64;
        }
        Ok(())
    })?;
    writer.write(true)?;
    Ok(writer.bytes)
}

/// Printed text on its way out.
struct Writer<'a, W> {
    out: &'a mut W,
    separator: &'a [u8],
    /// Printed, a separator after each element, and not yet written.
    waiting: Vec<Vec<u8>>,
    /// Written so far.
    bytes: u64,
}

impl<W: Write> Writer<'_, W> {
    /// Writes what waits; nothing follows the last element of all.
    fn write(&mut self, last: bool) -> Result<()> {
        let count = self.waiting.len();
        for (i, text) in self.waiting.iter().enumerate() {
            let cut = if last && i + 1 == count { self.separator.len() } else { 0 };
            let text = text.get(..text.len().saturating_sub(cut)).unwrap_or(text);
            self.out.write_all(text).map_err(dense::cannot_write)?;
            self.bytes += text.len() as u64;
        }
        Ok(())
    }
}

/// Writes a text file, whole or not at all. Dtype and shape are not in it: remember them.
///
/// # Errors
/// As [`write_to`]; `Usage` when the file exists and `replace` is not set.
pub fn save(
    path: impl AsRef<Path>,
    view: &View<'_>,
    separator: &Separator,
    format: &Format,
    replace: bool,
) -> Result<()> {
    let path = path.as_ref();
    let mut file = NewFile::create(path, replace)?;
    write_to(&mut file, view, separator, format).in_file(path)?;
    file.commit()
}

/// How elements are printed.
struct Printer<'a> {
    dtype: &'a Dtype,
    format: &'a Format,
    separator: &'a [u8],
}

impl Printer<'_> {
    /// Tries what the type alone decides on an element of zeros.
    fn check(&self) -> Result<()> {
        print::printable(self.dtype)?;
        let timed = matches!(self.dtype, Dtype::Datetime(..) | Dtype::Timedelta(..) | Dtype::Unicode(..));
        if let Some(conversion) = &self.format.conversion
            && !timed
        {
            let zeros = vec![0; usize::try_from(self.dtype.itemsize()).unwrap_or(0)];
            print::convert(&conversion.spec, &print::item(self.dtype, &zeros)?, &mut Vec::new())?;
        }
        Ok(())
    }

    /// Prints elements, the separator after each.
    fn print(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), (usize, Error)> {
        if self.format.conversion.is_none() && self.plain(bytes, out) {
            return Ok(());
        }
        let size = usize::try_from(self.dtype.itemsize()).unwrap_or(0).max(1);
        for (i, element) in bytes.chunks_exact(size).enumerate() {
            self.one(element, out).map_err(|e| (i, e))?;
            out.extend_from_slice(self.separator);
        }
        Ok(())
    }

    fn one(&self, element: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let item = print::item(self.dtype, element)?;
        let start = out.len();
        match &self.format.conversion {
            None => print::push_str(&item, out),
            Some(conversion) => {
                out.extend_from_slice(conversion.before.as_bytes());
                print::convert(&conversion.spec, &item, out)?;
                out.extend_from_slice(conversion.after.as_bytes());
            }
        }
        match out.get(start..).unwrap_or_default().is_ascii() {
            true => Ok(()),
            false => Err(not_ascii(&item)),
        }
    }

    /// Prints the commonest types without a format, each in a loop of its own.
    fn plain(&self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        match self.dtype {
            Dtype::Int(i) => match (i.size, i.signed) {
                (1, true) => self.ints::<1, i8>(bytes, i.order, out, i8::from_le_bytes),
                (1, false) => self.ints::<1, u8>(bytes, i.order, out, u8::from_le_bytes),
                (2, true) => self.ints::<2, i16>(bytes, i.order, out, i16::from_le_bytes),
                (2, false) => self.ints::<2, u16>(bytes, i.order, out, u16::from_le_bytes),
                (4, true) => self.ints::<4, i32>(bytes, i.order, out, i32::from_le_bytes),
                (4, false) => self.ints::<4, u32>(bytes, i.order, out, u32::from_le_bytes),
                (_, true) => self.ints::<8, i64>(bytes, i.order, out, i64::from_le_bytes),
                (_, false) => self.ints::<8, u64>(bytes, i.order, out, u64::from_le_bytes),
            },
            Dtype::Float(f) if f.format == FloatFormat::Ieee => match f.size {
                2 => self.floats::<2>(bytes, f.order, out, |b| half::f16::from_le_bytes(b).to_f64()),
                4 => self.floats::<4>(bytes, f.order, out, |b| f32::from_le_bytes(b).into()),
                _ => self.floats::<8>(bytes, f.order, out, f64::from_le_bytes),
            },
            _ => return false,
        }
        true
    }

    fn ints<const N: usize, T: itoa::Integer>(
        &self,
        bytes: &[u8],
        order: ByteOrder,
        out: &mut Vec<u8>,
        value: impl Fn([u8; N]) -> T,
    ) {
        self.each(bytes, order, out, |b, out| {
            out.extend_from_slice(itoa::Buffer::new().format(value(b)).as_bytes());
        });
    }

    #[inline]
    fn floats<const N: usize>(
        &self,
        bytes: &[u8],
        order: ByteOrder,
        out: &mut Vec<u8>,
        value: impl Fn([u8; N]) -> f64,
    ) {
        let mut rest = bytes;
        if let [separator] = *self.separator {
            let together = bytes.chunks_exact(N * print::TOGETHER);
            rest = together.remainder();
            for elements in together {
                let mut values = [0.0; print::TOGETHER];
                for (v, element) in values.iter_mut().zip(elements.chunks_exact(N)) {
                    *v = value(little(element, order));
                }
                print::push_floats(&values, separator, out);
            }
        }
        self.each::<N>(rest, order, out, |b, out| print::push_float(value(b), out));
    }

    #[inline]
    fn each<const N: usize>(
        &self,
        bytes: &[u8],
        order: ByteOrder,
        out: &mut Vec<u8>,
        push: impl Fn([u8; N], &mut Vec<u8>),
    ) {
        let elements = bytes.chunks_exact(N).map(|element| little(element, order));
        // The usual separator without a call of `memcpy`.
        if let [separator] = *self.separator {
            elements.for_each(|element| {
                push(element, out);
                out.push(separator);
            });
        } else {
            elements.for_each(|element| {
                push(element, out);
                out.extend_from_slice(self.separator);
            });
        }
    }
}

fn not_ascii(item: &Item<'_>) -> Error {
    let shown = match item {
        Item::Str(s) => format!("{s:?} is not ASCII"),
        _ => "its text is not ASCII".into(),
    };
    Error::unsupported(format!("{shown}, which NumPy cannot write")).hint("'%a' escapes what is not ASCII")
}

/// How a text file is written.
#[derive(Clone, Debug)]
pub struct AsText {
    separator: Separator,
    format: Format,
}

impl Encoding for AsText {
    const NAME: &'static str = "a text file";

    fn write(&self, out: &mut NewFile, view: &View<'_>) -> Result<u64> {
        write_to(out, view, &self.separator, &self.format)
    }
}

/// A text file being written: exactly one array, at the path `""`.
pub type TextWriter = SingleWriter<AsText>;

impl TextWriter {
    /// Starts a file; see [`NewFile::create`].
    ///
    /// # Errors
    /// `Usage` when the file exists and `replace` is not set, `Io`.
    pub fn create(
        path: impl AsRef<Path>,
        separator: Separator,
        format: Format,
        replace: bool,
    ) -> Result<TextWriter> {
        SingleWriter::start(path.as_ref(), AsText { separator, format }, replace)
    }
}
