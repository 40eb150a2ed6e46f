"""References of HDF5 1.12 and later, by libhdf5's own calls: `references.py make FILE` writes some, `references.py tell
FILE` prints where those of a file lead."""
import sys

sys.path.insert(0, sys.argv[3])
from _hdf5_c import *  # noqa: F403
from _hdf5_c import _call, _low
import ctypes
import numpy as np
import h5py
from h5py import h5s

STD = ctypes.c_int64.in_dll(_low, "H5T_STD_REF_g").value
c, i32 = ctypes.c_char_p, ctypes.c_int
H5Rcreate_object = _call(_low, "H5Rcreate_object", i32, hid, c, hid, p)
H5Rcreate_region = _call(_low, "H5Rcreate_region", i32, hid, c, hid, hid, p)
H5Rcreate_attr = _call(_low, "H5Rcreate_attr", i32, hid, c, c, hid, p)
H5Rget_type = _call(_low, "H5Rget_type", i32, p)
H5Rget_obj_name = _call(_low, "H5Rget_obj_name", ctypes.c_ssize_t, p, hid, p, ctypes.c_size_t)
H5Rget_attr_name = _call(_low, "H5Rget_attr_name", ctypes.c_ssize_t, p, p, ctypes.c_size_t)
H5Ropen_object = _call(_low, "H5Ropen_object", hid, p, hid, hid)
H5Ropen_region = _call(_low, "H5Ropen_region", hid, p, hid, hid)
H5Sget_select_npoints = _call(_low, "H5Sget_select_npoints", ctypes.c_ssize_t, hid)
H5Sget_select_bounds = _call(_low, "H5Sget_select_bounds", i32, hid, p, p)
H5Dcreate2 = _call(_low, "H5Dcreate2", hid, hid, c, hid, hid, hid, hid, hid)
H5Dopen2 = _call(_low, "H5Dopen2", hid, hid, c, hid)
H5Dwrite = _call(_low, "H5Dwrite", i32, hid, hid, hid, hid, hid, p)
H5Dread = _call(_low, "H5Dread", i32, hid, hid, hid, hid, hid, p)
H5Acreate2 = _call(_low, "H5Acreate2", hid, hid, c, hid, hid, hid, hid)
H5Aopen = _call(_low, "H5Aopen", hid, hid, c, hid)
H5Awrite = _call(_low, "H5Awrite", i32, hid, hid, p)
H5Aread = _call(_low, "H5Aread", i32, hid, hid, p)
H5Tcreate = _call(_low, "H5Tcreate", hid, i32, ctypes.c_size_t)
H5Tinsert = _call(_low, "H5Tinsert", i32, hid, c, ctypes.c_size_t, hid)
H5Oclose = _call(_low, "H5Oclose", i32, hid)
I32 = ctypes.c_int64.in_dll(_low, "H5T_NATIVE_INT_g").value
COUNT = 6


def pair():
    """A compound of an integer and a reference, as it is in memory."""
    t = H5Tcreate(6, 72)
    H5Tinsert(t, b"n", 0, I32)
    H5Tinsert(t, b"to", 8, STD)
    return t


def references(f):
    made = (ctypes.c_byte * 64 * COUNT)()
    at = lambda i: ctypes.byref(made[i])
    H5Rcreate_object(f.id.id, b"/group", 0, at(0))
    s = h5s.create_simple((6, 10))
    s.select_hyperslab((1, 2), (2, 2), (3, 4), (2, 3))
    H5Rcreate_region(f.id.id, b"/group/data", s.id, 0, at(1))
    H5Rcreate_attr(f.id.id, b"/group/data", b"unit", 0, at(2))
    H5Rcreate_object(f.id.id, b"/group/data", 0, at(3))
    s.select_all()
    H5Rcreate_region(f.id.id, b"/group/data", s.id, 0, at(4))
    return made


def make(file):
    with h5py.File(file, "w") as f:
        d = f.create_dataset("group/data", data=np.arange(60).reshape(6, 10))
        d.attrs["unit"] = "mm"
        s = h5s.create_simple((COUNT,))
        made = references(f)
        x = H5Dcreate2(f.id.id, b"list", STD, s.id, 0, 0, 0)
        H5Dwrite(x, STD, 0, 0, 0, made)
        H5Oclose(x)
        pl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        pl.set_chunk((4,))
        pl.set_shuffle()
        pl.set_deflate(4)
        x = H5Dcreate2(f.id.id, b"chunked", STD, s.id, 0, pl.id, 0)
        H5Dwrite(x, STD, 0, 0, 0, made)
        H5Oclose(x)
        both = (ctypes.c_byte * 72 * COUNT)()
        for i in range(COUNT):
            both[i][0] = i
            both[i][8:72] = made[i][:]
        x = H5Dcreate2(f.id.id, b"pairs", pair(), s.id, 0, 0, 0)
        H5Dwrite(x, pair(), 0, 0, 0, both)
        H5Oclose(x)
        g = f["group"]
        a = H5Acreate2(g.id.id, b"list", STD, s.id, 0, 0)
        H5Awrite(a, STD, made)


def told(f, ref):
    kind = H5Rget_type(ref)
    if kind < 0 or not any(bytes(ref)):
        return None
    name = ctypes.create_string_buffer(200)
    H5Rget_obj_name(ref, 0, name, 200)
    opened = H5Ropen_object(ref, 0, 0)
    H5Oclose(opened)
    out = [kind, name.value]
    if kind == 4:
        H5Rget_attr_name(ref, name, 200)
        out.append(name.value)
    if kind == 3:
        s = H5Ropen_region(ref, 0, 0)
        low, high = (ctypes.c_uint64 * 2)(), (ctypes.c_uint64 * 2)()
        H5Sget_select_bounds(s, low, high)
        out += [H5Sget_select_npoints(s), list(low), list(high)]
    return out


def tell(file):
    with h5py.File(file) as f:
        made = (ctypes.c_byte * 64 * COUNT)()
        for name in [b"list", b"chunked"]:
            x = H5Dopen2(f.id.id, name, 0)
            H5Dread(x, STD, 0, 0, 0, made)
            H5Oclose(x)
            print(name, [told(f, r) for r in made])
        both = (ctypes.c_byte * 72 * COUNT)()
        x = H5Dopen2(f.id.id, b"pairs", 0)
        H5Dread(x, pair(), 0, 0, 0, both)
        H5Oclose(x)
        print([(b[0], told(f, (ctypes.c_byte * 64)(*b[8:72]))) for b in both])
        g = f["group"]
        a = H5Aopen(g.id.id, b"list", 0)
        H5Aread(a, STD, made)
        print([told(f, r) for r in made])


{"make": make, "tell": tell}[sys.argv[1]](sys.argv[2])
