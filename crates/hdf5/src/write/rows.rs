//! Datasets of one dimension that can grow: rows stored as they come, in chunks of one size without filters.
//!
//! The chunks of a dataset lie one after another, so its rows are written in pieces of any length, straight to the
//! file, and the index (a version 1 B-tree, which every library has read since HDF5 1.0) follows from their number.
//! Any library may append to such a dataset later. Not here: files that are read while they grow (`append`), though
//! [`Writer::growing`] makes a dataset that can be continued there.

use super::heap;
use super::index::{self, Sorted};
use super::storage::Storage;
use super::tree::{Dataset, Place};
use super::{ALIGNMENT, Libver, Writer};
use crate::format::btree_v1::ChunkKey;
use crate::format::message::layout::ChunkIndex;
use hyperslab_core::{ArrayOptions, Dtype, Error, Result, Shape};

/// Rows on their way into a dataset; the dataset exists once [`RowsWriter::finish`] was called.
pub struct RowsWriter<'w> {
    writer: &'w mut Writer,
    path: String,
    dtype: Dtype,
    run: Run,
    /// Where the first chunk begins, once there is one.
    base: Option<u64>,
    bytes: u64,
}

/// Chunks of one size.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// Stored bytes of a chunk.
    size: u32,
    /// Rows of a chunk.
    rows: u64,
    /// Bytes of a row.
    width: u64,
}

/// Some of them, one after another.
struct Laid {
    run: Run,
    base: u64,
    count: u64,
}

impl Sorted for Laid {
    fn count(&self) -> u64 {
        self.count
    }

    fn key(&self, number: u64) -> ChunkKey {
        let offset = [number.saturating_mul(self.run.rows)].into_iter().collect();
        ChunkKey { size: self.run.size, filter_mask: 0, offset, within: 0 }
    }

    fn address(&self, number: u64) -> u64 {
        self.base.saturating_add(number.saturating_mul(self.run.size.into()))
    }
}

/// The chunk's rows and bytes, once they are known to be sensible.
fn chunk(dtype: &Dtype, chunk_rows: u32) -> Result<Run> {
    let width = dtype.itemsize();
    let size = u64::from(chunk_rows).checked_mul(width).and_then(|n| u32::try_from(n).ok());
    match size {
        Some(size) if size > 0 && !heap::points(dtype) => Ok(Run { size, rows: chunk_rows.into(), width }),
        _ => Err(Error::usage(format!("chunks of {chunk_rows} rows of {width} bytes ({dtype})"))),
    }
}

impl Writer {
    /// Starts a dataset of one dimension without limit, in chunks of so many rows. Parents are made.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, for chunks of no bytes or of 4 GiB, and for rows of
    /// variable length.
    pub fn rows(&mut self, path: &str, dtype: &Dtype, chunk_rows: u32) -> Result<RowsWriter<'_>> {
        let run = self.tree.check_free(path).and_then(|()| chunk(dtype, chunk_rows));
        let run = run.map_err(|e| e.object(path))?;
        Ok(RowsWriter { writer: self, path: path.into(), dtype: dtype.clone(), run, base: None, bytes: 0 })
    }

    /// Makes an empty dataset of one dimension without limit that [`crate::append::Existing`] can continue while it
    /// is read. Parents are made.
    ///
    /// # Errors
    /// As [`Writer::rows`].
    pub fn growing(&mut self, path: &str, dtype: &Dtype, chunk_rows: u32) -> Result<()> {
        let made = self.tree.check_free(path).and_then(|()| chunk(dtype, chunk_rows)).and_then(|_| {
            let dataset = Dataset { storage: storage(dtype, 0, chunk_rows.into())?, place: Place::Growing };
            self.tree.dataset(path, dataset, Vec::new())
        });
        made.map_err(|e| e.object(path))
    }
}

fn storage(dtype: &Dtype, rows: u64, chunk_rows: u64) -> Result<Storage> {
    let chunks = Some(Shape::from([chunk_rows]));
    let options = ArrayOptions { chunks, max_shape: vec![None], ..ArrayOptions::default() };
    Storage::settle(dtype.clone(), Some(&[rows].into()), &options, Libver::default())
}

