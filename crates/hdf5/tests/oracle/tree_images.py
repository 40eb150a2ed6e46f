"""A tree as an image of libhdf5's; `python tree_images.py make FILE [references]` makes it, `check FILE` reads what was made
of it: everything as it was, and what was added.
"""
import io
import sys

import h5py
import numpy as np

import _hdf5_c as c

mode, path = sys.argv[1:3]
grid = np.arange(600.0).reshape(20, 30)


def make(f):
    f.attrs["title"] = "längé"
    run = f.create_group("run")
    run.attrs["count"] = np.int32(-5)
    run.attrs["list"] = np.arange(4, dtype=">u2")
    run.attrs["flag"] = True
    run.attrs["words"] = ["a", "längé"]
    run.attrs["many"] = np.arange(10_000.0)[:8000]
    run["plain"] = grid
    d = run.create_dataset("packed", data=grid, chunks=(7, 10), compression="gzip", shuffle=True, fletcher32=True)
    d.attrs["unit"] = "mm"
    run.create_dataset("growing", data=np.arange(9, dtype="i2"), maxshape=(None,), chunks=(4,), fillvalue=-3)
    run["words"] = np.array(["", "längé", "x" * 5000], dtype=object)
    run["struct"] = np.array([(1, 2.5, b"abc")], dtype=[("a", "<i4"), ("b", ">f8"), ("c", "S3")])
    run["empty"] = h5py.Empty("f4")
    f["again"] = d
    f["soft"] = h5py.SoftLink("/run/plain")
    f["other"] = h5py.ExternalLink("nowhere.h5", "/x")


if mode == "make":
    access = c.core()
    with h5py.File(h5py.h5f.create(b"name", h5py.h5f.ACC_TRUNC, None, access)) as f:
        make(f)
        if "references" in sys.argv:
            f["run"].attrs["where"] = f["run/plain"].ref
        f.flush()
        open(path, "wb").write(c.file_image(f.id.id))
else:
    image = open(path, "rb").read()
    want = h5py.File(io.BytesIO(), "w")
    make(want)
    with h5py.File(io.BytesIO(image), "r+") as f:

        def same(name, node):
            now = f[name]
            assert sorted(now.attrs) == sorted(node.attrs), name
            for key, value in node.attrs.items():
                assert np.all(now.attrs[key] == value), (name, key)
                assert np.asarray(now.attrs[key]).dtype == np.asarray(value).dtype, (name, key)
            if isinstance(node, h5py.Dataset):
                assert (now.dtype, now.shape, now.maxshape) == (node.dtype, node.shape, node.maxshape), name
                how = ("chunks", "compression", "compression_opts", "shuffle", "fletcher32", "fillvalue")
                assert [getattr(now, h) for h in how] == [getattr(node, h) for h in how], name
                if node.shape is not None:
                    assert np.all(now[()] == node[()]), name

        want.visititems(same)
        assert f.attrs["title"] == "längé" and f.attrs["added"] == "by us"
        assert f["again"] == f["run/packed"], "one object, two names"
        assert f.get("soft", getlink=True).path == "/run/plain"
        assert f.get("other", getlink=True).filename == "nowhere.h5"
        assert np.all(f["run/new"][()] == grid) and f["run/new"].compression == "gzip"
        # It can be changed further.
        f["run/growing"].resize((20,))
        f["run/growing"][9:] = 7
        del f["again"]
        f["run/packed"][0] = -1
        assert f["run/growing"][8] == 8 and f["run/packed"][1, 0] == 30
