"""Writes with h5py the file that a list of cells describes: `matrix.py LIST OUT`.

A cell: path, type (as `slab ls --json` has it), shape (null: no elements; list), and what else applies: max, chunks,
layout, gzip, lzf, shuffle, fletcher32, filters (number, parameters, our parameters), fill (bytes, as hex), attribute (the cell is one of the object at `path`), group,
soft, external, hard, committed, named. Elements follow from their number: see `fill`.
"""
import json
import sys
import h5py
import numpy as np
from h5py import h5a, h5d, h5p, h5r, h5s, h5t, h5z

try:
    import hdf5plugin
except ImportError:
    hdf5plugin = None

NAMES = {
    'b1': None, 'i': {1: h5t.STD_I8LE, 2: h5t.STD_I16LE, 4: h5t.STD_I32LE, 8: h5t.STD_I64LE},
}


def tid(d):
    if isinstance(d, str):
        order, kind, size = d[0], d[1], int(d[2:])
        if kind == 'b':
            t = h5t.enum_create(h5t.STD_I8LE)
            t.enum_insert(b'FALSE', 0)
            t.enum_insert(b'TRUE', 1)
            return t
        if kind in 'iu':
            return getattr(h5t, f"STD_{'I' if kind == 'i' else 'U'}{8 * size}{'BE' if order == '>' else 'LE'}").copy()
        if kind == 'f':
            return getattr(h5t, f"IEEE_F{8 * size}{'BE' if order == '>' else 'LE'}").copy()
        if kind == 'c':
            part = getattr(h5t, f"IEEE_F{4 * size}{'BE' if order == '>' else 'LE'}")
            t = h5t.create(h5t.COMPOUND, size)
            t.insert(b'r', 0, part)
            t.insert(b'i', size // 2, part)
            return t
        if kind == 'V':
            t = h5t.create(h5t.OPAQUE, size)
            t.set_tag(b'')
            return t
        raise ValueError(d)
    if isinstance(d, list) and len(d) == 2 and isinstance(d[1], list) and all(isinstance(n, int) for n in d[1]):
        return h5t.array_create(tid(d[0]), tuple(d[1]))
    if isinstance(d, list):
        at, members = 0, []
        for m in d:
            if m[0] == '':
                at += int(m[1][2:])
                continue
            t = tid(m[1]) if len(m) == 2 else h5t.array_create(tid(m[1]), tuple(m[2]))
            members.append((m[0].encode(), at, t))
            at += t.get_size()
        t = h5t.create(h5t.COMPOUND, at)
        for m in members:
            t.insert(*m)
        return t
    if 'enum' in d:
        t = h5t.enum_create(tid(d['enum']))
        for n, v in d['members'].items():
            t.enum_insert(n.encode(), v)
        return t
    if 'opaque' in d:
        t = h5t.create(h5t.OPAQUE, d['opaque'])
        t.set_tag(d['tag'].encode())
        return t
    if 'bitfield' in d:
        return getattr(h5t, f"STD_B{8 * int(d['bitfield'][2:])}{'BE' if d['bitfield'][0] == '>' else 'LE'}").copy()
    if 'string' in d:
        s = d['string']
        t = h5t.C_S1.copy()
        t.set_size(h5t.VARIABLE if s['length'] is None else s['length'])
        t.set_cset(h5t.CSET_UTF8 if s['encoding'] == 'utf-8' else h5t.CSET_ASCII)
        t.set_strpad({'null-terminated': h5t.STR_NULLTERM, 'null-padded': h5t.STR_NULLPAD, 'space-padded': h5t.STR_SPACEPAD}[s['padding']])
        return t
    if 'vlen' in d:
        return h5t.vlen_create(tid(d['vlen']))
    if 'reference' in d:
        return (h5t.STD_REF_OBJ if d['reference'] == 'object' else h5t.STD_REF_DSETREG).copy()
    raise ValueError(d)


def fill(t, n):
    """The bytes of element `n` of a type of fixed size."""
    c, size = t.get_class(), t.get_size()
    if c == h5t.COMPOUND:
        out = bytearray(size)
        for i in range(t.get_nmembers()):
            m, at = t.get_member_type(i), t.get_member_offset(i)
            out[at:at + m.get_size()] = fill(m, n + at)
        return bytes(out)
    if c == h5t.ARRAY:
        base = t.get_super()
        return b''.join(fill(base, n + i) for i in range(int(np.prod(t.get_array_dims()))))
    if c == h5t.ENUM:
        return bytes([n % 2]) + bytes(size - 1)
    if c == h5t.STRING:
        return bytes(0x61 + (n + i) % 26 for i in range(size - 1)) + b'\0'
    return bytes(1 + (n * 7 + i) % 60 for i in range(size))


TARGETS = ['/', '/group', '/target', '/dangling no', None]


def value(f, t, n):
    """Element `n` of a type of any size, as h5py takes it."""
    c = t.get_class()
    if c == h5t.STRING:
        return ('grüße ' * (n % 3) + str(n)).encode() if n % 4 else b''
    if c == h5t.REFERENCE:
        to = [b'/', b'/group', b'/target', None][n % 4]
        if t.equal(h5t.STD_REF_OBJ):
            return h5py.Reference() if to is None else h5r.create(f.id, to, h5r.OBJECT)
        if to is None:
            return h5py.RegionReference()
        s = f['target'].id.get_space()
        if n % 4 == 0:
            s.select_hyperslab((1,), (2,), (3,), (2,))
        elif n % 4 == 1:
            s.select_elements(np.array([[5], [2], [9]], dtype='u8'))
        else:
            s.select_all()
        return h5r.create(f.id, b'/target', h5r.DATASET_REGION, s)
    if c == h5t.VLEN:
        base = t.get_super()
        if base.get_class() in (h5t.REFERENCE, h5t.VLEN, h5t.STRING):
            kept = [value(f, base, n + i) for i in range(n % 5)]
            out = np.empty(len(kept), dtype=object if base.get_class() != h5t.REFERENCE else h5py.ref_dtype)
            for i, v in enumerate(kept):
                out[i] = v
            return out
        raw = b''.join(fill(base, n + i) for i in range(n % 5))
        return np.frombuffer(raw, dtype=base.dtype)
    if c == h5t.COMPOUND:
        return tuple(value(f, t.get_member_type(i), n + t.get_member_offset(i)) for i in range(t.get_nmembers()))
    raw = fill(t, n)
    return np.frombuffer(raw, dtype=t.dtype)[0]


def elements(f, t, shape):
    n = int(np.prod(shape))
    if not varies(t):
        raw = b''.join(fill(t, i) for i in range(n))
        return np.frombuffer(raw, dtype=f'V{t.get_size()}').reshape(shape), t
    c = t.get_class()
    dtype = t.dtype
    out = np.empty(n, dtype=dtype)
    for i in range(n):
        out[i] = value(f, t, i)
    return out.reshape(shape), None


def space(cell):
    if cell['shape'] is None:
        return h5s.create(h5s.NULL)
    shape = tuple(cell['shape'])
    if not shape:
        return h5s.create(h5s.SCALAR)
    most = cell.get('max')
    return h5s.create_simple(shape, tuple(h5s.UNLIMITED if m is None else m for m in most) if most else shape)


def plist(cell, t):
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_obj_track_times(False)
    layout = cell.get('layout')
    if cell.get('chunks'):
        p.set_chunk(tuple(cell['chunks']))
    elif layout == 'compact':
        p.set_layout(h5d.COMPACT)
    if cell.get('shuffle'):
        p.set_shuffle()
    if cell.get('gzip') is not None:
        p.set_deflate(cell['gzip'])
    if cell.get('lzf'):
        p.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
    if cell.get('lz4'):
        p.set_filter(32004, h5z.FLAG_OPTIONAL, (0,))
    if cell.get('zstd') is not None:
        p.set_filter(32015, h5z.FLAG_OPTIONAL, (cell['zstd'],))
    if cell.get('bzip2') is not None:
        p.set_filter(307, h5z.FLAG_OPTIONAL, (cell['bzip2'],))
    for number, values, _ in cell.get('filters', []):
        p.set_filter(number, h5z.FLAG_OPTIONAL, tuple(values))
    if cell.get('fletcher32'):
        p.set_fletcher32()
    if cell.get('fill') is not None:
        one = np.frombuffer(bytes.fromhex(cell['fill']), dtype=t.dtype)[0]
        p.set_fill_value(np.asarray(one))
    return p


def parent(f, path):
    f.require_group(path.rsplit('/', 1)[0] or '/')


def make(cells, f):
    for cell in cells:
        path = cell['path']
        if 'group' in cell:
            f.require_group(path)
            continue
        if 'soft' in cell:
            parent(f, path)
            f[path] = h5py.SoftLink(cell['soft'])
            continue
        if 'external' in cell:
            parent(f, path)
            f[path] = h5py.ExternalLink(*cell['external'])
            continue
        if 'hard' in cell:
            parent(f, path)
            f[path] = f[cell['hard']]
            continue
        if cell.get('committed'):
            parent(f, path)
            tid(cell['dtype']).commit(f.id, path.encode(), lcpl=None)
            continue
        t = f[cell['named']].id if 'named' in cell else tid(cell['dtype'])
        s = space(cell)
        if 'attribute' in cell:
            a = h5a.create(f[path].id, cell['attribute'].encode(), t, s)
            if cell['shape'] is not None and 0 not in cell['shape']:
                v, mtype = elements(f, t, tuple(cell['shape']))
                a.write(v, mtype=mtype or h5t.py_create(v.dtype))
            continue
        parent(f, path)
        try:
            ds = h5d.create(f.id, path.encode(), t, s, dcpl=plist(cell, t))
        except Exception as e:
            raise SystemExit(f'{cell}: {e}')
        if cell['shape'] is None or 0 in cell['shape'] or cell.get('late'):
            continue
        v, mtype = elements(f, t, tuple(cell['shape']))
        ds.write(h5s.ALL, h5s.ALL, v, mtype=mtype or h5t.py_create(v.dtype))


if __name__ == '__main__':
    with open(sys.argv[1]) as text:
        cells = json.load(text)
    with h5py.File(sys.argv[2], 'w', libver=('earliest', 'v110')) as f:
        make(cells, f)
    print('ok')
