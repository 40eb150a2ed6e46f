//! Elements that point elsewhere: the bytes of those of variable length go into global heap collections, references
//! lead to the objects of the new file that have the path of their targets.
//!
//! Where objects will be is known only when all of them are there. Elements with references therefore wait: they are
//! [`Kept`] in memory, with what they point at.

use super::space::Space;
use super::widen::widened;
use crate::format::Put;
use crate::format::global_heap::Builder;
use crate::format::message::datatype::reference::LATER;
use crate::format::put::narrow;
use hyperslab_core::dtype::ReferenceKind;
use hyperslab_core::view::{Heap, Target};
use hyperslab_core::{Dtype, Error, Limits, Reservation, Result, View};
use std::borrow::Cow;
use std::sync::Arc;

/// A collection is ended when it has reached this size.
const TARGET: usize = 64 << 10;
/// Bytes of a stored reference to the heap.
const REFERENCE: usize = 16;

/// What takes over the things that elements point at, and says what stands for them.
trait Take {
    /// The reference to so many items, of which there may be none: an empty text is another thing than no text.
    fn items(&mut self, count: u64, data: &[u8]) -> Result<[u8; REFERENCE]>;
    /// What stands for a reference, in as many bytes.
    fn target(&mut self, kind: ReferenceKind, target: Target, out: &mut [u8]) -> Result<()>;
}

/// Where the objects of the file are, by their path.
pub(crate) type Addresses<'a> = &'a dyn Fn(&str) -> Option<u64>;

/// Global heap collections written one after another to the end of the file, which nothing else may be appended to
/// while one is open.
pub(super) struct Collections<'a> {
    bytes: Vec<u8>,
    open: Option<Builder>,
    space: &'a mut Space,
    addresses: Addresses<'a>,
}

impl<'a> Collections<'a> {
    pub(super) fn new(space: &'a mut Space, addresses: Addresses<'a>) -> Collections<'a> {
        Collections { bytes: Vec::new(), open: None, space, addresses }
    }

    /// Adds an object; returns where it will be.
    fn add(&mut self, data: &[u8]) -> Result<(u64, u16)> {
        if self.open.as_ref().is_some_and(|b| b.is_full() || b.len(&self.bytes) + data.len() > TARGET) {
            self.flush()?;
        }
        let builder = self.open.get_or_insert_with(|| Builder::begin(&mut self.bytes));
        let index = builder.push(&mut self.bytes, data);
        // The open collection is the next thing that will be appended.
        Ok((self.space.next(8), index))
    }

    /// Adds a text; returns the reference to it.
    pub(super) fn text(&mut self, text: &str) -> Result<[u8; REFERENCE]> {
        self.items(text.len() as u64, text.as_bytes())
    }

    /// The elements of a view as they are stored in this file.
    pub(super) fn elements(&mut self, view: &View<'_>, limits: &Limits) -> Result<Vec<u8>> {
        moved(view, self, limits)
    }

    /// A reference as HDF5 has them since 1.12: what it is, no flags, the address with its length; beyond that in the
    /// heap.
    fn later(&mut self, target: &Target, address: u64, out: &mut Vec<u8>) -> Result<()> {
        let mut token = vec![8];
        token.put_u64(address);
        let class = match (&target.region, &target.attribute) {
            (None, None) => {
                out.extend([2, 0]);
                out.append(&mut token);
                out.resize(LATER as usize, 0);
                return Ok(());
            }
            (Some(region), None) => {
                let none = || Error::unsupported("a region of a dataset of unknown rank");
                let rank = target.rank.or_else(|| rank(region)).ok_or_else(none)?;
                token.put_u32(narrow(region.len(), "region of a reference")?);
                token.put_u32(rank);
                token.extend_from_slice(region);
                3
            }
            (None, Some(name)) => {
                token.put_u16(narrow(name.len(), "name in a reference")?);
                token.extend_from_slice(name.as_bytes());
                4
            }
            (Some(_), Some(_)) => return Err(Error::usage("a reference to a region and an attribute")),
        };
        let (heap, index) = self.add(&token)?;
        out.extend([class, 0]);
        out.put_u32(narrow(token.len(), "reference")?);
        out.put_u64(heap);
        out.put_u32(index.into());
        Ok(())
    }

    /// Writes what is still open.
    pub(super) fn flush(&mut self) -> Result<()> {
        if let Some(builder) = self.open.take() {
            builder.finish(&mut self.bytes);
            self.space.append(&self.bytes, 8)?;
            self.bytes.clear();
        }
        Ok(())
    }
}

