"""larpix-control: join two raw logs of 3,000 messages each; seconds for one message."""

import os
import subprocess
import sys
import time

import larpix.format.rawhdf5format as raw

import _time
from log import messages


def merge(folder):
    batch = messages(folder)
    inputs = [os.path.join(folder, name) for name in ("peer-first.h5", "peer-second.h5")]
    out = os.path.join(folder, "peer-joined.h5")
    for path in inputs:
        for _ in range(3):
            raw.to_rawfile(path, batch, msg_headers={"io_groups": [1] * len(batch)}, io_version="0.0")
    tool = os.path.join(os.path.dirname(sys.executable), "raw_hdf5_tool.py")
    # What the program takes to start is not the joining.
    start = time.perf_counter()
    subprocess.run([sys.executable, tool, "--help"], check=True, stdout=subprocess.DEVNULL)
    idle = time.perf_counter() - start
    start = time.perf_counter()
    subprocess.run([sys.executable, tool, "--merge", "-i", *inputs, "-o", out], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start - idle
    count = 6 * len(batch)
    assert raw.len_rawfile(out) == count
    for path in [*inputs, out]:
        os.remove(path)
    return [seconds / count]


_time.main({"merge": merge})
