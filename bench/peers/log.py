"""larpix-control: append messages to a raw log, 1,000 or 10,000 a call; seconds for one message."""

import os
import time

import larpix.format.rawhdf5format as raw

import _time
from _messages import messages


def append(count, calls):
    def samples(folder):
        path = os.path.join(folder, "peer.h5")
        batch = messages(folder) * (count // 1000)
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


if __name__ == "__main__":
    _time.main({"append-1000": append(1000, 15), "append-10000": append(10_000, 5)})
