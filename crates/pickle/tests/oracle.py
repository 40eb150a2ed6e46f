"""CPython and NumPy as the judges of pickles: `generate SEED COUNT` or `load FILE`.

`generate` prints one JSON line per random value: its pickle in each protocol as hexadecimal, and the typed form of
what CPython loads from it (null where it is that of the one before), and which of its parts are one object. The first
six are the C pickler's, protocols 0 to 5; those of the Python pickler and optimized ones follow where they differ, and
one with buffers inside.
`load` reads one hexadecimal pickle per line and prints the typed form of what it loads, warnings being errors.
"""
import collections
import datetime
import decimal
import fractions
import hashlib
import json
import pathlib
import pickle
import pickletools
import random
import struct
import sys
import warnings

import numpy as np

warnings.simplefilter("error")


def floating(v):
    return {"t": "float", "bits": "%016x" % struct.unpack("<Q", struct.pack("<d", v))}


def data(t, b):
    if len(b) <= 64:
        return {"t": t, "hex": bytes(b).hex()}
    return {"t": t, "len": len(b), "sha256": hashlib.sha256(b).hexdigest()}


def dtype(d):
    def field(name):
        f, offset, *title = d.fields[name]
        name = [title[0], name] if title else name
        base, shape = (f.subdtype[0], f.subdtype[1]) if f.subdtype else (f, ())
        return offset, f.itemsize, [name, dtype(base)] + ([list(shape)] if shape else [])

    if d.names is None:
        return d.str
    out, at = [], 0
    for offset, size, f in map(field, d.names):
        if offset > at:
            out.append(["", "|V%d" % (offset - at)])
        at = offset + size
        out.append(f)
    if d.itemsize > at:
        out.append(["", "|V%d" % (d.itemsize - at)])
    return out


def packed(d):
    """Little-endian and without padding: the canonical form of the content digest."""
    if d.subdtype:
        return np.dtype((packed(d.subdtype[0]), d.subdtype[1]))
    if d.names is None:
        return d.newbyteorder("<")
    return np.dtype([(n, packed(d.fields[n][0])) for n in d.names])


def typed(v, up=()):
    if id(v) in up:
        return {"t": "ref-cycle", "depth": len(up) - max(i for i, u in enumerate(up) if u == id(v))}
    inner = up + (id(v),)
    each = lambda items: [typed(i, inner) for i in items]
    if v is None:
        return {"t": "none"}
    if type(v) is bool:
        return {"t": "bool", "v": v}
    if type(v) is int:
        return {"t": "int", "v": str(v)}
    if type(v) is float:
        return floating(v)
    if type(v) is complex:
        return {"t": "complex", "re": floating(v.real), "im": floating(v.imag)}
    if type(v) is str:
        try:
            v.encode()
        except UnicodeEncodeError:
            return {"t": "str-surrogates", "utf8_surrogatepass_hex": v.encode("utf-8", "surrogatepass").hex()}
        return {"t": "str", "v": v}
    if type(v) in (bytes, bytearray):
        return data(type(v).__name__, v)
    if type(v) in OBJECTS:
        # What is no type that is read: an inert record of class, arguments and items.
        cls, args, state, items = (tuple(v.__reduce_ex__(2)) + (None,) * 4)[:4]
        assert state is None
        return {"t": "inert", "class": "%s.%s" % (cls.__module__, cls.__name__), "args": each(args), "items": each(items or ())}
    if type(v) in (list, tuple):
        return {"t": type(v).__name__, "v": each(v)}
    if type(v) in (set, frozenset):
        return {"t": type(v).__name__, "v": sorted(each(v), key=lambda j: json.dumps(j, sort_keys=True, separators=(",", ":"), ensure_ascii=False))}
    if type(v) in (dict, collections.OrderedDict, collections.defaultdict):
        return {"t": type(v).__name__, "v": [[typed(k, inner), typed(x, inner)] for k, x in v.items()]}
    if isinstance(v, np.dtype):
        return {"t": "npdtype", "str": dtype(v)}
    if isinstance(v, np.generic):
        little = np.zeros((), packed(v.dtype))
        little[...] = v
        # NumPy makes a byte where empty text has none.
        return {"t": "npscalar", "dtype": dtype(v.dtype), "hex": little.tobytes()[: v.dtype.itemsize].hex()}
    if type(v) is np.ndarray:
        if v.dtype == object:
            return {"t": "ndarray", "dtype": "object", "shape": list(v.shape), "fortran": False, "items": each(v.ravel().tolist())}
        little = np.zeros(v.shape, packed(v.dtype))
        little[...] = v
        return {
            "t": "ndarray",
            "dtype": dtype(v.dtype.newbyteorder("<")),
            "shape": list(v.shape),
            "fortran": bool(v.flags.f_contiguous and not v.flags.c_contiguous),
            "digest": hashlib.sha256(little.tobytes()).hexdigest(),
        }
    if isinstance(v, (datetime.date, datetime.time)):
        zone = getattr(v, "tzinfo", None)
        text = (v.replace(tzinfo=None) if zone is not None else v).isoformat()
        return {"t": type(v).__name__, "v": text, "fold": getattr(v, "fold", 0), "zone": typed(zone, inner)}
    if type(v) is datetime.timedelta:
        return {"t": "timedelta", "v": "%d:%d:%d" % (v.days, v.seconds, v.microseconds)}
    if type(v) is datetime.timezone:
        us = v.utcoffset(None) // datetime.timedelta(microseconds=1)
        args = v.__getinitargs__()
        return {"t": "timezone", "us": us, "zone": typed(args[1] if len(args) > 1 else None, inner)}
    raise TypeError(type(v))


