"""The raw message log: a drop-in for ``larpix.format.rawhdf5format``, and what it lacks.

The functions have the signatures, results and exceptions of the original; where its documentation and its code disagree,
the documentation's promise is kept. :class:`RawLog` opens a log once and appends many times; :func:`follow` hands out
messages as they come.

>>> import os, tempfile
>>> from hyperslab.rawhdf5format import RawLog, from_rawfile, len_rawfile, to_rawfile
>>> with tempfile.TemporaryDirectory() as d:
...     file = os.path.join(d, "run.h5")
...     to_rawfile(file, [b"one", b"two"], msg_headers={"io_groups": [1, 2]}, io_version="0.1")
...     with RawLog(file) as log:
...         _ = log.append(b"three", io_group=3)
...     read = from_rawfile(file, start=1)
...     len_rawfile(file), read["msgs"], read["msg_headers"]
(3, [b'two', b'three'], {'io_groups': [2, 3]})
"""

from __future__ import annotations

import warnings as _warnings
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from time import sleep as _sleep
from typing import Any

import numpy as np

from ._native import Follow as _Follow
from ._native import RawLog
from ._native import RawReader as _RawReader
from ._native import latest_version as latest_version
from .errors import ConflictError, UsageError

__all__ = [
    "RawLog", "UnknownVersionError", "VersionError", "dataset_dtypes", "follow", "from_rawfile", "from_rawfile_flat",
    "latest_version", "len_rawfile", "to_rawfile",
]  # fmt: skip

Path = str | PathLike[str]

#: What each version of the log is made of; ``msgs`` are sequences of bytes, of any length.
dataset_dtypes: dict[str, dict[str, np.dtype]] = {
    "0.0": {
        "msgs": np.dtype("O", metadata={"vlen": np.dtype("u1")}),
        "msg_headers": np.dtype([("io_groups", "u1")]),
    }
}

#: Tries at a file that another program is writing.
_READ_ATTEMPTS = 100


class VersionError(ConflictError, AssertionError, RuntimeError):
    """The file has another version than the one that was asked for."""


class UnknownVersionError(UsageError, KeyError):
    """A version of the log that was never defined."""

    __str__ = Exception.__str__


def _header_of(msgs: Sequence[bytes], msg_headers: Mapping[str, Iterable[int]] | None) -> bytes | None:
    """The io_group of each message; ``None`` for zeros."""
    names = dataset_dtypes[latest_version]["msg_headers"].names or ()
    columns = {key: list(values) for key, values in (msg_headers or {}).items()}
    for key, values in columns.items():
        if key not in names:
            raise RuntimeError(f"Encountered unknown message header key {key}")
        if len(values) != len(msgs):
            raise AssertionError(
                f"Data length mismatch! msgs is length {len(msgs)}, but msg_headers field {key} is length {len(values)}"
            )
    found = columns.get("io_groups")
    return None if found is None else np.asarray(found).astype("u1").tobytes()


def to_rawfile(
    filename: Path,
    msgs: Iterable[bytes] | None = None,
    version: str | None = None,
    msg_headers: Mapping[str, Iterable[int]] | None = None,
    io_version: str | None = None,
) -> None:
    """Appends messages to a log, which is made if it is not there.

    ``msgs`` is any iterable of bytes; ``None`` only makes the file, or marks it as modified. ``msg_headers`` is a dict of
    one iterable, ``io_groups``; what is missing is zero. ``version`` and ``io_version`` are ``"major.minor"``.

    Raises :class:`VersionError` (an ``AssertionError`` and a ``RuntimeError``) for a file of another version,
    :class:`UnknownVersionError` (a ``KeyError``) for a new file of a version that was never defined, before anything is
    written; ``RuntimeError`` for an unknown header, ``AssertionError`` for one of another length.
    """
    gathered = None if msgs is None else list(msgs)
    groups = None if gathered is None else _header_of(gathered, msg_headers)
    try:
        log = RawLog(filename, version, io_version)
    except ConflictError as e:
        raise _version_error(e) from None
    except UsageError as e:
        raise _unknown(e, version) from None
    with log:
        if gathered:
            log.extend(gathered, groups)
        log.commit()


def _version_error(e: ConflictError) -> ConflictError:
    if "version" not in str(e):
        return e
    made = VersionError(str(e))
    made.file = e.file
    return made


