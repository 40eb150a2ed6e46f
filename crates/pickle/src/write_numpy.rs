//! NumPy arrays, scalars and dtypes in a form that loads alike under NumPy 1 and 2.
//!
//! An array is `numpy.ndarray(shape, dtype, bytearray)`, a scalar a call of its type (`numpy.float64(1.5)`), a
//! dtype `numpy.dtype('<f8')`, of a struct with its fields. These names are public and stable; the ones in NumPy's
//! own pickles moved with version 2. Tried on NumPy 1.24, 1.26 and 2.4: they load without a warning.

use crate::opcode as op;
use crate::write::Writer;
use hyperslab_core::dtype::{Field, FloatFormat};
use hyperslab_core::value::ListKind;
use hyperslab_core::{ByteOrder, Dtype, Error, Limits, Result, Shape, Value, View, scalar};

impl Writer {
    pub(crate) fn array(&mut self, view: &View<'_>) -> Result<()> {
        if view.shape().is_empty() && self.scalar(view)? {
            return Ok(());
        }
        if view.dtype().has_indirection() || view.dtype().itemsize() == 0 {
            let dtype = view.dtype();
            return Err(Error::unsupported(format!("an array of {dtype} in metadata cannot be written")));
        }
        let (dtype, inner) = view.dtype().split_subarray();
        let dtype = dtype.clone();
        let dims: Vec<u64> = view.shape().iter().chain(inner.iter()).copied().collect();
        // Fortran order is kept where the bytes lie so; a subarray's own dimensions are always in C order.
        let fortran = inner.is_empty() && view.bytes().is_none() && view.bytes_f().is_some();
        self.global("numpy", "ndarray")?;
        self.tuple(if fortran { 6 } else { 3 }, |w| {
            w.tuple(dims.len(), |w| {
                dims.iter().for_each(|&d| w.int(d.into()));
                Ok(())
            })?;
            w.dtype(&dtype)?;
            if fortran {
                w.byte_array(view.bytes_f().unwrap_or_default())?;
                w.int(0);
                w.out.push(op::NONE);
                w.text(b"F")?;
            } else {
                // The copy, where one is needed, is of bytes that are in memory already.
                w.byte_array(&view.to_bytes(&Limits::new(u64::MAX, 0, 0))?)?;
            }
            Ok(())
        })?;
        self.out.push(op::REDUCE);
        Ok(())
    }

    /// A scalar as a call of its type, where such a call gives the dtype back; whether it was written.
    fn scalar(&mut self, view: &View<'_>) -> Result<bool> {
        let little = view.dtype().byte_order() != Some(ByteOrder::Big);
        let Some((name, bytes)) = scalar_type(view.dtype()).zip(view.bytes()).filter(|_| little) else {
            return Ok(false);
        };
        let value = match view.dtype() {
            // `decode` would take trailing NULs away, which the scalar's length counts.
            Dtype::Bytes(_) => Value::Bytes(bytes.to_vec()),
            dtype => match scalar::decode(dtype, bytes, None) {
                Ok(v) => v,
                Err(_) => return Ok(false),
            },
        };
        match (view.dtype(), &value) {
            // Any byte but zero is true; a call would make it one.
            (Dtype::Bool, _) if bytes.first().is_some_and(|&b| b > 1) => return Ok(false),
            (Dtype::Unicode(n, _), Value::String(s)) if s.chars().count() as u64 != u64::from(*n) => {
                return Ok(false);
            }
            // A NaN's payload passes through a double on its way to a narrower float.
            (Dtype::Float(f), Value::Float(v)) if f.size < 8 && v.is_nan() => return Ok(false),
            (Dtype::Complex(f), Value::Complex(re, im)) if f.size < 8 && (re.is_nan() || im.is_nan()) => {
                return Ok(false);
            }
            _ => {}
        }
        self.global("numpy", name)?;
        match (view.dtype(), value) {
            (Dtype::Datetime(unit, _) | Dtype::Timedelta(unit, _), Value::Int(ticks)) => {
                self.tuple(2, |w| {
                    if ticks == i128::from(i64::MIN) {
                        w.text(b"NaT")?;
                    } else {
                        w.int(ticks);
                    }
                    w.text(
                        if unit.count == 1 {
                            unit.base.into()
                        } else {
                            format!("{}{}", unit.count, unit.base)
                        }
                        .as_bytes(),
                    )
                })?;
            }
            (_, value) => self.tuple(1, |w| w.value(&value, 0))?,
        }
        self.out.push(op::REDUCE);
        Ok(true)
    }

