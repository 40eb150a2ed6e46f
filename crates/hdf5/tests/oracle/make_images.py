"""Makes images with libhdf5: `H5Fget_file_image` of files in memory, in every dialect, and by the post's own calls.

`python make_images.py FOLDER DIALECTS`: a line for each image is {"file", "shape", "sha256", "offset", "plain"}: the
digest is of the elements' stored bytes, the offset where they lie untouched.
"""
import hashlib
import json
import os
import sys

import h5py
import numpy as np

import _hdf5_c as c

folder = sys.argv[1]
rng = np.random.default_rng(7)
count = 0


def keep(image, d, stored, offset):
    global count
    name = "%d.image" % count
    count += 1
    open(os.path.join(folder, name), "wb").write(image)
    offset = None if offset in (None, c.UNDEFINED) else offset
    row = {"file": name, "shape": list(d), "offset": offset, "sha256": hashlib.sha256(stored).hexdigest()}
    print(json.dumps(row))


def images(libver, how):
    for kind in ["?", "i1", "<u2", ">i4", "<i8", "<f2", "<f4", "<f8", ">f8", "<c16", "S5", "V3",
                 [("a", "<i4"), ("b", ">f8", (2,)), ("c", "S3")]]:
        kind = np.dtype(kind)
        for shape in [(), (11,), (7, 5), (3, 0)]:
            if how and (not shape or 0 in shape):
                continue
            n = int(np.prod(shape))
            raw = rng.integers(0, 2, n * kind.itemsize, dtype="u1").tobytes()
            a = np.frombuffer(raw, dtype=kind).reshape(shape)
            yield libver, how, a


def serialize(array, libver, how):
    """The post's `serialize`: create, put the array, flush, take the image."""
    access = c.core()
    access.set_libver_bounds(*libver)
    file = c.H5Fcreate(b"name", 2, 0, access.id)
    with h5py.File(h5py.h5f.FileID(file)) as f:
        d = f.create_dataset("data", data=array, **how)
        if how.get("compression") is None and "chunks" not in how and array.size:
            # What a tree has, so has an image.
            d.attrs["note"] = "längé"
        c.H5Fflush(file, 1)
        keep(c.file_image(file), d.shape, c.stored(d.id.id), c.H5Dget_offset(d.id.id))


VERSIONS = {
    "earliest": h5py.h5f.LIBVER_EARLIEST,
    "v108": getattr(h5py.h5f, "LIBVER_V18", None),
    "v110": getattr(h5py.h5f, "LIBVER_V110", None),
    "latest": h5py.h5f.LIBVER_LATEST,
}
for low, high in json.loads(sys.argv[2]):
    libver = (VERSIONS[low], VERSIONS[high])
    for how in [{}, dict(chunks=True), dict(chunks=True, compression="gzip", shuffle=True, fletcher32=True)]:
        for _, _, a in images(libver, how):
            serialize(a, libver, how)
