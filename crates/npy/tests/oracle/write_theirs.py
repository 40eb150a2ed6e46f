"""Writes arrays of every kind and layout with NumPy, and what is in them."""
import itertools
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
folder = sys.argv[1]
rng = np.random.default_rng(7)
plain = ("?,b,B,<i2,>u2,<i4,>i4,<u8,>i8,<f2,>f2,<f4,>f4,<f8,>f8,<f16,<c8,>c16,<c32,S1,S4,<U3,>U2,V3,<M8[ns],>M8[D],"
         "<M8[25s],<m8[us],<M8,m8").split(",")
dtypes = [np.dtype(d) for d in plain]
dtypes += [
    np.dtype([("a", "i1"), ("b", "<i4")], align=True),
    np.dtype([("x", ">f8", (2, 3)), ("y", [("z", "S3"), ("t", "<U2")])]),
    np.dtype({"names": ["p", "q"], "formats": ["<i2", ">f4"], "offsets": [3, 8], "itemsize": 20}),
    np.dtype([(("The title", "été"), "<f8"), ("it's \"x\"\\", "|b1")]),
    np.dtype([("整形", "<i4"), ("x", [("y", "i1")], (2,))]),
    np.dtype([]),
    np.dtype({"names": [], "formats": [], "itemsize": 4}),
    np.dtype([("f%d" % i, "<i4") for i in range(300)]),
]


def fill(dt, shape):
    n = int(np.prod(shape, dtype=int)) * dt.itemsize
    if dt.kind == "b":
        return (rng.integers(0, 2, shape) > 0).astype(dt)
    if dt.kind == "U":
        return np.frombuffer(rng.integers(32, 0x2000, n // 4, dtype=np.uint32).astype(dt.byteorder + "u4").tobytes(), dt).reshape(shape)
    if dt.kind in "fc":
        return rng.normal(size=shape).astype(dt)
    # Names without trouble below: any bytes will do, but truth values and characters.
    if dt.names is not None:
        a = np.zeros(shape, dt)
        for name in dt.names:
            base, sub = dt[name].subdtype or (dt[name], ())
            a[name] = fill(base, tuple(shape) + tuple(sub))
        return a
    return np.frombuffer(rng.integers(0, 256, n, dtype=np.uint8).tobytes(), dt).reshape(shape) if n else np.zeros(shape, dt)


def layouts(a):
    yield "C", a
    yield "F", np.asfortranarray(a)
    if a.ndim:
        yield "reversed", a[::-1]
        yield "strided", a[..., ::2]
    if a.ndim > 1:
        yield "transposed", a.T
    yield "broadcast", np.broadcast_to(a, (2,) + a.shape)


arrays = {}
for (i, dt), shape in itertools.product(enumerate(dtypes), [(), (0,), (5,), (2, 3), (2, 0, 3), (2, 1, 4)]):
    for name, a in layouts(fill(dt, shape)):
        arrays["%d_%s_%s" % (i, "x".join(map(str, shape)), name)] = a
for shape in [(1,) * 32, (1,) * 64, (300, 40), (65536, 3)]:
    arrays["wide_" + str(len(shape)) + "_" + str(shape[0])] = np.asfortranarray(fill(np.dtype("<f4"), shape))
np.savez(os.path.join(folder, "stored.npz"), **arrays)
np.savez_compressed(os.path.join(folder, "deflated.npz"), **arrays)
with open(os.path.join(folder, "stream.npz"), "wb") as f:
    class Pipe:
        """A file that cannot seek, so that sizes follow the data."""
        def write(self, b):
            return f.write(b)
        def flush(self):
            f.flush()
    import zipfile
    with zipfile.ZipFile(Pipe(), "w") as z:
        for i, (key, a) in enumerate(arrays.items()):
            with z.open(zipfile.ZipInfo(key + ".npy"), "w", force_zip64=i % 2 == 0) as m:
                np.lib.format.write_array(m, a, allow_pickle=False)
for key, a in arrays.items():
    np.save(os.path.join(folder, key + ".npy"), a)
    b = np.load(os.path.join(folder, key + ".npy"))
    exotic = any(c in str(b.dtype) for c in ("float128", "complex256", "longdouble"))
    print(json.dumps({"key": key, "descr": descr(b), "shape": list(b.shape), "sha256": None if exotic else digest(b)}))