    /// `numpy.dtype(..)`, written once and then taken from the memo.
    pub(crate) fn dtype(&mut self, dtype: &Dtype) -> Result<()> {
        if let Some(&(_, slot)) = self.dtypes.iter().find(|(d, _)| d == dtype) {
            self.get(slot);
            return Ok(());
        }
        let described = describe(dtype)?;
        self.dtype_call(&described)?;
        let slot = self.memoize();
        self.dtypes.push((dtype.clone(), slot));
        Ok(())
    }

    /// `numpy.dtype(description)`.
    pub(crate) fn dtype_call(&mut self, description: &Value) -> Result<()> {
        self.global("numpy", "dtype")?;
        self.value(description, 0)?;
        self.out.extend([op::TUPLE1, op::REDUCE]);
        Ok(())
    }
}

/// What `numpy.dtype` is to be called with: text, `[(name, type[, shape]), ..]` for a packed struct, the dict that
/// says everything for any other, `(base, shape)` for a subarray.
///
/// # Errors
/// `Unsupported` for types that NumPy lacks.
pub(crate) fn describe(dtype: &Dtype) -> Result<Value> {
    let tuple = |items: Vec<Value>| Value::List(ListKind::Tuple, items);
    let extents = |shape: &Shape| tuple(shape.iter().map(|&d| Value::Int(d.into())).collect());
    match dtype {
        Dtype::Array(_) => {
            let (base, shape) = dtype.split_subarray();
            Ok(tuple(vec![describe(base)?, extents(&shape)]))
        }
        Dtype::Struct(s) => {
            let mut end = 0;
            let packed = s.fields.iter().all(|f| {
                let dense = f.offset == end && f.title.is_none() && !f.name.is_empty();
                end = f.offset.saturating_add(f.dtype.itemsize());
                dense
            });
            if packed && end == s.itemsize && !s.fields.is_empty() {
                let field = |f: &Field| {
                    let (base, shape) = f.dtype.split_subarray();
                    let mut parts = vec![Value::String(f.name.clone()), describe(base)?];
                    if !shape.is_empty() {
                        parts.push(extents(&shape));
                    }
                    Ok(tuple(parts))
                };
                return Ok(Value::list(s.fields.iter().map(field).collect::<Result<Vec<_>>>()?));
            }
            let formats: Vec<Value> = s.fields.iter().map(|f| describe(&f.dtype)).collect::<Result<_>>()?;
            let mut parts = vec![
                ("names", Value::list(s.fields.iter().map(|f| Value::String(f.name.clone())))),
                ("formats", Value::list(formats)),
                ("offsets", Value::list(s.fields.iter().map(|f| Value::Int(f.offset.into())))),
            ];
            if s.fields.iter().any(|f| f.title.is_some()) {
                let title = |f: &Field| f.title.clone().map_or(Value::Null, Value::String);
                parts.push(("titles", Value::list(s.fields.iter().map(title))));
            }
            parts.push(("itemsize", Value::Int(s.itemsize.into())));
            Ok(Value::map(parts))
        }
        _ => dtype
            .descr()
            .map(Value::String)
            .ok_or_else(|| Error::unsupported(format!("NumPy pickles cannot hold elements of {dtype}"))),
    }
}

/// The type whose call makes a scalar of a dtype.
fn scalar_type(dtype: &Dtype) -> Option<&'static str> {
    Some(match dtype {
        Dtype::Bool => "bool_",
        Dtype::Int(i) if i.is_plain() => match (i.signed, i.size) {
            (true, 1) => "int8",
            (true, 2) => "int16",
            (true, 4) => "int32",
            (true, _) => "int64",
            (false, 1) => "uint8",
            (false, 2) => "uint16",
            (false, 4) => "uint32",
            (false, _) => "uint64",
        },
        Dtype::Float(f) if f.format == FloatFormat::Ieee => match f.size {
            2 => "float16",
            4 => "float32",
            8 => "float64",
            _ => return None,
        },
        Dtype::Complex(f) if f.format == FloatFormat::Ieee => match f.size {
            4 => "complex64",
            8 => "complex128",
            _ => return None,
        },
        Dtype::Bytes(_) => "bytes_",
        Dtype::Unicode(..) => "str_",
        Dtype::Datetime(unit, _) if !unit.base.is_empty() => "datetime64",
        Dtype::Timedelta(unit, _) if !unit.base.is_empty() => "timedelta64",
        _ => return None,
    })
}
