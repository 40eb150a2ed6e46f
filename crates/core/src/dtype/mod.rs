//! Element types, known at run time.
//!
//! One tree covers NumPy's and HDF5's kinds, so that any file can be listed and printed; typed access
//! ([`Element`]) is a checked step on top. A dtype describes *stored* bytes: byte order is part of it, and
//! equality is exact. [`Dtype::canonical`] gives the form in which two dtypes are compared up to byte order.
//!
//! Sources: NumPy 2.4 `numpy.dtype`; HDF5 File Format Specification 4.0, section IV.A.2.d (Datatype message).

mod compound;
mod descr;
mod element;
mod json;

pub use compound::{ArrayType, EnumType, Field, Struct};
pub use element::Element;

use crate::Shape;
use std::fmt;
use std::sync::Arc;

/// The order of the bytes of a multi-byte scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// This machine's order.
    pub const NATIVE: ByteOrder =
        if cfg!(target_endian = "little") { ByteOrder::Little } else { ByteOrder::Big };
}

/// An integer of 1 to 255 bytes; HDF5 lets its value occupy only some of the stored bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Int {
    /// Stored size in bytes.
    pub size: u8,
    /// Whether it is two's complement.
    pub signed: bool,
    /// Byte order (little for one byte).
    pub order: ByteOrder,
    /// Position of the lowest significant bit.
    pub bit_offset: u16,
    /// Number of significant bits.
    pub precision: u16,
}

impl Int {
    /// An ordinary integer: every bit significant. `size` in bytes.
    pub const fn new(size: u8, signed: bool, order: ByteOrder) -> Int {
        let order = if size <= 1 { ByteOrder::Little } else { order };
        Int { size, signed, order, bit_offset: 0, precision: size as u16 * 8 }
    }

    /// Whether every stored bit is significant and the size is one of 1, 2, 4, 8.
    pub fn is_plain(&self) -> bool {
        matches!(self.size, 1 | 2 | 4 | 8)
            && self.bit_offset == 0
            && self.precision == u16::from(self.size) * 8
    }
}

/// How the bits of a float are used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FloatFormat {
    /// IEEE 754 binary16, 32, 64 (sizes 2, 4, 8).
    Ieee,
    /// The platform's `long double` in 12 or 16 bytes: storage is known, meaning is not portable.
    LongDouble,
    /// Anything else HDF5 can describe.
    Custom(Arc<FloatLayout>),
}

/// Bit positions of a float that is not IEEE 754, as HDF5 describes it (bits counted from the least significant).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FloatLayout {
    /// Lowest significant bit.
    pub bit_offset: u16,
    /// Significant bits.
    pub precision: u16,
    /// Position of the sign bit.
    pub sign: u8,
    /// Position of the exponent.
    pub exponent_at: u8,
    /// Width of the exponent.
    pub exponent_bits: u8,
    /// Position of the mantissa.
    pub mantissa_at: u8,
    /// Width of the mantissa.
    pub mantissa_bits: u8,
    /// Exponent bias.
    pub bias: u32,
    /// 0 none, 1 always set, 2 implied most significant mantissa bit.
    pub normalization: u8,
    /// VAX: words of two bytes, the most significant first, the bytes of each the other way round; an exponent of
    /// all ones is a number like others.
    pub vax: bool,
}

/// A floating-point number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Float {
    /// Stored size in bytes.
    pub size: u8,
    /// Byte order.
    pub order: ByteOrder,
    /// Use of the bits.
    pub format: FloatFormat,
}

impl Float {
    /// An IEEE float of 2, 4 or 8 bytes.
    pub const fn ieee(size: u8, order: ByteOrder) -> Float {
        Float { size, order, format: FloatFormat::Ieee }
    }
}

/// The unit of a datetime or a duration: a count of a base unit (`[25s]` is 25 seconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeUnit {
    /// Multiple of the base unit, at least 1.
    pub count: u32,
    /// Base unit as NumPy spells it (`"ns"`, `"D"`, ..), or empty for the generic unit.
    pub base: &'static str,
}

/// Character set of an HDF5 string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Charset {
    /// US-ASCII (in practice often Latin-1 or UTF-8).
    Ascii,
    /// UTF-8.
    Utf8,
}

