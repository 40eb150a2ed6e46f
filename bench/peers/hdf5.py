"""h5py: HDF5 files opened, read, listed, written."""

import os

import h5py
import numpy as np

import _time


def attribute(folder):
    path = os.path.join(folder, "small.h5")

    def run():
        with h5py.File(path) as f:
            return f["x"].attrs["unit"]

    return _time.samples(run)


def read(name, item=()):
    def operation(folder):
        path = os.path.join(folder, name)

        def run():
            with h5py.File(path) as f:
                return f["x"][item]

        return _time.samples(run, smallest=3)

    return operation


def listed(name):
    def operation(folder):
        path = os.path.join(folder, name)

        def run():
            found = []

            def visit(path, node):
                if isinstance(node, h5py.Dataset):
                    found.append((path, node.dtype, node.shape))
                else:
                    found.append((path, None, None))

            with h5py.File(path) as f:
                f.visititems(visit)
            assert len(found) == 15_000
            return found

        return _time.samples(run, smallest=1)

    return operation


def write_packed(folder):
    array = np.load(os.path.join(folder, "f32.npy"))
    path = os.path.join(folder, "write-packed-h5py.h5")

    def run():
        with h5py.File(path, "w") as f:
            f.create_dataset("x", data=array, chunks=(1, *array.shape[1:]), shuffle=True, compression=4)

    return _time.samples(run, smallest=3)


_time.main({
    "attribute": attribute,
    "read-large": read("large.h5"),
    "read-packed": read("packed.h5"),
    "row": read("rows.h5", np.s_[54_321]),
    "list": listed("many.h5"),
    "list-v18": listed("many-v18.h5"),
    "write-packed": write_packed,
})