impl Take for Collections<'_> {
    fn items(&mut self, count: u64, data: &[u8]) -> Result<[u8; REFERENCE]> {
        let items = u32::try_from(count)
            .map_err(|_| Error::unsupported(format!("a variable-length element of {count} items")))?;
        let (address, index) = self.add(data)?;
        let mut reference = Vec::with_capacity(REFERENCE);
        reference.put_u32(items);
        reference.put_u64(address);
        reference.put_u32(index.into());
        reference.try_into().map_err(|_| Error::limit("a reference of another size"))
    }

    fn target(&mut self, kind: ReferenceKind, target: Target, out: &mut [u8]) -> Result<()> {
        let path = &target.path;
        let address = (self.addresses)(path).ok_or_else(|| {
            Error::unsupported(format!("a reference to {path:?}, which is not in the file"))
        })?;
        let mut bytes = Vec::with_capacity(LATER as usize);
        match (kind, &target.region) {
            _ if out.len() == LATER as usize => self.later(&target, address, &mut bytes)?,
            _ if target.attribute.is_some() => {
                return Err(Error::unsupported(
                    "writing references to attributes as references of another type",
                ));
            }
            (ReferenceKind::Object, None) => bytes.put_u64(address),
            (ReferenceKind::Region, Some(region)) => {
                let mut object = address.to_le_bytes().to_vec();
                object.extend_from_slice(region);
                let (heap, index) = self.add(&object)?;
                bytes.put_u64(heap);
                bytes.put_u32(index.into());
            }
            _ => return Err(Error::unsupported("a reference of another kind than its type")),
        }
        if bytes.len() != out.len() {
            return Err(Error::unsupported(format!("writing references of {} bytes", out.len())));
        }
        out.copy_from_slice(&bytes);
        Ok(())
    }
}

/// Elements in memory, with all that they point at.
#[derive(Default)]
pub(super) struct Kept {
    objects: Vec<(u64, Vec<u8>)>,
    targets: Vec<Target>,
    limits: Limits,
    held: Vec<Reservation>,
}

impl Kept {
    /// A copy of a view that needs nothing of where it comes from.
    pub(super) fn copy(view: &View<'_>, limits: &Limits) -> Result<View<'static>> {
        let mut kept = Kept { limits: limits.clone(), ..Kept::default() };
        let bytes = moved(view, &mut kept, limits)?;
        Ok(View::new(widened(view.dtype())?, view.shape().clone(), bytes)?.with_heap(Arc::new(kept)))
    }

    /// The paths of the objects that elements refer to.
    pub(super) fn paths(view: &View<'_>, limits: &Limits) -> Result<Vec<String>> {
        let mut kept = Kept { limits: limits.clone(), ..Kept::default() };
        moved(view, &mut kept, limits)?;
        Ok(kept.targets.into_iter().map(|t| t.path).collect())
    }

    fn number(bytes: &[u8]) -> Option<usize> {
        let number = bytes.iter().take(8).rev().fold(0u64, |n, &b| (n << 8) | u64::from(b));
        usize::try_from(number).ok()?.checked_sub(1)
    }
}

impl Take for Kept {
    fn items(&mut self, count: u64, data: &[u8]) -> Result<[u8; REFERENCE]> {
        let mut reference = [0; REFERENCE];
        self.held.push(self.limits.reserve((data.len() as u64).saturating_add(32))?);
        self.objects.push((count, data.to_vec()));
        let number = self.objects.len() as u64;
        reference.iter_mut().zip(number.to_le_bytes()).for_each(|(to, b)| *to = b);
        Ok(reference)
    }

    fn target(&mut self, _: ReferenceKind, target: Target, out: &mut [u8]) -> Result<()> {
        self.held.push(self.limits.reserve((target.path.len() as u64).saturating_add(64))?);
        self.targets.push(target);
        let number = self.targets.len() as u64;
        out.fill(0);
        out.iter_mut().zip(number.to_le_bytes()).for_each(|(to, b)| *to = b);
        Ok(())
    }
}

impl Heap for Kept {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        match Kept::number(reference).map(|i| self.objects.get(i)) {
            None => Ok((0, Cow::Borrowed(&[]))),
            Some(Some((count, data))) => Ok((*count, Cow::Borrowed(data))),
            Some(None) => Err(Error::invalid("no such element of variable length")),
        }
    }

    fn target(&self, _: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>> {
        match Kept::number(bytes).map(|i| self.targets.get(i)) {
            None => Ok(None),
            Some(Some(target)) => Ok(Some(target.clone())),
            Some(None) => Err(Error::invalid("no such reference")),
        }
    }
}

/// The dimensions of a selection that has positions or boxes.
fn rank(region: &[u8]) -> Option<u32> {
    let word = |at: usize| region.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b));
    word(16).filter(|_| matches!(word(0), Some(1 | 2)))
}

/// Whether elements point elsewhere.
pub(super) fn points(dtype: &Dtype) -> bool {
    dtype.has_indirection() || dtype.has_references()
}

