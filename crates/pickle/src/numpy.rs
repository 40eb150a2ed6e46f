//! NumPy's arrays and scalars as pickles spell them, under the module names of NumPy 1 and 2.
//!
//! An array comes as `_frombuffer(bytes, dtype, shape, order)` (protocol 5), as `_reconstruct` followed by
//! `BUILD` (before, and for what is not contiguous), or as `numpy.ndarray(shape, dtype, bytes)` (the portable
//! form). Every shape is checked against the bytes that are there. Dtypes are in `dtype.rs`. Source: NumPy 2.4
//! and 1.26, `ndarray.__reduce_ex__` and `__setstate__`, and what they write.

use crate::global::Known;
use crate::machine::Machine;
use crate::node::{Data, Links, Node, NodeId, next_index};
use hyperslab_core::view::Order;
use hyperslab_core::{Dtype, Error, Result, Shape};
use num_bigint::BigInt;
use num_traits::ToPrimitive;

#[derive(Clone, Debug)]
pub(crate) struct ArrayNode<'a> {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Shape,
    pub(crate) layout: Layout,
    pub(crate) data: Elements<'a>,
    /// Whether `BUILD` may still fill it.
    unfilled: bool,
}

/// How the elements follow one another.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    Dense(Order),
    /// Dense in C order of the axes named here: dimension `i` of the array is dimension `axes[i]` of the bytes.
    Permuted(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Elements<'a> {
    Bytes(Data<'a>),
    /// Python objects in C order.
    Objects(Links),
}

#[derive(Clone, Debug)]
pub(crate) struct ScalarNode<'a> {
    pub(crate) dtype: Dtype,
    pub(crate) data: Data<'a>,
}

impl<'a> Machine<'a> {
    /// `_frombuffer(buffer, dtype, shape, order[, axes])`.
    pub(crate) fn array_from_buffer(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let (&[buffer, dtype, shape, order], axes) = split_args::<4>(args)?;
        let data = self.buffer(buffer)?;
        let dtype = self.use_dtype(dtype)?;
        let shape = self.shape(shape)?;
        let layout = match (self.arena.as_text(order), axes) {
            (Some("C"), []) => Layout::Dense(Order::C),
            (Some("F"), []) => Layout::Dense(Order::F),
            (Some("K"), &[axes]) => Layout::Permuted(self.axes(axes, shape.len())?),
            _ => return Err(Error::invalid("the order of an array is not 'C', 'F' or 'K' with its axes")),
        };
        let shape = match &layout {
            Layout::Dense(_) => shape,
            Layout::Permuted(axes) => {
                axes.iter().map(|&a| shape.get(usize::from(a)).copied().unwrap_or(0)).collect()
            }
        };
        self.push_array(dtype, shape, layout, data)
    }

    /// `numpy.ndarray(shape, dtype, buffer[, 0, None, order])`.
    pub(crate) fn array_portable(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let (shape, dtype, buffer, order) = match *args {
            [shape, dtype] => return self.array_unfilled(shape, dtype),
            [shape, dtype, buffer] => (shape, dtype, buffer, Order::C),
            [shape, dtype, buffer, offset, strides, order]
                if self.arena.as_int(offset) == Some(0) && matches!(self.arena.node(strides), Node::None) =>
            {
                let order = match self.arena.as_text(order) {
                    Some("C") => Order::C,
                    Some("F") => Order::F,
                    _ => return Err(Error::invalid("the order of an array is neither 'C' nor 'F'")),
                };
                (shape, dtype, buffer, order)
            }
            _ => {
                return Err(Error::unsupported(
                    "numpy.ndarray with anything but a shape, a dtype, bytes and an order",
                ));
            }
        };
        let data = self.buffer(buffer)?;
        let dtype = self.use_dtype(dtype)?;
        let shape = self.shape(shape)?;
        self.push_array(dtype, shape, Layout::Dense(order), data)
    }