# Types of the standard library that are not among those that are read.
OBJECTS = (collections.Counter, collections.deque, range, slice, decimal.Decimal, fractions.Fraction, pathlib.PurePosixPath)


def sharing(v, numbers, out):
    """Containers in the order in which they are met, by the number that they got when they were met first."""
    if not isinstance(v, (list, tuple, dict, np.ndarray)) or type(v) in OBJECTS or type(v) is tuple and not v:
        return
    known = id(v) in numbers
    out.append(numbers.setdefault(id(v), len(numbers)))
    if known:
        return
    if isinstance(v, dict):
        v = [x for pair in v.items() for x in pair]
    elif isinstance(v, np.ndarray):
        v = v.ravel().tolist() if v.dtype == object else []
    for x in v:
        sharing(x, numbers, out)


class Random(random.Random):
    def integer(self):
        return self.choice([
            self.randint(-300, 300), self.getrandbits(self.randint(1, 400)) * self.choice([-1, 1]),
            self.getrandbits(self.choice([1000, 2040, 2048, 4096])) * self.choice([-1, 1]),
            (2 ** self.choice([7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 2039, 2040, 4096]) + self.randint(-1, 1)) * self.choice([-1, 1]),
        ])

    def real(self):
        return self.choice([0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), self.gauss(0, 1e3), 5e-324,
                            self.random() * 10 ** self.randint(-300, 300), float(self.randint(-9, 9))])

    def text(self):
        n = self.choice([0, 1, 3, 10, 255, 256, 300] + ([70_000] if self.random() < 0.01 else []))
        kinds = ["abc \\\n\r'\"", "äßÿ\x00\x1a", "€漢", "𝄞😀"] + (["\ud800x", "\udcff\udbff\udfff"] if self.random() < 0.05 else [])
        return "".join(self.choice(self.choice(kinds)) for _ in range(n))

    def octets(self):
        return self.randbytes(self.choice([0, 1, 5, 255, 256, 300] + ([70_000] if self.random() < 0.01 else [])))

    def key(self, depth=0):
        k = self.randrange(8 if depth < 2 else 6)
        return (self.text() if k < 2 else self.integer() if k == 2 else self.real() if k == 3 else
                self.choice([None, True, False]) if k == 4 else self.octets() if k == 5 else
                tuple(self.key(depth + 1) for _ in range(self.randint(0, 4))) if k == 6 else
                frozenset(self.key(depth + 1) for _ in range(self.randint(0, 3))))

    def array(self):
        kind = self.choice(["<f8", ">f8", "<f4", "<f2", "|b1", "|i1", "<u2", ">i4", "<i8", "<c16", "|S3", "<U2", "<M8[ns]",
                            "<m8[25s]", "|V5", "struct", "|u1", ">i2", "<i2", "<i4", "<u4", ">u8", "<c8", ">c16", ">U3", ">M8[D]",
                            "<M8[us]", "<m8[W]", "<M8", "|S1", ">f2", ">f4", "|S0", "<U0", ">u2", ">i8", "<u8", ">c8", ">m8[h]", "<M8[7Y]"])
        if kind == "struct":
            kind = self.choice([
                [("a", "<i4"), ("b", "<f8", (2, 2)), ("c", "|S3")],
                [("p", [("x", ">f4"), ("é", "<u2")]), ("q", "|b1")],
                np.dtype({"names": ["a", "b"], "formats": ["<i4", "|u1"], "offsets": [4, 1], "itemsize": 12}),
                np.dtype([("a", "i1"), ("b", "f8")], align=True),
                [(("A title", "t"), "<f8"), ("d", "<M8[s]")],
                [("u", ">U3"), ("v", "|V2"), ("s", [("deep", [("er", "<c8", 3)])], (2, 1))],
                np.dtype({"names": ["b", "a"], "formats": ["<i4", "|u1"], "offsets": [4, 0]}),
            ])
        shape = tuple(self.randint(0, 4) for _ in range(self.randint(0, 4)))
        d = np.dtype(kind)
        n = int(np.prod(shape, dtype=int))
        raw = self.randbytes(n * d.itemsize)
        if d.kind in "bU" or d.names and "U" in str(d):
            if d.names:
                return np.zeros(shape, d)
            raw = bytes(x & 1 for x in raw) if d.kind == "b" else np.array(["ä€"] * n, d).tobytes()
        a = np.zeros(shape, d)
        a[...] = np.ndarray(shape, d, bytearray(raw))
        return self.choice([a, np.asfortranarray(a), a.transpose(self.sample(range(a.ndim), a.ndim)), a[::-1] if a.ndim else a])

    def scalar(self):
        a = self.array().ravel()
        return a[0] if a.size and isinstance(a[0], np.generic) else np.float64(self.real())

    def moment(self):
        zone = self.choice([None, datetime.timezone.utc,
                            datetime.timezone(datetime.timedelta(minutes=self.randint(-1439, 1439)), self.choice(["X", "ä"])),
                            datetime.timezone(datetime.timedelta(seconds=self.randint(-86399, 86399), microseconds=5))])
        clock = [self.randint(0, 23), self.randint(0, 59), self.randint(0, 59), self.choice([0, self.randint(0, 999999)])]
        day = [self.randint(1, 9999), self.randint(1, 12), self.randint(1, 28)]
        return self.choice([
            datetime.date(*day), datetime.time(*clock, zone, fold=self.randint(0, 1)),
            datetime.datetime(*day, *clock, zone, fold=self.randint(0, 1)), zone,
            datetime.timedelta(self.randint(-999999, 999999), self.randint(-9**9, 9**9), self.randint(-9**9, 9**9)),
        ])

    def other(self):
        return self.choice([
            lambda: collections.Counter({self.key(2): self.randint(0, 9) for _ in range(3)}),
            lambda: collections.deque([self.integer(), self.text()], self.choice([None, 2, 9])),
            lambda: range(self.randint(-9, 9), self.integer(), self.choice([1, -2, 3])),
            lambda: slice(self.choice([None, self.integer()]), self.integer(), None),
            lambda: decimal.Decimal(self.choice(["1.50", "-0", "NaN", "Infinity", "1E+999"])),
            lambda: fractions.Fraction(self.randint(-99, 99), self.randint(1, 99)),
            lambda: pathlib.PurePosixPath("/a", "b ä"),
        ])()

    def value(self, depth, seen):
        if seen and self.random() < 0.1:
            return self.choice(seen)
        k = self.randrange(20 if depth < 5 else 10)
        many = lambda: [self.value(depth + 1, seen) for _ in range(self.choice([0, 1, 2, 3, 5, 12]))]
        if k < 5:
            if self.random() < 0.03:
                return self.other()
            return self.choice([self.key(2), self.integer(), complex(self.real(), self.real()), bytearray(self.octets())])
        if k < 10:
            return self.choice([self.array, self.scalar, self.moment, lambda: self.array().dtype])()
        if k < 13:
            out = []
            seen.append(out)
            out.extend(many())
            if self.random() < 0.05:
                out.append(out)
        elif k == 13:
            out = tuple(many())
        elif k == 14:
            out = self.choice([set, frozenset])(self.key() for _ in range(self.choice([0, 1, 3, 15])))
        elif k == 15 and self.random() < 0.2:
            out = np.empty(3, object)
            out[:] = [self.integer(), self.text(), many()]
        else:
            out = self.choice([dict, collections.OrderedDict, lambda: collections.defaultdict(list)])()
            seen.append(out)
            for x in many():
                out[self.key()] = x
        seen.append(out)
        return out


