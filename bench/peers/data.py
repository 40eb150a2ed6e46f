"""The data that both sides use, by the tools that define the formats: `python data.py DIR`."""

import os
import pickle
import random
import struct
import sys

import numpy as np
from nengo.utils import nco


def field(rng):
    """A smooth field with noise in its lower bits, as climate models and reconstructions give: 16 MB of f32."""
    lat = np.linspace(-np.pi / 2, np.pi / 2, 360)[None, :, None]
    lon = np.linspace(0, 2 * np.pi, 370, endpoint=False)[None, None, :]
    t = np.arange(30)[:, None, None]
    waves = 8 * np.sin(3 * lon + 0.1 * t) * np.cos(lat) + 3 * np.sin(7 * lon - 0.3 * t + 2 * lat)
    return (273 + 30 * np.cos(lat) ** 2 + waves + rng.normal(0, 0.3, waves.shape)).astype("<f4")


def detector(rng, samples=31_250, channels=256):
    """Channels of an ADC: a pedestal each, noise of a few counts, pulses: 16 MB of i16."""
    a = rng.integers(300, 700, channels)[:, None] + rng.normal(0, 1.8, (channels, samples))
    pulse = np.exp(-np.arange(20) / 5) * (1 - np.exp(-np.arange(20) / 1.5))
    for at, channel in zip(rng.integers(0, samples - 20, 5000), rng.integers(0, channels, 5000)):
        a[channel, at : at + 20] += rng.exponential(200) * pulse
    return np.round(a).astype("<i2")


def archives(folder, rng):
    """The two sorts of arrays, alone and cut into members; and small members."""
    f32, i16 = field(rng), detector(rng)
    for name, a in (("f32", f32), ("i16", i16)):
        np.save(os.path.join(folder, name + ".npy"), a)
        np.savez_compressed(os.path.join(folder, name + ".npz"), x=a)
    parts = {"%s_%d" % (a.dtype, i): part for a in (f32, i16) for i, part in enumerate(np.array_split(a, 16))}
    np.savez_compressed(os.path.join(folder, "many.npz"), **parts)
    np.savez(os.path.join(folder, "members.npz"), **{"k%d" % i: np.arange(10) * float(i) for i in range(5000)})


def caches(folder, rng):
    """Cache directories: indexes of 10,000 and of 100,000 entries, in packs of a hundred; 10,000 packs of one entry."""

    def name():
        digits = rng.bytes(16).hex()
        return digits[:2], "-".join((digits[2:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])) + ".nco"

    def index(path, entries):
        with open(os.path.join(path, "index"), "wb") as f:
            pickle.dump((2, 5), f, 2)
            pickle.dump(entries, f, 5)

    for label, packs in (("10k", 100), ("100k", 1000)):
        path = os.path.join(folder, "cache-" + label)
        os.makedirs(path)
        entries = {}
        for _ in range(packs):
            file = os.path.join(path, *name())
            entries.update({rng.bytes(20).hex(): (file, 1200 * i, 1200 * i + 1190) for i in range(100)})
        index(path, entries)
    path = os.path.join(folder, "cache-files")
    entries = {}
    for i in range(10_000):
        shard, file = name()
        os.makedirs(os.path.join(path, shard), exist_ok=True)
        file = os.path.join(path, shard, file)
        with open(file, "wb") as f:
            nco.write(f, {"i": i}, np.full((60, 2), float(i)))
            entries[rng.bytes(20).hex()] = (file, 0, f.tell())
    index(path, entries)


def main(folder):
    rng = np.random.default_rng(1)
    np.save(os.path.join(folder, "image.npy"), rng.standard_normal((1000, 500)))
    np.save(os.path.join(folder, "small.npy"), np.arange(100) * 0.5)
    np.save(os.path.join(folder, "large.npy"), rng.random(50_000_000))
    archives(folder, rng)
    caches(folder, rng)
    np.save(os.path.join(folder, "doubles.npy"), rng.standard_normal(10_000_000))
    np.load(os.path.join(folder, "doubles.npy")).tofile(os.path.join(folder, "doubles.csv"), sep=",")
    with open(os.path.join(folder, "small.nco"), "wb") as f:
        info = {"rmses": np.array([0.017, 0.018]), "iterations": 8, "time": 0.0009765625}
        nco.write(f, info, rng.standard_normal((60, 2)))
    with open(os.path.join(folder, "eight.nco"), "wb") as f:
        nco.write(f, info, rng.standard_normal((512, 2)))
    with open(os.path.join(folder, "large.nco"), "wb") as f:
        nco.write(f, info, rng.standard_normal((1024, 512)))
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