    /// `_reconstruct(numpy.ndarray, (0,), b'b')`: empty until `BUILD`. `None` for another class of array.
    pub(crate) fn array_empty(&mut self, args: &[NodeId]) -> Result<Option<NodeId>> {
        let (&[class, shape, _code], []) = split_args::<3>(args)? else {
            return Err(Error::invalid("_reconstruct takes three arguments"));
        };
        match self.arena.global(class).map(|g| g.known) {
            Some(Known::NdArray) => {}
            Some(Known::Unknown) => return Ok(None),
            _ => return Err(Error::invalid("the class of an array is not numpy.ndarray")),
        }
        let shape = self.shape(shape)?;
        let dtype = Dtype::int(1, true, hyperslab_core::ByteOrder::Little);
        self.array_before_state(dtype, shape).map(Some)
    }

    /// `numpy.ndarray((0,), dtype)`: empty until `BUILD`.
    fn array_unfilled(&mut self, shape: NodeId, dtype: NodeId) -> Result<NodeId> {
        let dtype = match self.use_dtype(dtype)? {
            // Without its state there are no objects in it.
            d if d.has_indirection() => Dtype::U8,
            d => d,
        };
        let shape = self.shape(shape)?;
        self.array_before_state(dtype, shape)
    }

    fn array_before_state(&mut self, dtype: Dtype, shape: Shape) -> Result<NodeId> {
        if shape.count()? != 0 {
            return Err(Error::invalid(format!("an array of shape {shape} before its state")));
        }
        self.push_array_node(ArrayNode {
            dtype,
            shape,
            layout: Layout::Dense(Order::C),
            data: Elements::Bytes(Data::Input(&[])),
            unfilled: true,
        })
    }

    /// `BUILD` of an array: `(version, shape, dtype, is_fortran, data)`.
    pub(crate) fn fill_array(&mut self, array: u32, state: NodeId) -> Result<()> {
        let state = self
            .arena
            .as_tuple(state)
            .ok_or_else(|| Error::invalid("the state of an array is not a tuple"))?;
        let (version, rest) = match *state {
            [version, a, b, c, d] => (self.arena.as_int(version), [a, b, c, d]),
            // Before NumPy 1.0 there was no version.
            [a, b, c, d] => (Some(0), [a, b, c, d]),
            _ => return Err(Error::invalid(format!("the state of an array has {} parts", state.len()))),
        };
        if !matches!(version, Some(0 | 1)) {
            return Err(Error::unsupported("the state of an array has a version other than 1"));
        }
        let [shape, dtype, fortran, data] = rest;
        let shape = self.shape(shape)?;
        let dtype = self.use_dtype(dtype)?;
        let fortran = match self.arena.as_int(fortran) {
            Some(f) => f != 0,
            None => return Err(Error::invalid("the order of an array is neither true nor false")),
        };
        let layout = Layout::Dense(if fortran { Order::F } else { Order::C });
        let data = match self.arena.node(data) {
            Node::List(items) if dtype.has_indirection() => {
                if items.len() as u64 != shape.count()? {
                    return Err(Error::invalid(format!(
                        "{} objects in an array of shape {shape}",
                        items.len()
                    )));
                }
                Elements::Objects(self.arena.copy_links(items)?)
            }
            _ => Elements::Bytes(self.checked_bytes(&dtype, &shape, data)?),
        };
        match self.arena.arrays.get_mut(array as usize) {
            Some(a) if a.unfilled => {
                *a = ArrayNode { dtype, shape, layout, data, unfilled: false };
                Ok(())
            }
            _ => Err(Error::invalid("the state of an array that already has its elements")),
        }
    }

    /// `scalar(dtype, bytes)`.
    pub(crate) fn scalar(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let (&[dtype, data], []) = split_args::<2>(args)? else {
            return Err(Error::invalid("scalar takes two arguments"));
        };
        let dtype = self.use_dtype(dtype)?;
        if matches!(dtype, Dtype::Object) {
            return Ok(data);
        }
        if dtype.has_indirection() {
            return Err(Error::unsupported("a scalar with Python objects inside"));
        }
        let data = self.buffer(data)?;
        let have = self.arena.bytes(data).len() as u64;
        if have != dtype.itemsize() {
            return Err(Error::invalid(format!("{have} bytes for a scalar of {dtype}")));
        }
        self.push_scalar(dtype, data)
    }

