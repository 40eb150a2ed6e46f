"""HDF5 files that both sides read, by libhdf5: `python hdf5_data.py DIR`."""

import os
import sys

import h5py
import numpy as np

import data


def main(folder):
    def new(name):
        return h5py.File(os.path.join(folder, name), "w", libver=("v110", "latest"))

    with new("small.h5") as f:
        f["x"] = np.arange(100) * 0.5
        f["x"].attrs["unit"] = "mm"
    with new("large.h5") as f:
        f["x"] = np.load(os.path.join(folder, "large.npy"))
    # 200 MB of the field that the archives hold, too, a day a chunk: 0.5 MB.
    days = data.field(np.random.default_rng(1))
    with new("packed.h5") as f:
        x = f.create_dataset(
            "x", (375, *days.shape[1:]), "f4", chunks=(1, *days.shape[1:]), shuffle=True, compression=4
        )
        for day in range(0, 375, 30):
            x[day : day + 30] = days[: min(30, 375 - day)]
    # 15,000 objects in the older and the newer style of groups.
    for name, version in (("many-v18.h5", "earliest"), ("many.h5", "v110")):
        with h5py.File(os.path.join(folder, name), "w", libver=(version, "latest")) as f:
            for i in range(100):
                g = f.create_group("run%03d" % i)
                for j in range(149):
                    g["x%03d" % j] = np.float32(j)
    # 1 GB in chunks of 1 MB.
    with new("rows.h5") as f:
        x = f.create_dataset("x", (100_000, 2500), "f4", chunks=(1000, 250), compression=1, shuffle=True)
        block = np.repeat(np.arange(1000, dtype="f4"), 2500).reshape(1000, 2500)
        for row in range(0, 100_000, 1000):
            x[row : row + 1000] = block + row


if __name__ == "__main__":
    main(sys.argv[1])
