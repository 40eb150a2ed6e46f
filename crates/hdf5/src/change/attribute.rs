//! Attributes of objects that exist: set, replaced, taken away.
//!
//! They are messages of the header as long as that is possible, since then one write changes them. Those in dense
//! storage are read and put there too, when they are few, or written to a heap anew.

use super::{Change, Header, Plan};
use crate::append::Storage;
use crate::format::Put;
use crate::format::message::attribute::Attribute;
use crate::format::message::attribute_info::{self, AttributeInfo};
use crate::format::message::kind;
use crate::read::outside;
use hyperslab_core::{Error, Result, Value};

/// The longest attribute that is a message.
const MOST: usize = 0xffff;
/// As many attributes as are put into a header again that had them in a heap.
const FEW: usize = 1024;
/// Header flag: an index by the order of creation is kept, once there are many.
const INDEXED: u8 = 0x08;

/// The attribute-info message of an object.
struct Info {
    dense: Option<(u64, u64)>,
    /// The order of the next attribute, where it is kept.
    next: Option<u16>,
    indexed: bool,
}

impl Info {
    fn read(header: &Header, change: &Change<impl Storage>) -> Result<Option<Info>> {
        let Some(position) = header.position(kind::ATTRIBUTE_INFO) else { return Ok(None) };
        let Some(m) = header.messages.get(position) else { return Ok(None) };
        let info = AttributeInfo::parse(&m.body, change.sizes, m.offset)?;
        let flags = m.body.get(1).copied().unwrap_or(0);
        let next = m.body.get(2..4).and_then(|b| b.first_chunk::<2>()).map(|b| u16::from_le_bytes(*b));
        let dense = info.heap.zip(info.order.or(info.names));
        if info.heap.is_some() && (dense.is_none() || (flags & 1 != 0 && info.order.is_none())) {
            return Err(Error::unsupported("attributes in a heap whose order is not known").at(m.offset));
        }
        Ok(Some(Info { dense, next: next.filter(|_| flags & 1 != 0), indexed: flags & 2 != 0 }))
    }

    /// The body of a message: with heap, tree of names and of order, or without.
    fn emit(&self, dense: Option<(u64, u64, Option<u64>)>) -> Vec<u8> {
        let mut out = vec![0, u8::from(self.next.is_some()) | (u8::from(self.indexed) << 1)];
        if let Some(next) = self.next {
            out.put_u16(next);
        }
        out.put_address(dense.map(|(heap, ..)| heap));
        out.put_address(dense.map(|(_, names, _)| names));
        if self.indexed {
            out.put_address(dense.and_then(|(.., order)| order));
        }
        out
    }
}

impl<S: Storage> Change<S> {
    pub(super) fn set_attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        if name.is_empty() || name.contains('\0') {
            return Err(Error::usage(format!("{name:?} cannot be the name of an HDF5 attribute")));
        }
        let mut plan = self.plan();
        let mut part = plan.part()?;
        let body = part.attribute(name, value, &|path| self.address(path).ok())?;
        plan.add(part)?;
        self.edit_attributes(path, plan, name, Some(body))
    }

    pub(super) fn drop_attribute(&mut self, path: &str, name: &str) -> Result<()> {
        self.edit_attributes(path, self.plan(), name, None)
    }

    fn edit_attributes(
        &mut self,
        path: &str,
        mut plan: Plan,
        name: &str,
        body: Option<Vec<u8>>,
    ) -> Result<()> {
        let mut header = self.header(self.address(path)?)?;
        let mut info = Info::read(&header, self)?;
        if let Some((heap, tree)) = info.as_ref().and_then(|i| i.dense) {
            self.gather_dense(&mut header, heap, tree)?;
        }
        let mut found = None;
        for (i, m) in header.messages.iter().enumerate().filter(|(_, m)| m.kind == kind::ATTRIBUTE) {
            if m.is_shared() {
                return Err(Error::unsupported("changing attributes that objects share").at(m.offset));
            }
            if Attribute::parse(&m.body, m.offset)?.name == name.as_bytes() {
                found = Some(i);
            }
        }
        let is_long = body.as_ref().is_some_and(|b| b.len() > MOST);
        match (found, body) {
            (None, None) => return Err(Error::usage(format!("no attribute {name:?}"))),
            (Some(i), None) => header.remove(i),
            (Some(i), Some(body)) => header.replace(i, body),
            (None, Some(body)) => {
                let info = info.get_or_insert_with(|| Info {
                    dense: None,
                    next: header.is_ordered().then_some(0),
                    indexed: header.flags() & INDEXED != 0,
                });
                let order = info.next.unwrap_or(0);
                if let Some(next) = &mut info.next {
                    let more = next.checked_add(1);
                    *next =
                        more.ok_or_else(|| Error::unsupported("more than 65535 attributes of one object"))?;
                }
                header.push(kind::ATTRIBUTE, 0, order, body);
            }
        }
        if header.version() == 1 {
            if is_long {
                return Err(Error::unsupported(format!(
                    "an attribute of more than {MOST} bytes on an object with a version 1 header"
                )));
            }
            return self.finish_header(header, plan);
        }
        if let Some(info) = &info {
            self.arrange(&mut header, info, &mut plan)?;
        }
        self.finish_header(header, plan)
    }

    /// Puts the attributes of dense storage among the messages of a header that was read.
    fn gather_dense(&self, header: &mut Header, heap: u64, tree: u64) -> Result<()> {
        let ordered = header.is_ordered();
        let mut order = 0u16;
        outside::messages(&self.storage, heap, tree, &self.limits, &mut |body, _| {
            header.push(kind::ATTRIBUTE, 0, if ordered { order } else { 0 }, body.to_vec());
            order = order.saturating_add(1);
            Ok(())
        })
    }

    /// Decides where the attributes of a version 2 header lie, and says so in its message.
    fn arrange(&self, header: &mut Header, info: &Info, plan: &mut Plan) -> Result<()> {
        let attributes: Vec<_> = header.messages.iter().filter(|m| m.kind == kind::ATTRIBUTE).collect();
        let longest = attributes.iter().map(|m| m.body.len()).max().unwrap_or(0);
        let was_dense = info.dense.is_some();
        let mut dense = None;
        if longest > MOST || (was_dense && attributes.len() > FEW) {
            let mut each = Vec::with_capacity(attributes.len());
            for m in attributes {
                let name = Attribute::parse(&m.body, m.offset)?.name;
                let name = std::str::from_utf8(name)
                    .map_err(|_| Error::unsupported("attributes in a heap whose names are no text"))?;
                each.push(((name.to_owned(), m.body.clone()), info.next.map(|_| m.order)));
            }
            let mut part = plan.part()?;
            dense = Some(part.dense_attributes(&each, info.indexed)?);
            plan.add(part)?;
            header.remove_all(kind::ATTRIBUTE);
        }
        let body = info.emit(dense);
        match header.position(kind::ATTRIBUTE_INFO) {
            Some(i) if header.messages.get(i).is_some_and(|m| m.body.starts_with(&body)) => {}
            Some(i) => header.replace(i, body),
            None => header.push(kind::ATTRIBUTE_INFO, attribute_info::FLAGS, 0, body),
        }
        Ok(())
    }

    /// Writes a header that was changed, after what it leads to.
    pub(super) fn finish_header(&mut self, mut header: Header, mut plan: Plan) -> Result<()> {
        header.write(&mut plan)?;
        self.commit(plan)
    }
}
