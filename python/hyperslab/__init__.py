"""Arrays, their metadata and message streams in self-describing bytes, and back.

The front door: any file of any known format (NumPy's, HDF5, Nengo cache objects, raw logs, text) by the same functions.

>>> import hyperslab, numpy as np, os, tempfile
>>> with tempfile.TemporaryDirectory() as d:
...     file = os.path.join(d, "run.h5")
...     hyperslab.save(file, {"x": np.arange(6.0).reshape(2, 3)}, gzip=4)
...     hyperslab.load(file)
array([[0., 1., 2.],
       [3., 4., 5.]])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from . import errors as errors
from ._native import Container as _Container
from ._native import __version__ as __version__
from ._native import convert, deserialize, diff, recover, serialize, verify
from ._native import save as _save
from .errors import (
    ConflictError,
    FileError,
    HyperslabError,
    InvalidError,
    LimitError,
    UnsupportedError,
    UsageError,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

__all__ = [
    "Container", "OpaqueObject", "convert", "deserialize", "diff", "digest", "load", "ls", "open", "recover", "save",
    "serialize", "verify",
    "ConflictError", "FileError", "HyperslabError", "InvalidError", "LimitError", "UnsupportedError", "UsageError",
]  # fmt: skip

Path = str | PathLike[str]


class OpaqueObject:
    """Something that a file names and that has no plain value: what it was, and of what it was made. Never executed."""

    __slots__ = ("name", "parts")

    def __init__(self, name: str, parts: list[tuple[str, Any]]) -> None:
        self.name = name
        self.parts = parts

    def __repr__(self) -> str:
        return f"<OpaqueObject {self.name}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OpaqueObject):
            return NotImplemented
        return self.name == other.name and self.parts == other.parts

    __hash__ = None  # type: ignore[assignment]


class Container(Mapping[str, "np.ndarray"]):
    """An open file: a mapping of paths to arrays.

    Arrays are read when they are asked for. With ``map`` they lie over the mapped file: the caller says that nobody
    shortens it meanwhile.
    """

    def __init__(self, path: Path, *, map: bool = False, objects: bool = False) -> None:
        self._inner: _Container | None = _Container(path, map=map, objects=objects)

    @property
    def _open(self) -> _Container:
        if self._inner is None:
            raise UsageError("the file is closed")
        return self._inner

    @property
    def format(self) -> str:
        """What it is: ``npy``, ``npz``, ``hdf5``, ``nco``, ..."""
        return self._open.format

    def ls(self, path: str = "", *, depth: int | None = None, attributes: bool = False) -> list[dict[str, Any]]:
        """Every node below a path, as ``slab ls --json`` has them."""
        return self._open.nodes(path, depth=depth, attributes=attributes)

    def read(self, path: str = "", selection: str | None = None) -> np.ndarray:
        """An array, or the part of it that a selection such as ``"[0, 10:20]"`` takes."""
        return self._open.read(path, selection)

    def attributes(self, path: str = "") -> dict[str, Any]:
        """The metadata of a node."""
        return self._open.attributes(path)

    def digest(self, path: str = "") -> dict[str, str | None]:
        """The content digest of every array at and below a path: SHA-256 over values, the same in every container."""
        return self._open.digests(path)

    def close(self) -> None:
        """Lets go of the file. Arrays that were read stay."""
        self._inner = None

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __getitem__(self, path: str) -> np.ndarray:
        try:
            return self.read(path)
        except UsageError as e:
            raise KeyError(str(e)) from e

    def __iter__(self) -> Iterator[str]:
        return iter(self._open.arrays())

    def __len__(self) -> int:
        return len(self._open.arrays())

    def __repr__(self) -> str:
        return "<hyperslab closed>" if self._inner is None else repr(self._inner)


def open(path: Path, *, map: bool = False, objects: bool = False) -> Container:  # noqa: A001
    """Opens a file of any known format for reading. ``objects`` reads NumPy's arrays of Python objects, safely."""
    return Container(path, map=map, objects=objects)


def load(
    path: Path, name: str | None = None, selection: str | None = None, *, map: bool = False, objects: bool = False
) -> Any:
    """The array of a file, the one of this name, or a dict of all where there are several and none is named."""
    inner = _Container(path, map=map, objects=objects)
    if name is not None:
        return inner.read(name, selection)
    paths = inner.arrays()
    if len(paths) == 1:
        return inner.read(paths[0], selection)
    if selection is not None:
        raise UsageError(f"{path}: a selection of {len(paths)} arrays; say which by its name")
    return {path: inner.read(path) for path in paths}


def save(
    path: Path,
    data: ArrayLike | Mapping[str, ArrayLike],
    attributes: Mapping[str, Any] | None = None,
    *,
    replace: bool = False,
    gzip: int | None = None,
    chunks: tuple[int, ...] | None = None,
    shuffle: bool = False,
) -> None:
    """Writes one array, or a mapping of names to arrays, as the container that the file's extension names.

    ``attributes`` go to the array where there is one, to the root otherwise. The file appears whole or not at all, and
    one that is there is replaced only when asked.
    """
    arrays = list(data.items()) if isinstance(data, Mapping) else [("data", data)]
    node = arrays[0][0] if not isinstance(data, Mapping) else ""
    hung = [(node, name, value) for name, value in (attributes or {}).items()]
    _save(path, arrays, hung, replace=replace, gzip=gzip, chunks=chunks, shuffle=shuffle)


def ls(path: Path, *, depth: int | None = None, attributes: bool = False) -> list[dict[str, Any]]:
    """The nodes of a file, as ``slab ls --json`` has them."""
    return _Container(path).nodes("", depth=depth, attributes=attributes)


def digest(path: Path, name: str = "", *, objects: bool = False) -> dict[str, str | None]:
    """The content digest of every array of a file, by its path."""
    return _Container(path, objects=objects).digests(name)
