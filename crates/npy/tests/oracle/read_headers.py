"""What NumPy makes of header texts: one JSON line each, null where it refuses."""
import json
import io
import struct
import sys
import warnings

warnings.simplefilter("ignore")
for line in open(sys.argv[1]):
    version, text = json.loads(line)
    body = text.encode("utf8" if version == 3 else "latin1")
    file = io.BytesIO(struct.pack("<H" if version == 1 else "<I", len(body)) + body)
    try:
        if version == 3:
            # The one way to version 3 without private names: a whole file of no elements behind the header.
            whole = io.BytesIO(b"\x93NUMPY\x03\x00" + file.getvalue() + bytes(1 << 16))
            a = np.lib.format.read_array(whole, allow_pickle=True)
            got = [list(a.shape), bool(a.flags.f_contiguous and not a.flags.c_contiguous), a.dtype]
        else:
            shape, fortran, dtype = getattr(np.lib.format, "read_array_header_%d_0" % version)(file)
            got = [list(shape), fortran, dtype]
        # What NumPy notices only when it makes the array, or not at all.
        elements = got[2].itemsize or 1
        for extent in got[0]:
            elements *= extent or 1
        if got[2].subdtype is not None or elements >= 2**63 or any(type(d) is not int or d < 0 for d in got[0]):
            got = None
        else:
            got[2] = np.lib.format.dtype_to_descr(got[2])
    except Exception:
        got = None
    print(json.dumps(got, default=repr))
