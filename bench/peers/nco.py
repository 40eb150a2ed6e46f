"""nengo: open and read a small cache object, as its cache does on a hit."""

import os

from nengo.utils import nco

import _time


def read(folder):
    path = os.path.join(folder, "small.nco")

    def once():
        with open(path, "rb") as f:
            return nco.read(f)

    return _time.samples(once)


_time.main({"read": read})
