"""Whether two HDF5 files hold the same: tree, types, spaces, storage, elements, attributes.

`same.py A B [how]`: how `values` leaves out how elements are stored, `exactly` compares every parameter of filters. What one of them cannot be read from is a difference.
Elements of fixed size are compared as the bytes they are stored as, references by what they point at.
"""
import sys
import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5r, h5s, h5t

try:
    import hdf5plugin  # registers the codecs
except ImportError:
    hdf5plugin = None


def fail(path, what, a, b):
    raise SystemExit(f'{path}: {what}: {a!r} and {b!r}')


def holds(tid, classes):
    """Whether a type is made of one of these classes."""
    c = tid.get_class()
    if c in classes:
        return True
    if c == h5t.COMPOUND:
        return any(holds(tid.get_member_type(i), classes) for i in range(tid.get_nmembers()))
    if c in (h5t.ARRAY, h5t.VLEN):
        return holds(tid.get_super(), classes)
    return c == h5t.STRING and tid.is_variable_str() and h5t.VLEN in classes


def described(tid):
    """A type in words: two are equal when these are."""
    c, size = tid.get_class(), tid.get_size()
    if c == h5t.COMPOUND:
        members = [(tid.get_member_name(i), tid.get_member_offset(i), described(tid.get_member_type(i)))
                   for i in range(tid.get_nmembers())]
        return 'compound', size, members
    if c == h5t.ARRAY:
        return 'array', tid.get_array_dims(), described(tid.get_super())
    if c == h5t.ENUM:
        names = [tid.get_member_name(i) for i in range(tid.get_nmembers())]
        return 'enum', described(tid.get_super()), [(n, tid.enum_valueof(n)) for n in names]
    if c == h5t.VLEN:
        return 'vlen', described(tid.get_super())
    if c == h5t.STRING:
        size = None if tid.is_variable_str() else size
        return 'string', size, tid.get_cset(), tid.get_strpad()
    if c == h5t.OPAQUE:
        return 'opaque', size, tid.get_tag()
    if c == h5t.BITFIELD:
        return 'bitfield', size, tid.dtype.str
    if c == h5t.INTEGER:
        order = tid.get_order() if size > 1 else 0
        return 'int', size, order, tid.get_sign(), tid.get_offset(), tid.get_precision()
    if c == h5t.FLOAT:
        return 'float', size, tid.get_order(), tid.get_fields(), tid.get_ebias(), tid.get_offset(), tid.get_precision(), tid.get_norm()
    if c == h5t.REFERENCE:
        return 'reference', tid.equal(h5t.STD_REF_DSETREG)
    return c, size


def committed(tid):
    return h5py.h5i.get_name(tid) if tid.committed() else None


PATHS = {}


def paths(file):
    """The first of the shortest paths to every object, by its address."""
    if file.filename not in PATHS:
        found, waiting = {h5o.get_info(file.id).addr: '/'}, ['/']
        for base in waiting:
            for n in sorted(file[base]):
                path = base.rstrip('/') + '/' + n
                if isinstance(file[base].get(n, getlink=True), h5py.HardLink):
                    addr = h5o.get_info(file[path].id).addr
                    if addr not in found:
                        found[addr] = path
                        if isinstance(file[path], h5py.Group):
                            waiting.append(path)
        PATHS[file.filename] = found
    return PATHS[file.filename]


def target(file, ref):
    """What a reference points at."""
    if not ref:
        return None
    name = paths(file)[h5o.get_info(file[ref].id).addr]
    if isinstance(ref, h5py.RegionReference):
        sid = h5r.get_region(ref, file.id)
        kind = sid.get_select_type()
        if kind == h5s.SEL_HYPERSLABS:
            return name, sid.get_select_hyper_blocklist().tolist()
        if kind == h5s.SEL_POINTS:
            return name, sid.get_select_elem_pointlist().tolist()
        return name, kind
    return name


def plain(file, v):
    """A value that compares, whatever is in it."""
    if isinstance(v, (h5py.Reference, h5py.RegionReference)):
        return target(file, v)
    if isinstance(v, np.void) and v.dtype.names:
        return [plain(file, v[n]) for n in v.dtype.names]
    if isinstance(v, np.ndarray):
        return [plain(file, e) for e in v]
    if isinstance(v, (float, np.floating)) and v != v:
        return 'nan'
    if isinstance(v, np.generic):
        return v.tobytes() if v.dtype.kind == 'V' else v.item()
    return v


def space_of(sid):
    kind = sid.get_simple_extent_type()
    if kind != h5s.SIMPLE:
        return kind
    return sid.get_simple_extent_dims(), sid.get_simple_extent_dims(True)


def empty(sid):
    return sid.get_simple_extent_type() == h5s.NULL or sid.get_simple_extent_npoints() == 0


def high(file, read):
    try:
        return plain(file, read(file))
    except ValueError as e:
        # h5py before 3.12 reads no attribute with an empty sequence.
        if 'NULL pointer' not in str(e):
            raise
        return str(e)