    /// A scalar type called with a Python value: `numpy.float64(1.5)`, `numpy.datetime64(0, 'ns')`.
    pub(crate) fn scalar_of_type(&mut self, descr: &'static str, args: &[NodeId]) -> Result<NodeId> {
        let mut dtype = Dtype::from_descr(descr)?;
        let no = |what: &str| Error::unsupported(format!("a scalar of {descr} made from {what}"));
        let (&value, rest) = args.split_first().ok_or_else(|| no("nothing"))?;
        let node = self.arena.node(value);
        if let (Dtype::Datetime(..) | Dtype::Timedelta(..), [unit]) = (&dtype, rest) {
            let unit = self.arena.as_text(*unit).ok_or_else(|| no("a unit that is not text"))?;
            dtype = Dtype::from_descr(&format!("{descr}[{unit}]"))?;
        } else if !rest.is_empty() {
            return Err(no("several values"));
        }
        let bytes: Vec<u8> = match (&dtype, node) {
            (Dtype::Bool, Node::Bool(b)) => vec![b.into()],
            (Dtype::Int(i), Node::Int(_) | Node::BigInt(_) | Node::Bool(_)) => {
                let value = self.integer(value).filter(|v| {
                    let bits = u32::from(i.size) * 8;
                    if i.signed {
                        (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(v)
                    } else {
                        (0..1i128 << bits).contains(v)
                    }
                });
                let value = value.ok_or_else(|| Error::invalid(format!("an integer outside {descr}")))?;
                value.to_le_bytes().get(..i.size.into()).unwrap_or_default().to_vec()
            }
            (Dtype::Float(f), Node::Float(_) | Node::Int(_) | Node::BigInt(_)) => {
                float_bytes(f.size, self.float(value).ok_or_else(|| no("an integer too large"))?)
            }
            (Dtype::Complex(f), Node::Complex(i)) => {
                let [re, im] = self.arena.complexes.get(i as usize).copied().unwrap_or_default();
                let half = f.size;
                [float_bytes(half, re), float_bytes(half, im)].concat()
            }
            (Dtype::Complex(f), Node::Float(re)) => {
                [float_bytes(f.size, re), float_bytes(f.size, 0.0)].concat()
            }
            (Dtype::Bytes(_), Node::Bytes(d) | Node::Py2Str(d)) => {
                let bytes = self.arena.bytes(d);
                let len = u32::try_from(bytes.len()).map_err(|_| no("4 GiB of bytes"))?;
                dtype = Dtype::Bytes(len);
                return self.push_scalar(dtype, d);
            }
            (Dtype::Unicode(..), Node::Str(t)) => {
                // Four bytes per character from one: counted, lest a short pickle make much of one long string.
                let points: Vec<u8> =
                    self.arena.text(t).chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
                let len = u32::try_from(points.len() / 4).map_err(|_| no("4 GiB of text"))?;
                self.arena.charge(points.len())?;
                dtype = Dtype::Unicode(len, hyperslab_core::ByteOrder::Little);
                points
            }
            (Dtype::Datetime(..) | Dtype::Timedelta(..), Node::Int(v)) => v.to_le_bytes().to_vec(),
            (Dtype::Datetime(..) | Dtype::Timedelta(..), _) if self.arena.as_text(value) == Some("NaT") => {
                i64::MIN.to_le_bytes().to_vec()
            }
            _ => return Err(no("a value of another kind")),
        };
        let data = self.arena.make_bytes(&bytes)?;
        self.push_scalar(dtype, data)
    }

    /// An array whose bytes are exactly what its shape takes.
    fn push_array(&mut self, dtype: Dtype, shape: Shape, layout: Layout, data: Data<'a>) -> Result<NodeId> {
        self.check_size(&dtype, &shape, data)?;
        self.push_array_node(ArrayNode { dtype, shape, layout, data: Elements::Bytes(data), unfilled: false })
    }

    fn push_array_node(&mut self, array: ArrayNode<'a>) -> Result<NodeId> {
        let i = next_index(&self.arena.arrays)?;
        self.arena.arrays.push(array);
        self.arena.push(Node::Array(i))
    }

    fn push_scalar(&mut self, dtype: Dtype, data: Data<'a>) -> Result<NodeId> {
        let i = next_index(&self.arena.scalars)?;
        self.arena.scalars.push(ScalarNode { dtype, data });
        self.arena.push(Node::Scalar(i))
    }

    fn checked_bytes(&self, dtype: &Dtype, shape: &Shape, data: NodeId) -> Result<Data<'a>> {
        let data = self.buffer(data)?;
        self.check_size(dtype, shape, data)?;
        Ok(data)
    }

