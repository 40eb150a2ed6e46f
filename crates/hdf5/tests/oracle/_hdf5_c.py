"""libhdf5's own calls, by ctypes on the libraries inside h5py's wheel: what a program in C or Julia calls."""
import ctypes
import glob
import os

import h5py

OPEN_RW, DONT_COPY, DONT_RELEASE = 1, 2, 4
hid, hsize, p = ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p
UNDEFINED = 2**64 - 1


def _library(name):
    folder = os.path.join(os.path.dirname(os.path.dirname(h5py.__file__)), "h5py.libs")
    (found,) = glob.glob(os.path.join(folder, name))
    # The same file as h5py's own, so the same library with the same open objects.
    return ctypes.CDLL(found)


_low, _high = _library("libhdf5-*"), _library("libhdf5_hl-*")


def _call(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments

    def call(*values):
        out = function(*values)
        if out is not None and result is not ctypes.c_uint64 and out < 0:
            raise RuntimeError("%s failed" % name)
        return out

    return call


H5LTopen_file_image = _call(_high, "H5LTopen_file_image", hid, p, ctypes.c_size_t, ctypes.c_uint)
H5Fget_file_image = _call(_low, "H5Fget_file_image", ctypes.c_ssize_t, hid, p, ctypes.c_size_t)
H5Pset_file_image = _call(_low, "H5Pset_file_image", ctypes.c_int, hid, p, ctypes.c_size_t)
H5Pset_fapl_core = _call(_low, "H5Pset_fapl_core", ctypes.c_int, hid, ctypes.c_size_t, ctypes.c_bool)
H5Fopen = _call(_low, "H5Fopen", hid, ctypes.c_char_p, ctypes.c_uint, hid)
H5Fcreate = _call(_low, "H5Fcreate", hid, ctypes.c_char_p, ctypes.c_uint, hid, hid)
H5Fflush = _call(_low, "H5Fflush", ctypes.c_int, hid, ctypes.c_int)
H5Fclose = _call(_low, "H5Fclose", ctypes.c_int, hid)
H5Dopen = _call(_low, "H5Dopen2", hid, hid, ctypes.c_char_p, hid)
H5Dget_offset = _call(_low, "H5Dget_offset", ctypes.c_uint64, hid)
H5Dget_space = _call(_low, "H5Dget_space", hid, hid)
H5Dget_type = _call(_low, "H5Dget_type", hid, hid)
H5Dread = _call(_low, "H5Dread", ctypes.c_int, hid, hid, hid, hid, hid, p)
H5Dclose = _call(_low, "H5Dclose", ctypes.c_int, hid)
H5Sget_simple_extent_ndims = _call(_low, "H5Sget_simple_extent_ndims", ctypes.c_int, hid)
H5Sget_simple_extent_dims = _call(_low, "H5Sget_simple_extent_dims", ctypes.c_int, hid, p, p)
H5Sclose = _call(_low, "H5Sclose", ctypes.c_int, hid)
H5Tget_size = _call(_low, "H5Tget_size", ctypes.c_size_t, hid)
H5Tclose = _call(_low, "H5Tclose", ctypes.c_int, hid)


def file_image(file):
    """What `get_file_image` of the post does: ask for the size, then for the bytes."""
    size = H5Fget_file_image(file, None, 0)
    buffer = (ctypes.c_ubyte * size)()
    size = H5Fget_file_image(file, buffer, size)
    return bytes(buffer)[:size]


def shape(dataset):
    space = H5Dget_space(dataset)
    rank = H5Sget_simple_extent_ndims(space)
    dims = (hsize * rank)()
    H5Sget_simple_extent_dims(space, dims, None)
    H5Sclose(space)
    return tuple(dims)


def item_size(dataset):
    kind = H5Dget_type(dataset)
    size = H5Tget_size(kind)
    H5Tclose(kind)
    return size


def stored(dataset):
    """The elements' bytes as they are stored: read as the dataset's own type, so nothing is converted."""
    size = item_size(dataset)
    for extent in shape(dataset):
        size *= extent
    if size == 0:
        return b""
    out = (ctypes.c_ubyte * size)()
    kind = H5Dget_type(dataset)
    H5Dread(dataset, kind, 0, 0, 0, out)
    H5Tclose(kind)
    return bytes(out)


def deserialize(data):
    """The post's `deserialize`: open without a copy, ask where the elements are, close, look there.

    `data` is a ctypes array, as the library is given its address; returns shape, offset and the bytes found.
    """
    file = H5LTopen_file_image(data, len(data), DONT_COPY | DONT_RELEASE)
    dataset = H5Dopen(file, b"data", 0)
    offset, dims, item = H5Dget_offset(dataset), shape(dataset), item_size(dataset)
    H5Dclose(dataset)
    H5Fclose(file)
    size = item
    for extent in dims:
        size *= extent
    if size == 0:
        return dims, offset, b""
    return dims, offset, bytes(data)[offset : offset + size]


def core(increment=1024):
    """The post's file access: in memory, in steps of so many bytes, without a file behind it."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    H5Pset_fapl_core(access.id, increment, False)
    return access
