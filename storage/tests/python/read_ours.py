"""Reads the files that tests/interop.rs wrote with h5py and scipy and compares them.

Usage: read_ours.py FOLDER. The movie is value(t, y, x) = t + 100 y + 10000 x + 0.5, with one NaN.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
import scipy.io

folder = Path(sys.argv[1])
T, H, W = 37, 70, 90

t, y, x = np.meshgrid(np.arange(T), np.arange(H), np.arange(W), indexing="ij")
movie = (t + 100 * y + 10000 * x + 0.5).astype(np.float32)
movie[3, 4, 5] = np.nan
AXES = {
    # (x, reversed y, t) and (y, x, t)
    "notebook": movie[:, ::-1, :].transpose(2, 1, 0),
    "camera": movie.transpose(1, 2, 0),
}


def same(found, expected, dtype):
    assert found.dtype == dtype, (found.dtype, dtype)
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert np.array_equal(found, expected.astype(dtype), equal_nan=True)


checked = 0
for axes, expected in AXES.items():
    for precision, dtype in [("f32", np.float32), ("f64", np.float64)]:
        for level in [0, 1, 6]:
            stem = f"{axes}_{precision}_{level}"
            with h5py.File(folder / f"{stem}.h5") as file:
                assert list(file) == ["dff"], list(file)
                data = file["dff"]
                same(data[...], expected, dtype)
                assert data.shuffle == (level > 0)
                assert data.compression == ("gzip" if level else None)
                assert data.compression_opts == (level if level else None)
                attributes = dict(data.attrs)
                assert attributes["unit"] == "ΔF/F₀" and isinstance(attributes["unit"], str)
                assert attributes["frames"] == T and attributes["frames"].dtype == np.int64
                assert attributes["rate"] == 20.5 and attributes["rate"].dtype == np.float64
                assert np.array_equal(attributes["list"], [1.0, -2.5, np.nan], equal_nan=True)
                assert len(attributes) == 4
            mat = scipy.io.loadmat(folder / f"{stem}.mat")
            names = [name for name in mat if not name.startswith("__")]
            assert names == ["tr"], names
            same(mat["tr"], expected, dtype)
            checked += 2

plus = scipy.io.loadmat(folder / "plus_one.mat")["tr"]
same(plus, (AXES["notebook"].astype(np.float64) + 1.0), np.float32)

single = scipy.io.loadmat(folder / "one_frame.mat")["tr"]
same(single, AXES["camera"][:, :, :1], np.float32)

for level in [0, 1]:
    small = scipy.io.loadmat(folder / f"small_{level}.mat")
    same(small["tr_100"], np.array([[1.0, 3.0, 8.0]]), np.float64)
    same(small["tr_1200"], np.array([[2.0]]), np.float64)
    same(small["refImg"], movie[0, ::-1].T.astype(np.float64), np.float64)
    same(small["camera"], movie[0].astype(np.float64), np.float64)

print(f"{checked} movies agree")
