"""NumPy's own files: ``save``, ``load``, ``savez`` and ``savez_compressed`` with NumPy's signatures, results and bytes.

New files appear whole or not at all. What is given as a path is read and written here; file objects, ``mmap_mode`` and
arrays of Python objects are handed to NumPy.

>>> import numpy as np, os, tempfile
>>> from hyperslab import npy
>>> with tempfile.TemporaryDirectory() as d:
...     npy.save(os.path.join(d, "x"), np.arange(3))
...     npy.savez_compressed(os.path.join(d, "all"), x=np.arange(3), y=np.eye(2))
...     with npy.load(os.path.join(d, "all.npz")) as f:
...         npy.load(os.path.join(d, "x.npy")), f.files, f["y"].shape
(array([0, 1, 2]), ['x', 'y'], (2, 2))
"""

from __future__ import annotations

import os as _os
from collections.abc import Iterator, Mapping
from io import BytesIO as _BytesIO
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ._native import Container as _Container
from ._native import npy_dump as _dump
from ._native import npy_load as _load
from ._native import replace_file as _replace
from ._native import save as _save
from .errors import HyperslabError

__all__ = ["NpzFile", "load", "save", "savez", "savez_compressed"]

Path = str | _os.PathLike[str]


def _named(file: Path, extension: str) -> str:
    name = _os.fspath(file)
    return name if name.endswith(extension) else name + extension


def _is_path(file: Any) -> bool:
    return isinstance(file, (str, _os.PathLike)) and isinstance(_os.fspath(file), str)


def save(file: Path | IO[bytes], arr: ArrayLike, allow_pickle: bool = True) -> None:
    """Writes an array as ``numpy.save`` does, byte for byte; ``.npy`` is added to a name without it."""
    array = np.asanyarray(arr)
    if not _is_path(file):
        np.save(file, array, allow_pickle=allow_pickle)
    elif array.dtype.hasobject:
        made = _BytesIO()
        np.save(made, array, allow_pickle=allow_pickle)
        _replace(_named(file, ".npy"), made.getbuffer())
    else:
        _dump(_named(file, ".npy"), array)


class NpzFile(Mapping[str, Any]):
    """An open NPZ: a mapping of keys to arrays, read when they are asked for.

    ``x`` and ``x.npy`` both name the member ``x.npy``; a member that is no array is its bytes, as with NumPy.
    """

    def __init__(self, file: Path, **how: Any) -> None:
        self._file = file
        self._how = how
        self._inner: _Container | None = _Container(file)
        self.files: list[str] = list(self._inner.arrays())

    def __getitem__(self, key: str) -> Any:
        if self._inner is None:
            raise ValueError("the NPZ file is closed")
        name = key if key in self.files else key.removesuffix(".npy")
        if name not in self.files:
            raise KeyError(f"{key} is not a file in the archive")
        try:
            array = self._inner.read(name)
        except NotImplementedError:
            return self._numpy(name)
        # Bytes that are no array are presented as one.
        return self._numpy(name) if array.ndim == 0 and array.dtype.kind == "V" else array

    def _numpy(self, name: str) -> Any:
        with np.load(self._file, **self._how) as f:
            return f[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and (key in self.files or key.removesuffix(".npy") in self.files)

    def close(self) -> None:
        """Lets go of the file. Arrays that were read stay."""
        self._inner = None

    def __enter__(self) -> NpzFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"NpzFile {_os.fspath(self._file)!r} with keys: {', '.join(self.files)}"


def load(
    file: Path | IO[bytes],
    mmap_mode: Literal["r+", "r", "w+", "c"] | None = None,
    allow_pickle: bool = False,
    fix_imports: bool = True,
    encoding: str = "ASCII",
    *,
    max_header_size: int = 10_000,
) -> Any:
    """The array of an NPY file, an :class:`NpzFile` for an NPZ, as ``numpy.load`` gives them.

    Python's pickle reads arrays of objects with ``allow_pickle``, which is the caller's word that the file is trusted.
    """
    how: dict[str, Any] = {
        "allow_pickle": allow_pickle,
        "fix_imports": fix_imports,
        "encoding": encoding,
        "max_header_size": max_header_size,
    }
    if not _is_path(file) or mmap_mode is not None:
        return np.load(file, mmap_mode, **how)
    try:
        return _load(file)
    except NotImplementedError:
        return np.load(file, **how)
    except HyperslabError:
        # No NPY: then an NPZ, a pickle, or something that is refused below.
        with open(file, "rb") as f:
            start = f.read(6)
        if start.startswith(b"\x93NUMPY"):
            raise
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return NpzFile(file, **how)
        return np.load(file, **how)


def _savez(
    file: Path | IO[bytes],
    args: tuple[ArrayLike, ...],
    kwds: dict[str, ArrayLike],
    allow_pickle: bool,
    gzip: int | None,
) -> None:
    arrays = {f"arr_{i}": np.asanyarray(a) for i, a in enumerate(args)}
    for key, value in kwds.items():
        if key in arrays:
            raise ValueError(f"Cannot use un-named variables and keyword {key}")
        arrays[key] = np.asanyarray(value)
    objects = any(a.dtype.hasobject for a in arrays.values())
    if objects and not allow_pickle:
        raise ValueError("Object arrays cannot be saved when allow_pickle=False")
    # NumPy before 2.1 takes `allow_pickle` for the name of an array: it is not passed on.
    by_numpy = np.savez if gzip is None else np.savez_compressed
    if not _is_path(file):
        by_numpy(file, *args, **kwds)
    elif objects:
        made = _BytesIO()
        by_numpy(made, *args, **kwds)
        _replace(_named(file, ".npz"), made.getbuffer())
    else:
        _save(_named(file, ".npz"), list(arrays.items()), [], replace=True, gzip=gzip)


def savez(file: Path | IO[bytes], *args: ArrayLike, allow_pickle: bool = True, **kwds: ArrayLike) -> None:
    """Writes arrays as an NPZ without compression, as ``numpy.savez`` does; payloads start at multiples of 64."""
    _savez(file, args, kwds, allow_pickle, None)


def savez_compressed(file: Path | IO[bytes], *args: ArrayLike, allow_pickle: bool = True, **kwds: ArrayLike) -> None:
    """Writes arrays as a deflated NPZ, as ``numpy.savez_compressed`` does, on all processors."""
    _savez(file, args, kwds, allow_pickle, 6)
