//! Bytes between Python and Rust, neither copied: the one file with `unsafe`.
//!
//! Obligations, each beside its block: the pointers of a buffer are used while it is held; bytes that are read while the
//! interpreter's lock is let go of may be changed by another thread of the caller's, which then reads what NumPy would
//! have read, some of both.
#![expect(unsafe_code, reason = "the buffer protocol")]

use hyperslab::view::{Buffer, Data};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_void};
use std::ptr;

/// Bytes that arrays of NumPy lie over: decoded ones that are the array's alone, or those of a map, which are read only.
#[pyclass(frozen, module = "hyperslab._native", weakref)]
pub(crate) struct Memory {
    /// Where the bytes are, and whether they may be written.
    start: *mut u8,
    len: usize,
    writable: bool,
    /// Who owns them.
    _data: Data<'static>,
}

// SAFETY: the bytes are those of `_data`, which can be sent and shared; writing goes through arrays of NumPy, under
// NumPy's rules.
unsafe impl Send for Memory {}
// SAFETY: as above; nothing here writes.
unsafe impl Sync for Memory {}

impl Memory {
    /// Takes over decoded bytes, or keeps others alive.
    pub(crate) fn new(data: Data<'static>) -> Memory {
        match data {
            Data::Owned(mut buffer) => {
                let (start, len) = (buffer.as_mut_ptr(), buffer.len());
                Memory { start, len, writable: true, _data: Data::Owned(buffer) }
            }
            other => {
                let (start, len) = (other.as_ptr().cast_mut(), other.len());
                Memory { start, len, writable: false, _data: other }
            }
        }
    }

    /// A copy of bytes.
    pub(crate) fn copy_of(bytes: &[u8]) -> Memory {
        Memory::new(Data::Owned(Buffer::copy_of(bytes)))
    }
}

#[pymethods]
impl Memory {
    fn __len__(&self) -> usize {
        self.len
    }

    /// # Safety
    /// Called by the interpreter, with a view to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let this = slf.get();
        if flags & ffi::PyBUF_WRITABLE != 0 && !this.writable {
            return Err(PyBufferError::new_err("the bytes are read only"));
        }
        let format: &CStr = c"B";
        let len = ffi::Py_ssize_t::try_from(this.len)?;
        // SAFETY: `view` is the interpreter's to be filled; the bytes live and stay where they are as long as this
        // object, which the view holds. Shape and strides are fields of the view itself, as for `bytes`.
        unsafe {
            let v = &mut *view;
            v.buf = this.start.cast::<c_void>();
            v.len = len;
            v.readonly = c_int::from(!this.writable);
            v.itemsize = 1;
            v.ndim = 1;
            v.format =
                if flags & ffi::PyBUF_FORMAT != 0 { format.as_ptr().cast_mut() } else { ptr::null_mut() };
            v.shape = if flags & ffi::PyBUF_ND != 0 { &raw mut v.len } else { ptr::null_mut() };
            v.strides = if flags & ffi::PyBUF_STRIDES == ffi::PyBUF_STRIDES {
                &raw mut v.itemsize
            } else {
                ptr::null_mut()
            };
            v.suboffsets = ptr::null_mut();
            v.internal = ptr::null_mut();
            v.obj = slf.into_any().into_ptr();
        }
        Ok(())
    }
}

/// Bytes of a Python object that has a buffer, held for as long as this lives.
pub(crate) struct Held(PyBuffer<u8>);

impl Held {
    /// The bytes of an object: `bytes`, `bytearray`, `memoryview`, `mmap`, an array of bytes.
    ///
    /// # Errors
    /// `BufferError` for what does not lie densely, `TypeError` for what has no buffer.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Held> {
        let buffer = PyBuffer::<u8>::get(object)?;
        if !buffer.is_c_contiguous() {
            return Err(PyBufferError::new_err("the bytes do not lie one after the other"));
        }
        Ok(Held(buffer))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let len = self.0.len_bytes();
        if len == 0 {
            return &[];
        }
        // SAFETY: the buffer is held by `self`, is dense, and has `len` bytes.
        unsafe { std::slice::from_raw_parts(self.0.buf_ptr().cast::<u8>(), len) }
    }
}