    fn check_size(&self, dtype: &Dtype, shape: &Shape, data: Data<'a>) -> Result<()> {
        if dtype.has_indirection() {
            return Err(Error::invalid(format!("bytes where the objects of an array of {dtype} belong")));
        }
        let item = dtype.itemsize();
        if item == 0 {
            return Err(Error::unsupported(format!("an array of {dtype}, whose elements have no bytes")));
        }
        let (want, have) = (shape.bytes(item)?, self.arena.bytes(data).len());
        if want != have as u64 {
            return Err(Error::invalid(format!(
                "an array of shape {shape} and type {dtype} takes {want} bytes, {have} are there"
            )));
        }
        Ok(())
    }

    /// Bytes, a byte array, or a Python 2 string that holds bytes.
    fn buffer(&self, id: NodeId) -> Result<Data<'a>> {
        match self.arena.node(id) {
            Node::Bytes(d) | Node::ByteArray(d) | Node::Py2Str(d) => Ok(d),
            _ => Err(Error::invalid("the elements of an array are not bytes")),
        }
    }

    /// A tuple of extents, or a single one.
    pub(crate) fn shape(&self, id: NodeId) -> Result<Shape> {
        let extent = |&d: &NodeId| {
            self.arena.as_int(d).and_then(|d| u64::try_from(d).ok()).ok_or_else(|| {
                Error::invalid("an extent of an array is not a non-negative integer of 64 bits")
            })
        };
        let Some(dims) = self.arena.as_tuple(id) else {
            return Ok(Shape::new(&[extent(&id)?]));
        };
        if dims.len() > Shape::MAX_RANK {
            return Err(Error::invalid(format!(
                "an array of {} dimensions, more than {}",
                dims.len(),
                Shape::MAX_RANK
            )));
        }
        dims.iter().map(extent).collect()
    }

    fn axes(&self, id: NodeId, rank: usize) -> Result<Vec<u8>> {
        let bad = || Error::invalid(format!("the axes of an array are not a permutation of 0 to {rank}"));
        let axes = self.arena.as_tuple(id).ok_or_else(bad)?;
        let axes: Option<Vec<u8>> =
            axes.iter().map(|&a| self.arena.as_int(a).and_then(|a| u8::try_from(a).ok())).collect();
        let axes = axes.ok_or_else(bad)?;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        if sorted.len() == rank && sorted.iter().enumerate().all(|(i, &a)| i == usize::from(a)) {
            Ok(axes)
        } else {
            Err(bad())
        }
    }

    fn integer(&self, id: NodeId) -> Option<i128> {
        match self.arena.node(id) {
            Node::BigInt(i) => self.arena.big_ints.get(i as usize).and_then(BigInt::to_i128),
            _ => self.arena.as_int(id).map(i128::from),
        }
    }

    pub(crate) fn float(&self, id: NodeId) -> Option<f64> {
        match self.arena.node(id) {
            Node::Float(f) => Some(f),
            Node::BigInt(i) => {
                self.arena.big_ints.get(i as usize).and_then(BigInt::to_f64).filter(|f| f.is_finite())
            }
            _ => self.arena.as_int(id).map(|i| i as f64),
        }
    }
}

/// The little-endian bytes of a float of 2, 4 or 8 bytes.
fn float_bytes(size: u8, v: f64) -> Vec<u8> {
    match size {
        2 => half::f16::from_f64(v).to_le_bytes().to_vec(),
        4 => (v as f32).to_le_bytes().to_vec(),
        _ => v.to_le_bytes().to_vec(),
    }
}

/// The first `N` arguments, and the rest.
fn split_args<const N: usize>(args: &[NodeId]) -> Result<(&[NodeId; N], &[NodeId])> {
    args.split_first_chunk::<N>()
        .ok_or_else(|| Error::invalid(format!("{} arguments where {N} belong", args.len())))
}