/// The elements of a view as they are in the new file, everything that they point at taken over.
fn moved(view: &View<'_>, take: &mut dyn Take, limits: &Limits) -> Result<Vec<u8>> {
    let stored = widened(view.dtype())?;
    let (mut out, _reservation) = limits.vec(view.shape().bytes(stored.itemsize())?)?;
    let Some(source) = view.heap().map(|h| &**h) else {
        let dtype = view.dtype();
        return Err(match dtype.has_references() {
            true => {
                Error::unsupported(format!("elements of {dtype} are addresses in a file that is not known"))
            }
            false => Error::usage("a variable-length array without its heap"),
        });
    };
    let size = usize::try_from(stored.itemsize()).map_err(|_| Error::limit("elements of that many bytes"))?;
    view.for_each(|e| {
        let start = out.len();
        out.resize(start.saturating_add(size), 0);
        let to = out.get_mut(start..).unwrap_or_default();
        move_element(view.dtype(), &stored, e, to, &mut Move { source, take })
    })?;
    Ok(out)
}

/// From where to where.
struct Move<'m, 's> {
    source: &'m (dyn Heap + 's),
    take: &'m mut dyn Take,
}

/// Copies an element of a type to where it is of a type that is the same but for the lengths of addresses.
///
/// Types nest no deeper than [`widened`] allows, and so does this.
fn move_element(
    dtype: &Dtype,
    stored: &Dtype,
    element: &[u8],
    to: &mut [u8],
    by: &mut Move<'_, '_>,
) -> Result<()> {
    let short = || Error::invalid(format!("{dtype} that is cut short"));
    match (dtype, stored) {
        (Dtype::VlenString(_) | Dtype::Vlen(_), _) => {
            let (count, mut bytes) = by.source.resolve(element)?;
            // No items are no object, but for a text that is there.
            let none = matches!(dtype, Dtype::Vlen(_)) || element.iter().all(|&b| b == 0);
            if count == 0 && none {
                to.fill(0);
                return Ok(());
            }
            if let (Dtype::Vlen(v), Dtype::Vlen(w)) = (dtype, stored)
                && points(&v.base)
            {
                bytes = Cow::Owned(move_items(&v.base, &w.base, &bytes, by)?);
            }
            let reference = by.take.items(count, &bytes)?;
            if to.len() != reference.len() {
                return Err(Error::unsupported(format!("writing heap references of {} bytes", to.len())));
            }
            to.copy_from_slice(&reference);
            Ok(())
        }
        (Dtype::Reference(kind, _), _) => {
            // Null references are zeros everywhere.
            to.fill(0);
            if element.iter().all(|&b| b == 0) {
                return Ok(());
            }
            match by.source.target(*kind, element)? {
                Some(target) => by.take.target(*kind, target, to),
                None => Ok(()),
            }
        }
        (Dtype::Struct(s), Dtype::Struct(w)) => {
            if element.len() == to.len() {
                // What is between the members, too.
                to.copy_from_slice(element);
            }
            for (f, g) in s.fields.iter().zip(&w.fields) {
                let from =
                    part(f.offset, f.dtype.itemsize()).and_then(|r| element.get(r)).ok_or_else(short)?;
                let to = part(g.offset, g.dtype.itemsize()).and_then(|r| to.get_mut(r)).ok_or_else(short)?;
                move_element(&f.dtype, &g.dtype, from, to, by)?;
            }
            Ok(())
        }
        (Dtype::Array(a), Dtype::Array(b)) if points(&a.base) => {
            let items = move_items(&a.base, &b.base, element, by)?;
            to.get_mut(..items.len()).ok_or_else(short)?.copy_from_slice(&items);
            Ok(())
        }
        _ if element.len() == to.len() => {
            to.copy_from_slice(element);
            Ok(())
        }
        _ => Err(short()),
    }
}

fn part(offset: u64, len: u64) -> Option<std::ops::Range<usize>> {
    let end = offset.checked_add(len)?;
    Some(usize::try_from(offset).ok()?..usize::try_from(end).ok()?)
}

fn move_items(base: &Dtype, stored: &Dtype, items: &[u8], by: &mut Move<'_, '_>) -> Result<Vec<u8>> {
    let none = || Error::invalid("items of no size");
    let size = |d: &Dtype| usize::try_from(d.itemsize()).ok().filter(|&n| n > 0).ok_or_else(none);
    let (from, to) = (size(base)?, size(stored)?);
    let mut out = vec![0; (items.len() / from).saturating_mul(to)];
    for (item, slot) in items.chunks_exact(from).zip(out.chunks_exact_mut(to)) {
        move_element(base, stored, item, slot, by)?;
    }
    Ok(out)
}
