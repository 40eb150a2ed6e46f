"""One HDF5 file for each row of the tables of what is read: `support.py FOLDER`.

Prints a JSON line for each: {"table", "key", "file", "path", "sha256"}. The digest is of the values that h5py reads or
that were written; null where the content digest is not defined.
"""
import ctypes
import glob
import hashlib
import json
import os
import sys

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5p, h5r, h5s, h5t

os.chdir(sys.argv[1])
lib = ctypes.CDLL(glob.glob(os.path.dirname(os.path.dirname(h5py.__file__)) + "/h5py.libs/libhdf5-*.so*")[0])
SEEN = {}


def digest(a):
    a = np.asarray(a)
    if a.dtype.kind == "O":
        items = [v.encode() if isinstance(v, str) else v if isinstance(v, bytes) else None for v in a.ravel()]
        if None in items:
            parts = [np.uint64(len(v)).tobytes() + np.asarray(v).tobytes() for v in a.ravel()]
        else:
            parts = [np.uint64(len(b)).tobytes() + b for b in items]
        data = b"".join(parts)
    else:
        data = np.ascontiguousarray(a, a.dtype.newbyteorder("<")).tobytes()
    return hashlib.sha256(data).hexdigest()


def case(table, key, libver="latest", marks=(), not_marks=(), path="/x", sum=True, **how):
    """A function that fills a file; `marks` are bytes that the file must have to be what the row says."""
    def make(fill):
        name = "%d.h5" % len(SEEN)
        SEEN[name] = key
        how.setdefault("libver", (libver, "latest") if isinstance(libver, str) else libver)
        with h5py.File(name, "w", **how) as f:
            value = fill(f)
            if value is None and sum:
                value = f[path][()]
        with open(name, "rb") as f:
            data = f.read()
        assert all(m in data for m in marks), (key, marks)
        assert not any(m in data for m in not_marks), (key, not_marks)
        row = {"table": table, "key": key, "file": name, "path": path}
        print(json.dumps({**row, "sha256": digest(value) if sum else None}))
        return fill
    return make


def low(f, name, space, type, dcpl=None):
    return h5d.create(f.id, name, type, space, dcpl)


A = np.arange(24.0).reshape(4, 6)

# Superblocks and groups.
for version, libver in ((0, "earliest"), (2, ("v108", "v108")), (3, "latest")):
    case("file", "superblock %d" % version, libver, [b"\x89HDF\r\n\x1a\n" + bytes([version])])(
        lambda f: f.__setitem__("x", A))


def odd(offset, length, k):
    fcpl = h5p.create(h5p.FILE_CREATE)
    fcpl.set_sizes(offset, length)
    if k:
        lib.H5Pset_istore_k(ctypes.c_int64(fcpl.id), 5)
    name = "%d.h5" % len(SEEN)
    f = h5py.File(h5f.create(name.encode(), h5f.ACC_TRUNC, fcpl))
    f.create_dataset("x", data=np.arange(3000).reshape(60, 50), chunks=(2, 5))
    key = "superblock 1" if k else "offsets and lengths of %d bytes" % offset
    print(json.dumps({"table": "file", "key": key, "file": name, "path": "/x", "sha256": digest(f["x"][()])}))
    f.close()
    SEEN[name] = key


odd(8, 8, True)
odd(4, 4, False)
odd(2, 2, False)
case("file", "user block", userblock_size=512)(lambda f: f.__setitem__("x", A))


def group(track=False, many=1):
    def fill(f):
        g = f.create_group("g", track_order=track)
        for i in range(many):
            g["x%d" % i] = A
    return fill


case("file", "group: symbol table", "earliest", [b"SNOD"], path="/g/x0")(group())
case("file", "group: compact links", "latest", [], [b"SNOD", b"FRHP"], path="/g/x0")(group())
case("file", "group: dense links", "latest", [b"FRHP", b"BTHD"], path="/g/x33")(group(many=40))
case("file", "group: in order of creation", "latest", [b"FRHP"], path="/g/x33")(group(True, 40))


# Links.
def links(f):
    f["target"] = A
    f["hard"] = f["target"]
    f["soft"] = h5py.SoftLink("/target")
    f["external"] = h5py.ExternalLink("other.h5", "/y")
    with h5py.File("other.h5", "w") as other:
        other["y"] = A


for kind in ("hard", "soft", "external"):
    case("links", kind, path="/" + kind)(links)


# Attributes.
def attributes(count):
    def fill(f):
        f["x"] = A
        for i in range(count):
            f["x"].attrs["a%d" % i] = i
    return fill


case("attributes", "compact", "latest", [], [b"FRHP"])(attributes(3))
case("attributes", "dense", "latest", [b"FRHP"])(attributes(30))


def large(f):
    f["x"] = A
    f["x"].attrs["large"] = np.arange(20000.0)


case("attributes", "more than 64 KiB", "latest", [b"FRHP"])(large)


# Layouts.
def compact(f):
    dcpl = h5p.create(h5p.DATASET_CREATE)
    dcpl.set_layout(h5d.COMPACT)
    low(f, b"x", h5s.create_simple((4, 6)), h5t.IEEE_F64LE, dcpl).write(h5s.ALL, h5s.ALL, A)