impl RowsWriter<'_> {
    /// Writes rows behind those that are there; the end of a piece may be anywhere in a row.
    ///
    /// # Errors
    /// `Io`.
    pub fn push(&mut self, rows: &[u8]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let alignment = if self.base.is_none() { ALIGNMENT } else { 1 };
        let at = self.writer.space.append(rows, alignment)?;
        self.base.get_or_insert(at);
        self.bytes += rows.len() as u64;
        Ok(())
    }

    /// Rows written so far.
    pub fn len(&self) -> u64 {
        self.bytes / self.run.width
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Completes the dataset; returns its number of rows.
    ///
    /// # Errors
    /// `Usage` when the last row is not whole, `Io`.
    pub fn finish(mut self) -> Result<u64> {
        if !self.bytes.is_multiple_of(self.run.width) {
            let odd = self.bytes % self.run.width;
            return Err(
                Error::usage(format!("the last row has {odd} of {} bytes", self.run.width)).object(self.path)
            );
        }
        let rows = self.len();
        let chunks = self.bytes.div_ceil(self.run.size.into());
        let fill = chunks * u64::from(self.run.size) - self.bytes;
        self.push(&vec![0; usize::try_from(fill).unwrap_or(0)])?;
        let index = match self.base {
            Some(base) => {
                let laid = Laid { run: self.run, base, count: chunks };
                index::write(&laid, self.run.width, &mut self.writer.space)?
            }
            None => None,
        };
        let made = storage(&self.dtype, rows, self.run.rows).and_then(|storage| {
            let dataset =
                Dataset { storage, place: Place::Chunked { index: ChunkIndex::BtreeV1, address: index } };
            self.writer.tree.dataset(&self.path, dataset, Vec::new())
        });
        made.map_err(|e| e.object(self.path))?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;
    use hyperslab_core::{Container as _, Limits, Selection};

    /// Rows in pieces that end anywhere, up to a tree of three levels, come back.
    #[test]
    fn rows_come_back() {
        let dtype = Dtype::int(4, false, hyperslab_core::ByteOrder::Little);
        for count in [0u32, 1, 3, 4, 5, 255, 256, 257, 64 * 64 * 4, 64 * 64 * 4 + 1] {
            let bytes: Vec<u8> = (0..count).flat_map(u32::to_le_bytes).collect();
            let mut w = Writer::in_memory();
            let mut rows = w.rows("/a/rows", &dtype, 4).unwrap();
            bytes.chunks(997).for_each(|piece| rows.push(piece).unwrap());
            assert_eq!(rows.finish().unwrap(), u64::from(count));
            assert!(w.rows("/a/rows", &dtype, 4).is_err());
            let image = w.into_image().unwrap();
            let file = File::from_image(&image).unwrap();
            let view = file.read("/a/rows", &Selection::ALL, &Limits::default()).unwrap();
            assert_eq!(view.to_vec::<u32>().unwrap(), (0..count).collect::<Vec<_>>());
            let nodes = file.nodes("/a/rows", None, true, &Limits::default()).unwrap();
            assert_eq!(nodes[0].max_shape, [None]);
        }
    }

    /// Libhdf5 finds every chunk of a tree of three levels, and continues it.
    #[test]
    fn libhdf5_reads_and_continues_the_tree() {
        let Some(python) = hyperslab_core::testing::oracle_python() else { return };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.h5");
        let count = 2 * 64 * 64 * 4 + 9u32;
        let mut w = Writer::create(&path, false).unwrap();
        let dtype = Dtype::int(4, false, hyperslab_core::ByteOrder::Little);
        let mut rows = w.rows("rows", &dtype, 4).unwrap();
        rows.push(&(0..count).flat_map(u32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
        rows.finish().unwrap();
        w.finish().unwrap();
        let script = r#"
import h5py, numpy as np, sys
path, n = sys.argv[1], int(sys.argv[2])
for more in (0, 5000):
    with h5py.File(path, "r+") as f:
        assert (f["rows"][:] == np.arange(n)).all() and f["rows"].maxshape == (None,)
        f["rows"].resize(n + more, axis=0)
        f["rows"][n:] = np.arange(n, n + more)
with h5py.File(path, "r") as f:
    assert (f["rows"][:] == np.arange(n + more)).all()
"#;
        hyperslab_core::testing::run_python(&python, script, &[path.as_os_str(), count.to_string().as_ref()]);
    }

    #[test]
    fn misfits_are_refused() {
        let mut w = Writer::in_memory();
        assert!(w.rows("/x", &Dtype::F64, 0).is_err());
        assert!(w.rows("/x", &Dtype::F64, 1 << 29).is_err());
        let mut rows = w.rows("/x", &Dtype::F64, 8).unwrap();
        rows.push(&[0; 12]).unwrap();
        assert!(rows.finish().is_err());
        w.growing("/y", &Dtype::F64, 8).unwrap();
        assert!(w.growing("/y", &Dtype::F64, 8).is_err());
    }
}
