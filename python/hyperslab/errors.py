"""Exceptions: one class for each kind of fault, each also of the class that the originals raise."""

from __future__ import annotations

import os as _os

__all__ = ["HyperslabError", "InvalidError", "UnsupportedError", "LimitError", "UsageError", "ConflictError", "FileError"]


class HyperslabError(Exception):
    """Anything that this package raises. ``file``, ``path`` (in the container) and ``offset`` (in bytes) say where."""

    file: str | None = None
    path: str | None = None
    offset: int | None = None


class InvalidError(HyperslabError, ValueError, OSError):
    """The file breaks its format's rules."""


class UnsupportedError(HyperslabError, NotImplementedError, ValueError):
    """The file may be right; this version does not handle what it uses."""


class LimitError(HyperslabError, MemoryError, ValueError):
    """Refused on purpose: it would take more memory than it may."""


class UsageError(HyperslabError, ValueError):
    """The caller asked for something that cannot be."""


class ConflictError(HyperslabError, OSError):
    """Another program, lock or version stands in the way."""


class FileError(HyperslabError, OSError):
    """The operating system refused or failed."""


def _with(cls: type[OSError]) -> type[HyperslabError]:
    return type(cls.__name__, (FileError, cls), {"__doc__": cls.__doc__, "__module__": __name__})


#: What the operating system says, as the class that Python has for it.
_SYSTEM = {cls: _with(cls) for cls in (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError)}
_KINDS = {
    "invalid": InvalidError,
    "unsupported": UnsupportedError,
    "limit": LimitError,
    "usage": UsageError,
    "conflict": ConflictError,
    "io": FileError,
}


def of(
    kind: str,
    text: str,
    *,
    file: _os.PathLike[str] | None = None,
    path: str | None = None,
    offset: int | None = None,
    errno: int | None = None,
) -> HyperslabError:
    """The exception of an error of the native half."""
    cls = _KINDS[kind]
    if kind == "io" and errno is not None:
        cls = _SYSTEM.get(type(OSError(errno, "")), FileError)
    made = cls(text)
    if errno is not None and isinstance(made, OSError):
        made.errno = errno
    made.file = None if file is None else _os.fspath(file)
    made.path = path
    made.offset = offset
    return made
