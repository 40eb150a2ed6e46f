//! What references point at: a path, a path and a region, a path and an attribute.
//!
//! A reference is an address; its path is found by going through the groups once. References that lead nowhere are
//! shown with their address.
//!
//! Source: HDF5 File Format Specification 3.0, section IV.A.2.d (references of before HDF5 1.12: an address, or a heap
//! object with an address and a selection), and libhdf5 1.12 to 2.0 (`H5Rint.c`, `H5Tref.c`) for the later ones.

use super::group::{self, To};
use super::heap::GlobalHeap;
use super::object::Object;
use super::once;
use super::others::Others;
use super::walk::{self, Kind};
use super::{Context, File};
use crate::format::selection::{Slab, Stored, UNLIMITED};
use crate::format::{Cursor, Sizes};
use hyperslab_core::dtype::ReferenceKind;
use hyperslab_core::value::Opaque;
use hyperslab_core::view::{Heap, Target};
use hyperslab_core::{Dtype, Error, Limits, Result, Value};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Of a selection so many parts are shown.
const SHOWN: usize = 8;

/// The path of every object of a file by its address, found when first asked for.
pub(crate) type Paths = OnceLock<HashMap<u64, String>>;

/// Where a reference leads.
struct Place {
    address: u64,
    what: What,
}

enum What {
    Object,
    /// Elements, and the dimensions of the dataset where those are stored with the selection.
    Region(Stored, Option<u32>),
    Attribute(String),
}

/// The heap of elements with references.
pub(crate) struct References<'f> {
    heap: GlobalHeap<'f>,
    limits: Limits,
    file: &'f File<'f>,
    others: &'f Others,
    nested: u32,
}

impl<'f> References<'f> {
    pub(crate) fn new(cx: Context<'f, '_>, dtype: &Dtype) -> Self {
        References {
            heap: GlobalHeap::new(cx.source, cx.sizes, cx.limits, dtype),
            limits: cx.limits.clone(),
            file: cx.file,
            others: cx.others,
            nested: cx.nested,
        }
    }

    fn context(&self) -> Context<'_, '_> {
        let (source, sizes) = (&self.file.source, self.file.superblock.sizes);
        Context {
            source,
            sizes,
            limits: &self.limits,
            file: self.file,
            others: self.others,
            nested: self.nested,
        }
    }

    fn sizes(&self) -> Sizes {
        self.file.superblock.sizes
    }

    fn path(&self, address: u64) -> Option<&str> {
        let paths = self.file.paths.get_or_init(|| paths(self.context()));
        paths.get(&address).map(String::as_str)
    }

    /// The parts of a value that say where a reference leads.
    fn parts(&self, kind: ReferenceKind, bytes: &[u8]) -> Result<Option<Vec<(String, Value)>>> {
        let Some(Place { address, what }) = self.locate(kind, bytes)? else { return Ok(None) };
        let mut parts = match self.path(address) {
            Some(path) => vec![("path".into(), Value::String(path.to_owned()))],
            None => vec![("address".into(), Value::Int(address.into()))],
        };
        match what {
            What::Object => {}
            What::Region(stored, _) => parts.push(("region".into(), Value::String(shown(&stored)))),
            What::Attribute(name) => parts.push(("attribute".into(), Value::String(name))),
        }
        Ok(Some(parts))
    }

    fn locate(&self, kind: ReferenceKind, bytes: &[u8]) -> Result<Option<Place>> {
        let mut c = Cursor::new(bytes, "reference", 0);
        let old = usize::from(self.sizes().offset);
        if kind == ReferenceKind::Object && bytes.len() == old {
            let address = c.address(self.sizes())?.filter(|&a| a != 0);
            return Ok(address.map(|address| Place { address, what: What::Object }));
        }
        if kind == ReferenceKind::Region && bytes.len() == old + 4 {
            let Some(heap) = c.address(self.sizes())?.filter(|&a| a != 0) else { return Ok(None) };
            let (blob, at) = self.heap.object(heap, c.u32()?)?;
            let mut c = Cursor::new(&blob, "region reference", at);
            let address = c.address(self.sizes())?.ok_or_else(|| c.invalid("region of no object"))?;
            return Ok(Some(Place { address, what: What::Region(Stored::parse(&mut c)?, None) }));
        }
        // Since HDF5 1.12 one type stands for all kinds, and each element says which it is.
        let (class, flags) = (c.u8()?, c.u8()?);
        if class == 0 && flags == 0 {
            return Ok(None);
        }
        if flags != 0 {
            return Err(c.unsupported("reference into another file"));
        }
        if class == 2 {
            return Ok(Some(Place { address: token(&mut c)?, what: What::Object }));
        }
        c.skip(4)?;
        let heap = c.address(self.sizes())?.ok_or_else(|| c.invalid("reference without its heap object"))?;
        let (blob, at) = self.heap.object(heap, c.u32()?)?;
        let mut c = Cursor::new(&blob, "reference", at);
        let address = token(&mut c)?;
        match class {
            3 => {
                c.skip(4)?;
                let rank = c.u32()?;
                Ok(Some(Place { address, what: What::Region(Stored::parse(&mut c)?, Some(rank)) }))
            }
            4 => {
                let n = c.u16()?;
                let name = String::from_utf8_lossy(c.bytes(n.into())?).into_owned();
                Ok(Some(Place { address, what: What::Attribute(name) }))
            }
            n => Err(c.unsupported(format!("reference of kind {n}"))),
        }
    }
}

