//! Whether a file can be changed at all.
//!
//! What is refused: a file that a writer has marked as open, one that is part of several, and one that keeps account of
//! its free space, of messages that objects share, or of a cache of metadata, all of which changes would make wrong.
//!
//! Source: HDF5 File Format Specification 4.0, sections II.A and IV.A.2.x (file space info).

use super::{Change, Header};
use crate::append::{Storage, Sync};
use crate::format::message::kind;
use crate::read::File;
use hyperslab_core::{Error, Limits, Result};

/// The message that says how the file's space is managed.
const SPACE_INFO: u16 = 0x17;
/// The strategy of that message that keeps everything in pages.
const PAGED: u8 = 1;

impl<S: Storage> Change<S> {
    /// The same over any storage.
    ///
    /// # Errors
    /// As [`Change::open`].
    pub fn over(storage: S) -> Result<Change<S>> {
        let limits = Limits::default();
        let file = File::from_source(&storage)?;
        let (superblock, base) = (*file.superblock(), file.base());
        let refuse = |what: String| {
            Error::unsupported(format!("changing {what}"))
                .reading("superblock")
                .at(base)
                .hint("'slab repack' makes a plain file of it")
        };
        if superblock.flags != 0 {
            return Err(Error::conflict("marked as open by a writer, which may live or have been killed")
                .reading("superblock")
                .at(base.saturating_add(11))
                .hint("when no program writes to it any more, 'h5clear -s' takes the mark away"));
        }
        let sizes = superblock.sizes;
        if (sizes.offset, sizes.length) != (8, 8) {
            return Err(refuse(format!(
                "a file with addresses of {} and lengths of {} bytes",
                sizes.offset, sizes.length
            )));
        }
        if superblock.base != base {
            return Err(refuse("a file that was moved behind a block of another length".into()));
        }
        if superblock.driver.is_some() {
            return Err(refuse("a file that a driver laid out".into()));
        }
        let cx = file.context(&limits);
        if let Some(at) = superblock.extension {
            let header = Header::read(cx.source, at, sizes, &limits).map_err(|e| e.shifted(base))?;
            for m in &header.messages {
                let what = match m.kind {
                    kind::BTREE_K | kind::REFERENCE_COUNT => continue,
                    SPACE_INFO => match m.body.get(..3) {
                        Some([1, strategy, 0]) if *strategy != PAGED => continue,
                        _ => "a file whose free space is kept account of, or that is kept in pages",
                    },
                    kind::SHARED_MESSAGE_TABLE => "a file with a table of shared messages",
                    kind::CACHE_IMAGE => "a file with an image of a metadata cache",
                    kind::DRIVER_INFO => "a file that a driver laid out",
                    _ => "a file with an extension that is not known",
                };
                return Err(refuse(what.into()));
            }
        }
        let stated = superblock.end.saturating_sub(base);
        // What lies behind the stated end may be somebody's; new structures go behind that as well.
        let end = storage.len()?.saturating_sub(base).max(stated);
        if end > i64::MAX as u64 {
            return Err(refuse("a file of more than 2^63 bytes".into()));
        }
        drop(file);
        Ok(Change {
            storage,
            limits,
            superblock,
            sizes,
            base,
            end,
            stated,
            found: end,
            sync: Sync::None,
            pending: None,
            broken: false,
        })
    }
}
