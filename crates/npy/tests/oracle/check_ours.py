"""Loads what we wrote: every value must be ours, every NPY byte NumPy's own."""
import io
import json
import os
import sys
import zipfile

folder = sys.argv[1]
wrong = []
rows = [json.loads(line) for line in open(os.path.join(folder, "manifest.jsonl"))]


def expect(what, got, want):
    if got != want:
        wrong.append("%s: %r, expected %r" % (what, got, want))


def same(what, a, row):
    expect(what + " descr", json.loads(json.dumps(descr(a))), row["descr"])
    expect(what + " shape", list(a.shape), row["shape"])
    expect(what + " digest", digest(a), row["sha256"])


for row in rows:
    path = os.path.join(folder, row["key"] + ".npy")
    a = np.load(path)
    same(row["key"], a, row)
    again = io.BytesIO()
    np.save(again, a)
    if again.getvalue() != open(path, "rb").read():
        wrong.append("%s: np.save writes other bytes: %r" % (row["key"], again.getvalue()[:140]))
    raw = open(os.path.join(folder, row["key"] + ".raw"), "rb").read()
    expect(row["key"] + " raw size", len(raw), a.nbytes)
    if raw:
        same(row["key"] + " raw", np.fromfile(os.path.join(folder, row["key"] + ".raw"), a.dtype).reshape(a.shape), row)
    if a.dtype.names is None and raw != a.tobytes("C"):
        wrong.append(row["key"] + ": tofile writes other bytes")

for name in ("stored.npz", "deflated.npz"):
    path = os.path.join(folder, name)
    with zipfile.ZipFile(path) as z:
        expect(name, z.testzip(), None)
    with np.load(path) as z:
        expect(name, sorted(z.files), sorted([r["key"] for r in rows] + ["metadata.json", "raw.bin", "d/é", "empty/"]))
        for row in rows:
            same(name + ":" + row["key"], z[row["key"]], row)
        expect(name, z["d/é"].tolist(), [1.5])
        expect(name, z["raw.bin"], b"raw bytes")
        expect(name, json.loads(z["metadata.json"]), {"": {"title": {"value": "T"}}})
print("\n".join(wrong[:20]) if wrong else "NumPy %s: %d arrays agree" % (".".join(np.__version__.split(".")[:2]), len(rows)))
