//! A writer that pickles arrays of variable-length elements into arrays of objects.

use crate::npy::objects::ObjectWriter;
use crate::value::Value;
use crate::view::Heap;
use crate::{ArrayOptions, ContainerWriter, Dtype, Error, Result, Shape, View, pickle, scalar};

/// A writer of NumPy files that takes variable-length strings and sequences, as objects.
#[derive(Debug)]
pub struct Pickling<W>(pub W);

impl<W: ObjectWriter> ContainerWriter for Pickling<W> {
    fn group(&mut self, path: &str) -> Result<()> {
        self.0.group(path)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        if !matches!(view.dtype(), Dtype::VlenString(_) | Dtype::Vlen(_)) {
            return self.0.array(path, view, options);
        }
        if let Some(what) = options.beyond_deflate() {
            return Err(Error::unsupported(format!("arrays of objects have no {what}")).object(path));
        }
        let pickle = objects(view).map_err(|e| e.object(path))?;
        self.0.objects(path, view.shape(), &pickle, options)
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        self.0.attribute(path, name, value)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Box::new(self.0).finish()
    }
}

/// The pickle of an array whose elements become `str` or arrays.
fn objects(view: &View<'_>) -> Result<Vec<u8>> {
    let heap = view.heap().map(|h| &**h);
    let mut items = Vec::new();
    view.for_each(|element| {
        items.push(object(view.dtype(), element, heap));
        Ok(())
    })?;
    pickle::dump_objects(view.shape(), items)
}

fn object(dtype: &Dtype, element: &[u8], heap: Option<&dyn Heap>) -> Result<Value> {
    let Dtype::Vlen(v) = dtype else { return scalar::decode(dtype, element, heap) };
    if v.base.has_indirection() {
        return Err(Error::unsupported(format!("sequences of {} as objects", v.base)));
    }
    let heap = heap.ok_or_else(|| Error::invalid("variable-length elements without a heap"))?;
    let (count, bytes) = heap.resolve(element)?;
    let view = View::new(v.base.clone(), Shape::from([count]), &*bytes)?;
    Ok(Value::from(view.select(&crate::Selection::ALL)?.into_owned()?))
}

/// Whether an array can be written as objects.
pub(crate) fn is_storable(dtype: &Dtype) -> bool {
    match dtype {
        Dtype::VlenString(_) => true,
        Dtype::Vlen(v) => !v.base.has_indirection(),
        _ => false,
    }
}
