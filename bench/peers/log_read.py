"""larpix-control and h5py: read a raw log that larpix-control has written in thousands; seconds for one message.

`python log_read.py read|read-h5py|len|len-h5py DIR`.
"""

import os

import h5py
import larpix.format.rawhdf5format as raw

import _time
from _messages import messages

COUNT = 100_000


def made(folder):
    """A log of 100,000 messages, made once."""
    path = os.path.join(folder, "peer-read.h5")
    if not os.path.exists(path):
        batch = messages(folder)
        for _ in range(COUNT // len(batch)):
            raw.to_rawfile(path + ".new", batch, msg_headers={"io_groups": [1] * len(batch)}, io_version="0.0")
        os.rename(path + ".new", path)
    return path


def read(folder):
    path = made(folder)
    assert len(raw.from_rawfile(path)["msgs"]) == COUNT
    return [s / COUNT for s in _time.samples(lambda: raw.from_rawfile(path))]


def read_h5py(folder):
    with h5py.File(made(folder), "r") as f:
        msgs, headers = f["msgs"], f["msg_headers"]
        return [s / COUNT for s in _time.samples(lambda: (msgs[:], headers[:]))]


def length(folder):
    path = made(folder)
    return _time.samples(lambda: raw.len_rawfile(path))


def length_h5py(folder):
    with h5py.File(made(folder), "r", libver="latest", swmr=True) as f:
        msgs = f["msgs"]

        def look():
            msgs.refresh()
            return len(msgs)

        return _time.samples(look)


_time.main({"read": read, "read-h5py": read_h5py, "len": length, "len-h5py": length_h5py})
