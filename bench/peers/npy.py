"""NumPy: NPY files opened, loaded and mapped; archives written, read and listed."""

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


def write(name):
    def run(folder):
        a = np.load(os.path.join(folder, name + ".npy"))
        path = os.path.join(folder, name + "-numpy.npz")
        return _time.samples(lambda: np.savez_compressed(path, x=a), smallest=1)

    return run


def read_all(path):
    with np.load(path) as z:
        return [z[key] for key in z.files]


def read(name):
    return lambda folder: _time.samples(lambda: read_all(os.path.join(folder, name)), smallest=3)


_time.main({
    "load": load,
    "load-large": load_large,
    "map": map_large,
    "write-f32": write("f32"),
    "write-i16": write("i16"),
    "read-f32": read("f32.npz"),
    "read-i16": read("i16.npz"),
    "read-many": read("many.npz"),
    "list": read("members.npz"),
})