case("layouts", "compact")(compact)
case("layouts", "contiguous")(lambda f: f.__setitem__("x", A))
case("layouts", "chunked")(lambda f: f.create_dataset("x", data=A, chunks=(3, 4)) and None)
case("layouts", "external raw files")(
    lambda f: f.create_dataset("x", (4, 6), "f8", external=[("raw.bin", 0, h5f.UNLIMITED)]).write_direct(A))


def virtual(f):
    f["source"] = A
    layout = h5py.VirtualLayout((4, 3), "f8")
    layout[:] = h5py.VirtualSource(".", "source", (4, 6))[:, ::2]
    f.create_virtual_dataset("x", layout)


case("layouts", "virtual")(virtual)


# Chunk indexes.
def chunks(shape, most=None, size=(5, 5), **more):
    def fill(f):
        f.create_dataset("x", data=np.arange(np.prod(shape)).reshape(shape), chunks=size, maxshape=most, **more)
    return fill


def implicit(f):
    dcpl = h5p.create(h5p.DATASET_CREATE)
    dcpl.set_chunk((3, 4))
    dcpl.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    low(f, b"x", h5s.create_simple((4, 6)), h5t.IEEE_F64LE, dcpl).write(h5s.ALL, h5s.ALL, A)


INDEXES = [b"TREE", b"FAHD", b"EAHD", b"BTHD"]
case("chunk indexes", "version 1 B-tree", "earliest", [b"TREE"])(chunks((20, 30)))
case("chunk indexes", "single chunk", "latest", [], INDEXES)(chunks((5, 5)))
case("chunk indexes", "implicit", "latest", [], INDEXES)(implicit)
case("chunk indexes", "fixed array", "latest", [b"FAHD"])(chunks((20, 30)))
case("chunk indexes", "fixed array in pages", "latest", [b"FAHD"])(chunks((3000,), None, (2,)))
case("chunk indexes", "extensible array", "latest", [b"EAHD"])(chunks((20, 30), (None, 40)))
case("chunk indexes", "extensible array in pages", "latest", [b"EAHD"])(chunks((200_000,), (None,), (1,)))
case("chunk indexes", "version 2 B-tree", "latest", [b"BTHD"])(chunks((20, 30), (None, None)))


# Types.
def typed(key, dtype, values=None, sum=True):
    def fill(f):
        a = np.arange(1, 7).astype(dtype) if values is None else np.array(values, dtype)
        d = f.create_dataset("x", a.shape, dtype)
        d[...] = a
    case("types", key, sum=sum)(fill)


typed("integer", ">i4")
typed("float", "<f2")
typed("boolean", "?")
typed("complex (two floats)", "<c16")
typed("fixed string", "S5", [b"a", b"bcd"])
typed("variable string", h5py.string_dtype(), ["a", "längé"])
typed("opaque", "V4", [b"abcd", b"efgh"])
typed("compound", [("a", "<i4"), ("b", "<f8")], [(1, 2.5), (3, 4.5)])
typed("enumeration", h5py.enum_dtype({"A": 1, "B": 2}, "i2"), [1, 2])


def written(key, type, a, sum=True):
    """Elements written in the file's own type."""
    def fill(f):
        d = low(f, b"x", h5s.create_simple(a.shape[:1]), type)
        d.write(h5s.ALL, h5s.ALL, a, type)
        return a
    case("types", key, sum=sum)(fill)


bits = h5t.STD_B16LE
written("bitfield", bits, np.arange(6, dtype="<u2"))
narrow = h5t.STD_I32LE.copy()
narrow.set_precision(12)
narrow.set_offset(4)
written("integer with unused bits", narrow, np.arange(6, dtype="<i4") << 4, sum=False)
other = h5t.IEEE_F32LE.copy()
other.set_fields(31, 26, 5, 0, 26)
other.set_ebias(15)
written("other float", other, np.arange(6, dtype="<f4"))
written("time", h5t.UNIX_D32LE, np.arange(6, dtype="<i4"))
if hasattr(h5t, "COMPLEX_IEEE_F64LE"):
    written("complex (HDF5 2.0)", h5t.COMPLEX_IEEE_F64LE, np.array([1 + 2j, 3 - 4j]))


def array(f):
    t = h5t.array_create(h5t.STD_I16LE, (2, 3))
    low(f, b"x", h5s.create_simple((2,)), t).write(h5s.ALL, h5s.ALL, np.arange(12, dtype="i2").reshape(2, 2, 3), t)
    return np.arange(12, dtype="i2")


case("types", "array")(array)


def sequence(f):
    d = f.create_dataset("x", (2,), h5py.vlen_dtype(np.dtype("<i4")))
    d[0], d[1] = np.arange(3, dtype="i4"), np.arange(5, dtype="i4")


case("types", "sequence")(sequence)


def references(dtype, make):
    def fill(f):
        f["target"] = A
        f.create_dataset("x", (1,), dtype)[0] = make(f)
    return fill


case("types", "reference to an object", sum=False)(references(h5py.ref_dtype, lambda f: f["target"].ref))
case("types", "reference to a region", sum=False)(
    references(h5py.regionref_dtype, lambda f: f["target"].regionref[1:3, 2:4]))


def committed(f):
    f["named"] = np.dtype("<f8")
    f.create_dataset("x", data=A, dtype=f["named"])


case("types", "named type")(committed)
