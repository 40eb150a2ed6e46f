"""Nengo cache objects: a drop-in for ``nengo.utils.nco``. Metadata is read without executing anything.

>>> import io, numpy as np
>>> from hyperslab import nco
>>> file = io.BytesIO()
>>> nco.write(file, {"rmses": [0.5]}, np.eye(2))
>>> _ = file.seek(0)
>>> metadata, array = nco.read(file)
>>> metadata, array.shape
({'rmses': [0.5]}, (2, 2))
"""

from __future__ import annotations

import os as _os
import pickle as _pickle
import struct as _struct
import sys as _sys
from typing import Any

import numpy as np

from ._native import nco_dump as _dump
from ._native import nco_read as _read
from .errors import FileError, HyperslabError

__all__ = ["ALIGNMENT", "HEADER_FORMAT", "HEADER_SIZE", "MAGIC_STRING", "SUPPORTED_PROTOCOLS", "CacheIOError", "Subfile",
           "read", "write"]  # fmt: skip

MAGIC_STRING = b"NCO"
SUPPORTED_PROTOCOLS = [0]
HEADER_FORMAT = f"@{len(MAGIC_STRING)}sBLLLL"
HEADER_SIZE = _struct.calcsize(HEADER_FORMAT)
ALIGNMENT = 16


class CacheIOError(FileError):
    """No cache object, or a damaged one. Where nengo is loaded, what is raised is also of nengo's class."""


def _error(text: str, cause: HyperslabError | None = None) -> CacheIOError:
    nengo = _sys.modules.get("nengo.exceptions")
    cls = CacheIOError
    if nengo is not None:
        cls = type("CacheIOError", (CacheIOError, nengo.CacheIOError), {"__doc__": CacheIOError.__doc__})
    made = cls(text)
    if cause is not None:
        made.file, made.path, made.offset = cause.file, cause.path, cause.offset
    return made


class Subfile:
    """A part of a file as a file of its own: reading and seeking never leave ``start`` to ``end``.

    Of the file it wants ``read``, ``seek`` and ``tell``, and ``readinto`` and ``readline`` for methods of these names.
    """

    def __init__(self, fileobj: Any, start: int, end: int) -> None:
        self.fileobj = fileobj
        self.start = start
        self.end = end
        self.fileobj.seek(start)

    @property
    def max_size(self) -> int:
        """What is left to read."""
        return max(0, self.end - max(self.start, self.fileobj.tell()))

    def _most(self, size: int | None) -> int:
        return self.max_size if size is None or size < 0 else min(size, self.max_size)

    def read(self, size: int | None = None) -> Any:
        """At most ``size`` bytes; without it, or with a negative one, all that are left."""
        return self.fileobj.read(self._most(size))

    def readinto(self, b: Any) -> int:
        """Fills a buffer as far as there are bytes; their number."""
        view = memoryview(b).cast("B")
        return self.fileobj.readinto(view[: self._most(len(view))])

    def readline(self, size: int | None = None) -> Any:
        """A line, or what there is of it."""
        return self.fileobj.readline(self._most(size))

    def seek(self, offset: int, whence: int = _os.SEEK_SET) -> int:
        """Moves; places outside are those at the edges."""
        if whence == _os.SEEK_CUR:
            offset += self.fileobj.tell()
        elif whence == _os.SEEK_SET:
            offset += self.start
        elif whence == _os.SEEK_END:
            offset += self.end
        else:
            raise NotImplementedError(f"whence is {whence}, where 0, 1 and 2 are known")
        self.fileobj.seek(max(self.start, min(self.end, offset)))
        return self.tell()

    def tell(self) -> int:
        """The place, counted from the start of the part."""
        return self.fileobj.tell() - self.start

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """False."""
        return False


def write(fileobj: Any, metadata: Any, array: Any) -> None:
    """Writes an object at the place where a binary file is, byte for byte as nengo does.

    The metadata are pickled by Python with its highest protocol. The header goes in last: an object whose writer died has
    none.
    """
    start = fileobj.tell()
    pickled = _pickle.dumps(metadata, _pickle.HIGHEST_PROTOCOL)
    made = memoryview(_dump(start, pickled, np.asanyarray(array)))
    fileobj.seek(start + HEADER_SIZE)
    fileobj.write(made[HEADER_SIZE:])
    fileobj.seek(start)
    fileobj.write(made[:HEADER_SIZE])
    fileobj.seek(start + len(made))


def read(fileobj: Any, *, allow_pickle: bool = False) -> tuple[Any, np.ndarray]:
    """The metadata and the array of the object at the place where a binary file is.

    Nothing is executed: what the metadata name beyond plain values and NumPy's arrays comes back as an inert
    :class:`hyperslab.OpaqueObject`. With ``allow_pickle`` the caller says that the file is trusted, and Python's own
    pickle reads them.

    Raises :class:`CacheIOError` for what is no object, or a damaged one.
    """
    start = fileobj.tell()
    header = fileobj.read(HEADER_SIZE)
    if len(header) < HEADER_SIZE:
        raise _error(f"Not a Nengo cache object file: {len(header)} bytes where a header has {HEADER_SIZE}.")
    magic, version, *offsets = _struct.unpack(HEADER_FORMAT, header)
    if magic != MAGIC_STRING:
        raise _error("Not a Nengo cache object file.")
    if version not in SUPPORTED_PROTOCOLS:
        raise _error(f"NCO protocol version {version} is not supported.")
    fileobj.seek(0, _os.SEEK_END)
    # Elements lie in memory as they are aligned in the file.
    first, last = min(start, *offsets) & ~63, min(fileobj.tell(), max(offsets))
    fileobj.seek(first)
    data = bytearray(max(0, last - first))
    if fileobj.readinto(data) != len(data):
        raise _error("The file ended while it was read.")
    try:
        metadata, array = _read(data, first, start)
    except HyperslabError as e:
        raise _error(str(e), e) from None
    if allow_pickle:
        metadata = _pickle.loads(memoryview(data)[offsets[0] - first : offsets[1] - first])
    fileobj.seek(last)
    return metadata, array
