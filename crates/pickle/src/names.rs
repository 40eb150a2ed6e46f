//! The names that a pickle refers to, whether or not its value still shows them.
//!
//! A pickle may call something and throw the result away, or break off after the call. Who looks at a pickle before
//! trusting it wants to know of these, too.

use crate::Policy;
use crate::global::Known;
use crate::item::Pickle;
use crate::machine::Machine;
use crate::node::Arena;
use hyperslab_core::{Error, Limits, Result};
use std::collections::HashSet;

/// A name that a pickle refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The module, by its name in Python 3.
    pub module: String,
    /// The name in it; nested ones have dots.
    pub name: String,
    /// Where the opcode that asks for it stands, in bytes from the start of the pickle.
    pub offset: u64,
    /// Whether it is among the types that are read. Anything else would be imported, and perhaps called, by Python.
    pub known: bool,
}

/// How many names are reported.
const MOST: usize = 10_000;

impl Pickle<'_> {
    /// Every name that the pickle refers to, once each, by where it first does; at most 10,000.
    pub fn names(&self) -> Vec<Name> {
        names_in(&self.arena)
    }
}

/// The names in a pickle that may be broken, and how reading it ended: where the pickle ends, or why it cannot be read.
///
/// Read as under [`Policy::Inspect`]; nothing is imported or called.
pub fn names(bytes: &[u8], limits: &Limits) -> (Vec<Name>, Result<usize>) {
    let mut machine = Machine::new(bytes, Policy::Inspect, limits);
    let end = machine.execute();
    (names_in(&machine.arena), end.map(|_| machine.position()))
}

/// How many names an error mentions.
const NAMED: usize = 5;

/// An error that says which unknown names a pickle refers to before it breaks off; `start` is where the pickle lies in
/// its file.
pub fn naming(e: Error, bytes: &[u8], start: u64) -> Error {
    let (names, _) = names(bytes, &Limits::default());
    let mut names = names.iter().filter(|n| !n.known).map(|n| {
        let Name { module, name, offset, .. } = n;
        format!("{module}.{name} (byte {})", offset.saturating_add(start))
    });
    let some: Vec<String> = names.by_ref().take(NAMED).collect();
    if some.is_empty() {
        return e;
    }
    let dots = if names.next().is_some() { ", .." } else { "" };
    e.hint(format!("it refers to {}{dots}, which was not called", some.join(", ")))
}

fn names_in(arena: &Arena<'_>) -> Vec<Name> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for global in &arena.globals {
        let (module, name) = (arena.text(global.module), arena.text(global.name));
        if seen.insert((module, name)) {
            let known = global.known != Known::Unknown;
            out.push(Name { module: module.into(), name: name.into(), offset: global.at, known });
            if out.len() == MOST {
                break;
            }
        }
    }
    out
}
