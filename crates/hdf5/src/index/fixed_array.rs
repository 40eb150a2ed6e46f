//! Looking chunks up in a fixed array.
//!
//! Not the bytes of its blocks (`format`). A page is read when one of its elements is asked for, and kept until
//! another one is.
//!
//! Source: HDF5 File Format Specification 3.0, section VII.B.

use super::Chunk;
use crate::format::fixed_array::Header;
use crate::format::{Sizes, checksum};
use hyperslab_core::{Error, Limits, Result, ResultExt, Source};
use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

const HEADER: &str = "fixed array header";
const BLOCK: &str = "fixed array data block";
const PAGE: &str = "fixed array page";

/// An open array.
pub struct FixedArray<'s> {
    header: Header,
    sizes: Sizes,
    /// The data block's address, and its elements or its bitmap of pages.
    block: Option<(u64, Cow<'s, [u8]>)>,
    /// The page read last.
    page: Mutex<Option<(u64, Cow<'s, [u8]>)>>,
}

impl<'s> FixedArray<'s> {
    /// Reads header and data block (with pages, only what stands before them) of the array whose header is at
    /// `address`.
    ///
    /// # Errors
    /// `Invalid` for damage or what leaves the file, `Unsupported`, `Io`.
    pub fn open(
        source: &'s dyn Source,
        address: u64,
        sizes: Sizes,
        limits: &Limits,
    ) -> Result<FixedArray<'s>> {
        let bytes = source.bytes_at(address, Header::len(sizes), limits).reading(HEADER, address)?;
        let header = Header::parse(&bytes, sizes, address)?;
        source.saw(address, Header::len(sizes), HEADER);
        let mut block = None;
        if let Some(at) = header.block {
            let prefix = header.prefix_len(sizes);
            let len = if header.is_paged() {
                Some(prefix)
            } else {
                header.elements_len(header.elements).and_then(|n| n.checked_add(prefix))
            };
            let len = len.ok_or_else(|| {
                Error::invalid(format!("{} elements", header.elements)).reading(BLOCK).at(at)
            })?;
            let bytes = source.bytes_at(at, len, limits).reading(BLOCK, at)?;
            source.saw(at, header.block_len(sizes).unwrap_or(len), BLOCK);
            let body = header.block_body(&bytes, address, sizes, at)?;
            let (from, len) = (prefix_of(&bytes, body), body.len());
            block = Some((at, cut(bytes, from, len)));
        }
        Ok(FixedArray { header, sizes, block, page: Mutex::new(None) })
    }

    /// The chunk of a number; `None` where there is none.
    ///
    /// # Errors
    /// `Invalid` for damage, or a number beyond the array; `Io`.
    pub fn chunk(&self, source: &'s dyn Source, number: u64, limits: &Limits) -> Result<Option<Chunk>> {
        let Some((at, body)) = &self.block else { return Ok(None) };
        if number >= self.header.elements {
            return Err(Error::invalid(format!("chunk {number} of {}", self.header.elements))
                .reading(BLOCK)
                .at(*at));
        }
        let element = if self.header.is_paged() {
            let (page, within) = (number / self.header.page_len(), number % self.header.page_len());
            // Bits are counted from the most significant one.
            let byte = usize::try_from(page / 8).ok().and_then(|i| body.get(i)).copied().unwrap_or(0);
            if byte & (0x80 >> (page % 8)) == 0 {
                return Ok(None);
            }
            self.in_page(source, *at, page, within, limits)?
        } else {
            self.header.element(body, number, self.sizes, *at)?
        };
        Ok(element.address.map(|address| Chunk { address, size: element.size, filter_mask: element.mask }))
    }

    fn in_page(
        &self,
        source: &'s dyn Source,
        block: u64,
        page: u64,
        within: u64,
        limits: &Limits,
    ) -> Result<crate::format::fixed_array::Element> {
        let h = &self.header;
        let mut kept = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|(p, _)| *p != page) {
            let bad = || Error::invalid(format!("page {page}")).reading(PAGE).at(block);
            let full = h.elements_len(h.page_len()).ok_or_else(bad)?;
            let n = h.page_len().min(h.elements.saturating_sub(page.saturating_mul(h.page_len())));
            let len = h.elements_len(n).ok_or_else(bad)?;
            let at = page
                .checked_mul(full)
                .and_then(|o| o.checked_add(h.prefix_len(self.sizes)))
                .and_then(|o| o.checked_add(block))
                .ok_or_else(bad)?;
            let bytes = source.bytes_at(at, len, limits).reading(PAGE, at)?;
            checksum::verify(&bytes, PAGE, at)?;
            *kept = Some((page, bytes));
        }
        match &*kept {
            Some((_, bytes)) => h.element(bytes, within, self.sizes, block),
            None => Err(Error::invalid("no page")),
        }
    }
}

fn prefix_of(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

fn cut(bytes: Cow<'_, [u8]>, from: usize, len: usize) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(b) => Cow::Borrowed(b.get(from..from + len).unwrap_or_default()),
        Cow::Owned(mut v) => {
            v.truncate(from + len);
            v.drain(..from.min(v.len()));
            Cow::Owned(v)
        }
    }
}
