//! NumPy's arrays of Python objects: the payload of an NPY file whose descr is `|O`.
//!
//! Written as `numpy.ndarray((0,), dtype('O'))`, filled by the state that NumPy's own pickles carry; the names in it
//! are those that NumPy 1 and 2 share. Tried on NumPy 1.24, 1.26 and 2.4.

use crate::opcode as op;
use crate::protocol::Protocol;
use crate::write::{BATCH, Writer};
use hyperslab_core::{Dtype, Error, Result, Shape, Value};

/// The pickle of an array of objects, whose items come in C order.
///
/// # Errors
/// As [`dump`](crate::dump), and whatever `items` report; `Usage` when there are not as many as the shape holds.
pub fn dump_objects(shape: &Shape, items: impl IntoIterator<Item = Result<Value>>) -> Result<Vec<u8>> {
    let mut w = Writer::new(Protocol::default());
    w.global("numpy", "ndarray")?;
    w.tuple(2, |w| {
        w.tuple(1, |w| {
            w.int(0);
            Ok(())
        })?;
        w.dtype(&Dtype::Object)
    })?;
    w.out.push(op::REDUCE);
    w.tuple(5, |w| {
        w.int(1);
        w.tuple(shape.len(), |w| {
            shape.iter().for_each(|&d| w.int(d.into()));
            Ok(())
        })?;
        w.dtype(&Dtype::Object)?;
        w.out.push(op::NEWFALSE);
        w.out.push(op::EMPTY_LIST);
        let mut count = 0u64;
        for item in items {
            if count.is_multiple_of(BATCH as u64) {
                w.out.extend((count > 0).then_some(op::APPENDS));
                w.out.push(op::MARK);
            }
            w.value(&item?, 1)?;
            count += 1;
        }
        w.out.extend((count > 0).then_some(op::APPENDS));
        match shape.count()? == count {
            true => Ok(()),
            false => Err(Error::usage(format!("{count} objects for an array of shape {shape}"))),
        }
    })?;
    w.out.push(op::BUILD);
    Ok(w.finish())
}