/// How an HDF5 fixed string ends inside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Padding {
    /// At its first NUL.
    NullTerminated,
    /// At the NULs that fill it.
    NullPadded,
    /// At the spaces that fill it.
    SpacePadded,
}

/// An HDF5 string, fixed or of variable length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StringType {
    /// Bytes per element as stored: the string itself when fixed, the reference into a heap when variable.
    pub size: u32,
    /// Character set.
    pub charset: Charset,
    /// End of the string.
    pub padding: Padding,
}

/// A sequence of variable length: each element is a reference into a heap (see [`Heap`](crate::view::Heap)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VlenType {
    /// Type of the items.
    pub base: Dtype,
    /// Bytes of the reference as stored (16 with HDF5's 8-byte offsets).
    pub size: u32,
}

/// What an HDF5 reference points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// An object.
    Object,
    /// A region of a dataset.
    Region,
    /// An attribute of an object.
    Attribute,
}

/// The type of an array's elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// NumPy bool: one byte, nonzero is true.
    Bool,
    /// Integer.
    Int(Int),
    /// Float.
    Float(Float),
    /// Complex: real then imaginary, each one of these floats.
    Complex(Float),
    /// NumPy `S`: this many bytes, NUL padded.
    Bytes(u32),
    /// NumPy `U`: this many UTF-32 code points, NUL padded.
    Unicode(u32, ByteOrder),
    /// NumPy `V`: this many opaque bytes.
    Void(u32),
    /// NumPy `M8`: i64 since 1970; `i64::MIN` is not-a-time.
    Datetime(TimeUnit, ByteOrder),
    /// NumPy `m8`: i64 duration.
    Timedelta(TimeUnit, ByteOrder),
    /// NumPy `O`: the payload is one pickle; has no bytes of its own.
    Object,
    /// Named fields at offsets.
    Struct(Arc<Struct>),
    /// A fixed-shape array inside an element.
    Array(Arc<ArrayType>),
    /// HDF5 bitfield, described as its unsigned integer.
    Bitfield(Int),
    /// HDF5 opaque: bytes and a tag.
    Opaque(u32, Arc<str>),
    /// HDF5 enumeration.
    Enum(Arc<EnumType>),
    /// HDF5 fixed-length string.
    FixedString(StringType),
    /// HDF5 variable-length string.
    VlenString(StringType),
    /// HDF5 variable-length sequence.
    Vlen(Arc<VlenType>),
    /// HDF5 reference and its stored size in bytes.
    Reference(ReferenceKind, u32),
}

impl Dtype {
    /// Little-endian IEEE double.
    pub const F64: Dtype = Dtype::Float(Float::ieee(8, ByteOrder::Little));
    /// Little-endian IEEE single.
    pub const F32: Dtype = Dtype::Float(Float::ieee(4, ByteOrder::Little));
    /// Unsigned byte.
    pub const U8: Dtype = Dtype::Int(Int::new(1, false, ByteOrder::Little));
    /// Little-endian signed 64-bit integer.
    pub const I64: Dtype = Dtype::Int(Int::new(8, true, ByteOrder::Little));

    /// An ordinary integer of `size` bytes.
    pub const fn int(size: u8, signed: bool, order: ByteOrder) -> Dtype {
        Dtype::Int(Int::new(size, signed, order))
    }

    /// An IEEE float of `size` bytes (2, 4, 8).
    pub const fn float(size: u8, order: ByteOrder) -> Dtype {
        Dtype::Float(Float::ieee(size, order))
    }

    /// Bytes that one element takes as stored (0 for [`Dtype::Object`]).
    pub fn itemsize(&self) -> u64 {
        match self {
            Dtype::Bool => 1,
            Dtype::Int(i) | Dtype::Bitfield(i) => i.size.into(),
            Dtype::Float(f) => f.size.into(),
            Dtype::Complex(f) => 2 * u64::from(f.size),
            Dtype::Bytes(n) | Dtype::Void(n) | Dtype::Opaque(n, _) | Dtype::Reference(_, n) => (*n).into(),
            Dtype::Unicode(n, _) => 4 * u64::from(*n),
            Dtype::Datetime(..) | Dtype::Timedelta(..) => 8,
            Dtype::Object => 0,
            Dtype::Struct(s) => s.itemsize,
            Dtype::Array(a) => a.nbytes,
            Dtype::Enum(e) => e.base.size.into(),
            Dtype::FixedString(s) | Dtype::VlenString(s) => s.size.into(),
            Dtype::Vlen(v) => v.size.into(),
        }
    }

