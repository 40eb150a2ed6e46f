"""What the tests share."""

import numpy as np
import pytest

#: One of each kind of type that NumPy files and HDF5 both hold.
DTYPES = ["?", "i1", "<u2", ">i4", "<i8", "<f2", "<f4", ">f8", "<c8", "<c16", "S5", "<U4", ">U2", "<M8[ns]", "<m8[D]", "V3",
          [("a", "<i4"), ("b", ">f8", (2,)), ("c", [("d", "S2")])]]  # fmt: skip


def sample(dtype, shape=(3, 4)):
    """An array of a type, of bytes that say something in each."""
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    if dtype.kind == "U":
        return np.array([f"{i}é"[: dtype.itemsize // 4] for i in range(n)], dtype).reshape(shape)
    if dtype.kind == "b":
        return np.arange(n).reshape(shape) % 3 == 0
    raw = (np.arange(n * dtype.itemsize) * 7 % 51 + 1).astype("u1")
    return raw.view(dtype).reshape(shape)


@pytest.fixture(params=DTYPES, ids=str)
def array(request):
    return sample(request.param)
