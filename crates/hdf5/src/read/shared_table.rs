//! Messages in the file's shared-message table.

use super::Context;
use super::dense::FractalHeap;
use crate::format::message::shared_message_table::SharedMessageTable;
use crate::format::shared_message_table::{self, Index};
use crate::index::btree_v2::BtreeV2;
use hyperslab_core::{Error, Result, ResultExt, Source};
use std::sync::OnceLock;

/// The table of one file, read when it is first asked for.
#[derive(Default)]
pub(crate) struct SharedTable {
    /// Where it is, where the file has one.
    pub(crate) place: Option<SharedMessageTable>,
    indexes: OnceLock<Vec<Index>>,
}

impl SharedTable {
    /// The table at a place.
    pub(crate) fn at(place: Option<SharedMessageTable>) -> SharedTable {
        SharedTable { place, indexes: OnceLock::new() }
    }

    fn indexes(&self, cx: Context<'_, '_>, place: SharedMessageTable) -> Result<&[Index]> {
        if let Some(known) = self.indexes.get() {
            return Ok(known);
        }
        let len = shared_message_table::len(place.indexes, cx.sizes);
        let bytes = cx
            .source
            .bytes_at(place.address, len, cx.limits)
            .reading("shared-message table", place.address)?;
        cx.source.saw(place.address, len, "shared-message table");
        let read = shared_message_table::parse(&bytes, place.indexes, cx.sizes, place.address)?;
        Ok(self.indexes.get_or_init(|| read))
    }

    /// Reads the table and what finds equal messages in it, which only who asks for regions wants.
    pub(crate) fn read_all(&self, cx: Context<'_, '_>) -> Result<()> {
        let Some(place) = self.place else { return Ok(()) };
        for index in self.indexes(cx, place)? {
            let Some(at) = index.address else { continue };
            match index.list {
                Some(n) => {
                    let len = shared_message_table::list_len(n, cx.sizes);
                    cx.source.saw(at, len, "list of shared messages");
                }
                None => BtreeV2::open(cx.source, at, cx.sizes, cx.limits)?
                    .walk(&|_| Ok(std::cmp::Ordering::Equal), &mut |_| Ok(()))?,
            }
        }
        Ok(())
    }

    /// The heap that has the messages of a kind.
    pub(crate) fn heap<'f, 'l>(&self, cx: Context<'f, 'l>, kind: u16) -> Result<FractalHeap<'f, 'l>> {
        let place = self.place.ok_or_else(|| {
            Error::invalid("message in a shared-message table that the file does not have")
                .reading("shared message")
        })?;
        let heap = self.indexes(cx, place)?.iter().find(|i| i.holds(kind)).and_then(|i| i.heap);
        let heap = heap.ok_or_else(|| {
            Error::invalid(format!("no heap for messages of kind {kind:#x}"))
                .reading("shared-message table")
                .at(place.address)
        })?;
        FractalHeap::open(cx, heap)
    }
}
