"""Writes one HDF5 file per library dialect into a folder and prints what is in them as JSON lines.

A line is {"file", "path", "shape", "sha256"} for an array, or {"file", "path", "name", "value"} for an attribute.
Digests follow the project's content digest; they are computed from the NumPy values, not from the file.
"""
import hashlib
import json
import struct
import sys
import warnings

import h5py
import numpy as np

# The h5py of HDF5 1.12 calls a name that newer NumPy warns of.
warnings.filterwarnings("ignore", message=".*product. is deprecated")
folder = sys.argv[1]
rng = np.random.default_rng(1)


def canonical(a):
    if a.dtype.kind == "O":
        out = b""
        for v in a.ravel():
            b = v.encode() if isinstance(v, str) else bytes(v) if isinstance(v, bytes) else None
            if b is None:
                v = np.asarray(v)
                out += struct.pack("<Q", len(v)) + canonical(v)
            else:
                out += struct.pack("<Q", len(b)) + b
        return out
    if a.dtype.names:
        return b"".join(canonical(r[n]) for r in a.ravel() for n in a.dtype.names)
    return np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")).tobytes()


def expect(file, d, value=None):
    value = d[()] if value is None else value
    value = np.asarray(value)
    row = {"file": file, "path": d.name, "shape": list(d.shape), "sha256": hashlib.sha256(canonical(value)).hexdigest()}
    print(json.dumps(row))


def attribute(file, o, name, value, shown):
    o.attrs[name] = value
    print(json.dumps({"file": file, "path": o.name, "name": name, "value": shown}))