    /// Whether elements hold HDF5 references, to objects or to parts of datasets.
    pub fn has_references(&self) -> bool {
        match self {
            Dtype::Reference(..) => true,
            Dtype::Struct(s) => s.fields.iter().any(|f| f.dtype.has_references()),
            Dtype::Array(a) => a.base.has_references(),
            Dtype::Vlen(v) => v.base.has_references(),
            _ => false,
        }
    }

    /// Whether elements refer to bytes outside their own (heap references, Python objects).
    pub fn has_indirection(&self) -> bool {
        match self {
            Dtype::Object | Dtype::VlenString(_) | Dtype::Vlen(_) => true,
            Dtype::Struct(s) => s.fields.iter().any(|f| f.dtype.has_indirection()),
            Dtype::Array(a) => a.base.has_indirection(),
            _ => false,
        }
    }

    /// The same type in the form in which types are compared: little-endian, fields packed in order, padding
    /// and titles gone, heap references of the 8-byte form.
    #[must_use]
    pub fn canonical(&self) -> Dtype {
        use ByteOrder::Little;
        let int = |i: &Int| Int { order: Little, ..*i };
        let float = |f: &Float| Float { order: Little, ..f.clone() };
        match self {
            Dtype::Int(i) => Dtype::Int(int(i)),
            Dtype::Bitfield(i) => Dtype::Bitfield(int(i)),
            Dtype::Float(f) => Dtype::Float(float(f)),
            Dtype::Complex(f) => Dtype::Complex(float(f)),
            Dtype::Unicode(n, _) => Dtype::Unicode(*n, Little),
            Dtype::Datetime(u, _) => Dtype::Datetime(*u, Little),
            Dtype::Timedelta(u, _) => Dtype::Timedelta(*u, Little),
            Dtype::Struct(s) => Dtype::Struct(Arc::new(Struct::packed(
                s.fields.iter().map(|f| (f.name.clone(), f.dtype.canonical())),
            ))),
            Dtype::Array(a) => {
                let base = a.base.canonical();
                match ArrayType::new(base, a.shape.clone()) {
                    Ok(a) => Dtype::Array(Arc::new(a)),
                    Err(_) => self.clone(),
                }
            }
            Dtype::Enum(e) => {
                Dtype::Enum(Arc::new(EnumType { base: int(&e.base), members: e.members.clone() }))
            }
            Dtype::VlenString(s) => Dtype::VlenString(StringType { size: 16, ..*s }),
            Dtype::Vlen(v) => Dtype::Vlen(Arc::new(VlenType { base: v.base.canonical(), size: 16 })),
            Dtype::Reference(kind, size) => Dtype::Reference(*kind, reference_size(*kind, *size)),
            other => other.clone(),
        }
    }

    /// Whether two types hold the same values, whatever their byte order and padding.
    pub fn same_values(&self, other: &Dtype) -> bool {
        self == other || self.canonical() == other.canonical()
    }

    /// The dtype of the elements and the extra trailing dimensions of a type that is a subarray.
    pub fn split_subarray(&self) -> (&Dtype, Shape) {
        let (mut dtype, mut shape) = (self, Shape::default());
        while let Dtype::Array(a) = dtype {
            a.shape.iter().for_each(|&d| shape.push(d));
            dtype = &a.base;
        }
        (dtype, shape)
    }
}

/// The size that an HDF5 reference has in a file of 8-byte addresses, by that in one of shorter ones. Beside the address
/// those to objects have nothing, those to regions the number of a heap object; those of HDF5 1.12 have 10 bytes more.
pub const fn reference_size(kind: ReferenceKind, size: u32) -> u32 {
    match (kind, size) {
        (ReferenceKind::Object, 2 | 4 | 8) => 8,
        (ReferenceKind::Region, 6 | 8 | 12) => 12,
        (_, 12 | 14 | 18) => 18,
        _ => size,
    }
}

impl fmt::Display for Dtype {
    /// NumPy's description where there is one, else the JSON of the command contract.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_json() {
            serde_json::Value::String(s) => f.write_str(&s),
            other => write!(f, "{other}"),
        }
    }
}

#[cfg(test)]
mod tests;