def compare_elements(path, a, b, fa, fb, read_high):
    """`a` and `b`: low-level datasets or attributes."""
    ta, tb = a.get_type(), b.get_type()
    if not ta.equal(tb) and described(ta) != described(tb):
        fail(path, 'type', described(ta), described(tb))
    if committed(ta) != committed(tb):
        fail(path, 'named type', committed(ta), committed(tb))
    sa, sb = a.get_space(), b.get_space()
    if space_of(sa) != space_of(sb):
        fail(path, 'space', space_of(sa), space_of(sb))
    # Of what is large the description is enough: whoever wrote it has compared digests.
    if empty(sa) or sa.get_simple_extent_npoints() * ta.get_size() > 1 << 24:
        return
    if not holds(ta, {h5t.VLEN, h5t.REFERENCE}):
        raw = []
        for x, t in ((a, ta), (b, tb)):
            out = np.zeros(sa.get_simple_extent_npoints() * ta.get_size(), 'u1')
            if isinstance(x, h5a.AttrID):
                # The low level wants an array of the attribute's extents.
                out = np.zeros(sa.get_simple_extent_dims() if sa.get_simple_extent_type() == h5s.SIMPLE else (), f'V{ta.get_size()}')
                x.read(out, mtype=t)
            else:
                x.read(h5s.ALL, h5s.ALL, out, mtype=t)
            raw.append(out.tobytes())
        if raw[0] != raw[1]:
            fail(path, 'elements', raw[0][:80], raw[1][:80])
        return
    va, vb = high(fa, read_high), high(fb, read_high)
    if va != vb:
        fail(path, 'elements', str(va)[:200], str(vb)[:200])


def compare_attributes(path, a, b, fa, fb):
    na, nb = sorted(a.attrs), sorted(b.attrs)
    if na != nb or len(a.attrs) != len(b.attrs):
        fail(path, 'attributes', na, nb)
    for n in na:
        x, y = a.attrs.get_id(n), b.attrs.get_id(n)
        compare_elements(f'{path}@{n}', x, y, fa, fb, lambda f: (fa[path] if f is fa else fb[path]).attrs[n])


def storage(ds, how):
    p = ds.id.get_create_plist()
    layout = p.get_layout()
    filters = [p.get_filter(i) for i in range(p.get_nfilters())]
    if how != 'exactly':
        # Codecs have their own versions in their parameters, and not every libhdf5 tells shuffle the size of a reference.
        filters = [(c, None if c >= 256 or c == 2 else v) for c, _, v, _ in filters]
    chunk = p.get_chunk() if layout == h5d.CHUNKED else None
    fill = p.fill_value_defined()
    value = None
    if fill == h5d.FILL_VALUE_USER_DEFINED and not holds(ds.id.get_type(), {h5t.VLEN, h5t.REFERENCE}):
        t = ds.id.get_type()
        out = np.zeros((), f'V{t.get_size()}')
        value = ds.fillvalue if t.get_class() in (h5t.INTEGER, h5t.FLOAT) else None
        value = None if value is None else np.asarray(value).tobytes()
    return layout, chunk, filters, fill, value


def compare_links(path, a, b):
    la, lb = list(a), list(b)
    if sorted(la) != sorted(lb):
        fail(path, 'links', la[:50], lb[:50])
    for n in la:
        x, y = a.get(n, getlink=True), b.get(n, getlink=True)
        if type(x) is not type(y) or vars(x) != vars(y):
            fail(f'{path}/{n}', 'link', vars(x), vars(y))
    return [n for n in la if isinstance(a.get(n, getlink=True), h5py.HardLink)]


def compare(path, fa, fb, how, seen):
    a, b = fa[path], fb[path]
    key = h5o.get_info(a.id).addr
    if key in seen:
        return
    seen.add(key)
    if type(a) is not type(b):
        fail(path, 'kind', type(a), type(b))
    compare_attributes(path, a, b, fa, fb)
    if isinstance(a, h5py.Group):
        for n in compare_links(path, a, b):
            compare(path.rstrip('/') + '/' + n, fa, fb, how, seen)
    elif isinstance(a, h5py.Datatype):
        if described(a.id) != described(b.id):
            fail(path, 'type', described(a.id), described(b.id))
    else:
        compare_elements(path, a.id, b.id, fa, fb, lambda f: (fa if f is fa else fb)[path][()])
        if how != 'values' and storage(a, how) != storage(b, how):
            fail(path, 'storage', storage(a, how), storage(b, how))


def main(a, b, how='all'):
    with h5py.File(a, 'r') as fa, h5py.File(b, 'r') as fb:
        seen = set()
        compare('/', fa, fb, how, seen)
    print('same', len(seen), h5py.version.hdf5_version)


if __name__ == '__main__' and sys.argv[1:2] not in (['all'], ['values']):
    main(*sys.argv[1:])
