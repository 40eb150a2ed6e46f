"""The front door, against NumPy and h5py."""

import gc
import io
import sys
import threading
import weakref

import h5py
import numpy as np
import pytest

import hyperslab
from hyperslab import InvalidError, UsageError


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("order", ["C", "F", "strided", "reversed"])
@pytest.mark.parametrize("format", ["hdf5", "npy"])
def test_images_hold_every_type_and_order(array, order, format):
    given = {
        "C": array,
        "F": np.asfortranarray(array),
        "strided": np.repeat(array, 2, axis=1)[:, ::2],
        "reversed": array[::-1, ::-1],
    }[order]
    image = hyperslab.serialize(given, format=format)
    assert same(hyperslab.deserialize(image), given)
    assert same(hyperslab.deserialize(bytes(image), copy=True), given)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 0, 2), (1, 2, 3, 4, 5)])
@pytest.mark.parametrize("format", ["hdf5", "npy"])
def test_images_hold_every_shape(shape, format):
    given = np.ones(shape, "<f4")
    assert same(hyperslab.deserialize(hyperslab.serialize(given, format=format)), given)


def test_npy_bytes_are_those_of_numpy(array):
    for given in (array, np.asfortranarray(array)):
        there = io.BytesIO()
        np.save(there, given)
        assert hyperslab.serialize(given, format="npy") == there.getvalue()


def test_h5py_reads_images(array):
    if array.dtype.kind in "UMm":
        pytest.skip("h5py has no such type")
    with h5py.File(io.BytesIO(bytes(hyperslab.serialize(array, "x"))), "r") as f:
        assert np.array_equal(f["x"][...].view("V1"), np.ascontiguousarray(array).view("V1"))


def test_views_lie_over_the_bytes_they_are_given():
    image = bytearray(bytes(hyperslab.serialize(np.arange(6.0).reshape(2, 3))))
    view = hyperslab.deserialize(image)
    assert not view.flags.owndata and view.flags.writeable
    view[1, 2] = 77
    assert hyperslab.deserialize(bytes(image))[1, 2] == 77
    assert not hyperslab.deserialize(bytes(image)).flags.writeable
    copied = hyperslab.deserialize(image, copy=True)
    copied[0, 0] = -1
    assert hyperslab.deserialize(image)[0, 0] == 0


def test_views_keep_their_owner():
    image = hyperslab.serialize(np.arange(1000.0))
    gone = weakref.ref(image)
    before = sys.getrefcount(image)
    view = hyperslab.deserialize(image)
    assert sys.getrefcount(image) > before
    del image
    gc.collect()
    assert gone() is not None and view[999] == 999
    del view
    gc.collect()
    assert gone() is None


def test_insisting_on_a_view():
    packed = io.BytesIO()
    with h5py.File(packed, "w") as f:
        f.create_dataset("x", data=np.arange(100), compression="gzip")
    assert (hyperslab.deserialize(packed.getvalue()) == np.arange(100)).all()
    with pytest.raises(UsageError):
        hyperslab.deserialize(packed.getvalue(), copy=False)


@pytest.mark.parametrize("name", ["x.h5", "x.npz", "x.npy"])
def test_save_and_load(tmp_path, array, name):
    file = tmp_path / name
    hyperslab.save(file, array)
    assert same(hyperslab.load(file), array)
    with pytest.raises(UsageError, match="exists"):
        hyperslab.save(file, array)
    hyperslab.save(file, array[:1], replace=True)
    assert same(hyperslab.load(str(file)), array[:1])


def test_several_arrays_and_metadata(tmp_path):
    file = tmp_path / "run.h5"
    data = {"x": np.arange(12.0).reshape(3, 4), "g/y": np.arange(3, dtype=">u2")}
    hyperslab.save(file, data, {"who": "me", "n": 3, "v": np.arange(3), "ok": True}, gzip=4, shuffle=True, chunks=None)
    with hyperslab.open(file) as f:
        assert f.format == "hdf5" and list(f) == ["/x", "/g/y"] and len(f) == 2 and "/x" in f
        assert same(f["/x"], data["x"]) and same(f.read("x", "[1, ::2]"), data["x"][1, ::2])
        found = f.attributes()
        assert found["who"] == "me" and found["n"] == 3 and found["v"].tolist() == [0, 1, 2]
        with pytest.raises(KeyError, match="nothing|no"):
            f["nothing"]
        assert f.digest() == hyperslab.digest(file)
    with pytest.raises(UsageError, match="closed"):
        f.read("x")
    assert set(hyperslab.load(file)) == {"/x", "/g/y"}
    assert hyperslab.load(file, "g/y", "[-1]") == 2
    with h5py.File(file) as f:
        assert f.attrs["who"] == "me" and f["x"].compression == "gzip" and f["x"].shuffle


