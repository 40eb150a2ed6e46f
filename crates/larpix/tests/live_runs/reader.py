"""Opens a growing log again and again, each time anew, and checks what it sees; prints what came of it as JSON.

Runs after `stream.py`, with the arguments KIND PATH: KIND is swmr or plain (h5py), larpix (`len_rawfile` and `from_rawfile`). It says
"ready" when everything is imported, begins at a line on stdin and ends at the next one.
"""

import json
import os
import random
import sys
import threading
import time
import warnings

import h5py
from larpix.format import rawhdf5format as raw

kind, path = sys.argv[1:]
reads, errors, wrong, seen = {}, {}, [], 0


class Wrong(Exception):
    """Something was read, and it is not what was written."""


def check(start, count, msgs, groups):
    global seen
    if not len(msgs) == len(groups) == count:
        raise Wrong(f"{count} messages wanted from {start}, {len(msgs)} and {len(groups)} headers came")
    for i, (m, g) in enumerate(zip(msgs, groups), start):
        if bytes(m) != message(i) or int(g) != i % 256:
            raise Wrong(f"message {i} differs")
    seen += count


def places(n):
    """The last messages, and some others."""
    yield max(0, n - 40), n
    if n > 40:
        at = random.randrange(n - 40)
        yield at, at + 40


def by_h5py():
    with h5py.File(path, "r", libver="latest", swmr=kind == "swmr") as f:
        n = len(f["msgs"])
        if len(f["msg_headers"]) != n:
            raise RuntimeError("lengths differ")
        for a, b in places(n):
            check(a, b - a, f["msgs"][a:b], f["msg_headers"]["io_groups"][a:b])
        return n


def by_larpix():
    n = raw.len_rawfile(path)
    for a, b in places(n):
        rd = raw.from_rawfile(path, start=a, end=b)
        if inode() == before:
            check(a, b - a, rd["msgs"], rd["msg_headers"]["io_groups"])
        reads["from"] = reads.get("from", 0) + 1
    return n


def inode():
    return os.stat(path).st_ino


def note(e):
    text = f"{type(e).__name__}: {' '.join(str(e).split())}"[:160]
    errors[text] = errors.get(text, 0) + 1


warnings.simplefilter("always", RuntimeWarning)
print("ready", flush=True)
sys.stdin.readline()
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
last = (None, 0)
once = by_larpix if kind == "larpix" else by_h5py
longest = 0.0
with warnings.catch_warnings(record=True) as retries:
    warnings.simplefilter("always", RuntimeWarning)
    while not ended.is_set():
        before, start = inode(), time.perf_counter()
        try:
            n = once()
            # Another log may have taken the place of this one.
            if inode() == before:
                if last[0] == before and n < last[1]:
                    raise Wrong(f"the log had {last[1]} messages and now has {n}")
                last = (before, n)
            reads[kind] = reads.get(kind, 0) + 1
        except Wrong as e:
            wrong.append(str(e))
        except Exception as e:
            note(e)
        longest = max(longest, time.perf_counter() - start)
print(json.dumps({
    "reads": sum(reads.values()),
    "rows": seen,
    "errors": errors,
    "wrong": wrong[:5],
    "wrong_count": len(wrong),
    "retries": len(retries),
    "longest": longest,
}))
