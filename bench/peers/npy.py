"""NumPy: open, load and map NPY files."""

import os

import numpy as np

import _time


def load(folder):
    path = os.path.join(folder, "small.npy")
    return _time.samples(lambda: np.load(path))


def load_large(folder):
    path = os.path.join(folder, "large.npy")
    return _time.samples(lambda: np.load(path))


def map_large(folder):
    path = os.path.join(folder, "large.npy")
    return _time.samples(lambda: np.load(path, mmap_mode="r"))


_time.main({"load": load, "load-large": load_large, "map": map_large})
