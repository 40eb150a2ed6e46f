//! References to objects of a file that is being written, before anybody knows where those will be.

use super::heap::Kept;
use crate::format::selection::Stored;
use hyperslab_core::dtype::ReferenceKind;
use hyperslab_core::view::{Heap, Target};
use hyperslab_core::{Dtype, Error, Limits, Result, Shape, View};
use std::borrow::Cow;
use std::sync::Arc;

/// What an element of an array of references leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Nothing.
    Null,
    /// An object, by its path; it must be there when the file is finished.
    Object(String),
    /// Elements of the dataset at a path.
    Region(String, Stored),
}

struct List(Vec<Reference>);

impl Heap for List {
    fn resolve(&self, _: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        Err(Error::usage("references are not of variable length"))
    }

    fn target(&self, _: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>> {
        let number = bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
        let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
        Ok(match index.and_then(|i| self.0.get(i)) {
            Some(Reference::Object(path)) => Some(Target::object(path.as_str())),
            Some(Reference::Region(path, selection)) => {
                let mut region = Vec::new();
                selection.emit(&mut region)?;
                Some(Target::region(path.as_str(), region))
            }
            Some(Reference::Null) | None => None,
        })
    }
}

/// An array of references, for [`write`](super::DatasetBuilder::write) or as the value of an attribute: to objects, or
/// to regions where one of them is.
///
/// ```
/// use hyperslab_core::{Container, Limits, Selection, Shape};
/// use hyperslab_hdf5::{File, Writer};
/// use hyperslab_hdf5::write::{Reference, references};
///
/// # fn main() -> hyperslab_core::Result<()> {
/// let mut w = Writer::in_memory();
/// let to = |path: &str| Reference::Object(path.into());
/// w.dataset("/calibrations").write(&references(Shape::from([2]), vec![to("/run/x"), Reference::Null])?)?;
/// w.dataset("/run/x").write(&[1.0, 2.0])?;
/// let image = w.into_image()?;
/// let file = File::from_image(&image)?;
/// let view = file.read("/calibrations", &Selection::ALL, &Limits::default())?;
/// assert_eq!(view.shape()[..], [2]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `Usage` when the shape has another number of elements, or objects and regions are mixed.
pub fn references(shape: Shape, targets: Vec<Reference>) -> Result<View<'static>> {
    let regions = targets.iter().filter(|t| matches!(t, Reference::Region(..))).count();
    if regions > 0 && targets.iter().any(|t| matches!(t, Reference::Object(_))) {
        return Err(Error::usage("references to objects and to regions are of two types"));
    }
    if shape.count().map_err(super::asked)? != targets.len() as u64 {
        return Err(Error::usage(format!("{} references for an array of shape {shape}", targets.len())));
    }
    let (kind, size) = if regions > 0 { (ReferenceKind::Region, 12) } else { (ReferenceKind::Object, 8) };
    let mut bytes = Vec::new();
    for (target, number) in targets.iter().zip(1u64..) {
        let number = if *target == Reference::Null { 0 } else { number };
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.resize(bytes.len() + size - 8, 0);
    }
    let dtype = Dtype::Reference(kind, size as u32);
    let view = View::new(dtype, shape, bytes)?.with_heap(Arc::new(List(targets)));
    Kept::copy(&view, &Limits::default())
}