def _unknown(e: UsageError, version: str | None) -> UsageError:
    return UnknownVersionError(str(e)) if version not in (None, *dataset_dtypes) else e


def _open(filename: Path, attempts: int) -> _RawReader:
    """A log at a moment at which it has as many headers as messages."""
    last: Exception | None = None
    tries = 0
    while tries < _READ_ATTEMPTS:
        tries += 1
        try:
            log = _RawReader(filename)
        except OSError as e:
            if e.errno is not None:
                raise
            _warnings.warn(f"{e}\ntrying again...", RuntimeWarning, stacklevel=3)
            last = e
            continue
        if attempts == 0 or log.uneven is None:
            return log
        if 0 < attempts <= tries:
            raise RuntimeError(f"Could not achieve a stable file state after {attempts} attempts!")
        if attempts < 0:
            tries = 0
        _sleep(0.001)
    raise last if last is not None else RuntimeError(
        f"Could not achieve a stable file state after {_READ_ATTEMPTS} attempts!"
    )


def len_rawfile(filename: Path, attempts: int = 1) -> int:
    """The number of messages of a log, also while it is written.

    ``attempts`` is how often a file is looked at that has more messages than headers: without end where it is negative,
    not at all where it is 0.
    """
    return len(_open(filename, attempts))


def _checked(log: _RawReader, version: str | None, io_version: str | None) -> dict[str, Any]:
    created, modified, file_version, file_io_version = log.info
    try:
        warning = log.check(version, io_version)
    except ConflictError as e:
        raise _version_error(e) from None
    if warning is not None:
        _warnings.warn(warning, RuntimeWarning, stacklevel=3)
    if version is not None:
        major, minor = file_version.split(".")
        file_version = f"{major}.{min(int(minor), int(version.split('.')[1]))}"
    return {"created": created, "modified": modified, "version": file_version, "io_version": file_io_version}


def _rows(
    start: int | None, end: int | None, mask: Any
) -> tuple[int | None, int | None, list[bool] | None]:
    if mask is not None:
        return None, None, np.asarray(mask, dtype=bool).tolist()
    return None if start is None else int(start), None if end is None else int(end), None


def from_rawfile(
    filename: Path,
    start: int | None = None,
    end: int | None = None,
    version: str | None = None,
    io_version: str | None = None,
    msg_headers_only: bool = False,
    mask: Any = None,
    attempts: int = 1,
) -> dict[str, Any]:
    """Messages ``start`` to ``end`` of a log, or those of a boolean ``mask``, also while it is written.

    Returns a dict of ``created``, ``modified``, ``version``, ``io_version``, ``msgs`` (a list of bytes, ``None`` with
    ``msg_headers_only``) and ``msg_headers`` (a dict of one list, ``io_groups``). Raises :class:`VersionError` where the
    file's versions do not serve those that are asked for.
    """
    log = _open(filename, attempts)
    out = _checked(log, version, io_version)
    rows = _rows(start, end, mask)
    if msg_headers_only:
        out["msgs"], groups = None, log.io_groups(*rows)
    else:
        out["msgs"], groups = log.lists(*rows)
    out["msg_headers"] = {"io_groups": list(groups)}
    return out


def from_rawfile_flat(
    filename: Path,
    start: int | None = None,
    end: int | None = None,
    version: str | None = None,
    io_version: str | None = None,
    mask: Any = None,
    attempts: int = 1,
) -> dict[str, Any]:
    """As :func:`from_rawfile`, without an object for every message: ``data`` holds the bytes of all, ``offsets`` (one
    more than messages) where each begins, so that message ``i`` is ``data[offsets[i]:offsets[i + 1]]``, and
    ``io_groups`` the header of each: arrays."""
    log = _open(filename, attempts)
    out = _checked(log, version, io_version)
    data, offsets, groups = log.flat(*_rows(start, end, mask))
    out["data"] = np.frombuffer(data, "u1")
    out["offsets"] = np.frombuffer(offsets, "<u8")
    out["io_groups"] = np.frombuffer(groups, "u1")
    return out


def follow(filename: Path, start: int = 0, timeout: float | None = None) -> Iterable[tuple[int, bytes]]:
    """Messages of a log as they come, from position ``start`` on (counted from the end where it is negative).

    Waits for more until nothing has come for ``timeout`` seconds, without end where that is ``None``; Ctrl-C is heard.
    Yields ``(io_group, message)``.
    """
    return _Follow(filename, start, timeout)
