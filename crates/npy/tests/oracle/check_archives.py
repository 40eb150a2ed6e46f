"""Opens archives that were written and edited by us, in NumPy, in zipfile, and as the simplest readers do."""
import json
import os
import struct
import sys
import zipfile
import zlib

folder = sys.argv[1]
wrong = []
members = 0


def walk(path):
    """Members by local headers alone, one after another, as readers without a directory find them."""
    with open(path, "rb") as f:
        bytes_ = f.read()
    at = 0
    found = {}
    while bytes_[at:at + 4] == b"PK\x03\x04":
        need, flags, method, _, _, crc, packed, size, name_len, extra_len = struct.unpack_from("<5H3L2H", bytes_, at + 4)
        assert need == 20 and flags & ~0x800 == 0, (path, need, flags)
        name = bytes_[at + 30:at + 30 + name_len].decode()
        start = at + 30 + name_len + extra_len
        extra = bytes_[at + 30 + name_len:start]
        while extra:
            kind, n = struct.unpack_from("<2H", extra)
            assert kind != 1, (path, name, "ZIP64")
            extra = extra[4 + n:]
        data = bytes_[start:start + packed]
        if method == 0 and size:
            assert start % 64 == 0, (path, name, "not aligned")
        else:
            assert method in (0, 8), (path, name, method)
        if method == 8:
            inflater = zlib.decompressobj(-15)
            data = inflater.decompress(data)
            assert inflater.eof and not inflater.unused_data, (path, name)
        assert len(data) == size and zlib.crc32(data) == crc, (path, name)
        found[name] = data
        at = start + packed
    assert bytes_[at:at + 4] == b"PK\x01\x02", path
    return found


for line in open(os.path.join(folder, "manifest.jsonl")):
    want = json.loads(line)
    path = os.path.join(folder, want["file"])
    local = walk(path)
    with zipfile.ZipFile(path) as z:
        if z.testzip() is not None:
            wrong.append(path)
        if list(local) != z.namelist():
            wrong.append("%s: %r %r" % (path, list(local), z.namelist()))
    with np.load(path) as z:
        for row in want["rows"]:
            a = z[row["key"]]
            members += 1
            if (list(a.shape), digest(a)) != (row["shape"], row["sha256"]):
                wrong.append("%s: %s: %r %r" % (path, row["key"], a.dtype, a.shape))
print("\n".join(wrong[:20]) if wrong else "%d members agree" % members)
