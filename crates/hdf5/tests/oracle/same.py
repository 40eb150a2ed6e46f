"""Whether two HDF5 files hold the same: tree, names of objects, orders, types, spaces, storage, elements, attributes.

`same.py A B [how]`: how `values` leaves out how things are stored, `exactly` compares every parameter of filters. What
can be read from one of them only is a difference; what h5py cannot read in A, made by others, is told. Elements of fixed
size are compared as the bytes they are stored as, references by what they point at.
"""
import hashlib
import sys
import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5r, h5s, h5t

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
        # By number: looking for one by its name takes as long as there are names.
        members = [(tid.get_member_name(i), tid.get_member_value(i)) for i in range(tid.get_nmembers())]
        return 'enum', described(tid.get_super()), members
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
    if isinstance(v, (np.void, np.ndarray)) and v.dtype.names:
        return [plain(file, v[n]) for n in v.dtype.names]
    if isinstance(v, np.ndarray):
        # Elements one by one only where they lead elsewhere: all others as the bytes they are.
        if v.dtype.kind != 'O':
            return v.shape, v.tobytes()
        flat = v.ravel().tolist()
        return v.shape, flat if all(type(e) in (bytes, str) for e in flat) else [plain(file, e) for e in flat]
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
    if empty(sa):
        return
    plain = not holds(ta, {h5t.VLEN, h5t.REFERENCE})
    for part in parts(sa, ta) if plain and not isinstance(a, h5a.AttrID) else [None]:
        va, problem = attempt(lambda: raw(a, sa, part) if plain else high(fa, read_high))
        vb, other = attempt(lambda: raw(b, sb, part) if plain else high(fb, read_high))
        if problem:
            UNREAD.append(f'{path}: {problem}')
            return
        if other or va != vb:
            fail(path, 'elements', str(problem or va)[:200], str(other or vb)[:200])


# What h5py cannot read in the first of two files.
UNREAD = []


def attempt(read):
    """What is read, or why it is not."""
    try:
        return read(), None
    except Exception as e:
        return None, f'{type(e).__name__} {e}'


def parts(sid, tid):
    """First row and number of rows of parts that are not too large; `None` for everything."""
    dims = sid.get_simple_extent_dims() if sid.get_simple_extent_type() == h5s.SIMPLE else ()
    size = sid.get_simple_extent_npoints() * tid.get_size()
    if size <= 1 << 26 or not dims:
        return [None]
    rows = max(1, (1 << 26) * dims[0] // size)
    return [(at, min(rows, dims[0] - at)) for at in range(0, dims[0], rows)]


def raw(x, sid, part):
    """The bytes of elements as they are stored: of all of them, or of some rows."""
    t = x.get_type()
    if isinstance(x, h5a.AttrID):
        # The low level wants an array of the attribute's extents.
        shape = sid.get_simple_extent_dims() if sid.get_simple_extent_type() == h5s.SIMPLE else ()
        out = np.zeros(shape, f'V{t.get_size()}')
        x.read(out, mtype=t)
        return out.tobytes()
    if part is None:
        out = np.zeros(sid.get_simple_extent_npoints() * t.get_size(), 'u1')
        x.read(h5s.ALL, h5s.ALL, out, mtype=t)
        return out.tobytes()
    start, count = part
    dims = sid.get_simple_extent_dims()
    there, here = sid.copy(), h5s.create_simple((count, *dims[1:]))
    there.select_hyperslab((start, *[0] * (len(dims) - 1)), (count, *dims[1:]))
    out = np.zeros(here.get_simple_extent_npoints() * t.get_size(), 'u1')
    x.read(here, there, out, mtype=t)
    return hashlib.sha256(out).digest()


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
    # Where nothing is said of it the value counts as undefined, as it does where that is said.
    fill = max(p.fill_value_defined(), h5d.FILL_VALUE_DEFAULT)
    value = None
    if fill == h5d.FILL_VALUE_USER_DEFINED and not holds(ds.id.get_type(), {h5t.VLEN, h5t.REFERENCE}):
        value, _ = attempt(lambda: np.asarray(ds.fillvalue).tobytes())
    # Elements that point elsewhere are always filled here, and nearly always by libhdf5.
    time = None if holds(ds.id.get_type(), {h5t.VLEN}) else p.get_fill_time()
    return layout, chunk, filters, fill, value, time, p.get_alloc_time()


def orders(x):
    """Which orders of creation an object keeps, and its names and attributes in them."""
    p = x.id.get_create_plist()
    kept = p.get_attr_creation_order()
    out = [kept, list(x.attrs) if kept else None]
    if isinstance(x, h5py.Group):
        kept = p.get_link_creation_order()
        out += [kept, list(x) if kept else None]
    return out


def noted(file, path, how):
    """The comment and the time of an object."""
    # Not h5o.get_comment: where there is none that hands out memory that nobody has written.
    root = h5g.open(file.id, b'/')
    time = 0 if how != 'all' else h5g.get_objinfo(file.id, path.encode()).mtime
    return root.get_comment(path.encode()), time


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
    """`seen`: the object of B that each object of A is, by their addresses."""
    (a, problem), (b, other) = attempt(lambda: fa[path]), attempt(lambda: fb[path])
    if problem and other:
        UNREAD.append(f'{path}: {problem}')
        return
    if problem or other:
        fail(path, 'object', problem or a, other or b)
    key, there = h5o.get_info(a.id).addr, h5o.get_info(b.id).addr
    if seen.setdefault(('a', key), there) != there or seen.setdefault(('b', there), key) != key:
        fail(path, 'names of one object', key, there)
    if ('done', key) in seen:
        return
    seen['done', key] = True
    if type(a) is not type(b):
        fail(path, 'kind', type(a), type(b))
    compare_attributes(path, a, b, fa, fb)
    if not isinstance(a, h5py.Datatype) and orders(a) != orders(b):
        fail(path, 'orders of creation', orders(a), orders(b))
    x, y = noted(fa, path, how), noted(fb, path, how)
    if x != y:
        fail(path, 'comment and time', x, y)
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


def block(file):
    with open(file.filename, 'rb') as f:
        return f.read(file.userblock_size)


def told(a, b, how='all'):
    """In words whether they are the same: `same`, `unread` or `other`, and what there is to say."""
    UNREAD.clear()
    fa, problem = attempt(lambda: h5py.File(a, 'r'))
    if problem:
        return 'unread', problem
    try:
        with fa, h5py.File(b, 'r') as fb:
            seen = {}
            if block(fa) != block(fb):
                fail(a, 'user block', block(fa)[:80], block(fb)[:80])
            compare('/', fa, fb, how, seen)
            objects = sum(k[0] == 'done' for k in seen)
    except SystemExit as e:
        return 'other', str(e)
    except Exception as e:
        return 'other', f'{type(e).__name__} {e}'
    finally:
        PATHS.clear()
    return ('same', f'{objects} objects', *[f'h5py cannot read in the original: {u}' for u in UNREAD])


def main(a, b, how='all'):
    said = told(a, b, how)
    if said[0] != 'same':
        raise SystemExit(' '.join(said))
    print(*said, h5py.version.hdf5_version)


if __name__ == '__main__' and sys.argv[1:2] not in (['all'], ['values']):
    main(*sys.argv[1:])
