"""Writes one HDF5 file with chunks through every filter that there is, and the bytes of every dataset beside it.

The datasets are read back by the library in their stored type, since some filters change the values. The bytes go to
the second file one after the other; what is printed are JSON lines {"path", "shape", "filters", "length"}.
"""
import json
import sys
import warnings

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None

warnings.filterwarnings("ignore", message=".*product. is deprecated")
f = h5py.File(sys.argv[1], "w")
out = open(sys.argv[2], "wb")
rng = np.random.default_rng(7)
NAMES = {1: "deflate", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset", 307: "bzip2", 32000: "lzf",
         32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}
TYPES = ["i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", ">u4", "<i8", ">i8", "<u8", "<f4", ">f4", "<f8", ">f8"]
SHAPES = [((1000,), (128,)), ((101,), (101,)), ((70, 19), (33, 8)), ((5, 6, 40), (2, 6, 21)), ((5000,), (4999,))]
FEW = SHAPES[1:3]
SOME = SHAPES[1:]


made = []


def expect(d):
    made.append(d.name)


def tell(d):
    tid = d.id.get_type()
    a = np.zeros(d.shape, "V%d" % tid.get_size())
    d.id.read(h5s.ALL, h5s.ALL, a, mtype=tid)
    dcpl = d.id.get_create_plist()
    ids = [dcpl.get_filter(i)[0] for i in range(dcpl.get_nfilters())]
    row = {"path": d.name, "shape": list(d.shape), "filters": [NAMES[i] for i in ids], "length": a.nbytes}
    out.write(a.tobytes())
    print(json.dumps(row))


def data(kind, shape, t):
    n = int(np.prod(shape))
    t = np.dtype(t)
    if kind == "random":
        a = np.frombuffer(rng.bytes(n * t.itemsize), t) if t.kind != "f" else rng.normal(0, 1000, n)
    elif kind == "same":
        a = np.full(n, 17)
    else:
        a = 50 + 40 * np.sin(np.arange(n) / 50)
    return np.asarray(a).astype(t).reshape(shape)


def write(group, shapes=SHAPES, types=TYPES, kinds=("random", "same", "smooth"), **options):
    g = f.require_group(group)
    for t in types:
        for kind in kinds:
            for i, (shape, chunks) in enumerate(shapes):
                name = "%s %s %d" % (t, kind, i)
                expect(g.create_dataset(name, data=data(kind, shape, t), chunks=chunks, **options))


INTEGERS = [t for t in TYPES if "f" not in t]
FLOATS = [t for t in TYPES if "f" in t]
write("scaleoffset/auto", types=INTEGERS, scaleoffset=0)
write("scaleoffset/five bits", types=INTEGERS, shapes=FEW, scaleoffset=5)
write("scaleoffset/filled", types=INTEGERS, shapes=FEW, scaleoffset=0, fillvalue=17)
write("scaleoffset/packed", types=INTEGERS, shapes=FEW, scaleoffset=0, compression="gzip")
for digits in [0, 2, 4]:
    write("scaleoffset/%d digits" % digits, types=FLOATS, shapes=FEW, kinds=("smooth", "random", "same"), scaleoffset=digits)
write("scaleoffset/filled", types=FLOATS, shapes=FEW, kinds=("smooth", "same"), scaleoffset=2, fillvalue=17)


def integer(base, precision, offset):
    t = base.copy()
    t.set_precision(precision)
    t.set_offset(offset)
    return t


def low(group, name, tid, shape, chunks, a, mtype, filters):
    """What the high-level interface does not make."""
    dcpl = h5p.create(h5p.DATASET_CREATE)
    dcpl.set_chunk(chunks)
    filters(dcpl)
    d = h5d.create(f.require_group(group).id, name.encode(), tid, h5s.create_simple(shape), dcpl)
    d.write(h5s.ALL, h5s.ALL, a, mtype=mtype)
    expect(h5py.Dataset(d))


def nbit(name, tid, shape, chunks, a, mtype):
    low("nbit", name, tid, shape, chunks, a, mtype, lambda p: p.set_filter(h5z.FILTER_NBIT, h5z.FLAG_OPTIONAL))


for t in FLOATS:
    for kind in ["smooth", "random"]:
        low("scaleoffset/tens", t + kind, h5t.py_create(np.dtype(t)), (101,), (33,), data(kind, (101,), t[1:]),
            h5t.py_create(np.dtype(t[1:])), lambda p: p.set_filter(h5z.FILTER_SCALEOFFSET, 0, (0, 2**32 - 1)))


