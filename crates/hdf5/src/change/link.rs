//! Names of groups that exist: added, taken away, and counted.
//!
//! In a group of the new kind a name is a message of the header, and one write of the header changes it; names in dense
//! storage are read and become messages too, or a new heap when they are many. Groups of the old kind: `symbols`.
//!
//! An object counts the names that lead to it, so that who deletes the last one can free it. More are counted before
//! there are more, and fewer after there are fewer: the count is never too low.

use super::header::Header;
use super::{Change, Plan, symbols};
use crate::append::Storage;
use crate::format::message::kind;
use crate::format::message::link::{Link, Target};
use crate::format::message::link_info::LinkInfo;
use crate::format::message::reference_count;
use crate::read::outside;
use crate::write::part::{Made, Named};
use hyperslab_core::{Error, LinkTo, Result};

/// More links than this go to a heap, where libhdf5 finds them faster; fewer are messages, of which one more costs
/// little.
const MANY: usize = 4096;

/// What a name leads to, as a message has it.
pub(super) fn target(to: &Made) -> Target<'_> {
    match to {
        Made::Object(address) => Target::Hard(*address),
        Made::Link(LinkTo::Soft(path)) => Target::Soft(path.as_bytes()),
        Made::Link(LinkTo::External { file, path }) => {
            Target::External { file: file.as_bytes(), path: path.as_bytes() }
        }
    }
}

impl<S: Storage> Change<S> {
    /// Adds names to the group at an address, all by one write where it is a group of the new kind.
    pub(super) fn add_links(&mut self, group: u64, names: &[(String, Made)], plan: Plan) -> Result<()> {
        let old = self.header(group)?.position(kind::SYMBOL_TABLE).is_some();
        let external = names.iter().any(|(_, to)| matches!(to, Made::Link(LinkTo::External { .. })));
        if !old || external {
            let plan = self.plan_links(group, names, plan)?;
            return self.commit(plan);
        }
        // All are looked at before the first is written.
        symbols::check_free(self, &self.header(group)?, names)?;
        let mut plan = Some(plan);
        for name in names {
            let next = plan.take().unwrap_or_else(|| self.plan());
            let next = self.plan_links(group, std::slice::from_ref(name), next)?;
            self.commit(next)?;
        }
        Ok(())
    }

    /// Plans names of the group at an address: one name where it is a group of the old kind and stays one.
    pub(super) fn plan_links(&self, group: u64, names: &[(String, Made)], mut plan: Plan) -> Result<Plan> {
        let mut header = self.header(group)?;
        if header.position(kind::SYMBOL_TABLE).is_some() {
            symbols::add(self, header, names, &mut plan)?;
            return Ok(plan);
        }
        let mut info = self.open_links(&mut header)?;
        for (name, to) in names {
            if self.find_link(&header, name)?.is_some() {
                return Err(Error::usage(format!("the name {name:?} is taken")));
            }
            let creation_order = info.max_creation_order;
            if let Some(next) = &mut info.max_creation_order {
                *next = next.saturating_add(1);
            }
            let mut body = Vec::new();
            Link { name: name.as_bytes(), creation_order, target: target(to) }.emit(&mut body)?;
            header.push(kind::LINK, 0, 0, body);
        }
        self.arrange_links(&mut header, info, &mut plan)?;
        header.write(&mut plan)?;
        Ok(plan)
    }

    /// Plans to take a name out of the group at an address; says which object it led to, if that is one of this file.
    pub(super) fn plan_removal(&self, group: u64, name: &str) -> Result<(Plan, Option<u64>)> {
        let mut header = self.header(group)?;
        let mut plan = self.plan();
        if header.position(kind::SYMBOL_TABLE).is_some() {
            let object = symbols::remove(self, &header, name, &mut plan)?;
            return Ok((plan, object));
        }
        let info = self.open_links(&mut header)?;
        let (position, object) = self
            .find_link(&header, name)?
            .ok_or_else(|| Error::usage(format!("no {name:?} in the group")))?;
        header.remove(position);
        self.arrange_links(&mut header, info, &mut plan)?;
        header.write(&mut plan)?;
        Ok((plan, object))
    }

    /// Reads where a group keeps its links, and makes messages of those in dense storage.
    fn open_links(&self, header: &mut Header) -> Result<LinkInfo> {
        let m = header.position(kind::LINK_INFO).and_then(|i| header.messages.get(i));
        let m = m.ok_or_else(|| Error::usage("not a group"))?;
        let info = LinkInfo::parse(&m.body, self.sizes, m.offset)?;
        if let Some(heap) = info.heap {
            let tree = info.order.or(info.names);
            let tree = tree.ok_or_else(|| Error::invalid("links in a heap without an index").at(m.offset))?;
            outside::messages(&self.storage, heap, tree, &self.limits, &mut |body, _| {
                header.push(kind::LINK, 0, 0, body.to_vec());
                Ok(())
            })?;
        }
        Ok(info)
    }

