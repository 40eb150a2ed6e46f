"""Opens images in every way that libhdf5 and h5py have; prints what each finds.

`python open_images.py FOLDER`: `FOLDER/list.json` names the images, each with one dataset `data`. A line is
{"file", "way", "shape", "sha256", "offset"}, the digest of the elements' stored bytes. A copy of every image is then
opened for change, added to and taken back as `NAME.changed`.
"""
import ctypes
import hashlib
import io
import json
import os
import sys

import h5py
import numpy as np

import _hdf5_c as c

folder = sys.argv[1]


def found(file, way, shape, stored, offset=None):
    row = {"file": file, "way": way, "shape": list(shape), "offset": None if offset == c.UNDEFINED else offset}
    print(json.dumps({**row, "sha256": hashlib.sha256(stored).hexdigest()}))


def opened(name, way, f, numpy):
    d = f["data"]
    found(name, way, d.shape, c.stored(d.id.id), c.H5Dget_offset(d.id.id))
    # By NumPy, too, where it has the type.
    if numpy:
        # A scalar comes in the machine's byte order.
        a = np.asarray(d[()], dtype=d.dtype)
        assert d.dtype == np.dtype(numpy), (name, way, d.dtype)
        assert a.tobytes() == c.stored(d.id.id), (name, way)


def low(name, way, file):
    dataset = c.H5Dopen(file, b"data", 0)
    found(name, way, c.shape(dataset), c.stored(dataset), c.H5Dget_offset(dataset))
    c.H5Dclose(dataset)


for row in json.load(open(os.path.join(folder, "list.json"))):
    name, numpy = row["file"], row["numpy"]
    image = open(os.path.join(folder, name), "rb").read()
    buffer = (ctypes.c_ubyte * len(image)).from_buffer_copy(image)

    with h5py.File(io.BytesIO(image), "r") as f:
        opened(name, "BytesIO", f, numpy)
    if hasattr(h5py.File, "in_memory"):
        with h5py.File.in_memory(image) as f:
            opened(name, "in_memory", f, numpy)
    access = c.core()
    access.set_file_image(image)
    with h5py.File(h5py.h5f.open(b"image", h5py.h5f.ACC_RDONLY, access)) as f:
        opened(name, "h5py set_file_image", f, numpy)
    access = c.core()
    c.H5Pset_file_image(access.id, buffer, len(image))
    file = c.H5Fopen(b"image", 0, access.id)
    low(name, "H5Pset_file_image", file)
    c.H5Fclose(file)

    for way, flags in [
        ("H5LT copy", 0),
        ("H5LT copy, to change", c.OPEN_RW),
        ("H5LT in place", c.DONT_COPY | c.DONT_RELEASE),
    ]:
        file = c.H5LTopen_file_image(buffer, len(image), flags)
        low(name, way, file)
        c.H5Fclose(file)
    dims, offset, elements = c.deserialize(buffer)
    assert offset == c.UNDEFINED or offset % 64 == 0, offset
    found(name, "Julia", dims, elements, offset)
    # The library has only looked.
    assert bytes(buffer) == image

    file = c.H5LTopen_file_image(buffer, len(image), c.OPEN_RW)
    with h5py.File(h5py.h5f.FileID(file)) as f:
        f["data"].attrs["unit"] = "mm"
        f["more"] = np.arange(1000)
        f.create_dataset("packed", data=np.arange(1000.0), chunks=(100,), compression="gzip", shuffle=True)
        f.create_group("g")["words"] = ["längé", ""]
        f.flush()
        changed = c.file_image(f.id.id)
    open(os.path.join(folder, name + ".changed"), "wb").write(changed)
