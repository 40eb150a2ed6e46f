"""Writes an HDF5 file with random virtual datasets and prints what h5py reads of them.

A line is {"file", "path", "shape", "sha256"}. Fill values are zero: where mappings overlap, libhdf5 counts elements
twice and leaves out filling the rest. Where a source ends within its first block, libhdf5 refuses to read.
"""
import hashlib
import json
import os
import random
import sys

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t

folder, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.chdir(folder)
rnd = random.Random(seed)
ENDLESS = h5s.UNLIMITED
sources = 0


def space(dims, pattern, most=None):
    s = h5s.create_simple(tuple(dims), most)
    start, stride, n, block = zip(*pattern)
    s.select_hyperslab(start, n, stride, block)
    return s


def source(dims, grows=False):
    global sources
    sources += 1
    name = "s%d.h5" % sources
    with h5py.File(name, "w") as f:
        a = np.arange(int(np.prod(dims)), dtype="<i4").reshape(dims) + 1000 * sources
        how = {}
        if grows:
            how = dict(maxshape=(None,) * len(dims), chunks=tuple(rnd.randint(1, 4) for _ in dims))
        elif rnd.random() < 0.5:
            how = dict(chunks=tuple(rnd.randint(1, d) for d in dims))
        f.create_dataset("x", data=a, **how)
    return name.encode()


def patterns(rank):
    out = []
    for _ in range(rank):
        block = rnd.randint(1, 3)
        out.append((rnd.randint(0, 3), block + rnd.randint(0, 3), rnd.randint(1, 3), block))
    return out


def extent(pattern):
    return [a + s * (n - 1) + b for a, s, n, b in pattern]


def regular(p):
    rank = rnd.randint(1, 3)
    maps = [patterns(rank) for _ in range(rnd.randint(1, 3))]
    dims = [max(d) + rnd.randint(0, 2) for d in zip(*map(extent, maps))]
    for m in maps:
        if rnd.random() < 0.5:
            order = rnd.sample(range(rank), rank)
            want = [(m[k][2], m[k][3]) for k in order]
        else:
            want = [(int(np.prod([n * b for _, _, n, b in m])), 1)]
        src = [(rnd.randint(0, 2), b + rnd.randint(0, 2), n, b) for n, b in want]
        shape = [d + rnd.randint(0, 2) for d in extent(src)]
        p.set_virtual(space(dims, m), source(shape), b"x", space(shape, src))
    return dims, None


def irregular(p):
    rank = rnd.randint(1, 3)
    m = patterns(rank)
    dims = [d + rnd.randint(0, 3) for d in extent(m)]
    s = space(dims, m)
    for _ in range(rnd.randint(1, 3)):
        block = [rnd.randint(1, max(1, d // 2)) for d in dims]
        start = [rnd.randint(0, d - b) for d, b in zip(dims, block)]
        s.select_hyperslab(tuple(start), (1,) * rank, tuple(block), tuple(block), op=rnd.choice([h5s.SELECT_OR, h5s.SELECT_XOR]))
    n = s.get_select_npoints()
    line = [(1, 1, n, 1)]
    if rnd.random() < 0.5:
        p.set_virtual(s, source([n + 1]), b"x", space([n + 1], line))
        return dims, None
    p.set_virtual(space([n + 2], line), source(dims), b"x", s)
    return [n + 2], None


def endless(p):
    rank, other = rnd.randint(1, 2), rnd.randint(1, 4)
    axis = rnd.randrange(rank)

    def side(axis, size):
        out, dims = [], []
        for k in range(rank):
            block, start = rnd.randint(1, 3), rnd.randint(0, 3)
            if k != axis:
                out.append((start, other, 1, other))
                dims.append(start + other + rnd.randint(0, 2))
            else:
                out.append((start, 1, 1, ENDLESS) if rnd.random() < 0.2 else (start, block + rnd.randint(0, 3), ENDLESS, block))
                dims.append(size)
        return out, dims
    maps = [(side(axis, rnd.randint(0, 3)), side(rnd.randrange(rank), rnd.randint(0, 14))) for _ in range(rnd.randint(1, 3))]
    dims = [max(d) for d in zip(*(v[1] for v, _ in maps))]
    most = (ENDLESS,) * rank
    for (target, _), (src, shape) in maps:
        name = b"nowhere.h5" if rnd.random() < 0.15 else source(shape, True)
        p.set_virtual(space(dims, target, most), name, b"x", space(shape, src, most))
    return dims, most


with h5py.File(h5f.create(b"random.h5", h5f.ACC_TRUNC, fapl=h5p.create(h5p.FILE_ACCESS))) as f:
    for i in range(count):
        p = h5p.create(h5p.DATASET_CREATE)
        p.set_layout(h5d.VIRTUAL)
        dims, most = rnd.choice([regular, irregular, endless])(p)
        h5d.create(f.id, b"d%d" % i, h5t.STD_I32LE, h5s.create_simple(tuple(dims), most), p)
with h5py.File("random.h5", "r") as f:
    for name, d in f.items():
        row = {"file": "random.h5", "path": d.name, "shape": list(d.shape), "sha256": None}
        try:
            row["sha256"] = hashlib.sha256(d[()].tobytes()).hexdigest()
        except OSError as e:
            assert "different number of elements" in str(e), e
        print(json.dumps(row))
