"""nengo: its decoder cache with many entries."""

import os
import shutil
import time

import numpy as np
from nengo.cache import CacheIndex, DecoderCache
from nengo.utils import nco

import _time


def index(folder):
    path = os.path.join(folder, "cache-10k")

    def once():
        with CacheIndex(path) as found:
            return "0" in found

    return _time.samples(once)


def open_close(folder):
    path = os.path.join(folder, "cache-100k")

    def once():
        with DecoderCache(cache_dir=path) as cache:
            return "0" in cache._index

    return _time.samples(once)


def open_put_close(folder):
    path = os.path.join(folder, "cache-100k-peer")
    os.makedirs(path, exist_ok=True)
    shutil.copy(os.path.join(folder, "cache-100k/index"), path)
    array = np.full((60, 2), 0.5)

    def once():
        with DecoderCache(cache_dir=path) as cache:
            # What its wrapped solver does on a miss.
            f = cache._get_fd()
            nco.write(f, None, array)
            cache._index["0"] = (f.name, 0, f.tell())

    return _time.samples(once)


def shrink(folder):
    out = []
    for _ in range(3):
        path = os.path.join(folder, "cache-shrunk-peer")
        shutil.copytree(os.path.join(folder, "cache-files"), path, copy_function=linked)
        cache = DecoderCache(cache_dir=path)
        start = time.perf_counter()
        cache.shrink(5000 * 4096)
        out.append(time.perf_counter() - start)
        shutil.rmtree(path)
    return out


def linked(source, target):
    # The index is replaced, the packs are not written to.
    return os.link(source, target)


if __name__ == "__main__":
    _time.main({"index": index, "open": open_close, "put": open_put_close, "shrink": shrink})
