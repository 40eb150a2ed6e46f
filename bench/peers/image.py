"""h5py: one array to the bytes of an HDF5 file and back."""

import io
import os

import h5py
import numpy as np

import _time


def image(folder):
    with open(os.path.join(folder, "image.h5"), "rb") as f:
        return f.read()


def read_in_memory(folder):
    data = image(folder)

    def once():
        with h5py.File.in_memory(data) as file:
            return file["data"][()]

    return _time.samples(once)


def read_bytesio(folder):
    data = image(folder)

    def once():
        with h5py.File(io.BytesIO(data), "r") as file:
            return file["data"][()]

    return _time.samples(once)


def write_in_memory(folder):
    array = np.load(os.path.join(folder, "image.npy"))

    def once():
        with h5py.File.in_memory() as file:
            file.create_dataset("data", data=array)
            file.flush()
            return file.id.get_file_image()

    return _time.samples(once)


def write_bytesio(folder):
    array = np.load(os.path.join(folder, "image.npy"))

    def once():
        out = io.BytesIO()
        with h5py.File(out, "w") as file:
            file.create_dataset("data", data=array)
        return out.getvalue()

    return _time.samples(once)


_time.main({
    "read-in-memory": read_in_memory,
    "read-bytesio": read_bytesio,
    "write-in-memory": write_in_memory,
    "write-bytesio": write_bytesio,
})
