//! Object headers and all their messages: the first bytes are the superblock's sizes, the rest a header.
#![no_main]

use hyperslab_hdf5::format::message::{
    attribute, attribute_info, continuation, dataspace, datatype, fill_value, filter_pipeline, kind, layout,
    link, link_info, shared, symbol_table,
};
use hyperslab_hdf5::format::object_header::Prefix;
use hyperslab_hdf5::format::{Sizes, superblock};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = superblock::Superblock::parse(data, 0);
    let Some((&first, header)) = data.split_first() else { return };
    let sizes =
        if first & 1 == 0 { Sizes::STANDARD } else { Sizes { offset: 4, length: 4, ..Sizes::STANDARD } };
    let Ok(prefix) = Prefix::parse(header, 0) else { return };
    for part in [prefix.messages(header, 0), prefix.continuation(header, 0)] {
        let Ok(mut messages) = part else { continue };
        // Each message takes bytes of the header, so the walk ends.
        let mut left = header.len();
        while let Ok(true) = messages.advance() {
            let message = *messages.message();
            left = left.checked_sub(1).unwrap();
            let body = message.body;
            match message.kind {
                kind::DATASPACE => drop(dataspace::Dataspace::parse(body, sizes, 0)),
                kind::DATATYPE => drop(datatype::parse(body, sizes, 0)),
                kind::LINK => drop(link::Link::parse(body, sizes, 0)),
                kind::LINK_INFO => drop(link_info::LinkInfo::parse(body, sizes, 0)),
                kind::CONTINUATION => drop(continuation::Continuation::parse(body, sizes, 0)),
                kind::SYMBOL_TABLE => drop(symbol_table::SymbolTable::parse(body, sizes, 0)),
                kind::ATTRIBUTE_INFO => drop(attribute_info::AttributeInfo::parse(body, sizes, 0)),
                kind::ATTRIBUTE => drop(attribute::Attribute::parse(body, 0)),
                kind::FILL_VALUE => drop(fill_value::FillValue::parse(body, 0)),
                kind::FILL_VALUE_OLD => drop(fill_value::FillValue::parse_old(body, 0)),
                kind::FILTER_PIPELINE => drop(filter_pipeline::parse(body, 0)),
                kind::LAYOUT => drop(layout::Layout::parse(body, sizes, 0)),
                _ => drop(shared::Shared::parse(body, sizes, 0)),
            }
        }
    }
});
