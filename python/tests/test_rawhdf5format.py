"""The raw message log beside larpix-control's own functions."""

import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import pytest

from hyperslab import rawhdf5format as ours

theirs = pytest.importorskip("larpix.format.rawhdf5format")


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "run.h5")


def messages(n, seed=0):
    random = np.random.default_rng(seed)
    return [random.bytes(random.integers(0, 40)) for _ in range(n)], random.integers(0, 256, n).tolist()


@pytest.mark.parametrize("writer", [ours, theirs], ids=["ours", "theirs"])
@pytest.mark.parametrize("reader", [ours, theirs], ids=["ours", "theirs"])
def test_each_reads_the_other(file, writer, reader):
    msgs, groups = messages(300)
    writer.to_rawfile(file, msgs[:100], msg_headers={"io_groups": groups[:100]}, io_version="1.2")
    other = theirs if writer is ours else ours
    other.to_rawfile(file, msgs[100:], msg_headers={"io_groups": groups[100:]})
    assert reader.len_rawfile(file) == 300
    read = reader.from_rawfile(file)
    assert read["msgs"] == msgs and read["msg_headers"] == {"io_groups": groups}
    assert read["version"] == "0.0" and read["io_version"] == "1.2"
    assert abs(read["created"] - time.time()) < 60 and read["modified"] >= read["created"]


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"start": 3},
        {"end": 5},
        {"start": -3},
        {"start": 2, "end": -2},
        {"start": 8, "end": 3},
        {"start": 100},
        {"mask": np.arange(10) % 3 == 0},
        {"mask": np.zeros(10, bool)},
        {"msg_headers_only": True},
        {"version": "0.0"},
        {"io_version": "1.0"},
        {"attempts": 0},
        {"attempts": 5},
    ],
    ids=str,
)
def test_results_are_those_of_the_original(file, how):
    msgs, groups = messages(10)
    theirs.to_rawfile(file, msgs, msg_headers={"io_groups": groups}, io_version="1.2")
    assert ours.from_rawfile(file, **how) == theirs.from_rawfile(file, **how)


def test_dtypes_are_those_of_the_original():
    for dataset, dtype in theirs.dataset_dtypes["0.0"].items():
        assert ours.dataset_dtypes["0.0"][dataset] == dtype
    assert h5py.check_vlen_dtype(ours.dataset_dtypes["0.0"]["msgs"]) == np.dtype("u1")
    assert ours.latest_version == theirs.latest_version


def test_any_iterable_and_missing_headers(file):
    ours.to_rawfile(file, (m for m in [b"a", bytearray(b"b"), memoryview(b"c"), np.array([100], "u1")]))
    ours.to_rawfile(file, [b"e"], msg_headers={})
    ours.to_rawfile(file)
    read = ours.from_rawfile(file)
    assert read["msgs"] == [b"a", b"b", b"c", b"d", b"e"] and read["msg_headers"]["io_groups"] == [0] * 5


def test_versions(file):
    with pytest.raises(KeyError, match="7.3"):
        ours.to_rawfile(file, [b"a"], version="7.3")
    with pytest.raises(FileNotFoundError):
        ours.len_rawfile(file)
    ours.to_rawfile(file, [b"a"], io_version="1.10")
    ours.to_rawfile(file, [b"b"], io_version="1.9")
    for wanted in ("2.0", "1.11"):
        for error in (AssertionError, RuntimeError):
            with pytest.raises(error, match="version"):
                ours.to_rawfile(file, [b"c"], io_version=wanted)
            with pytest.raises(error, match="version"):
                ours.from_rawfile(file, io_version=wanted)
    with pytest.raises(AssertionError):
        ours.from_rawfile(file, version="1.0")
    assert ours.from_rawfile(file, io_version="1.9")["msgs"] == [b"a", b"b"]


