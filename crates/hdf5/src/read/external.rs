//! Elements in other files without any structure: external raw data.
//!
//! The segments are read as one run of bytes. A file that ends before its segment does gives zeros, as libhdf5 reads
//! it; a file that is not there is an error.
//!
//! Source: libhdf5 1.10 to 2.0 (`H5D__efl_read`), but that a relative name is looked for beside the HDF5 file, not in
//! the process's working directory.

use super::{Context, others};
use crate::format::local_heap;
use crate::format::message::external_files::{ExternalFiles, UNLIMITED};
use hyperslab_core::source::FileSource;
use hyperslab_core::{Error, Limits, Result, ResultExt, Source};
use std::path::PathBuf;

/// The segments of one dataset as one run of bytes.
pub(crate) struct Segments {
    /// Where each lies in the run, its file, and where it begins there.
    parts: Vec<Part>,
    len: u64,
}

struct Part {
    start: u64,
    end: u64,
    file: PathBuf,
    offset: u64,
}

impl Segments {
    /// Reads the heap of the names alone.
    pub(crate) fn look(cx: Context<'_, '_>, files: &ExternalFiles) -> Result<()> {
        let len = local_heap::header_len(cx.sizes);
        let head = cx.source.bytes_at(files.heap, len, cx.limits).reading("local heap", files.heap)?;
        see(cx, files, &local_heap::LocalHeap::parse(&head, cx.sizes, files.heap)?);
        Ok(())
    }

    /// Finds the files of as many segments as `len` bytes need.
    pub(crate) fn open(cx: Context<'_, '_>, files: &ExternalFiles, len: u64) -> Result<Segments> {
        let what = "local heap";
        let head = cx
            .source
            .bytes_at(files.heap, local_heap::header_len(cx.sizes), cx.limits)
            .reading(what, files.heap)?;
        let heap = local_heap::LocalHeap::parse(&head, cx.sizes, files.heap)?;
        let names = cx.source.bytes_at(heap.data, heap.data_len, cx.limits).reading(what, heap.data)?;
        see(cx, files, &heap);
        let (mut parts, mut start) = (Vec::new(), 0u64);
        for s in &files.segments {
            if start >= len {
                break;
            }
            let end = if s.len == UNLIMITED { len } else { start.saturating_add(s.len).min(len) };
            let name = local_heap::name(&names, s.name, heap.data)?;
            let file = others::find_raw(cx, name)?;
            parts.push(Part { start, end, file, offset: s.offset });
            start = end;
        }
        if start < len {
            return Err(Error::invalid(format!("{start} bytes in external files where {len} belong"))
                .reading("external files"));
        }
        Ok(Segments { parts, len })
    }
}

/// Tells of the heap of the names, for who asks for regions.
fn see(cx: Context<'_, '_>, files: &ExternalFiles, heap: &local_heap::LocalHeap) {
    cx.source.saw(files.heap, local_heap::header_len(cx.sizes), "local heap");
    cx.source.saw(heap.data, heap.data_len, "local heap data");
}

impl Source for Segments {
    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }

    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        let first = self.parts.partition_point(|p| p.end <= offset);
        for p in self.parts.iter().skip(first).take_while(|p| p.start < end) {
            let (from, to) = (p.start.max(offset), p.end.min(end));
            let at = |x: u64| usize::try_from(x - offset).unwrap_or(usize::MAX);
            let Some(dst) = out.get_mut(at(from)..at(to)) else { continue };
            let file = FileSource::open(&p.file)?;
            let begin = p.offset.saturating_add(from - p.start);
            let there = usize::try_from(file.len()?.saturating_sub(begin)).unwrap_or(usize::MAX);
            let (full, rest) = dst.split_at_mut(there.min(dst.len()));
            if !full.is_empty() {
                file.read_exact_at(begin, full)?;
            }
            rest.fill(0);
        }
        Ok(())
    }

    fn bytes_at(&self, offset: u64, len: u64, limits: &Limits) -> Result<std::borrow::Cow<'_, [u8]>> {
        let (mut v, _reservation) = limits.vec(len)?;
        v.resize(len as usize, 0);
        self.read_exact_at(offset, &mut v)?;
        Ok(std::borrow::Cow::Owned(v))
    }
}
