"""NumPy: ten million doubles from text and to text."""

import os

import numpy as np

import _time


def read(folder):
    path = os.path.join(folder, "doubles.csv")
    return _time.once(lambda: np.fromfile(path, sep=","))


def write(folder):
    a = np.load(os.path.join(folder, "doubles.npy"))
    path = os.path.join(folder, "doubles-numpy.csv")
    return _time.once(lambda: a.tofile(path, sep=","))


_time.main({"read": read, "write": write})
