"""The messages that both sides of the log's benchmarks use."""

import os
import struct


def messages(folder):
    with open(os.path.join(folder, "messages.bin"), "rb") as f:
        data = f.read()
    out, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        out.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return out