def fill(f, name):
    types = ["i1", "u1", "<i2", ">i4", "<u8", ">u8", "<f2", "<f4", ">f8", "<c8", ">c16", "?", "S7",
             [("a", "<i4"), ("b", ">f8", (2,)), ("c", "S3")]]
    g = f.create_group("plain")
    for i, t in enumerate(types):
        dt = np.dtype(t)
        for shape in [(), (5,), (3, 4), (2, 0, 3)]:
            n = int(np.prod(shape))
            raw = rng.integers(1, 60, n * dt.itemsize, dtype="u1").tobytes()
            a = np.frombuffer(raw, dtype=dt).reshape(shape) if dt.kind != "b" else (rng.integers(0, 2, shape) > 0)
            d = g.create_dataset("%d_%s" % (i, "x".join(map(str, shape)) or "scalar"), data=a)
            expect(name, d, a)

    g = f.create_group("chunked")
    cases = {
        "line": dict(chunks=(7,)),
        "grid": dict(chunks=(4, 3)),
        "gzip": dict(chunks=(5, 5), compression="gzip"),
        "shuffled": dict(chunks=(5, 5), compression="gzip", shuffle=True, fletcher32=True),
        "lzf": dict(chunks=(5, 6), compression="lzf", shuffle=True),
        "sum": dict(chunks=(6,), fletcher32=True),
        "growing": dict(chunks=(3,), maxshape=(None,), compression="gzip"),
        "growing2": dict(chunks=(2, 3), maxshape=(None, 20)),
        "bounded": dict(chunks=(2, 3), maxshape=(40, 50)),
        "bounded gzip": dict(chunks=(2, 3), maxshape=(40, 50), compression="gzip"),
        "sideways": dict(chunks=(2, 3), maxshape=(11, None), compression="gzip"),
        "one": dict(chunks=(11, 13)),
        "one gzip": dict(chunks=(11, 13), compression="gzip"),
    }
    for key, how in cases.items():
        rank = len(how["chunks"])
        a = rng.integers(-1000, 1000, (11, 13)[:rank] if rank == 2 else (100,)).astype("<i4")
        expect(name, g.create_dataset(key, data=a, **how), a)
    big = np.arange(3000, dtype="<u2")
    expect(name, g.create_dataset("many", data=big, chunks=(2,), maxshape=(None,)), big)
    expect(name, g.create_dataset("many fixed", data=big, chunks=(2,), fillvalue=3), big)
    d = g.create_dataset("holes", (50, 20), "<f4", chunks=(5, 6), maxshape=(200, None), fillvalue=2.5)
    d[10:13, 7:9] = 1
    expect(name, d)
    d = g.create_dataset("shrunk", data=np.arange(100), chunks=(7,), maxshape=(None,))
    d.resize((33,))
    expect(name, d)
    d = g.create_dataset("never", (4, 4), "<i8", fillvalue=-7)
    expect(name, d)

    g = f.create_group("variable")
    words = np.array(["", "a", "längé", "x" * 5000], dtype=object)
    expect(name, g.create_dataset("words", data=words, dtype=h5py.string_dtype()), words)
    expect(name, g.create_dataset("words gzip", data=words, dtype=h5py.string_dtype(), chunks=(3,), compression="gzip"), words)
    rows = np.empty(3, dtype=object)
    rows[:] = [np.arange(3, dtype="<f8"), np.zeros(0, "<f8"), np.array([1.5])]
    d = g.create_dataset("rows", (3,), h5py.vlen_dtype(np.dtype("<f8")))
    for i, r in enumerate(rows):
        d[i] = r
    expect(name, d, rows)

    g = f.create_group("linked")
    g["hard"] = f["plain/0_5"]
    expect(name, g["hard"], f["plain/0_5"][()])
    g["soft"] = h5py.SoftLink("/plain")
    g["other"] = h5py.ExternalLink("nowhere.h5", "/x")
    f["named"] = np.dtype("<f8")
    d = g.create_dataset("of named type", data=np.arange(4.0), dtype=f["named"])
    expect(name, d)
    d.attrs.create("of named type", 2.0, dtype=f["named"])

    space, plist = h5py.h5s.create_simple((6,)), h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    low = h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I16LE, space, plist)
    a = np.arange(6, dtype="<i2")
    low.write(h5py.h5s.ALL, h5py.h5s.ALL, a)
    expect(name, f["compact"], a)

    o = f.create_group("with attributes")
    attribute(name, o, "text", "längé", "längé")
    attribute(name, o, "bytes", np.bytes_(b"abc"), "abc")
    attribute(name, o, "int", 5, 5)
    attribute(name, o, "float", 0.5, 0.5)
    attribute(name, o, "flag", True, True)
    attribute(name, o, "complex", 1 + 2j, {"re": 1.0, "im": 2.0})
    attribute(name, o, "list", np.arange(6).reshape(2, 3), [[0, 1, 2], [3, 4, 5]])
    attribute(name, o, "words", ["a", "bc"], ["a", "bc"])
    attribute(name, o, "empty", h5py.Empty("f4"), None)
    attribute(name, f["plain/0_5"], "on a dataset", 1.5, 1.5)
    o = f.create_group("with many attributes")
    for i in range(70):
        attribute(name, o, "attribute %d" % i, i * 1.5, i * 1.5)
    attribute(name, o, "long", "y" * 60000, "y" * 60000)
    g = f.create_group("many links")
    for i in range(2100):
        g["%d %s" % (i, "z" * (i % 90))] = f["plain/0_5"]
    expect(name, g["2099 " + "z" * (2099 % 90)], f["plain/0_5"][()])
    g = f.create_group("in order of creation", track_order=True)
    for i in range(20):
        g["%d" % ((i * 7) % 20)] = i
        expect(name, g["%d" % ((i * 7) % 20)])
    d = f.create_dataset("two ways", (70, 50), "<i2", chunks=(3, 2), maxshape=(None, None), compression="gzip", fillvalue=9)
    d[:60, :41] = rng.integers(-100, 100, (60, 41))
    expect(name, d)
    d = f.create_dataset("two ways plain", (30, 40), "<i2", chunks=(3, 2), maxshape=(None, None))
    d[:] = rng.integers(-100, 100, (30, 40))
    expect(name, d)
    attribute(name, f, "on the root", "yes", "yes")


for low, high in json.loads(sys.argv[2]):
    name = "%s-%s.h5" % (low, high)
    with h5py.File(folder + "/" + name, "w", libver=(low, high), userblock_size=1024 if low == "v110" else 0) as f:
        fill(f, name)
