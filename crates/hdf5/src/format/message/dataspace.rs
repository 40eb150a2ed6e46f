//! The dataspace message: the shape of a dataset or attribute.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.b, versions 1 and 2.

use crate::format::{Cursor, Put, Sizes, UNDEFINED, put::narrow};
use hyperslab_core::{Result, Shape};

/// The greatest rank HDF5 knows.
pub const MAX_RANK: u8 = 32;
/// A maximum extent without bound.
pub const UNLIMITED: u64 = UNDEFINED;

/// What kind of space it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One element.
    Scalar,
    /// An array.
    Simple,
    /// No element, and no shape.
    Null,
}

/// A dataspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataspace {
    /// Kind.
    pub kind: Kind,
    /// Extents; empty unless simple.
    pub dims: Shape,
    /// Greatest extents ([`UNLIMITED`] or a bound), where stored.
    pub max: Option<Shape>,
}

impl Dataspace {
    /// A space of fixed extents: scalar for rank 0.
    pub fn fixed(dims: Shape) -> Dataspace {
        let kind = if dims.is_empty() { Kind::Scalar } else { Kind::Simple };
        Dataspace { kind, dims, max: None }
    }

    /// A space that can grow up to `max`.
    pub fn growing(dims: Shape, max: Shape) -> Dataspace {
        Dataspace { kind: Kind::Simple, dims, max: Some(max) }
    }

    /// A space without elements.
    pub fn null() -> Dataspace {
        Dataspace { kind: Kind::Null, dims: Shape::default(), max: None }
    }

    /// The shape as the tree shows it: `None` for a null space.
    pub fn shape(&self) -> Option<&Shape> {
        (self.kind != Kind::Null).then_some(&self.dims)
    }

    /// Number of elements: 0 for a null space, 1 for a scalar.
    ///
    /// # Errors
    /// `Invalid` when it overflows.
    pub fn count(&self) -> Result<u64> {
        if self.kind == Kind::Null { Ok(0) } else { self.dims.count() }
    }

    /// Parses a message body.
    ///
    /// # Errors
    /// `Invalid`, `Unsupported` for unknown versions and kinds.
    #[inline]
    pub fn parse(body: &[u8], sizes: Sizes, offset: u64) -> Result<Dataspace> {
        let mut c = Cursor::new(body, "dataspace", offset);
        let version = c.version(1, 2)?;
        let rank = c.u8()?;
        if rank > MAX_RANK {
            return Err(c.invalid(format!("rank {rank} (greatest: {MAX_RANK})")));
        }
        let flags = c.u8()?;
        let kind = if version == 1 {
            c.skip(5)?;
            if rank == 0 { Kind::Scalar } else { Kind::Simple }
        } else {
            match c.u8()? {
                0 => Kind::Scalar,
                1 => Kind::Simple,
                2 => Kind::Null,
                k => return Err(c.unsupported(format!("dataspace kind {k}"))),
            }
        };
        if kind != Kind::Simple && rank > 0 {
            return Err(c.invalid(format!("rank {rank} of a space without extents")));
        }
        let mut space = Dataspace { kind, dims: Shape::default(), max: None };
        for _ in 0..rank {
            space.dims.push(c.length(sizes)?);
        }
        if flags & 1 != 0 {
            let unlimited = if sizes.length >= 8 { UNLIMITED } else { (1 << (8 * sizes.length)) - 1 };
            let mut max = Shape::default();
            for d in space.dims.iter() {
                let m = c.length(sizes)?;
                if m < *d {
                    return Err(c.invalid(format!("extent {d} beyond its maximum {m}")));
                }
                max.push(if m == unlimited { UNLIMITED } else { m });
            }
            space.max = Some(max);
        }
        Ok(space)
    }

    /// Appends a version 1 body, which HDF5 1.6 reads; a version 2 body for a null space, which that lacks.
    ///
    /// # Errors
    /// As [`Dataspace::emit`].
    pub fn emit_old(&self, out: &mut Vec<u8>) -> Result<()> {
        if self.kind == Kind::Null {
            return self.emit(out);
        }
        let rank: u8 = narrow(self.dims.len(), "rank")?;
        if rank > MAX_RANK {
            return Err(hyperslab_core::Error::unsupported(format!("rank {rank} (HDF5 ends at {MAX_RANK})")));
        }
        out.extend_from_slice(&[1, rank, u8::from(self.max.is_some()), 0, 0, 0, 0, 0]);
        self.dims.iter().chain(self.max.iter().flat_map(|m| m.iter())).for_each(|&d| out.put_u64(d));
        Ok(())
    }

    /// Appends a version 2 body.
    ///
    /// # Errors
    /// `Unsupported` beyond rank 32.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<()> {
        let rank: u8 = narrow(self.dims.len(), "rank")?;
        if rank > MAX_RANK {
            return Err(hyperslab_core::Error::unsupported(format!("rank {rank} (HDF5 ends at {MAX_RANK})")));
        }
        let kind = match self.kind {
            Kind::Scalar => 0,
            Kind::Simple => 1,
            Kind::Null => 2,
        };
        out.extend_from_slice(&[2, rank, u8::from(self.max.is_some()), kind]);
        self.dims.iter().chain(self.max.iter().flat_map(|m| m.iter())).for_each(|&d| out.put_u64(d));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for s in [
            Dataspace::fixed([].into()),
            Dataspace::fixed([3].into()),
            Dataspace::fixed([1000, 500].into()),
            Dataspace::growing([3, 4].into(), [UNLIMITED, 4].into()),
            Dataspace::null(),
        ] {
            let mut out = Vec::new();
            s.emit(&mut out).unwrap();
            assert_eq!(Dataspace::parse(&out, Sizes::STANDARD, 0).unwrap(), s);
            for n in 0..out.len() {
                assert!(Dataspace::parse(&out[..n], Sizes::STANDARD, 0).is_err());
            }
            let mut out = Vec::new();
            s.emit_old(&mut out).unwrap();
            assert_eq!(Dataspace::parse(&out, Sizes::STANDARD, 0).unwrap(), s);
        }
    }

    #[test]
    fn version_1_and_narrow_lengths() {
        let b = [1, 1, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        let s = Dataspace::parse(&b, Sizes { offset: 4, length: 4, ..Sizes::STANDARD }, 0).unwrap();
        assert_eq!(s, Dataspace::growing([5].into(), [UNLIMITED].into()));
    }

    #[test]
    fn lies_are_refused() {
        let std = Sizes::STANDARD;
        assert!(Dataspace::parse(&[2, 33, 0, 1], std, 0).is_err());
        assert!(Dataspace::parse(&[2, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], std, 0).is_err());
        let shrunk = Dataspace { kind: Kind::Simple, dims: [5].into(), max: Some([4].into()) };
        let mut out = Vec::new();
        shrunk.emit(&mut out).unwrap();
        assert!(Dataspace::parse(&out, std, 0).is_err());
    }
}
