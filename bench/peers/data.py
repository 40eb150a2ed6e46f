"""The data that both sides use, by the tools that define the formats: `python data.py DIR`."""

import os
import random
import struct
import sys

import numpy as np
from nengo.utils import nco


def archives(folder, rng):
    """Arrays of 16 MB of the sorts that deflate meets: noise, waves and counts as f32; a walk and an ADC as i16."""
    n = 1_400_000
    waves = np.sin(np.linspace(0, 700, n)) + 1e-3 * rng.standard_normal(n)
    counts = np.round(rng.standard_normal(n) * 50)
    f32 = np.concatenate([rng.standard_normal(n), waves, counts]).astype("<f4")
    n = 4_200_000
    walk = np.cumsum(rng.integers(-3, 4, n))
    i16 = np.concatenate([walk, 300 + np.round(rng.normal(0, 3, n))]).astype("<i2")
    for name, a in (("f32", f32), ("i16", i16)):
        np.save(os.path.join(folder, name + ".npy"), a)
        np.savez_compressed(os.path.join(folder, name + ".npz"), x=a)
    halves = {"%s_%d" % (a.dtype, i): part for a in (f32, i16) for i, part in enumerate(np.array_split(a, 16))}
    np.savez_compressed(os.path.join(folder, "many.npz"), **halves)
    np.savez(os.path.join(folder, "members.npz"), **{"k%d" % i: np.arange(10) * float(i) for i in range(5000)})


def main(folder):
    rng = np.random.default_rng(1)
    np.save(os.path.join(folder, "image.npy"), rng.standard_normal((1000, 500)))
    np.save(os.path.join(folder, "small.npy"), np.arange(100) * 0.5)
    np.save(os.path.join(folder, "large.npy"), rng.random(50_000_000))
    archives(folder, rng)
    with open(os.path.join(folder, "small.nco"), "wb") as f:
        info = {"rmses": np.array([0.017, 0.018]), "iterations": 8, "time": 0.0009765625}
        nco.write(f, info, rng.standard_normal((60, 2)))
    # Messages of 206 bytes in the mean, as a detector's are: a header of 8 and words of 16. Their bytes are noise:
    # neither side looks into them. Lengths differ, as larpix-control is far slower when all are equal.
    noise = random.Random(2)
    words = [noise.randrange(5, 21) for _ in range(1000)]
    while sum(words) != 12_375:
        i = noise.randrange(1000)
        words[i] = max(5, min(20, words[i] + (1 if sum(words) < 12_375 else -1)))
    with open(os.path.join(folder, "messages.bin"), "wb") as f:
        for count in words:
            size = 8 + 16 * count
            f.write(struct.pack("<I", size) + noise.randbytes(size))


if __name__ == "__main__":
    main(sys.argv[1])
