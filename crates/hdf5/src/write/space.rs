//! Space in a new file: bytes appended at aligned addresses, the superblock put at the front last.

use crate::format::superblock::{LEN_V2, Superblock};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Result};
use std::io::{BufWriter, Seek, SeekFrom, Write};

/// The growing end of a new file or image.
pub(super) struct Space {
    sink: Sink,
    end: u64,
}

enum Sink {
    File(Box<BufWriter<NewFile>>),
    Memory(Vec<u8>),
}

impl Space {
    pub(super) fn file(file: NewFile) -> Space {
        Space { sink: Sink::File(Box::new(BufWriter::with_capacity(1 << 16, file))), end: 0 }
    }

    pub(super) fn memory() -> Space {
        Space { sink: Sink::Memory(Vec::new()), end: 0 }
    }

    /// Where the next byte without alignment would go.
    #[cfg(test)]
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The address that [`Space::append`] will give to the next bytes.
    pub(super) fn next(&self, alignment: u64) -> u64 {
        self.end.max(LEN_V2 as u64).next_multiple_of(alignment)
    }

    /// Appends bytes at the next multiple of `alignment`; returns their address.
    pub(super) fn append(&mut self, bytes: &[u8], alignment: u64) -> Result<u64> {
        let address = self.next(alignment);
        const ZEROS: [u8; 256] = [0; 256];
        let mut gap = (address - self.end) as usize;
        while gap > 0 {
            let n = gap.min(ZEROS.len());
            self.write(&ZEROS[..n])?;
            gap -= n;
        }
        self.write(bytes)?;
        Ok(address)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.sink {
            Sink::File(f) => f.write_all(bytes).map_err(|e| {
                Error::io(e, format!("cannot write {} bytes", bytes.len()))
                    .at(self.end)
                    .file(f.get_ref().target())
            })?,
            Sink::Memory(v) => {
                v.try_reserve(bytes.len())
                    .map_err(|_| Error::limit(format!("no memory for {} bytes", bytes.len())))?;
                v.extend_from_slice(bytes);
            }
        }
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Writes the superblock: the file now ends here and its root group is at `root`.
    pub(super) fn seal(&mut self, root: u64) -> Result<()> {
        let mut bytes = Vec::with_capacity(LEN_V2);
        Superblock::new(2, self.end, root).emit(&mut bytes)?;
        match &mut self.sink {
            Sink::File(f) => {
                let done =
                    f.seek(SeekFrom::Start(0)).and_then(|_| f.write_all(&bytes)).and_then(|()| f.flush());
                done.map_err(|e| Error::io(e, "cannot write the superblock").at(0).file(f.get_ref().target()))
            }
            Sink::Memory(v) => {
                if let Some(front) = v.get_mut(..bytes.len()) {
                    front.copy_from_slice(&bytes);
                }
                Ok(())
            }
        }
    }

    pub(super) fn commit(self) -> Result<()> {
        match self.sink {
            Sink::File(f) => {
                let file =
                    f.into_inner().map_err(|e| Error::io(e.into_error(), "cannot write the last bytes"))?;
                file.commit()
            }
            Sink::Memory(_) => Err(Error::usage("this file is in memory: take its image instead")),
        }
    }

    pub(super) fn into_memory(self) -> Result<Vec<u8>> {
        match self.sink {
            Sink::Memory(v) => Ok(v),
            Sink::File(_) => Err(Error::usage("this file is on disk: finish it instead")),
        }
    }
}
