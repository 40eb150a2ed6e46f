//! Space in a new file: bytes appended at aligned addresses, the superblock put at the front last, behind what somebody
//! else has there.

use super::Libver;
use crate::format::superblock::{LEN_V0, LEN_V2, Superblock};
use hyperslab_core::output::NewFile;
use hyperslab_core::{Error, Result};
use std::io::{BufWriter, Seek, SeekFrom, Write};

/// The growing end of a new file or image.
pub(super) struct Space {
    sink: Sink,
    /// Where it begins: 0 but for what is to lie in a file that exists.
    start: u64,
    end: u64,
    /// Bytes before the superblock, from which addresses count.
    base: u64,
    pub(super) libver: Libver,
}

enum Sink {
    File(Box<BufWriter<NewFile>>),
    Memory(Vec<u8>),
}

impl Space {
    pub(super) fn file(file: NewFile) -> Space {
        Space {
            sink: Sink::File(Box::new(BufWriter::with_capacity(1 << 16, file))),
            start: 0,
            end: 0,
            base: 0,
            libver: Libver::default(),
        }
    }

    pub(super) fn memory() -> Space {
        Space { sink: Sink::Memory(Vec::new()), start: 0, end: 0, base: 0, libver: Libver::default() }
    }

    /// In memory, what is to lie from an address of an existing file on.
    pub(super) fn behind(start: u64, libver: Libver) -> Space {
        Space { sink: Sink::Memory(Vec::new()), start, end: start, base: 0, libver }
    }

    /// Puts somebody else's bytes before everything: none, or 512, 1024, 2048, ..
    pub(super) fn user_block(&mut self, bytes: &[u8]) -> Result<()> {
        if self.end > 0 || self.base > 0 {
            return Err(Error::usage("a user block comes before everything else"));
        }
        let len = bytes.len() as u64;
        if len > 0 && (len < 512 || !len.is_power_of_two()) {
            let what = format!("a user block of {len} bytes (possible: 512, 1024, 2048, ..)");
            return Err(Error::usage(what));
        }
        self.write(bytes)?;
        (self.base, self.end) = (len, 0);
        Ok(())
    }

    /// Where the next byte without alignment would go.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The address that [`Space::append`] will give to the next bytes.
    pub(super) fn next(&self, alignment: u64) -> u64 {
        let front = if self.libver == Libver::Earliest { LEN_V0 } else { LEN_V2 };
        self.end.max(front as u64).next_multiple_of(alignment)
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
                    .at(self.base + self.end)
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

    /// Leaves room for bytes that are to be [`overwrite`](Space::overwrite)n; returns its address.
    pub(super) fn reserve(&mut self, len: u64, alignment: u64) -> Result<u64> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let address = self.append(&[], alignment)?;
        let mut left = len;
        while left > 0 {
            let n = left.min(ZEROS.len() as u64);
            self.write(ZEROS.get(..n as usize).unwrap_or_default())?;
            left -= n;
        }
        Ok(address)
    }

    /// Writes over bytes that are there already.
    pub(super) fn overwrite(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        match &mut self.sink {
            Sink::File(f) => {
                let mut done = || {
                    f.seek(SeekFrom::Start(self.base + address))?;
                    f.write_all(bytes)?;
                    f.seek(SeekFrom::Start(self.base + self.end)).map(drop)
                };
                let what = "cannot write the descriptions";
                done().map_err(|e| Error::io(e, what).at(self.base + address).file(f.get_ref().target()))
            }
            Sink::Memory(v) => {
                let at = address.checked_sub(self.start).and_then(|at| at.checked_add(self.base));
                let at = at.and_then(|at| usize::try_from(at).ok());
                let slot = at.and_then(|at| v.get_mut(at..at.checked_add(bytes.len())?));
                slot.ok_or_else(|| Error::usage("bytes beyond the end of the file"))?.copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Writes the superblock: the file now ends here and its root group is at `root`.
    pub(super) fn seal(&mut self, root: u64) -> Result<()> {
        let mut bytes = Vec::with_capacity(LEN_V0);
        let superblock = Superblock::new(self.libver.superblock(), self.base + self.end, root);
        Superblock { base: self.base, ..superblock }.emit(&mut bytes)?;
        self.overwrite(0, &bytes)?;
        match &mut self.sink {
            Sink::File(f) => f
                .flush()
                .map_err(|e| Error::io(e, "cannot write the superblock").at(0).file(f.get_ref().target())),
            Sink::Memory(_) => Ok(()),
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