def canonical(v):
    return json.dumps(typed(v), separators=(",", ":"), ensure_ascii=True)


if sys.argv[1] == "generate":
    rng = Random(int(sys.argv[2]))
    for _ in range(int(sys.argv[3])):
        v = rng.value(0, [])
        pickles, last = [], None
        made = [pickle.dumps(v, protocol) for protocol in range(6)]
        for protocol in range(6):
            # Another pickler, another choice of memo slots and frames; without what nobody asks for.
            others = [pickletools.optimize(made[protocol])]
            if protocol < 5:
                # In protocol 5 it takes the bytes of two buffers for one, if they were at one address in turn.
                others.append(pickle._dumps(v, protocol))
            for p in others:
                if p not in made:
                    made.append(p)
        if rng.random() < 0.2:
            octets = rng.octets()
            made.append(pickle.dumps([v, pickle.PickleBuffer(octets), pickle.PickleBuffer(bytearray(octets)), pickle.PickleBuffer(memoryview(octets)[1:])], 5))
        for p in made:
            # What CPython itself makes of it is the truth: protocol 0 loses the payload of a NaN.
            loaded, shared = pickle.loads(p), []
            truth = typed(loaded)
            sharing(loaded, {}, shared)
            pickles.append([p.hex(), None if truth == last else truth, shared])
            last = truth
        print(json.dumps(pickles))
else:
    for line in open(sys.argv[2]):
        print(canonical(pickle.loads(bytes.fromhex(line))))
