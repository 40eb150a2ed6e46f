//! How the arrays of the new container are stored: as they were, but for what is asked for.

use super::plan::Planned;
use super::{DEFAULT_LEVEL, Job};
use crate::container::Fill;
use crate::create::Output;
use crate::hdf5::filter;
use crate::{ArrayLayout, ArrayOptions, Error, Kind, Result, ResultExt, Shape, View, cast};

impl Job<'_> {
    /// What a writer is asked for. `whole`: the array is not a part of the one that was read.
    pub(super) fn how(&mut self, array: &Planned, view: &View<'_>, whole: bool) -> Result<ArrayOptions> {
        let asked = &self.options.array;
        if self.output != Output::Hdf5 {
            let mut how = ArrayOptions { member: array.member.clone(), ..asked.clone() };
            if self.options.keep_compression && array.deflated {
                how.deflate = how.deflate.or(Some(DEFAULT_LEVEL));
            }
            return Ok(how);
        }
        let mut how = match whole {
            true => self.kept(array, view)?,
            false => ArrayOptions::default(),
        };
        if self.options.uncompressed {
            how.compressed_as(&ArrayOptions::default());
            how.filters.retain(|f| f.id == filter::FLETCHER32);
        }
        // A scalar has no chunks.
        if !asked.needs_chunks() || view.shape().is_empty() {
            return Ok(how);
        }
        how.layout = ArrayLayout::Chunked;
        let chunks = how.chunks.clone();
        if asked.is_compressed() {
            how.compressed_as(asked);
        }
        how.shuffle |= asked.shuffle;
        how.fletcher32 |= asked.fletcher32;
        match &asked.chunks {
            Some(chunks) if chunks.len() == view.shape().len() => {
                how.chunks = Some(within(chunks, view.shape(), &how.max_shape));
            }
            // One array is what was meant.
            Some(chunks) if self.plan.arrays.len() == 1 => how.chunks = Some(chunks.clone()),
            Some(chunks) => self.notes.push(format!(
                "{:?} has other chunks: its shape is {}, and chunks of shape {chunks} are asked for",
                array.from,
                view.shape()
            )),
            None if asked.layout == ArrayLayout::Chunked => how.chunks = None,
            None => {}
        }
        if how.chunks != chunks {
            filter::forget_elements(&mut how.filters);
        }
        Ok(how)
    }

    /// Lets filters know nothing of elements that become others; those that are for one type of elements are left out.
    fn forget_elements(&mut self, from: &str, how: &mut ArrayOptions) {
        let of_type = |id: u16| matches!(id, filter::NBIT | filter::SCALE_OFFSET);
        for f in how.filters.iter().filter(|f| of_type(f.id)) {
            self.notes
                .push(format!("{from:?} is stored without {}, which is for its old type", filter::name(f)));
        }
        how.filters.retain(|f| !of_type(f.id));
        filter::forget_elements(&mut how.filters);
    }

    /// How the array was stored.
    fn kept(&mut self, array: &Planned, view: &View<'_>) -> Result<ArrayOptions> {
        let (limits, from) = (&self.options.limits, &array.from);
        let mut how = match self.input.storage(from, limits) {
            Ok(how) => how,
            Err(e) if e.kind() == Kind::Unsupported && !self.options.keep_compression => {
                self.notes.push(format!("{from:?} is stored otherwise: {}", e.message()));
                return Ok(ArrayOptions::default());
            }
            Err(e) => return Err(e),
        };
        if self.options.astype.is_some() {
            self.forget_elements(from, &mut how);
        }
        // Other elements are of another type.
        how.named_type = match self.options.astype {
            None => self.named(from, how.named_type.as_deref()),
            Some(_) => None,
        };
        how.fill = self.moved_fill(how.fill).in_object(from)?;
        let Fill::Value(bytes) = &how.fill else { return Ok(how) };
        if view.dtype().has_indirection() && !self.options.keep_compression {
            self.notes.push(format!("{from:?} has another fill value, which is not written for its type"));
            how.fill = Fill::Zeros;
        } else if let Some(dtype) = &self.options.astype {
            let node = self.input.nodes(from, Some(0), false, limits)?.into_iter().next();
            let was = node.and_then(|n| n.dtype).ok_or_else(|| Error::invalid("array without a type"))?;
            let one = View::new(was, Shape::from([1]), bytes.clone())?;
            let fill = cast::cast(&one, dtype, limits).in_object(from)?;
            how.fill = Fill::Value(fill.to_bytes(limits)?.into_owned());
        }
        Ok(how)
    }
}

/// Chunks that are no longer than the array can be.
fn within(chunks: &Shape, shape: &Shape, max: &[Option<u64>]) -> Shape {
    let greatest = |d: usize, n: u64| max.get(d).copied().unwrap_or(Some(n)).unwrap_or(u64::MAX);
    let extents = chunks.iter().zip(shape.iter()).enumerate();
    extents.map(|(d, (&c, &n))| if n == 0 { c } else { c.min(greatest(d, n)) }).collect()
}
