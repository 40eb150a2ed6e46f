"""Times one operation many times and prints the samples, as our own program does (see bench/src/main.rs)."""

import gc
import json
import sys
import time


def samples(operation, seconds=0.6, smallest=7, collect=False):
    """Seconds for one call, in batches long enough for the clock, until the time is over.

    Python's garbage collector is off meanwhile, unless it is what the operation sets off.
    """
    operation()
    start = time.perf_counter()
    operation()
    once = max(time.perf_counter() - start, 1e-9)
    batch = max(1, int(50e-6 / once))
    out = []
    if not collect:
        gc.disable()
    end = time.perf_counter() + seconds
    while len(out) < smallest or time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(batch):
            operation()
        out.append((time.perf_counter() - start) / batch)
    gc.enable()
    return out


def once(operation):
    """Seconds for one call that takes a second and more."""
    start = time.perf_counter()
    operation()
    return [time.perf_counter() - start]


def main(operations):
    """`python NAME.py OPERATION DIR`: `operations` maps names to functions that return samples for a folder."""
    operation, folder = sys.argv[1:]
    print(json.dumps({"samples": operations[operation](folder)}))