    /// Decides where links lie that are all messages now, and says so in the header.
    fn arrange_links(&self, header: &mut Header, mut info: LinkInfo, plan: &mut Plan) -> Result<()> {
        (info.heap, info.names, info.order) = (None, None, None);
        let count = header.messages.iter().filter(|m| m.kind == kind::LINK).count();
        if count > MANY
            && let Some(links) = self.sorted_links(header, &mut info)?
        {
            let mut part = plan.part()?;
            let (heap, names, order) = part.dense_links(links, info.max_creation_order.is_some())?;
            plan.add(part)?;
            (info.heap, info.names, info.order) = (Some(heap), Some(names), order);
            header.remove_all(kind::LINK);
        }
        let mut body = Vec::new();
        info.emit(&mut body);
        if let Some(i) = header.position(kind::LINK_INFO)
            && header.messages.get(i).is_some_and(|m| !m.body.starts_with(&body))
        {
            header.replace(i, body);
        }
        Ok(())
    }

    /// Names and messages of links, numbered anew where their order is kept; `None` when one of them cannot be written.
    fn sorted_links(&self, header: &Header, info: &mut LinkInfo) -> Result<Option<Vec<Named>>> {
        let mut links = Vec::new();
        for m in header.messages.iter().filter(|m| m.kind == kind::LINK) {
            let link = Link::parse(&m.body, self.sizes, m.offset)?;
            if matches!(link.target, Target::User(_)) || std::str::from_utf8(link.name).is_err() {
                return Ok(None);
            }
            links.push(link);
        }
        if let Some(next) = &mut info.max_creation_order {
            links.sort_by_key(|l| l.creation_order);
            links.iter_mut().zip(0..).for_each(|(l, n)| l.creation_order = Some(n));
            *next = links.len() as u64;
        }
        let mut out = Vec::with_capacity(links.len());
        for link in links {
            let mut body = Vec::new();
            link.emit(&mut body)?;
            out.push((String::from_utf8_lossy(link.name).into_owned(), body));
        }
        Ok(Some(out))
    }

    /// The message of a name, and the object that it leads to.
    fn find_link(&self, header: &Header, name: &str) -> Result<Option<(usize, Option<u64>)>> {
        for (i, m) in header.messages.iter().enumerate().filter(|(_, m)| m.kind == kind::LINK) {
            let link = Link::parse(&m.body, self.sizes, m.offset)?;
            if link.name == name.as_bytes() {
                let object = if let Target::Hard(address) = link.target { Some(address) } else { None };
                return Ok(Some((i, object)));
            }
        }
        Ok(None)
    }

    /// Changes how many names an object says that lead to it.
    pub(super) fn count_links(&mut self, object: u64, by: i32) -> Result<()> {
        let mut header = self.header(object)?;
        let changed = |n: u32| {
            let n = i64::from(n) + i64::from(by);
            u32::try_from(n).map_err(|_| Error::unsupported(format!("{n} names of one object")))
        };
        let mut plan = self.plan();
        if let Some((at, n)) = header.count_v1() {
            plan.switch(at, changed(n)?.to_le_bytes().to_vec());
            return self.commit(plan);
        }
        let position = header.position(kind::REFERENCE_COUNT);
        let stored =
            position.and_then(|i| header.messages.get(i)).and_then(|m| m.body.get(1..5)?.first_chunk());
        let n = stored.map_or(1, |b| u32::from_le_bytes(*b));
        let mut body = Vec::new();
        reference_count::emit(changed(n)?, &mut body);
        match position {
            Some(i) => header.replace(i, body),
            None => header.push(kind::REFERENCE_COUNT, 0, 0, body),
        }
        header.write(&mut plan)?;
        self.commit(plan)
    }

    /// How many names an object says that lead to it.
    pub(super) fn links_of(&self, object: u64) -> Result<u32> {
        let header = self.header(object)?;
        if let Some((_, n)) = header.count_v1() {
            return Ok(n);
        }
        let stored = header.position(kind::REFERENCE_COUNT).and_then(|i| header.messages.get(i));
        let stored = stored.and_then(|m| m.body.get(1..5)?.first_chunk());
        Ok(stored.map_or(1, |b| u32::from_le_bytes(*b)))
    }
}