/// An address with its length before it.
fn token(c: &mut Cursor<'_>) -> Result<u64> {
    match c.u8()? {
        n @ 1..=8 => c.uint(n.into()),
        n => Err(c.invalid(format!("address of {n} bytes"))),
    }
}

/// A selection as slices.
fn shown(stored: &Stored) -> String {
    let range = |start: u64, end: u64| {
        if end == start.saturating_add(1) { start.to_string() } else { format!("{start}:{end}") }
    };
    let list = |parts: Vec<String>| {
        let more = parts.len().saturating_sub(SHOWN);
        let mut text = parts.iter().take(SHOWN).map(|p| format!("[{p}]")).collect::<Vec<_>>().join(" ");
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        text
    };
    match stored {
        Stored::None => "nothing".into(),
        Stored::All => "[...]".into(),
        Stored::Points { rank, positions } => list(
            positions
                .chunks_exact((*rank).max(1))
                .map(|p| p.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))
                .collect(),
        ),
        Stored::Boxes { rank, corners } => list(
            corners
                .chunks_exact((2 * rank).max(1))
                .map(|b| {
                    let (low, high) = b.split_at(*rank);
                    let one = |(a, b): (&u64, &u64)| range(*a, b.saturating_add(1));
                    low.iter().zip(high).map(one).collect::<Vec<_>>().join(", ")
                })
                .collect(),
        ),
        Stored::Regular(slabs) => {
            let one = |s: &Slab| match s {
                Slab { block: UNLIMITED, start, .. } => format!("{start}:"),
                Slab { count: 1, start, block, .. } => range(*start, start.saturating_add(*block)),
                Slab { count: UNLIMITED, start, stride, block: 1 } => format!("{start}::{stride}"),
                Slab { count, start, stride, block: 1 } if *count > 0 => {
                    let last = (count - 1).saturating_mul(*stride).saturating_add(*start);
                    format!("{start}:{}:{stride}", last.saturating_add(1))
                }
                Slab { count, start, stride, block } => {
                    let count = if *count == UNLIMITED { "any number".into() } else { count.to_string() };
                    format!("{count} x {block} from {start} every {stride}")
                }
            };
            list(vec![slabs.iter().map(one).collect::<Vec<_>>().join(", ")])
        }
    }
}

/// The first path to the object at an address.
pub(crate) fn path_of(cx: Context<'_, '_>, address: u64) -> Option<String> {
    cx.file.paths.get_or_init(|| paths(cx)).get(&address).cloned()
}

/// The first path to every object, as far as groups can be read.
fn paths(cx: Context<'_, '_>) -> HashMap<u64, String> {
    let mut found = HashMap::from([(cx.file.superblock.root, "/".to_owned())]);
    let mut waiting = std::collections::VecDeque::from([(cx.file.superblock.root, String::new())]);
    while let Some((address, base)) = waiting.pop_front() {
        let Ok(object) = Object::read(cx, address) else { continue };
        if walk::kind(&object) != Kind::Group {
            continue;
        }
        // In an order that does not depend on what lies where.
        let entries = group::entries(cx, &object).0;
        for e in once::by_name(&entries).into_iter().filter_map(|i| entries.get(i)) {
            let To::Object(a) = e.to else { continue };
            if cx.limits.count_objects(1).is_err() {
                return found;
            }
            if let std::collections::hash_map::Entry::Vacant(v) = found.entry(a) {
                let path = format!("{base}/{}", e.name);
                v.insert(path.clone());
                waiting.push_back((a, path));
            }
        }
    }
    found
}

impl Heap for References<'_> {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        self.heap.resolve(reference)
    }

    fn reference(&self, kind: ReferenceKind, bytes: &[u8]) -> Option<Value> {
        // What does not resolve is shown as its bytes.
        let parts = self.parts(kind, bytes).unwrap_or_else(|e: Error| {
            Some(vec![
                ("error".into(), Value::String(e.message().to_owned())),
                ("bytes".into(), Value::Bytes(bytes.to_vec())),
            ])
        });
        let name = format!("{kind:?} reference").to_lowercase();
        let parts = parts.unwrap_or_else(|| vec![("path".into(), Value::Null)]);
        Some(Value::Opaque(Box::new(Opaque { name, parts })))
    }

    fn target(&self, kind: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>> {
        let Some(Place { address, what }) = self.locate(kind, bytes)? else { return Ok(None) };
        let path = self.path(address).ok_or_else(|| {
            Error::unsupported(format!("a reference to address {address}, which no path leads to"))
        })?;
        let target = Target::object(path);
        Ok(Some(match what {
            What::Object => target,
            What::Region(stored, rank) => {
                let mut region = Vec::new();
                stored.emit(&mut region)?;
                Target { region: Some(region), rank, ..target }
            }
            What::Attribute(name) => Target { attribute: Some(name), ..target },
        }))
    }
}
