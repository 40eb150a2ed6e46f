"""Writes HDF5 files with the structures that few files have into a folder and prints what h5py reads of them.

A line is {"file", "path", "shape", "sha256"} for an array, or {"file", "path", "name", "value"} for an attribute.
Settings that h5py does not hand out are made through the library that it came with.
"""
import ctypes
import glob
import hashlib
import json
import os
import struct
import sys

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t

folder = sys.argv[1]
os.chdir(folder)
NEW = h5py.version.hdf5_version_tuple >= (1, 10, 5)
here = os.path.dirname(h5py.__file__)
lib = ctypes.CDLL((glob.glob(os.path.dirname(here) + "/h5py.libs/libhdf5-*.so*") + [None])[0])
UNLIMITED = h5s.UNLIMITED


def call(name, *args):
    f = getattr(lib, name)
    f.restype = ctypes.c_int
    assert f(*args) >= 0, name


def i64(n):
    return ctypes.c_int64(n)


def size(n):
    return ctypes.c_size_t(n)


def canonical(a):
    if a.dtype.kind == "O":
        out = b""
        for v in a.ravel():
            b = v.encode() if isinstance(v, str) else v if isinstance(v, bytes) else None
            out += struct.pack("<Q", len(v if b is None else b)) + (canonical(v) if b is None else b)
        return out
    if a.dtype.names:
        return b"".join(canonical(np.array(r[n], a.dtype[n])) for r in a.ravel() for n in a.dtype.names)
    return np.ascontiguousarray(a, dtype=a.dtype.newbyteorder("<")).tobytes()


def report(file, f=None):
    """Everything in a file, as h5py reads it; or in one that is still open."""
    def one(path, o):
        if isinstance(o, h5py.Dataset) and o.shape is not None:
            a = np.asarray(o[()])
            row = {"file": file, "path": "/" + path, "shape": list(o.shape)}
            print(json.dumps({**row, "sha256": hashlib.sha256(canonical(a)).hexdigest()}))
        for name, v in o.attrs.items():
            v = v.tolist() if hasattr(v, "tolist") else v
            print(json.dumps({"file": file, "path": "/" + path, "name": name, "value": v}))
    if f is None:
        with h5py.File(file, "r") as f:
            report(file, f)
        return
    one("", f)
    f.visititems(one)


def fapl(low="earliest", high="latest"):
    p = h5p.create(h5p.FILE_ACCESS)
    names = {"earliest": h5f.LIBVER_EARLIEST, "latest": h5f.LIBVER_LATEST, "v110": h5f.LIBVER_V110}
    p.set_libver_bounds(names[low], names[high])
    return p


def new(name, fcpl=None, access=None):
    return h5py.File(h5f.create(name.encode(), h5f.ACC_TRUNC, fcpl or h5p.create(h5p.FILE_CREATE), access or fapl()))


def shared(indexes, list_max, btree_min):
    """Properties of a file with shared messages: (kinds, least size) of each index."""
    p = h5p.create(h5p.FILE_CREATE)
    call("H5Pset_shared_mesg_nindexes", i64(p.id), len(indexes))
    for i, (kinds, least) in enumerate(indexes):
        call("H5Pset_shared_mesg_index", i64(p.id), i, kinds, least)
    call("H5Pset_shared_mesg_phase_change", i64(p.id), list_max, btree_min)
    return p


def shared_messages():
    cases = {
        "list": ([(0x1F << 0, 20)], 50, 40),
        "tree": ([(0x02 | 0x08 | 0x20 | 0x800, 10), (0x1000, 10)], 0, 0),
        "growing": ([(0x02, 1), (0x08, 1), (0x20, 1), (0x800, 1), (0x1000, 1)], 5, 4),
    }
    for low in ["earliest", "latest"]:
        for key, (indexes, list_max, btree_min) in cases.items():
            if key == "list":
                indexes = [(0x02 | 0x08 | 0x20 | 0x800 | 0x1000, 20)]
            name = "shared %s %s.h5" % (key, low)
            with new(name, shared(indexes, list_max, btree_min), fapl(low)) as f:
                t = np.dtype([("first field", "<i4"), ("second field", ">f8", (2,)), ("third field", "S9")])
                for i in range(12):
                    d = f.create_dataset("t%d" % i, (6,), "<f8", fillvalue=1.5, chunks=(3,), compression="gzip", shuffle=True)
                    d[: i % 6] = i
                    d.attrs["the same on each of them"] = "a text that is long enough to be shared"
                    d.attrs["numbers"] = np.arange(20)
                    d.attrs["own"] = i
                    f.create_dataset("compound%d" % i, data=np.zeros(3, t)["first field"])
                g = f.create_group("many attributes")
                for i in range(30):
                    g.attrs["attribute number %02d" % i] = np.arange(i % 3 + 10)
                other = f.create_group("same attributes")
                for i in range(30):
                    other.attrs["attribute number %02d" % i] = np.arange(i % 3 + 10)
            report(name)