def test_a_log_without_an_io_version(file):
    theirs.to_rawfile(file, [b"a"], msg_headers={"io_groups": [1]})
    with pytest.raises(ours.VersionError, match="no io_version"):
        ours.to_rawfile(file, [b"b"], io_version="1.0")
    with pytest.warns(RuntimeWarning, match="io_version"):
        assert ours.from_rawfile(file, io_version="1.0")["msgs"] == [b"a"]


def test_wrong_headers(file):
    with pytest.raises(RuntimeError, match="unknown message header key other"):
        ours.to_rawfile(file, [b"a"], msg_headers={"other": [1]})
    with pytest.raises(AssertionError, match="length mismatch"):
        ours.to_rawfile(file, [b"a"], msg_headers={"io_groups": [1, 2]})
    with pytest.raises(TypeError):
        ours.to_rawfile(file, ["text"])


def test_what_is_no_log(tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as f:
        f["x"] = 1
    before = other.read_bytes()
    for call in (ours.len_rawfile, ours.from_rawfile, lambda f: ours.to_rawfile(f, [b"a"])):
        with pytest.raises(ValueError, match="log"):
            call(other)
    assert other.read_bytes() == before


def test_flat(file):
    msgs, groups = messages(50)
    ours.to_rawfile(file, msgs, msg_headers={"io_groups": groups})
    read = ours.from_rawfile_flat(file, start=5)
    data, at = read["data"], read["offsets"]
    assert [data[a:b].tobytes() for a, b in zip(at[:-1], at[1:])] == msgs[5:]
    assert read["io_groups"].tolist() == groups[5:]


def test_a_log_kept_open(file):
    with ours.RawLog(file, io_version="1.0") as log:
        assert log.append(b"one", io_group=1) == 1
        assert log.extend([b"two", b"three"], [2, 3]) == 3
        assert log.extend((b"x" for _ in range(2)), 9) == 5
        assert len(log) == 5 and log.committed == 0 and ours.len_rawfile(file) == 0
        assert log.commit() == 5 == ours.len_rawfile(file) == theirs.len_rawfile(file)
        with pytest.raises(ValueError):
            log.extend([b"a"], [1, 2])
        with pytest.raises(OSError):
            ours.RawLog(file)
    assert theirs.from_rawfile(file)["msg_headers"]["io_groups"] == [1, 2, 3, 9, 9]
    with pytest.raises(ValueError, match="closed"):
        log.append(b"late")
    log.close()


def test_many_threads_append(file):
    with ours.RawLog(file) as log:

        def work(i):
            for k in range(500):
                log.append(bytes([i, k % 256]), io_group=i)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    read = ours.from_rawfile(file)
    for i in range(8):
        assert [m[1] for m in read["msgs"] if m[0] == i] == [k % 256 for k in range(500)]


def test_follow(file):
    log = ours.RawLog(file)
    log.append(b"first", 1)
    log.commit()

    def later():
        for i in range(20):
            time.sleep(0.01)
            log.append(b"%d" % i, 2)
            log.commit()
        log.close()

    thread = threading.Thread(target=later)
    thread.start()
    seen = list(ours.follow(file, timeout=1.0))
    thread.join()
    assert seen == [(1, b"first")] + [(2, b"%d" % i) for i in range(20)]
    assert list(ours.follow(file, start=-2, timeout=0)) == [(2, b"18"), (2, b"19")]


def test_following_is_interrupted(file):
    ours.to_rawfile(file, [b"a"])
    script = (
        "import sys, _thread, threading\n"
        "from hyperslab.rawhdf5format import follow\n"
        "threading.Timer(0.3, _thread.interrupt_main).start()\n"
        "try:\n"
        "    [print(m) for m in follow(sys.argv[1])]\n"
        "except KeyboardInterrupt:\n"
        "    print('heard')\n"
    )
    said = subprocess.run([sys.executable, "-c", script, file], capture_output=True, text=True, timeout=30)
    assert "heard" in said.stdout, said.stderr
