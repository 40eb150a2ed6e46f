"""nengo and NumPy as the judges of cache objects: `write SEED COUNT PACK` or `read PACK START..`.

`write` makes a pack of random arrays with random metadata through nengo and prints a JSON line for each object; `read`
prints the same of what nengo reads at each start, warnings being errors: the array's type, shape and order, the digest
of its values in little-endian bytes without padding, and the same of the metadata's arrays.
"""
import hashlib
import json
import random
import sys
import warnings

import numpy as np
from nengo.utils import nco

PLAIN = ["|b1", "|i1", "|u1", "<f16", "<c32", "|S1", "|S7", "|V3", "<U1", "<U5", ">U5"] + [
    order + kind for order in "<>" for kind in ["i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "M8[ns]", "M8[D]", "M8[25us]", "M8", "m8[h]", "m8"]]
STRUCTS = [
    [("a", "<i4"), ("b", ">f8")],
    [("x", "<f4", (2, 3)), ("s", "|S3"), ("u", ">U2")],
    [("p", [("q", ">i2"), ("r", [("t", "<M8[s]")])]), ("b", "|b1")],
    np.dtype([("a", "i1"), ("b", "f8"), ("c", "i2")], align=True),
    np.dtype({"names": ["a", "b"], "formats": ["|u1", "<f8"], "offsets": [1, 8], "itemsize": 24}),
    [(("The title", "t"), "<f8"), ("n", "<i2")],
    [("größe", "<f4"), ("漢", "<i4")],
    # A header of nearly the 10,000 characters that NumPy reads.
    [("field_%d_%s" % (i, "x" * 60), "<i4") for i in range(110)],
]
SHAPES = [(), (0,), (1,), (3,), (0, 4), (4, 0), (2, 3), (1, 1), (5, 1), (2, 3, 4), (2, 0, 3), (1,) * 10, (2, 1, 2), (40, 30), (3, 2, 1, 2)]


def packed(d):
    if d.subdtype:
        return np.dtype((packed(d.subdtype[0]), d.subdtype[1]))
    if d.names is None:
        return d.newbyteorder("<")
    return np.dtype([(n, packed(d.fields[n][0])) for n in d.names])


def described(a):
    little = np.zeros(a.shape, packed(a.dtype))
    little[...] = a
    # What is in the ten bytes' padding of a long double is no part of its value.
    values = None if "longdouble" in str(a.dtype) or a.dtype.char in "gG" else hashlib.sha256(little.tobytes()).hexdigest()
    fortran = bool(a.flags.f_contiguous and not a.flags.c_contiguous)
    return [np.lib.format.dtype_to_descr(a.dtype), list(a.shape), fortran, values]


def filled(rng, d, shape):
    """Random bytes where every byte is allowed, and values elsewhere."""
    a = np.zeros(shape, d)
    if d.names is not None:
        for n in d.names:
            part = d.fields[n][0]
            base, inner = part.subdtype or (part, ())
            a[n] = filled(rng, base, shape + inner)
    elif d.kind == "b":
        a[...] = np.frombuffer(rng.randbytes(a.size), "u1").reshape(shape) & 1
    elif d.kind == "U":
        flat = a.reshape(-1)
        for i in range(a.size):
            flat[i] = "".join(rng.choice("aß€漢😀\x01") for _ in range(rng.randint(0, d.itemsize // 4)))
    elif d.char in "gG":
        a[...] = rng.gauss(0, 1e3)
    else:
        a[...] = np.ndarray(shape, d, bytearray(rng.randbytes(a.size * d.itemsize)))
    return a


def array(rng):
    d = np.dtype(rng.choice(STRUCTS) if rng.random() < 0.25 else rng.choice(PLAIN))
    a = filled(rng, d, rng.choice(SHAPES))
    form = rng.randrange(6)
    if form == 1:
        a = np.asfortranarray(a)
    elif form == 2:
        a = a.transpose(rng.sample(range(a.ndim), a.ndim))
    elif form == 3 and a.ndim:
        a = a[::-1]
    elif form == 4 and a.ndim:
        a = a[..., ::2]
    elif form == 5:
        a = np.broadcast_to(a, (2,) + a.shape)
    return a


def metadata(m):
    return [m["i"], m["text"], m["numbers"], described(m["array"]), described(np.asarray(m["scalar"]))]


if sys.argv[1] == "write":
    rng = random.Random(int(sys.argv[2]))
    with open(sys.argv[4], "wb") as f, warnings.catch_warnings():
        # Of the newer versions of the NPY format, which some need.
        warnings.simplefilter("ignore")
        for i in range(int(sys.argv[3])):
            start = f.tell()
            a = array(rng)
            m = {"i": i, "text": "é" * rng.randint(0, 9), "numbers": [1, None, 0.5, 2**70, -(2**63), True], "array": filled(rng, np.dtype(rng.choice(PLAIN[:3] + PLAIN[11:])), rng.choice(SHAPES)),
                 "scalar": rng.choice([np.float64(0.5), np.int32(7), np.float32(0.25), np.bool_(True), np.complex128(1 + 2j), np.uint8(9)])}
            nco.write(f, m, a)
            print(json.dumps([start, f.tell(), described(a), metadata(m)]))
else:
    # Not before: nengo's own import warns.
    warnings.simplefilter("error")
    with open(sys.argv[2], "rb") as f:
        for start in sys.argv[3:]:
            f.seek(int(start))
            m, a = nco.read(f)
            print(json.dumps([int(start), f.tell(), described(a), metadata(m)]))