def test_strings_of_any_length(tmp_path):
    file = tmp_path / "t.h5"
    with h5py.File(file, "w") as f:
        f["t"] = ["", "grüße", "x" * 300]
        f.create_dataset("v", (2,), h5py.vlen_dtype("<i4"))
        f["v"][0] = [1, 2, 3]
    assert hyperslab.load(file, "t").tolist() == [b"", "grüße".encode(), b"x" * 300]
    assert [v.tolist() for v in hyperslab.load(file, "v")] == [[1, 2, 3], []]


def test_maps(tmp_path):
    file = tmp_path / "x.npy"
    np.save(file, np.arange(1000.0))
    view = hyperslab.load(file, map=True)
    assert not view.flags.writeable and not view.flags.owndata and (view == np.arange(1000.0)).all()


def test_convert_diff_verify(tmp_path):
    npz, h5 = tmp_path / "a.npz", tmp_path / "a.h5"
    np.savez(npz, x=np.arange(5), y=np.eye(3))
    done = hyperslab.convert(npz, h5, gzip=1)
    assert done["arrays"] == 2 and done["path"] == h5
    assert list(hyperslab.digest(npz).values()) == list(hyperslab.digest(h5).values())
    assert hyperslab.diff(npz, h5)["equal"]
    assert hyperslab.verify(h5)["sound"] is True
    data = bytearray(h5.read_bytes())
    data[0] = 0
    h5.write_bytes(data)
    with pytest.raises(hyperslab.HyperslabError):
        hyperslab.load(h5)


def test_recover(tmp_path):
    from hyperslab.rawhdf5format import from_rawfile, to_rawfile

    log, saved = tmp_path / "run.h5", tmp_path / "saved.h5"
    to_rawfile(log, [b"a", b"bb"], msg_headers={"io_groups": [1, 2]})
    data = bytearray(log.read_bytes())
    data[:48] = bytes(48)
    log.write_bytes(data)
    done = hyperslab.recover(log, saved)
    assert done["saved"] == 2
    assert from_rawfile(saved)["msgs"] == [b"a", b"bb"]


def test_errors_say_where(tmp_path):
    with pytest.raises(FileNotFoundError) as e:
        hyperslab.load(tmp_path / "nothing.npy")
    assert e.value.errno == 2 and e.value.file == str(tmp_path / "nothing.npy")
    bad = tmp_path / "bad.npy"
    np.save(bad, np.arange(10))
    bad.write_bytes(bad.read_bytes()[:150])
    with pytest.raises(InvalidError) as e:
        hyperslab.load(bad)
    assert e.value.file == str(bad) and str(bad) in str(e.value)
    for wrong in (b"", b"abc", bytes(200)):
        with pytest.raises(ValueError):
            hyperslab.deserialize(wrong)
    with pytest.raises(TypeError):
        hyperslab.deserialize("text")
    with pytest.raises(BufferError):
        hyperslab.deserialize(memoryview(bytes(hyperslab.serialize(np.eye(9))))[::2])
    with pytest.raises(TypeError, match="objects"):
        hyperslab.serialize(np.array([object()]))
    with pytest.raises(ValueError):
        hyperslab.serialize(np.eye(2), format="xml")


def test_subclasses_are_arrays():
    class Odd(np.ndarray):
        def view(self, *_):
            raise AssertionError("not to be called")

    odd = np.ndarray.view(np.eye(3), Odd)
    assert same(hyperslab.deserialize(hyperslab.serialize(odd)), np.eye(3))
    masked = np.ma.masked_array(np.arange(4), [0, 1, 0, 0])
    assert hyperslab.deserialize(hyperslab.serialize(masked)).tolist() == [0, 1, 2, 3]


def test_threads_read_one_file(tmp_path):
    file = tmp_path / "x.h5"
    data = np.arange(200_000.0).reshape(200, 1000)
    hyperslab.save(file, {"x": data}, gzip=1, chunks=(10, 1000))
    wrong = []
    with hyperslab.open(file) as f:

        def read(i):
            for k in range(20):
                row = (i * 20 + k) % 200
                if not (f.read("x", f"[{row}]") == data[row]).all():
                    wrong.append(row)

        threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    assert not wrong
