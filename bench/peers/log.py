"""larpix-control: append messages to a raw log, so many a call; h5py with a file held open; seconds for one message."""

import os
import time

import h5py
import larpix.format.rawhdf5format as raw
import numpy as np

import _time
from _messages import messages


def append(count, calls):
    def samples(folder):
        path = os.path.join(folder, "peer.h5")
        batch = (messages(folder) * (max(count, 1000) // 1000))[:count]
        headers = {"io_groups": [1] * count}
        raw.to_rawfile(path, batch, msg_headers=headers, io_version="0.0")
        out = []
        for _ in range(calls):
            start = time.perf_counter()
            raw.to_rawfile(path, batch, msg_headers=headers, io_version="0.0")
            out.append((time.perf_counter() - start) / count)
        assert raw.len_rawfile(path) == count * (calls + 1)
        os.remove(path)
        return out

    return samples


def held(count, calls):
    """h5py with the file held open, flushed after each batch."""

    def samples(folder):
        path = os.path.join(folder, "peer.h5")
        batch = [np.frombuffer(m, "u1") for m in messages(folder) * (max(count, 1000) // 1000)][:count]
        rows = np.empty(count, dtype=object)
        rows[:] = batch
        raw.to_rawfile(path, io_version="0.0")
        out, n = [], 0
        with h5py.File(path, "r+", libver="latest") as f:
            for _ in range(calls):
                start = time.perf_counter()
                f["msgs"].resize((n + count,))
                f["msg_headers"].resize((n + count,))
                # h5py takes an array of one array for a table of bytes.
                f["msgs"][n if count == 1 else slice(n, None)] = batch[0] if count == 1 else rows
                f["msg_headers"][n:] = np.ones(count, dtype=f["msg_headers"].dtype)
                f.flush()
                out.append((time.perf_counter() - start) / count)
                n += count
        os.remove(path)
        return out

    return samples


if __name__ == "__main__":
    _time.main(
        {
            "append-1": append(1, 100),
            "append-100": append(100, 30),
            "append-1000": append(1000, 15),
            "append-10000": append(10_000, 5),
            "held-1": held(1, 200),
            "held-1000": held(1000, 15),
        }
    )
