"""The messages of the runs: see `stream.rs`, which makes the same."""

POOL = bytearray()
state = 1
for _ in range(1 << 16):
    state = (state * 1103515245 + 12345) % (1 << 31)
    POOL.append(state >> 16 & 255)
POOL = bytes(POOL)


def message(i):
    start = i * 31 % 61440
    return i.to_bytes(8, "little") + POOL[start : start + 16 * (5 + i * 7 % 16)]


