"""CPython's own unpickler, its C form: bytes in memory to objects, the garbage collector on as it is by default.

Making thousands of tuples is what sets the collector off, so its work is a part of the time that a caller waits.
"""

import os
import pickle

import _time


def loads(name):
    def time(folder):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        return _time.samples(lambda: pickle.loads(data), collect=True)

    return time


_time.main({"solver": loads("solver.pickle"), "index": loads("index.pickle")})
