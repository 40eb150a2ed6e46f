"""larpix-control: a raw log to a packet file, as its converter does without --direct: parse, then to_file, a block of
10,240 messages at a time. Seconds for one row; of a log of 4,000 messages, because it takes 500 times as long as ours."""

import os

from larpix.format import hdf5format, pacman_msg_format as pacman, rawhdf5format as raw

import _time


def convert(path, out):
    total = raw.len_rawfile(path)
    rows = 0
    for start in range(0, total, 10_240):
        read = raw.from_rawfile(path, start=start, end=min(start + 10_240, total))
        packets = []
        for message, io_group in zip(read["msgs"], read["msg_headers"]["io_groups"]):
            packets.extend(pacman.parse(message, io_group=io_group))
        hdf5format.to_file(out, packet_list=packets)
        rows += len(packets)
    os.remove(out)
    return rows


def rows(folder):
    path, out = os.path.join(folder, "run-peer.h5"), os.path.join(folder, "peer-packets.h5")
    count = convert(path, out)
    return [_time.once(lambda: convert(path, out))[0] / count for _ in range(3)]


def start(folder):
    path, out = os.path.join(folder, "run-start.h5"), os.path.join(folder, "peer-packets.h5")
    return _time.samples(lambda: convert(path, out))


_time.main({"rows": rows, "start": start})
