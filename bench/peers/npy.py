"""NumPy: open and load a small NPY."""

import os

import numpy as np

import _time


def load(folder):
    path = os.path.join(folder, "small.npy")
    return _time.samples(lambda: np.load(path))


_time.main({"load": load})
