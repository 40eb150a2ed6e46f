//! Elements that point elsewhere: the bytes of those of variable length go into global heap collections, references
//! lead to the objects of the new file that have the path of their targets.
//!
//! Where objects will be is known only when all of them are there. Elements with references therefore wait: they are
//! [`Kept`] in memory, with what they point at.

use super::space::Space;
use crate::format::Put;
use crate::format::global_heap::Builder;
use hyperslab_core::dtype::ReferenceKind;
use hyperslab_core::view::{Heap, Target};
use hyperslab_core::{Dtype, Error, Limits, Reservation, Result, View};
use std::borrow::Cow;
use std::sync::Arc;

/// A collection is ended when it has reached this size.
const TARGET: usize = 64 << 10;
/// How deep sequences may nest in one element.
const MAX_DEPTH: u32 = 32;
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
        let mut bytes = Vec::with_capacity(12);
        match (kind, target.region) {
            (ReferenceKind::Object, None) => bytes.put_u64(address),
            (ReferenceKind::Region, Some(region)) => {
                let mut object = address.to_le_bytes().to_vec();
                object.extend_from_slice(&region);
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
        Ok(View::new(view.dtype().clone(), view.shape().clone(), bytes)?.with_heap(Arc::new(kept)))
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

/// Whether elements point elsewhere.
pub(super) fn points(dtype: &Dtype) -> bool {
    dtype.has_indirection() || dtype.has_references()
}

/// The elements of a view, everything that they point at taken over.
fn moved(view: &View<'_>, take: &mut dyn Take, limits: &Limits) -> Result<Vec<u8>> {
    let (mut out, _reservation) = limits.vec(view.nbytes())?;
    let Some(source) = view.heap().map(|h| &**h) else {
        let dtype = view.dtype();
        return Err(match dtype.has_references() {
            true => {
                Error::unsupported(format!("elements of {dtype} are addresses in a file that is not known"))
            }
            false => Error::usage("a variable-length array without its heap"),
        });
    };
    view.for_each(|e| {
        let start = out.len();
        out.extend_from_slice(e);
        move_element(view.dtype(), out.get_mut(start..).unwrap_or_default(), source, take, 0)
    })?;
    Ok(out)
}

/// Makes an element point at what was taken over.
fn move_element(
    dtype: &Dtype,
    element: &mut [u8],
    source: &(dyn Heap + '_),
    take: &mut dyn Take,
    depth: u32,
) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::limit(format!("type nested deeper than {MAX_DEPTH} levels")));
    }
    let short = || Error::invalid(format!("{dtype} that is cut short"));
    match dtype {
        Dtype::VlenString(_) | Dtype::Vlen(_) => {
            let (count, mut bytes) = source.resolve(element)?;
            // No items are no object, but for a text that is there.
            let none = matches!(dtype, Dtype::Vlen(_)) || element.iter().all(|&b| b == 0);
            if count == 0 && none {
                element.fill(0);
                return Ok(());
            }
            if let Dtype::Vlen(v) = dtype
                && points(&v.base)
            {
                move_items(&v.base, bytes.to_mut(), source, take, depth)?;
            }
            let reference = take.items(count, &bytes)?;
            if element.len() != reference.len() {
                return Err(Error::unsupported(format!(
                    "writing heap references of {} bytes",
                    element.len()
                )));
            }
            element.copy_from_slice(&reference);
            Ok(())
        }
        Dtype::Reference(kind, size) => {
            let own = element.get_mut(..*size as usize).ok_or_else(short)?;
            // Null references are zeros everywhere.
            if own.iter().all(|&b| b == 0) {
                return Ok(());
            }
            match source.target(*kind, own)? {
                Some(target) => take.target(*kind, target, own),
                None => {
                    own.fill(0);
                    Ok(())
                }
            }
        }
        Dtype::Struct(s) => {
            for f in s.fields.iter().filter(|f| points(&f.dtype)) {
                let start = usize::try_from(f.offset).map_err(|_| short())?;
                let size = usize::try_from(f.dtype.itemsize()).map_err(|_| short())?;
                let part = element.get_mut(start..).and_then(|e| e.get_mut(..size)).ok_or_else(short)?;
                move_element(&f.dtype, part, source, take, depth + 1)?;
            }
            Ok(())
        }
        Dtype::Array(a) if points(&a.base) => move_items(&a.base, element, source, take, depth),
        _ => Ok(()),
    }
}

fn move_items(
    base: &Dtype,
    items: &mut [u8],
    source: &(dyn Heap + '_),
    take: &mut dyn Take,
    depth: u32,
) -> Result<()> {
    let size = usize::try_from(base.itemsize()).ok().filter(|&n| n > 0);
    let size = size.ok_or_else(|| Error::invalid("items of no size"))?;
    items.chunks_exact_mut(size).try_for_each(|item| move_element(base, item, source, take, depth + 1))
}
