"""CPython's own unpickler, its C form: bytes in memory to objects."""

import os
import pickle

import _time


def loads(name):
    def time(folder):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        return _time.samples(lambda: pickle.loads(data))

    return time


_time.main({"solver": loads("solver.pickle"), "index": loads("index.pickle")})
