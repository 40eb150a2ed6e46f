//! The superblock extension and the driver-info block: what concerns the whole file.

use super::Context;
use super::object::Object;
use crate::format::message::shared_message_table::{self, SharedMessageTable};
use crate::format::message::{btree_k, cache_image as image_message, driver_info, kind};
use crate::format::superblock::Superblock;
use crate::format::{Sizes, cache_image};
use hyperslab_core::{Error, Result, ResultExt, Source};

/// What an extension says.
#[derive(Default)]
pub(crate) struct Extension {
    /// Where the shared-message table is.
    pub(crate) shared: Option<SharedMessageTable>,
    /// Widths, and the sizes of nodes.
    pub(crate) sizes: Option<Sizes>,
    /// Pieces of metadata that stand in place of the bytes at their addresses.
    pub(crate) pieces: Vec<(u64, Vec<u8>)>,
}

/// Reads the superblock extension, where there is one.
pub(crate) fn read(cx: Context<'_, '_>, superblock: &Superblock) -> Result<Extension> {
    let Some(address) = superblock.extension else { return Ok(Extension::default()) };
    let object = Object::read(cx, address).map_err(|e| e.reading("superblock extension"))?;
    object.check_known()?;
    let shared =
        object.parse(cx, kind::SHARED_MESSAGE_TABLE, |b, at| shared_message_table::parse(b, cx.sizes, at))?;
    let sizes = object.parse(cx, kind::BTREE_K, |b, at| btree_k::parse(b, cx.sizes, at))?;
    let image = object.parse(cx, kind::CACHE_IMAGE, |b, at| image_message::parse(b, cx.sizes, at))?;
    let mut pieces = Vec::new();
    if let Some((at, len)) = image.and_then(|i| Some((i.address?, i.len))) {
        let bytes = cx.source.bytes_at(at, len, cx.limits).reading("metadata cache image", at)?;
        cx.source.saw(at, len, "metadata cache image");
        for e in cache_image::parse(&bytes, cx.sizes, at)? {
            pieces.push((e.address, bytes.get(e.bytes).unwrap_or_default().to_vec()));
        }
    }
    Ok(Extension { shared, sizes, pieces })
}

/// The name of the driver that laid out the file, where one left it. What cannot be read has none.
pub(crate) fn driver(cx: Context<'_, '_>, superblock: &Superblock) -> Option<String> {
    if let Some(at) = superblock.driver {
        let bytes = cx.source.bytes_at(at, driver_info::BLOCK_HEADER, cx.limits).ok()?;
        let (name, len) = driver_info::parse_block(&bytes, at).ok()?;
        cx.source.saw(at, len, "driver info");
        return Some(name);
    }
    let object = Object::read(cx, superblock.extension?).ok()?;
    object.parse(cx, kind::DRIVER_INFO, driver_info::parse).ok()?
}

/// Refuses the parts of a file that a driver laid out: `truncated` says what is wrong with a part that is not whole.
pub(crate) fn check_driver(
    cx: Context<'_, '_>,
    superblock: &Superblock,
    truncated: Option<Error>,
) -> Result<()> {
    let name = driver(cx, superblock);
    match (name, truncated) {
        (Some(name), Some(_)) => Err(driver_info::unsupported(&name)),
        (Some(name), None) if driver_info::is_multi(&name) => Err(driver_info::unsupported(&name)),
        (_, Some(e)) => Err(e),
        _ => Ok(()),
    }
}
