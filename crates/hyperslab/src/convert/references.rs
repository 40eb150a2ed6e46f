//! What leads to objects of a part of a file: references, and named types, lead to where those are in the new one.

use super::Job;
use super::plan::Plan;
use crate::container::Fill;
use crate::dtype::ReferenceKind;
use crate::view::{Heap, Target};
use crate::{Container, Error, Kind, Limits, Result, Value, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

impl<'c> Job<'c> {
    /// Elements whose references lead to where their targets are in the new file. Those without a target lead nowhere,
    /// which is counted, where loss is allowed.
    pub(super) fn below(&self, view: View<'c>, nowhere: &Nowhere) -> View<'c> {
        // The paths of a whole file stay as they are.
        let others = self.options.allow_loss || !self.plan.prefix.is_empty();
        let moves = others && view.dtype().has_references();
        let Some(heap) = view.heap().filter(|_| moves) else { return view };
        let (plan, input, limits) = (self.plan, self.input, self.options.limits.clone());
        let nowhere = self.options.allow_loss.then(|| Arc::clone(nowhere));
        let below = Below { heap: Arc::clone(heap), plan, input, limits, found: Mutex::default(), nowhere };
        view.with_heap(Arc::new(below))
    }

    /// The same for the element that stands for those that were never written.
    pub(super) fn moved_fill(&self, fill: Fill) -> Result<Fill> {
        let Fill::Reference(mut target) = fill else { return Ok(fill) };
        let place = self.plan.place_of(self.input, &target.path, &self.options.limits);
        target.path = place.ok_or_else(|| left_behind(&target.path))?;
        Ok(Fill::Reference(target))
    }

    /// The path of a named type in the new file; a type that is not carried over has no name there, which is noted.
    pub(super) fn named(&mut self, of: &str, from: Option<&str>) -> Option<String> {
        let from = from?;
        let to = self.plan.place_of(self.input, from, &self.options.limits);
        let to = to.filter(|to| self.plan.types.iter().any(|t| t.to == *to));
        if to.is_none() {
            self.notes.push(format!("the type of {of:?} has no name any more: {from:?} is not carried over"));
        }
        to
    }
}

/// How many references were to lead to what is not in the new file.
pub(super) type Nowhere = Arc<AtomicU64>;

pub(super) fn told_nowhere(of: &str, nowhere: &Nowhere) -> Option<String> {
    let n = nowhere.load(Ordering::Relaxed);
    (n > 0).then(|| format!("{of}: {n} references to what is not in the new file; they lead nowhere"))
}

fn left_behind(path: &str) -> Error {
    Error::unsupported(format!("a reference to {path:?}, which is not carried over"))
}

/// The heap of elements of a group that becomes the root, or whose targets need not be there.
struct Below<'c> {
    heap: Arc<dyn Heap + 'c>,
    plan: &'c Plan,
    input: &'c dyn Container,
    limits: Limits,
    /// Where paths lead in the new file, as far as it was asked.
    found: Mutex<HashMap<String, Option<String>>>,
    /// Counts those without a target, where they may lead nowhere.
    nowhere: Option<Nowhere>,
}

impl Below<'_> {
    fn place(&self, path: &str) -> Option<String> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(path) {
            return known.clone();
        }
        let place = self.plan.place_of(self.input, path, &self.limits);
        found.insert(path.to_owned(), place.clone());
        place
    }

    fn moved(&self, kind: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>> {
        let Some(mut target) = self.heap.target(kind, bytes)? else { return Ok(None) };
        target.path = self.place(&target.path).ok_or_else(|| left_behind(&target.path))?;
        Ok(Some(target))
    }
}

impl Heap for Below<'_> {
    fn resolve(&self, reference: &[u8]) -> Result<(u64, Cow<'_, [u8]>)> {
        self.heap.resolve(reference)
    }

    fn reference(&self, kind: ReferenceKind, bytes: &[u8]) -> Option<Value> {
        if self.nowhere.is_some() && self.moved(kind, bytes).is_err_and(|e| e.kind() == Kind::Unsupported) {
            return self.heap.reference(kind, &vec![0; bytes.len()]);
        }
        let mut value = self.heap.reference(kind, bytes)?;
        // As it will be read from the new file.
        if let Value::Opaque(shown) = &mut value {
            for (_, part) in shown.parts.iter_mut().filter(|(name, _)| name == "path") {
                if let Value::String(path) = part
                    && let Some(inside) = self.place(path)
                {
                    *path = inside;
                }
            }
        }
        Some(value)
    }

    fn target(&self, kind: ReferenceKind, bytes: &[u8]) -> Result<Option<Target>> {
        match (self.moved(kind, bytes), &self.nowhere) {
            (Err(e), Some(nowhere)) if e.kind() == Kind::Unsupported => {
                nowhere.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            (moved, _) => moved,
        }
    }
}
