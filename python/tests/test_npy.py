"""NumPy's files beside NumPy's own functions."""

import io
import pickle

import numpy as np
import pytest

from hyperslab import npy


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("order", "CF")
def test_bytes_are_those_of_numpy(tmp_path, array, order):
    array = np.array(array, order=order)
    npy.save(tmp_path / "ours", array)
    np.save(tmp_path / "theirs", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    found = npy.load(tmp_path / "theirs.npy")
    assert same(found, array) and found.flags.writeable and found.flags.f_contiguous == array.flags.f_contiguous


@pytest.mark.parametrize("write", [npy.savez, npy.savez_compressed, np.savez, np.savez_compressed])
@pytest.mark.parametrize("read", [npy.load, np.load])
def test_archives(tmp_path, array, write, read):
    write(str(tmp_path / "a"), array, np.arange(3), x=array[:0], y=np.float32(2))
    with read(tmp_path / "a.npz") as f:
        assert list(f.files) == ["x", "y", "arr_0", "arr_1"] or list(f.files) == ["arr_0", "arr_1", "x", "y"]
        assert same(f["arr_0"], array) and same(f["x.npy"], array[:0]) and f["y"] == 2 and len(f) == 4
        assert "x" in f and "z" not in f
        with pytest.raises(KeyError):
            f["z"]
    with pytest.raises(Exception):
        f["x"]


def test_keys_that_collide(tmp_path):
    with pytest.raises(ValueError, match="arr_0"):
        npy.savez(tmp_path / "a", np.eye(2), arr_0=np.eye(3))
    assert not list(tmp_path.iterdir())


def test_objects_are_the_callers_word(tmp_path):
    objects = np.array([1, None, "x"], object)
    for write, name in ((npy.save, "o.npy"), (npy.savez, "o.npz")):
        write(tmp_path / name, objects)
    with pytest.raises(ValueError, match="allow_pickle"):
        npy.savez(tmp_path / "p.npz", objects, allow_pickle=False)
    with pytest.raises(ValueError, match="allow_pickle"):
        npy.load(tmp_path / "o.npy")
    assert npy.load(tmp_path / "o.npy", allow_pickle=True).tolist() == [1, None, "x"]
    with pytest.raises(ValueError, match="allow_pickle"):
        npy.load(tmp_path / "o.npz")["arr_0"]
    assert npy.load(tmp_path / "o.npz", allow_pickle=True)["arr_0"].tolist() == [1, None, "x"]
    (tmp_path / "p").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError):
        npy.load(tmp_path / "p")
    assert npy.load(tmp_path / "p", allow_pickle=True) == [1, 2]


def test_members_that_are_no_arrays(tmp_path):
    import zipfile

    np.savez(tmp_path / "a.npz", v=np.zeros((), "V5"))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as z:
        z.writestr("note.txt", b"hello")
    with npy.load(tmp_path / "a.npz") as f:
        assert f["note.txt"] == b"hello" and same(f["v"], np.zeros((), "V5"))


def test_file_objects_and_maps(tmp_path):
    f = io.BytesIO()
    npy.save(f, np.arange(4))
    npy.save(f, np.arange(5))
    f.seek(0)
    assert npy.load(f).tolist() == [0, 1, 2, 3] and npy.load(f).tolist() == [0, 1, 2, 3, 4]
    npy.save(tmp_path / "x.npy", np.arange(4))
    assert isinstance(npy.load(tmp_path / "x.npy", mmap_mode="r"), np.memmap)


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path):
    file = tmp_path / "x.npy"
    npy.save(file, np.arange(3))
    with pytest.raises(Exception):
        npy.save(file, np.zeros(3, [("a", "O")]), allow_pickle=False)
    held = np.load(file, mmap_mode="r")
    npy.save(file, np.arange(100.0))
    assert held.tolist() == [0, 1, 2] and npy.load(file).shape == (100,)


@pytest.mark.parametrize("keep", [0, 5, 6, 9, 10, 100, 129])
def test_truncated_files(tmp_path, keep):
    file = tmp_path / "x.npy"
    np.save(file, np.arange(10))
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises((ValueError, EOFError)) as ours:
        npy.load(file)
    if keep >= 6:
        assert str(file) in str(ours.value)
