//! A new live file: one page, one heap collection for the group's strings, no rows.

use super::array::Array;
use super::object::Message;
use super::page::ColumnLayout;
use super::page::{Contents, PAGE, Page, State, Touched};
use super::schema::{
    AttributeValue, GroupSpec, Schema, area, attribute_info_message, column_messages, f64_message,
    group_messages, message,
};
use crate::format::extensible_array::size_width_v4;
use crate::format::global_heap::Builder;
use crate::format::message::dataspace::Dataspace;
use crate::format::message::link::{Link, Target};
use crate::format::message::{attribute, kind};
use crate::format::superblock::Superblock;
use hyperslab_core::dtype::{Charset, Padding, StringType};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Dtype, Error, Result};
use std::io::Write as _;
use std::path::Path;

/// Makes a new file, which appears whole or not at all; `replace` allows one that is there to be replaced.
///
/// # Errors
/// `Usage` when there is a file already or the schema cannot be, `Unsupported`, `Io`.
pub fn create(path: &Path, schema: &Schema, replace: bool) -> Result<()> {
    let image = image(schema).map_err(|e| e.file(path))?;
    let mut file = NewFile::create(path, replace)?;
    file.write_all(&image).map_err(|e| Error::io(e, "cannot write").file(path))?;
    file.commit()
}

/// The bytes of a new file.
///
/// # Errors
/// `Usage` when the schema cannot be, `Unsupported` when its headers do not fit a page.
pub fn image(schema: &Schema) -> Result<Vec<u8>> {
    let mut columns = Vec::new();
    for c in &schema.columns {
        c.check()?;
        let layout = ColumnLayout { chunk_rows: c.chunk_rows, width: c.dtype.itemsize() };
        columns.push((c.name.clone(), column_messages(&c.dtype, &c.filters())?, layout));
    }
    let mut heap = Vec::new();
    let mut touched = 0.0;
    let group = match &schema.group {
        Some(g) => Some(group(g, &mut heap, &mut touched)?),
        None => None,
    };
    let order = |names: &[(String, u64)]| links(schema, names);
    let contents = Contents { columns, group };
    let (mut page, root) = Page::plan(0, Superblock::new(3, 0, 0), contents, order)?;
    let mut end = PAGE + heap.len() as u64;
    let mut outside = Vec::new();
    page.superblock.root = match (&page.root, root) {
        (Some(slot), _) => slot.address,
        (None, messages) => {
            area(&messages.unwrap_or_default())?.emit(None, &mut outside)?;
            outside.resize(outside.len().next_multiple_of(8), 0);
            end += outside.len() as u64;
            end - outside.len() as u64
        }
    };
    let state = State { rows: 0, eoa: end, end, touched, shared: false };
    let mut out = Vec::new();
    page.emit(&state, &mut out)?;
    for (i, c) in schema.columns.iter().enumerate() {
        let bytes = c.chunk_rows.checked_mul(c.dtype.itemsize()).filter(|&n| n <= u64::from(u32::MAX));
        let bytes = bytes.ok_or_else(|| Error::usage(format!("column {:?} has chunks of 4 GiB", c.name)))?;
        let filters = c.filters().len();
        let element = if filters > 0 { 12 + size_width_v4(bytes) } else { 8 };
        Page::emit_array(&Array::new(page.array_at(i), element, filters, bytes), &mut out)?;
    }
    out.resize(PAGE as usize, 0);
    out.extend_from_slice(&heap);
    out.extend_from_slice(&outside);
    Ok(out)
}

/// The root group's messages: the described group first, then the columns.
fn links(schema: &Schema, names: &[(String, u64)]) -> Result<Vec<Message>> {
    let mut out = group_messages();
    let group = schema.group.iter().map(|g| &g.name);
    for name in group.chain(schema.columns.iter().map(|c| &c.name)) {
        let Some((_, address)) = names.iter().find(|(n, _)| n == name) else { continue };
        if names.iter().filter(|(n, _)| n == name).count() > 1 {
            return Err(Error::usage(format!("two members are named {name:?}")));
        }
        let mut body = Vec::new();
        Link { name: name.as_bytes(), creation_order: None, target: Target::Hard(*address) }
            .emit(&mut body)?;
        out.push(message(kind::LINK, 0, body));
    }
    Ok(out)
}

/// The group's messages and its touched attribute; strings go to `heap`, which will lie behind the page.
fn group(
    spec: &GroupSpec,
    heap: &mut Vec<u8>,
    time: &mut f64,
) -> Result<(String, Vec<Message>, Option<Touched>)> {
    let mut messages = group_messages();
    messages.push(attribute_info_message());
    let mut touched = None;
    let mut builder = None;
    let string =
        Dtype::VlenString(StringType { size: 16, charset: Charset::Utf8, padding: Padding::NullTerminated });
    for (name, value) in &spec.attributes {
        match value {
            AttributeValue::F64(v) if spec.touched.as_ref() == Some(name) => {
                touched = Some(Touched { name: name.clone(), position: messages.len() });
                *time = *v;
            }
            AttributeValue::F64(v) => messages.push(f64_message(name, *v)?),
            AttributeValue::Text(text) => {
                let mut data = [0; 16];
                if !text.is_empty() {
                    let b = builder.get_or_insert_with(|| Builder::begin(heap));
                    let index = b.push(heap, text.as_bytes());
                    let len = u32::try_from(text.len()).map_err(|_| Error::usage("a text of 4 GiB"))?;
                    data[..4].copy_from_slice(&len.to_le_bytes());
                    data[4..12].copy_from_slice(&PAGE.to_le_bytes());
                    data[12..].copy_from_slice(&u32::from(index).to_le_bytes());
                }
                let mut body = Vec::new();
                attribute::emit(name, &string, &Dataspace::fixed([].into()), &data, &mut body)?;
                messages.push(message(kind::ATTRIBUTE, 0, body));
            }
        }
    }
    if let Some(b) = builder {
        b.finish(heap);
    }
    if spec.touched.is_some() && touched.is_none() {
        return Err(Error::usage(format!("group {:?} has no number {:?}", spec.name, spec.touched)));
    }
    Ok((spec.name.clone(), messages, touched))
}
