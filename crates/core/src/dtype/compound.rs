//! Types made of other types: structs, fixed arrays, enumerations.

use super::{Dtype, Int};
use crate::{Error, Result, Shape};

/// A named field of a [`Struct`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Name, unique in its struct.
    pub name: String,
    /// NumPy's optional second name.
    pub title: Option<String>,
    /// Byte offset in the element.
    pub offset: u64,
    /// Type.
    pub dtype: Dtype,
}

/// Fields at offsets (NumPy structured type, HDF5 compound).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Struct {
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// Bytes of one element, padding included.
    pub itemsize: u64,
}

impl Struct {
    /// Fields one after another without padding.
    pub fn packed(fields: impl IntoIterator<Item = (String, Dtype)>) -> Struct {
        let mut offset = 0u64;
        let fields = fields
            .into_iter()
            .map(|(name, dtype)| {
                let at = offset;
                offset = offset.saturating_add(dtype.itemsize());
                Field { name, title: None, offset: at, dtype }
            })
            .collect();
        Struct { fields, itemsize: offset }
    }

    /// Checks that names are unique and every field lies inside the element.
    pub fn check(&self) -> Result<()> {
        let mut names: Vec<&str> = self.fields.iter().map(|f| f.name.as_str()).collect();
        names.sort_unstable();
        if let Some(w) = names.windows(2).find(|w| w[0] == w[1]) {
            return Err(Error::invalid(format!("two fields are named {:?}", w[0])));
        }
        for f in &self.fields {
            let end = f.offset.checked_add(f.dtype.itemsize());
            if end.is_none_or(|e| e > self.itemsize) {
                return Err(Error::invalid(format!(
                    "field {:?} of {} bytes at offset {} leaves its struct of {} bytes",
                    f.name,
                    f.dtype.itemsize(),
                    f.offset,
                    self.itemsize
                )));
            }
        }
        Ok(())
    }
}

/// An array of fixed shape inside one element.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArrayType {
    /// Type of the items.
    pub base: Dtype,
    /// Extents, C order.
    pub shape: Shape,
    pub(super) nbytes: u64,
}

impl ArrayType {
    /// An array type; an error when its size overflows.
    pub fn new(base: Dtype, shape: Shape) -> Result<ArrayType> {
        let nbytes = shape.bytes(base.itemsize())?;
        Ok(ArrayType { base, shape, nbytes })
    }
}

/// An enumeration over an integer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumType {
    /// The stored integer.
    pub base: Int,
    /// Names and values, in file order.
    pub members: Vec<(String, i128)>,
}
