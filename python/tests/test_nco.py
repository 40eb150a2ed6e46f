"""Cache objects beside nengo's own."""

import io
import pickle

import numpy as np
import pytest

import hyperslab
from hyperslab import nco as ours

theirs = pytest.importorskip("nengo.utils.nco")
METADATA = {"rmses": np.array([0.5, 0.25]), "n": 3, "text": "grüße", "nested": [1, (2.5, None), {"a": True}], "s": {1, 2}}


class Touch:
    """What runs when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("start", [0, 5, 16, 209])
def test_bytes_are_those_of_nengo(array, start):
    files = []
    for module in (ours, theirs):
        f = io.BytesIO(b"x" * start)
        f.seek(start)
        module.write(f, METADATA, array)
        assert f.tell() == len(f.getvalue())
        files.append(f.getvalue())
    assert files[0] == files[1]


@pytest.mark.parametrize("writer", [ours, theirs], ids=["ours", "theirs"])
def test_packs_are_read(writer, tmp_path):
    file = tmp_path / "pack.nco"
    places = []
    with file.open("wb") as f:
        for i in range(5):
            places.append(f.tell())
            writer.write(f, {"i": i}, np.full((2, i), i, "<i4"))
    with file.open("rb") as f:
        for i, place in reversed(list(enumerate(places))):
            f.seek(place)
            metadata, array = ours.read(f)
            assert metadata == {"i": i} and (array == np.full((2, i), i, "<i4")).all()
            assert array.flags.writeable or not array.size


def test_metadata_come_back(tmp_path):
    f = io.BytesIO()
    theirs.write(f, METADATA, np.eye(2))
    f.seek(0)
    found, array = ours.read(f)
    assert found.keys() == METADATA.keys() and (found["rmses"] == METADATA["rmses"]).all()
    assert {k: v for k, v in found.items() if k != "rmses"} == {k: v for k, v in METADATA.items() if k != "rmses"}
    assert isinstance(found["nested"][1], tuple)


def test_nothing_is_executed():
    f = io.BytesIO()
    ours.write(f, {"evil": Touch()}, np.eye(2))
    f.seek(0)
    found, _ = ours.read(f)
    assert isinstance(found["evil"], hyperslab.OpaqueObject) and "exec" in found["evil"].name
    f.seek(0)
    with pytest.raises(SystemExit):
        ours.read(f, allow_pickle=True)


def test_errors_are_of_nengos_class():
    from nengo.exceptions import CacheIOError

    good = io.BytesIO()
    ours.write(good, {"a": 1}, np.eye(2))
    good = good.getvalue()
    for bad in (b"", b"NCO", b"BAD" + good[3:], good[:3] + b"\xff" + good[4:], good[:60], good[:-1]):
        for error in (CacheIOError, ours.CacheIOError, OSError):
            with pytest.raises(error):
                ours.read(io.BytesIO(bad))
    # An end beyond the file is that of the file, as for nengo.
    huge = good[:32] + (1 << 62).to_bytes(8, "little") + good[40:]
    assert (ours.read(io.BytesIO(huge))[1] == theirs.read(io.BytesIO(huge))[1]).all()


def test_a_part_of_a_file_keeps_its_bounds(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"0123456789")
    with file.open("rb") as f:
        part = ours.Subfile(f, 2, 6)
        room = bytearray(9)
        assert part.readinto(room) == 4 and room == b"2345" + bytes(5)
        assert part.read() == b"" and part.seek(1) == 1 and part.read(-1) == b"345"


def test_pickles_of_every_protocol_are_read():
    for protocol in range(6):
        data = pickle.dumps([1, 2.5, "x", b"y", None, (True, {"k": 10**30})], protocol)
        assert hyperslab._native.unpickle(data) == ([1, 2.5, "x", b"y", None, (True, {"k": 10**30})], len(data))
