"""nengo: open and read cache objects, as its cache does on a hit, and write a pack of them."""

import os

import numpy as np
from nengo.utils import nco

import _time


def read(name):
    def timed(folder):
        path = os.path.join(folder, name)

        def once():
            with open(path, "rb") as f:
                return nco.read(f)

        return _time.samples(once)

    return timed


def pack(folder):
    """A thousand objects of 8 KiB into a new file, as seconds for one."""
    path = os.path.join(folder, "nengo.nco")
    info = {"rmses": np.array([0.017, 0.018]), "iterations": 8, "time": 0.0009765625}
    array = np.arange(1024.0).reshape(512, 2)

    def once():
        if os.path.exists(path):
            os.remove(path)
        with open(path, "wb") as f:
            for _ in range(1000):
                nco.write(f, info, array)

    return [seconds / 1000 for seconds in _time.samples(once)]


_time.main({"read": read("small.nco"), "read-8k": read("eight.nco"), "read-large": read("large.nco"), "pack": pack})