def cache_image():
    name = "cache image.h5"

    class Config(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("age", ctypes.c_int)]

    # Version 2.0 of the library needs the newest format for an image.
    p = fapl("latest")
    call("H5Pset_mdc_image_config", i64(p.id), ctypes.byref(Config(1, True, False, -1)))
    with new(name, None, p) as f:
        for i in range(40):
            d = f.create_dataset("g%d/x" % (i % 7) + str(i), data=np.arange(i + 5), chunks=(4,), maxshape=(None,))
            d.attrs["i"] = i
        # HDF5 2.0 itself cannot read back the image of a file with such chunks.
        report(name, f)


def space(dims, start=None, stride=None, count=None, block=None, most=None):
    s = h5s.create_simple(dims, most)
    if start is not None:
        s.select_hyperslab(start, count, stride, block)
    return s


def virtual(f, name, dims, maps, dtype="<i4", fill=None, most=None):
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_layout(h5d.VIRTUAL)
    if fill is not None:
        p.set_fill_value(np.array(fill, dtype))
    for vspace, file, dataset, source in maps:
        p.set_virtual(vspace, file.encode(), dataset.encode(), source)
    h5d.create(f.id, name.encode(), h5t.py_create(np.dtype(dtype)), h5s.create_simple(dims, most), p)


