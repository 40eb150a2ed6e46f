//! Every object once, for somebody who writes them anew: further names of an object are names, whatever is below it is
//! not gone through again.
//!
//! The name that counts is the first of the shortest ones, in the order of their bytes: the same in two files with the
//! same names, whatever lies where. References are told by that path too (`reference`).

use super::group::{self, To};
use super::object::Object;
use super::walk::{self, List};
use super::{Context, File};
use hyperslab_core::{Limits, Node, NodeKind, Result};
use std::collections::{HashMap, VecDeque};

/// Marks numbers of objects of another file, to which an external link led.
const ELSEWHERE: u64 = 1 << 63;

/// The number of the object whose header lies at an address.
pub(crate) fn number(cx: Context<'_, '_>, address: u64) -> u64 {
    if cx.nested > 0 { address | ELSEWHERE } else { address }
}

/// Places in the order in which names are given out: that of the names' bytes.
pub(super) fn by_name(entries: &[group::Entry]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&i| entries.get(i).map(|e| e.name.as_str()));
    order
}

/// Every object at and below paths, as [`Container::once`](hyperslab_core::Container::objects) has it.
///
/// `rooted`: the root group, which is none of the paths, is known from the start, so what leads there is a name of it.
pub(crate) fn objects(file: &File<'_>, paths: &[&str], rooted: bool, limits: &Limits) -> Result<Vec<Node>> {
    let mut list = List::new(file, file.context(limits), true);
    let mut first: HashMap<u64, String> = HashMap::new();
    if rooted {
        first.insert(file.superblock.root, "/".into());
    }
    let mut waiting = VecDeque::new();
    for path in paths {
        let start = walk::absolute(path);
        let (object, cx) = walk::resolve(file.context(limits), path).map_err(file.place(&start))?;
        if let Some(known) = first.get(&object.address) {
            list.name(&start, object.address, known.clone())?;
            continue;
        }
        first.insert(object.address, start.clone());
        list.cx = cx;
        if list.object(&start, &object)? == NodeKind::Group {
            waiting.push_back((object.address, start, 0, list.last(), cx));
        }
    }
    while let Some((address, path, depth, listed, cx)) = waiting.pop_front() {
        list.cx = cx;
        let object = Object::read(cx, address).map_err(|e| file.place(&path)(cx.place(e)))?;
        let (entries, error) = group::entries(cx, &object);
        // The depth of a tree is bounded only by the file.
        let deep = limits.check_depth(depth).err().filter(|_| !entries.is_empty());
        if let Some(e) = error.or(deep) {
            list.fail(listed, file.place(&path)(cx.place(e)));
            continue;
        }
        let base = if path == "/" { "" } else { &path };
        let mut own = vec![false; entries.len()];
        let order = by_name(&entries);
        for &i in &order {
            if let Some(group::Entry { name, to: To::Object(a), .. }) = entries.get(i)
                && !first.contains_key(a)
                && let Some(own) = own.get_mut(i)
            {
                first.insert(*a, format!("{base}/{name}"));
                *own = true;
            }
        }
        let mut groups = Vec::new();
        for (i, (entry, own)) in entries.into_iter().zip(own).enumerate() {
            let path = format!("{base}/{}", entry.name);
            match entry.to {
                To::Object(a) if !own => {
                    let known = first.get(&a).cloned().unwrap_or_default();
                    list.name(&path, a, known)?;
                }
                To::Object(a) => match Object::read(cx, a) {
                    Ok(object) => {
                        if list.object(&path, &object)? == NodeKind::Group {
                            groups.push((i, (a, path, depth.saturating_add(1), list.last(), cx)));
                        }
                    }
                    Err(e) => list.failed(&path, e)?,
                },
                other => list.elsewhere(&path, other)?,
            }
        }
        let mut place = vec![0; order.len()];
        for (n, i) in order.into_iter().enumerate() {
            if let Some(place) = place.get_mut(i) {
                *place = n;
            }
        }
        groups.sort_by_key(|(i, _)| place.get(*i).copied());
        waiting.extend(groups.into_iter().map(|(_, group)| group));
    }
    Ok(list.into_nodes())
}
