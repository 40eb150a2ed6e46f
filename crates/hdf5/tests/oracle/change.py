"""Changes a file as a user of h5py would: `change.py FILE`. Prints, per dataset of elements of fixed size, its path, shape
and the SHA-256 of its bytes as they are stored."""
import hashlib
import json
import sys
import h5py
import numpy as np
from h5py import h5s

try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None


def raw(ds):
    t = ds.id.get_type()
    out = np.zeros(ds.size * t.get_size(), 'u1')
    if out.size:
        ds.id.read(h5s.ALL, h5s.ALL, out, mtype=t)
    return out


with h5py.File(sys.argv[1], 'r+') as f:
    arrays, groups = [], []
    f.visititems(lambda n, o: (arrays if isinstance(o, h5py.Dataset) else groups if isinstance(o, h5py.Group) else []).append(n))
    for n in arrays:
        ds = f[n]
        if ds.shape is not None and any(a != b for a, b in zip(ds.shape, ds.maxshape)):
            most = [3 * s + 5 if m is None else m for s, m in zip(ds.shape, ds.maxshape)]
            before = ds.shape
            ds.resize(most)
            if not varies(ds.id.get_type()) and 0 not in before:
                # The new corner has the bytes of the old one.
                t, rank = ds.id.get_type(), len(before)
                whole = raw(ds).reshape(*most, t.get_size())
                old = tuple(slice(0, s) for s in before)
                new = tuple(slice(m - s, m) for s, m in zip(before, most))
                whole[new] = whole[old].copy()
                ds.id.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(whole), mtype=t)
        ds.attrs['added'] = np.arange(3)
    for n in ['/'] + groups:
        f[n].attrs['a new one'] = 'text'
        f[n].create_group('added group')['x'] = np.arange(10)
        f[n]['added soft'] = h5py.SoftLink('/')
        if n != '/':
            f[n]['added hard'] = f['/']
with h5py.File(sys.argv[1], 'r') as f:
    rows = []

    def tell(n, o):
        if isinstance(o, h5py.Dataset) and o.shape is not None and not varies(o.id.get_type()):
            rows.append({'path': '/' + n, 'shape': list(o.shape), 'sha256': hashlib.sha256(raw(o).tobytes()).hexdigest()})

    f.visititems(tell)
for row in rows:
    print(json.dumps(row))