def virtual_datasets(low):
    a = np.arange(60, dtype="<i4").reshape(6, 10)
    os.makedirs("below", exist_ok=True)
    for n in range(4):
        with h5py.File("source%d.h5" % n, "w") as f:
            f["x"] = a + 100 * n
            f["big"] = (a + 100 * n).astype(">i8")
            f.create_dataset("grows", data=a + 1000 * n, chunks=(2, 3), maxshape=(None, None), compression="gzip")
            f.create_dataset("wide/y%d" % n, data=np.arange(4 + n) + 10 * n, dtype="<i4", maxshape=(None,))
    with h5py.File("below/deep.h5", "w") as f:
        f["x"] = -a
    words = np.array(["", "a", "longer than that", "é" * 300, "z", "of file %d"], dtype=object)
    rows = np.empty(4, dtype=object)
    rows[:] = [np.arange(i, dtype="<f8") + i for i in [3, 0, 1, 200]]
    both = np.dtype([("n", "<i4"), ("text", h5py.string_dtype())])
    for n in range(3):
        with h5py.File("words%d.h5" % n, "w") as f:
            f.create_dataset("words", data=np.array([w.replace("%d", str(n)) for w in words], dtype=object), dtype=h5py.string_dtype())
            f.create_dataset("rows", data=rows * (n + 1), dtype=h5py.vlen_dtype(np.dtype("<f8")))
            f.create_dataset("both", data=np.array([(i, w + str(n)) for i, w in enumerate(words)], dtype=both), dtype=both)
    name = "virtual %s.h5" % low
    with new(name, None, fapl(low)) as f:
        f["own"] = a * 2
        every = space((6, 10))
        virtual(f, "stacked", (4, 6, 10), [(space((4, 6, 10), (n, 0, 0), None, (1, 6, 10)), "source%d.h5" % n, "/x", every) for n in range(4)])
        virtual(f, "tiled", (12, 20), [(space((12, 20), (6 * (n // 2), 10 * (n % 2)), None, (6, 10)), "source%d.h5" % n, "x", every) for n in range(4)])
        virtual(f, "interleaved", (24, 10), [(space((24, 10), (n, 0), (4, 1), (6, 10)), "source%d.h5" % n, "x", every) for n in range(4)])
        virtual(f, "blocks", (12, 10), [(space((12, 10), (3 * n, 0), (6, 5), (2, 2), (3, 5)), "source%d.h5" % n, "x", every) for n in range(2)])
        virtual(f, "reshaped", (60,), [(space((60,), (0,), None, (60,)), "source1.h5", "x", every)])
        virtual(f, "transposed in parts", (10, 6), [(space((10, 6), (i, 0), None, (1, 6)), "source0.h5", "x", space((6, 10), (0, i), None, (6, 1))) for i in range(0, 10, 2)], fill=-5)
        virtual(f, "everything", (6, 10), [(every, ".", "own", every)])
        virtual(f, "every second", (3, 5), [(space((3, 5)), ".", "/own", space((6, 10), (1, 0), (2, 2), (3, 5)))])
        virtual(f, "missing file", (12, 10), [(space((12, 10), (0, 0), None, (6, 10)), "not there.h5", "x", every), (space((12, 10), (6, 0), None, (6, 10)), "source2.h5", "x", every)], fill=7)
        virtual(f, "missing dataset", (6, 10), [(every, "source0.h5", "not there", every)], fill=9)
        virtual(f, "no maps", (3,), [], fill=4)
        virtual(f, "below", (6, 10), [(every, "below/deep.h5", "x", every)])
        virtual(f, "nested", (6, 20), [(space((6, 20), (0, 0), None, (6, 10)), ".", "everything", every), (space((6, 20), (0, 10), None, (6, 10)), ".", "below", every)])
        virtual(f, "overlapping", (6, 10), [(every, ".", "own", every), (space((6, 10), (2, 2), None, (2, 3)), "source3.h5", "x", space((6, 10), (0, 0), None, (2, 3)))])
        virtual(f, "other type", (6, 10), [(every, "source0.h5", "big", every)])
        virtual(f, "floats", (6, 10), [(every, "source0.h5", "x", every)], dtype="<f8")
        boxes = space((6, 10), (0, 0), None, (2, 3))
        boxes.select_hyperslab((1, 2), (3, 4), op=h5s.SELECT_OR)
        boxes.select_hyperslab((5, 9), (1, 1), op=h5s.SELECT_OR)
        n = boxes.get_select_npoints()
        virtual(f, "irregular source", (n,), [(space((n,)), "source1.h5", "x", boxes)])
        virtual(f, "irregular", (6, 10), [(boxes, "source1.h5", "wide/y1", space((5,), (0,), None, (5,)))] if n == 5 else [(boxes, ".", "own", boxes)], fill=-1)
        endless = (UNLIMITED, UNLIMITED)
        grows = lambda d, start=(0, 0), stride=None, block=(1, 10): space((6, 10), start, stride or block, (UNLIMITED if d == 0 else 1, UNLIMITED if d == 1 else 1), block, endless)
        virtual(f, "unlimited", (0, 10), [(grows(0), "source0.h5", "grows", grows(0))], most=endless)
        virtual(f, "unlimited in turn", (0, 10), [(grows(0, (n, 0), (4, 10)), "source%d.h5" % n, "grows", grows(0)) for n in range(4)], most=endless)
        virtual(f, "unlimited beside", (4, 10), [(space((4, 9), (n, 0), (1, 1), (1, UNLIMITED), (1, 1), endless), "source%d.h5" % n, "wide/y%d" % n, space((5,), (0,), (1,), (UNLIMITED,), (1,), (UNLIMITED,))) for n in range(4)], most=endless, fill=-3)
        virtual(f, "unlimited and missing", (3, 10), [(grows(0), "nowhere.h5", "grows", grows(0))], most=endless, fill=6)
        virtual(f, "numbered files", (0, 10), [(space((6, 10), (0, 0), (6, 10), (UNLIMITED, 1), (6, 10), endless), "source%b.h5", "x", every)], most=endless)
        virtual(f, "numbered sets", (4, 0), [(space((4, 10), (0, 1), (4, 3), (1, UNLIMITED), (4, 2), endless), ".", "n/set %b of 100%%", space((4, 2)))], most=endless, fill=2)
        layout = h5py.VirtualLayout((20,), h5py.string_dtype())
        lines = h5py.VirtualLayout((2, 4), h5py.vlen_dtype(np.dtype("<f8")))
        pairs = h5py.VirtualLayout((18,), both)
        for n in range(3):
            layout[n * 6:n * 6 + 6] = h5py.VirtualSource("words%d.h5" % n, "words", (6,), h5py.string_dtype())
            pairs[n:18:3] = h5py.VirtualSource("words%d.h5" % n, "both", (6,), both)
            if n:
                lines[n - 1] = h5py.VirtualSource("words%d.h5" % n, "rows", (4,), h5py.vlen_dtype(np.dtype("<f8")))
        f.create_virtual_dataset("words", layout)
        f.create_virtual_dataset("rows", lines)
        f.create_virtual_dataset("both", pairs)
        again = h5py.VirtualLayout((4,), h5py.string_dtype())
        again[:] = h5py.VirtualSource(".", "words", (20,), h5py.string_dtype())[14:18]
        f.create_virtual_dataset("words again", again)
        for n in range(5):
            f["n/set %d of 100%%" % n] = np.arange(8, dtype="<i4").reshape(4, 2) + 10 * n
    report(name)


def external_data():
    name = "external.h5"
    raw = np.arange(500, dtype="<i2")
    os.makedirs("raw", exist_ok=True)
    raw.tofile("raw/a.bin")
    (raw + 1000).tofile("b.bin")
    with new(name) as f:
        f.create_dataset("one", (10, 12), "<i2", external=[("raw/a.bin", 20, 240)])
        f.create_dataset("several", (10, 12), "<i2", external=[("raw/a.bin", 20, 50), ("b.bin", 7, 91), ("raw/a.bin", 0, 300)])
        f.create_dataset("to the end", (400,), ">i2", external=[("b.bin", 0, h5f.UNLIMITED)])
        f.create_dataset("short", (600,), "<i2", external=[("b.bin", 10, h5f.UNLIMITED)])
        f.create_dataset("growing", (5, 8), "<i2", maxshape=(20, 8), external=[("b.bin", 0, 320)])
    report(name)


def symbol(name):
    call("H5open")
    return ctypes.c_int64.in_dll(lib, name)


def references():
    """Each line has the value of an attribute or of a dataset as it is to be shown."""
    name = "references.h5"

    def say(path, value, attribute=None):
        print(json.dumps({"file": name, "path": path, "name": attribute, "shown": value}))

    def to(kind, path, **more):
        return {"opaque": kind + " reference", "path": path, **more}
    with new(name) as f:
        d = f.create_dataset("group/data", data=np.arange(60).reshape(6, 10))
        f["again"] = d
        o = f.create_dataset("objects", (3,), h5py.ref_dtype)
        o[0], o[1] = f["group"].ref, d.ref
        say("/objects", [to("object", "/group"), to("object", "/again"), to("object", None)])
        r = f.create_dataset("regions", (3,), h5py.regionref_dtype)
        r[0], r[1] = d.regionref[1:3, 4], d.regionref[0:6:2, 1:9:3]
        say("/regions", [to("region", "/again", region="[1:3, 4]"), to("region", "/again", region="[0, 1] [0, 4] [0, 7] [2, 1] [2, 4] [2, 7] [4, 1] [4, 4] and 1 more"), to("region", None)])
        f.attrs["one"] = d.ref
        say("/", to("object", "/again"), "one")
        f.attrs.create("list", np.array([d.ref, f.ref], dtype=object), dtype=h5py.ref_dtype)
        say("/", [to("object", "/again"), to("object", "/")], "list")
        d.attrs["unit"] = "mm"
        sid = h5s.create_simple((4,))
        made = (ctypes.c_byte * 64 * 4)()
        call("H5Rcreate_object", i64(f.id.id), b"/group", i64(0), ctypes.byref(made[0]))
        region = space((6, 10), (1, 2), None, (3, 4))
        call("H5Rcreate_region", i64(f.id.id), b"/group/data", i64(region.id), i64(0), ctypes.byref(made[1]))
        call("H5Rcreate_attr", i64(f.id.id), b"/group/data", b"unit", i64(0), ctypes.byref(made[2]))
        make = lib.H5Dcreate2
        make.restype = ctypes.c_int64
        std = symbol("H5T_STD_REF_g")
        new_id = make(i64(f.id.id), b"revised", std, i64(sid.id), i64(0), i64(0), i64(0))
        assert new_id >= 0
        call("H5Dwrite", i64(new_id), std, i64(0), i64(0), i64(0), ctypes.byref(made))
        call("H5Dclose", i64(new_id))
        say("/revised", [to("object", "/group"), to("object", "/again", region="[1:4, 2:6]"), to("object", "/again", attribute="unit"), to("object", None)])


def odd_numbers():
    """Each line has the values as libhdf5 converts them to doubles or 64-bit integers."""
    name = "odd numbers.h5"
    rng = np.random.default_rng(3)
    with new(name) as f:
        def add(key, t, n, to):
            d = h5d.create(f.id, key.encode(), t, h5s.create_simple((n,)))
            raw = np.frombuffer(rng.integers(0, 256, n * t.get_size(), dtype="u1").tobytes(), "V%d" % t.get_size()).copy()
            call("H5Dwrite", i64(d.id), i64(t.id), i64(0), i64(0), i64(0), raw.ctypes.data_as(ctypes.c_void_p))
            out = np.zeros(n, to)
            d.read(h5s.ALL, h5s.ALL, out, mtype=h5t.py_create(np.dtype(to)))
            text = {np.inf: "Infinity", -np.inf: "-Infinity"}
            shown = [v if isinstance(v, int) else "NaN" if v != v else text.get(v, v) for v in out.tolist()]
            print(json.dumps({"file": name, "path": "/" + key, "name": None, "shown": shown}))

        def float_type(base, size, precision, fields, bias, offset=0):
            t = base.copy()
            t.set_size(max(size, t.get_size()))
            t.set_fields(*fields)
            t.set_offset(offset)
            t.set_precision(precision)
            t.set_size(size)
            t.set_ebias(bias)
            return t
        for order, base in [("little", h5t.IEEE_F32LE), ("big", h5t.IEEE_F32BE)]:
            add("bfloat " + order, float_type(base, 2, 16, (15, 7, 8, 0, 7), 127), 500, "f8")
            add("24 bits " + order, float_type(base, 3, 24, (23, 16, 7, 0, 16), 63), 500, "f8")
            add("20 bits inside " + order, float_type(base, 4, 20, (26, 20, 6, 7, 13), 31, 7), 500, "f8")
            add("8 bits " + order, float_type(base, 1, 8, (7, 3, 4, 0, 3), 7), 256, "f8")
        for order, signed, unsigned in [("little", h5t.STD_I32LE, h5t.STD_U32LE), ("big", h5t.STD_I32BE, h5t.STD_U32BE)]:
            for key, t, to in [("signed", signed, "i8"), ("unsigned", unsigned, "u8")]:
                t = t.copy()
                t.set_precision(17)
                t.set_offset(3)
                add("17 bits %s %s" % (key, order), t, 300, to)
            t = signed.copy()
            t.set_size(3)
            add("3 bytes " + order, t, 300, "i8")


def vax_and_time():
    name = "vax and time.h5"
    rng = np.random.default_rng(4)
    with new(name) as f:
        make = lib.H5Dcreate2
        make.restype = ctypes.c_int64

        def add(key, t, raw):
            sid = h5s.create_simple((len(raw),))
            d = make(i64(f.id.id), key.encode(), t, i64(sid.id), i64(0), i64(0), i64(0))
            assert d >= 0
            data = raw.copy()
            call("H5Dwrite", i64(d), t, i64(0), i64(0), i64(0), data.ctypes.data_as(ctypes.c_void_p))
            call("H5Dclose", i64(d))
        # The least exponents give values that no double has exactly.
        for key, t, size, bits in [("F", "H5T_VAX_F32_g", 4, 8), ("G", "H5T_VAX_F64_g", 8, 11)]:
            exponent = rng.integers(3, 2**bits - 1, 400, dtype="u8")
            rest = rng.integers(0, 2 ** (8 * size - 1 - bits), 400, dtype="u8")
            value = (rng.integers(0, 2, 400, dtype="u8") << np.uint64(8 * size - 1)) | (exponent << np.uint64(8 * size - 1 - bits)) | rest
            words = [(value >> np.uint64(16 * i)).astype("<u2") for i in reversed(range(size // 2))]
            raw = np.stack(words, axis=1)
            add(key, symbol(t), raw)
            # libhdf5 does not convert these: what VAX defines is a significand of 0.1.. and a bias of half the range.
            width, half = 8 * size - 1 - bits, 2 ** (bits - 1)
            sign = 1.0 - 2.0 * (value >> np.uint64(8 * size - 1))
            out = sign * np.ldexp(0.5 + rest / 2.0 ** (width + 1), exponent.astype("i4") - half)
            print(json.dumps({"file": name, "path": "/" + key, "name": None, "shown": out.tolist()}))
        for key, dt in [("UNIX_D32LE", "<i4"), ("UNIX_D32BE", ">i4"), ("UNIX_D64LE", "<i8"), ("UNIX_D64BE", ">i8")]:
            raw = rng.integers(-1000, 2**31 - 1, 50).astype(dt)
            add(key, symbol("H5T_%s_g" % key), raw)
            print(json.dumps({"file": name, "path": "/" + key, "shape": [50], "sha256": hashlib.sha256(canonical(raw)).hexdigest()}))


def tree(f, groups=1):
    """A bit of everything that depends on widths of addresses and sizes of nodes."""
    for g in range(groups):
        g = f.create_group("g%d" % g)
        for i in range(40):
            g.create_dataset("x%02d" % i, data=np.arange(i, dtype="<i4"))
    d = f.create_dataset("chunked", data=np.arange(900, dtype="<f4").reshape(30, 30), chunks=(2, 3))
    d.attrs["text"] = "on a dataset"
    f.create_dataset("growing", data=np.arange(100), chunks=(3,), maxshape=(None,), compression="gzip")
    f.create_dataset("grows both ways", data=np.arange(100).reshape(10, 10), chunks=(3, 4), maxshape=(None, None))
    f["named"] = np.dtype([("a", "<i2"), ("b", ">f8")])
    f.create_dataset("of named type", (3,), f["named"])
    f.attrs["texts"] = ["a", "longer", ""]
    many = f.create_group("many attributes")
    for i in range(20):
        many.attrs["a%d" % i] = np.arange(i)
    report(f.filename, f)


def superblocks():
    cases = {}
    for offset, length in [(4, 4), (4, 8), (8, 4), (2, 4), (4, 2), (2, 2)]:
        cases["sizes %d %d" % (offset, length)] = lambda p, o=offset, n=length: p.set_sizes(o, n)
    for n in [512, 1024, 8192]:
        cases["user block %d" % n] = lambda p, n=n: p.set_userblock(n)
    cases["nodes"] = lambda p: (call("H5Pset_sym_k", i64(p.id), 3, 2), call("H5Pset_istore_k", i64(p.id), 5))
    if hasattr(h5f, "FSPACE_STRATEGY_PAGE"):
        cases["pages"] = lambda p: p.set_file_space_strategy(h5f.FSPACE_STRATEGY_PAGE, True, 1)
        cases["free space kept"] = lambda p: p.set_file_space_strategy(h5f.FSPACE_STRATEGY_FSM_AGGR, True, 1)
    cases["all"] = lambda p: (p.set_sizes(4, 4), p.set_userblock(1024), call("H5Pset_sym_k", i64(p.id), 3, 2), call("H5Pset_istore_k", i64(p.id), 5))
    for low in ["earliest", "latest"]:
        for key, change in cases.items():
            # What it writes in new structures with short lengths, HDF5 2.0 itself does not read back.
            if low == "latest" and (key.startswith("sizes") or key == "all") and key != "sizes 4 8":
                continue
            p = h5p.create(h5p.FILE_CREATE)
            change(p)
            with new("%s %s.h5" % (key, low), p, fapl(low)) as f:
                tree(f)
    with new("moved.h5", None, fapl("latest")) as f:
        tree(f)
    # A user block that the file was not made with.
    with open("moved.h5", "rb") as a, open("moved behind 2048.h5", "wb") as b:
        b.write(b"#!" + bytes(2046) + a.read())
    report("moved behind 2048.h5")


def heaps():
    name = "heaps.h5"
    with new(name, None, fapl("latest")) as f:
        for key, change in {
            "deflate": lambda p: call("H5Pset_deflate", i64(p.id), 6),
            "fletcher": lambda p: call("H5Pset_fletcher32", i64(p.id)),
            "both": lambda p: (call("H5Pset_deflate", i64(p.id), 1), call("H5Pset_fletcher32", i64(p.id))),
            "plain": lambda p: None,
        }.items():
            for count in [12, 700]:
                p = h5p.create(h5p.GROUP_CREATE)
                change(p)
                g = h5py.Group(h5py.h5g.create(f.id, ("%s %d" % (key, count)).encode(), gcpl=p))
                for i in range(count):
                    g["link %04d" % i] = h5py.SoftLink("/target")
                for i in range(12):
                    g["n" * (300 + 50 * i)] = np.arange(i)
                # Too long for the heap's blocks: stored apart.
                g["long" * 1500] = np.arange(3)
                g["longer" * 9000] = np.arange(4)
        o = f.create_group("attributes")
        for i in range(12):
            o.attrs["small%d" % i] = i
        for n in [5000, 60000, 70000, 300000]:
            o.attrs["of %d bytes" % n] = np.arange(n // 8)
        p = h5p.create(h5p.DATASET_CREATE)
        call("H5Pset_attr_phase_change", i64(p.id), 0, 0)
        call("H5Pset_attr_creation_order", i64(p.id), 3)
        d = h5py.Dataset(h5d.create(f.id, b"dense", h5t.NATIVE_INT32, h5s.create_simple((2,)), p))
        for i in range(300):
            d.attrs["attribute %d" % (i * 7 % 300)] = "value %d" % i
    report(name)


def links():
    with new("far.h5") as f:
        f["group/data"] = np.arange(7.0)
        f["group/data"].attrs["unit"] = "mm"
        f["back"] = h5py.ExternalLink("links.h5", "/here")
        f["soft"] = h5py.SoftLink("/group")
        f["chain"] = h5py.ExternalLink("below/deep.h5", "x")
    with new("links.h5") as f:
        f["here"] = np.arange(3)
        f["there"] = h5py.ExternalLink("far.h5", "/group/data")
        f["group"] = h5py.ExternalLink("far.h5", "soft")
        f["round"] = h5py.ExternalLink("far.h5", "/back")
        f["chain"] = h5py.ExternalLink("far.h5", "chain")
        f["lost"] = h5py.ExternalLink("nowhere.h5", "/x")
        f["circle"] = h5py.ExternalLink("links.h5", "/circle")
    with new("below/outside.h5") as f:
        every = space((6, 10))
        f["link"] = h5py.ExternalLink("../far.h5", "/group/data")
        f["absolute"] = h5py.ExternalLink(os.path.abspath("far.h5"), "/group/data")
        f["inside"] = h5py.ExternalLink(os.path.abspath("below/deep.h5"), "/x")
        f["moved"] = h5py.ExternalLink("/nowhere at all/deep.h5", "/x")
        f.create_dataset("raw", (3,), "<i2", external=[("../b.bin", 0, 6)])
        f.create_dataset("raw absolute", (3,), "<i2", external=[(os.path.abspath("b.bin"), 0, 6)])
        virtual(f, "virtual", (6, 10), [(every, "../source0.h5", "x", every)])
        virtual(f, "itself", (6, 10), [(every, ".", "itself", every)])
        virtual(f, "a", (6, 10), [(every, "outside.h5", "b", every)] * 20)
        virtual(f, "b", (6, 10), [(every, "outside.h5", "a", every)] * 20)
    with h5py.File("links.h5", "r") as f:
        for path in ["there", "group/data", "round", "chain"]:
            a = np.asarray(f[path][()])
            row = {"file": "links.h5", "path": "/" + path, "shape": list(a.shape)}
            print(json.dumps({**row, "sha256": hashlib.sha256(canonical(a)).hexdigest()}))
        print(json.dumps({"file": "links.h5", "path": "/there", "name": "unit", "value": "mm"}))


for low in ["latest", "v110"]:
    virtual_datasets(low)
shared_messages()
cache_image()
external_data()
links()
references()
odd_numbers()
superblocks()
heaps()
vax_and_time()
