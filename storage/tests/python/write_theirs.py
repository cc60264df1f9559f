"""Writes files with h5py and scipy for tests/interop.rs to read.

Usage: write_theirs.py FOLDER. Values are value(i, j, k) = i + 10 j + 100 k, shape (3, 4, 5).
"""

import sys
from pathlib import Path

import h5py
import numpy as np
import scipy.io

folder = Path(sys.argv[1])
i, j, k = np.meshgrid(np.arange(3), np.arange(4), np.arange(5), indexing="ij")
values = i + 10 * j + 100 * k
TYPES = ["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">f8", ">i2"]


def fit(kind):
    # Small integers hold the values modulo 100.
    return (values % 100 if kind in ("i1", "u1") else values).astype(kind)


# Library 1.10, which may be the one that reads them, does not know newer formats.
for name, libver in [("old", ("earliest", "v110")), ("new", ("v110", "v110"))]:
    file_path = folder / f"{name}.h5"
    with h5py.File(file_path, "w", libver=libver, userblock_size=512) as file:
        for kind in TYPES:
            name = kind.replace(">", "big_")
            file.create_dataset(f"contiguous/{name}", data=fit(kind))
            file.create_dataset(f"gzip/{name}", data=fit(kind), chunks=(2, 3, 2), compression="gzip")
            file.create_dataset(
                f"shuffle/{name}", data=fit(kind), chunks=(3, 4, 1), shuffle=True, compression=9,
                fletcher32=True,
            )
        file.create_dataset("unwritten", shape=(3, 4), dtype="f4", chunks=(1, 2), fillvalue=7)
        file.create_dataset("empty", shape=(0, 4), dtype="f4")
        file["scalar"] = 2.5
        file["text"] = "text"
        attributes = file["contiguous/f4"].attrs
        attributes["text"] = "µm"
        attributes["bytes"] = np.bytes_("fixed")
        attributes["integer"] = np.int16(-3)
        attributes["float"] = np.float32(0.5)
        attributes["list"] = np.array([1.0, 2.0])
        attributes["integers"] = np.array([[1, 2], [3, 4]])
        attributes["texts"] = ["left", "out"]
    # The library leaves this block to others; MATLAB writes into that of its version 7.3.
    with open(file_path, "r+b") as file:
        text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Tue Feb 14 10:22:33 2017 HDF5 schema 1.00 ."
        file.write(text.ljust(116) + bytes(8) + b"\x00\x02IM")

for name, compress in [("plain", False), ("packed", True)]:
    arrays = {kind: fit(kind) for kind in TYPES if not kind.startswith(">")}
    arrays |= {
        "logical": values % 2 == 0,
        "text": "left out",
        "cell": np.array([1, "a"], dtype=object),
        "structure": {"a": 1.0},
        "complex": values * 1j,
        "last": np.array([[1.0, np.nan]]),
        "nothing": np.zeros((0, 3)),
        "a_name_of_more_than_thirty_one_letters": values.astype("f8"),
    }
    scipy.io.savemat(
        folder / f"{name}.mat", arrays, do_compression=compress, long_field_names=True
    )
