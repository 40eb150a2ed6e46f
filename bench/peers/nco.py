"""nengo: open and read a small cache object, as its cache does on a hit; open and close a cache of many entries."""

import os
import pickle

from nengo.cache import DecoderCache
from nengo.utils import nco

import _time


def read(folder):
    path = os.path.join(folder, "small.nco")

    def once():
        with open(path, "rb") as f:
            return nco.read(f)

    return _time.samples(once)


def cache_open(folder, entries=100_000):
    cache_dir = os.path.join(folder, "cache-nengo")
    if not os.path.isdir(cache_dir):
        os.mkdir(cache_dir)
        # Builds put some tens of entries into a file.
        packs = [os.path.join(cache_dir, "e8", f"676bda-e5ea-11f1-ac7c-{n:012x}.nco") for n in range(entries // 50)]
        index = {f"{i:040x}": (packs[i // 50], i % 50 * 8600, i % 50 * 8600 + 8600) for i in range(entries)}
        with open(os.path.join(cache_dir, "index"), "wb") as f:
            pickle.dump((2, 5), f, 2)
            pickle.dump(index, f, 5)

    def once():
        with DecoderCache(cache_dir=cache_dir) as cache:
            assert not cache.readonly

    return _time.samples(once)


_time.main({"cache_open": cache_open, "read": read})