BASES = {"<i1": h5t.STD_I8LE, "<u2": h5t.STD_U16LE, ">u2": h5t.STD_U16BE, "<i4": h5t.STD_I32LE, ">i4": h5t.STD_I32BE,
         "<i8": h5t.STD_I64LE, ">u8": h5t.STD_U64BE, ">i1": h5t.STD_I8BE}
for t, base in BASES.items():
    bits = base.get_size() * 8
    native = np.dtype(t).newbyteorder("=")
    for precision, offset in sorted({(bits, 0), (bits - 1, 0), (bits - 3, 2), (bits * 3 // 4, 1), (bits // 2 + 1, bits // 4), (bits - 2, 2)}):
        for shape, chunks in FEW:
            a = rng.integers(0, 2 ** min(precision - 1, 62), shape).astype(native)
            name = "%s %d from %d %s" % (t, precision, offset, shape)
            nbit(name, integer(base, precision, offset), shape, chunks, a, h5t.py_create(native))
for order in "<>":
    for t in ["f4", "f8"]:
        nbit(order + t, h5t.py_create(np.dtype(order + t)), (70, 19), (33, 8), data("random", (70, 19), t),
             h5t.py_create(np.dtype(t)))
# A float of 20 bits in 4 bytes.
for base in [h5t.IEEE_F32LE, h5t.IEEE_F32BE]:
    t = base.copy()
    t.set_fields(26, 20, 6, 7, 13)
    t.set_offset(7)
    t.set_precision(20)
    t.set_ebias(31)
    nbit("float 20 %d" % base.get_order(), t, (101,), (33,), data("smooth", (101,), "f4"), h5t.NATIVE_FLOAT)
packed = np.dtype([("a", "i4"), ("b", "u2", (3, 2)), ("c", "S5"), ("e", "f8"), ("d", [("x", "i2"), ("y", "f4")], (2,))])
inner = h5t.create(h5t.COMPOUND, 7)
inner.insert(b"x", 0, integer(h5t.STD_I16BE, 9, 3))
inner.insert(b"y", 3, h5t.IEEE_F32LE)
outer = h5t.create(h5t.COMPOUND, 60)
outer.insert(b"a", 2, integer(h5t.STD_I32LE, 17, 5))
outer.insert(b"b", 8, h5t.array_create(integer(h5t.STD_U16BE, 11, 1), (3, 2)))
outer.insert(b"c", 21, h5t.py_create(np.dtype("S5")))
outer.insert(b"e", 30, h5t.IEEE_F64BE)
outer.insert(b"d", 40, h5t.array_create(inner, (2,)))
a = np.zeros((70, 19), packed)
for field in ["a", "b", "e"]:
    a[field] = rng.integers(0, 1000, a[field].shape)
a["d"]["x"], a["d"]["y"], a["c"] = rng.integers(-200, 200, a["d"].shape), rng.normal(0, 1, a["d"].shape), b"hello"
nbit("compound", outer, (70, 19), (33, 8), a, h5t.py_create(packed))
array = h5t.array_create(integer(h5t.STD_I32BE, 19, 2), (4,))
nbit("array", array, (101,), (33,), rng.integers(0, 4000, (101, 4)).astype("i4"), h5t.array_create(h5t.NATIVE_INT32, (4,)))

if h5z.get_filter_info(h5z.FILTER_SZIP) & h5z.FILTER_CONFIG_ENCODE_ENABLED:
    for coding in ["ec", "nn"]:
        for block in [2, 8, 10, 32]:
            write("szip/%s %d" % (coding, block), shapes=SHAPES if block == 8 else FEW, compression="szip",
                  compression_opts=(coding, block))
    write("szip/behind others", shapes=FEW, shuffle=True, fletcher32=True, compression="szip", compression_opts=("nn", 16))
    for precision in [5, 7, 11, 12, 19, 24]:
        base = {1: h5t.STD_U8LE, 2: h5t.STD_U16LE, 3: h5t.STD_U32BE}[(precision + 7) // 8]
        low("szip", "%d bits" % precision, integer(base, precision, 0), (70, 19), (33, 8),
            rng.integers(0, 2 ** precision, (70, 19)).astype("u4"), h5t.NATIVE_UINT32,
            lambda p: p.set_szip(h5z.SZIP_NN_OPTION_MASK, 6))

write("lzf", shapes=FEW, compression="lzf")
write("shuffle", types=["<i2", "<f4", ">f8", "<c16", "S3", "S5", "S12", "V33"][:4], shuffle=True)
for t in ["S3", "S5", "S12", "S33"]:
    for shape, chunks in SHAPES:
        a = np.frombuffer(rng.integers(1, 255, int(np.prod(shape)) * int(t[1:]), "u1").tobytes(), t).reshape(shape)
        expect(f.create_dataset("shuffle/%s %s" % (t, shape), data=a, chunks=chunks, shuffle=True))

if hdf5plugin:
    write("lz4", **hdf5plugin.LZ4())
    write("lz4 by 8", shapes=FEW, **hdf5plugin.LZ4(nbytes=8))
    write("lz4 by 100", shapes=FEW, shuffle=True, fletcher32=True, **hdf5plugin.LZ4(nbytes=100))
    write("bzip2", shapes=FEW, **hdf5plugin.BZip2())
    write("zstd", **hdf5plugin.Zstd())
    write("zstd 19", shapes=FEW, shuffle=True, **hdf5plugin.Zstd(clevel=19))
    for cname in ["none", "lz4", "zstd"]:
        write("bitshuffle/" + cname, **hdf5plugin.Bitshuffle(cname=cname))
        write("bitshuffle/%s by 16" % cname, shapes=FEW, **hdf5plugin.Bitshuffle(nelems=16, cname=cname))
    for cname in ["blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy"]:
        for shuffle in [hdf5plugin.Blosc.NOSHUFFLE, hdf5plugin.Blosc.SHUFFLE, hdf5plugin.Blosc.BITSHUFFLE]:
            options = dict(hdf5plugin.Blosc(cname=cname, clevel=9, shuffle=shuffle))
            write("blosc/%s %d" % (cname, shuffle), shapes=SOME, types=TYPES[1::3], **options)
    write("blosc/level 0", shapes=FEW, **hdf5plugin.Blosc(clevel=0))
    filters = [hdf5plugin.Blosc2.NOFILTER, hdf5plugin.Blosc2.SHUFFLE, hdf5plugin.Blosc2.BITSHUFFLE, hdf5plugin.Blosc2.DELTA,
               hdf5plugin.Blosc2.TRUNC_PREC]
    for cname in ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]:
        for which in filters:
            types = FLOATS if which == hdf5plugin.Blosc2.TRUNC_PREC else TYPES[1::3]
            write("blosc2/%s %d" % (cname, which), shapes=SOME, types=types, **hdf5plugin.Blosc2(cname=cname, clevel=9, filters=which))
    write("blosc2/level 0", shapes=FEW, **hdf5plugin.Blosc2(clevel=0))
    for kind, value in [("zeros", 0), ("nans", np.nan), ("tens", 10)]:
        for t in ["<f4", "<f8"]:
            for shape, chunks in SHAPES + [((100000,), (100000,)), ((300, 300), (300, 250))]:
                a = np.full(shape, value, t)
                expect(f.create_dataset("blosc2/%s %s %s" % (kind, t, shape), data=a, chunks=chunks, **hdf5plugin.Blosc2()))
    # Chunks of many blocks, the last one shorter.
    big = data("smooth", (300001,), "<f8") + rng.integers(0, 3, 300001)
    wide = big[:300000].reshape(500, 600)
    every = {"lz4": hdf5plugin.LZ4(), "zstd": hdf5plugin.Zstd(), "bitshuffle": hdf5plugin.Bitshuffle(),
             "bzip2": hdf5plugin.BZip2(), "blosc": hdf5plugin.Blosc(), "blosc2": hdf5plugin.Blosc2(),
             "blosc zlib": hdf5plugin.Blosc(cname="zlib", shuffle=2), "blosc2 lz4": hdf5plugin.Blosc2(cname="lz4", filters=2),
             "blosc2 delta": hdf5plugin.Blosc2(cname="zstd", filters=3)}
    for name, options in every.items():
        expect(f.create_dataset("many blocks/" + name, data=big, chunks=(250000,), **options))
        expect(f.create_dataset("many blocks/%s 2-D" % name, data=wide, chunks=(301, 299), **options))
f.close()
# What was just written would come out of a cache.
with h5py.File(sys.argv[1]) as f:
    for name in made:
        tell(f[name])
