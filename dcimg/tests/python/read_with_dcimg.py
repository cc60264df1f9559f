"""Compares DCIMG files with the frames and stamps next to them.

Usage: read_with_dcimg.py FOLDER

For every FOLDER/*.dcimg: NAME.npy holds the frames (t, y, x) and NAME.stamps.npy an (n, 3) array
of framestamp, seconds and microseconds. Prints one line per file, exits with 1 if any differs.
Needs the package `dcimg`, whose release 0.6.0.post1 wants numpy < 2.
"""

import sys
from pathlib import Path

import dcimg
import numpy as np


def differs(path):
    expected = np.load(path.with_suffix(".npy"))
    stamps = np.load(path.with_suffix(".stamps.npy")).astype(np.int64)
    with dcimg.DCIMGFile(str(path)) as file:
        frames = file[:, :, :]
        if frames.shape != expected.shape:
            return f"shape {frames.shape}, not {expected.shape}"
        if frames.dtype != expected.dtype:
            return f"type {frames.dtype}, not {expected.dtype}"
        if not np.array_equal(frames, expected):
            return f"{np.count_nonzero(frames != expected)} pixels"
        if not np.array_equal(file.framestamps, stamps[:, 0]):
            return "framestamps"
        times = (stamps[:, 1] * 1_000_000 + stamps[:, 2]).astype("datetime64[us]")
        if not np.array_equal(file.timestamps, times):
            return "timestamps"
    return None


def main():
    paths = sorted(Path(sys.argv[1]).glob("*.dcimg"))
    bad = 0
    for path in paths:
        try:
            difference = differs(path)
        except Exception as error:
            difference = f"{type(error).__name__}: {error}"
        bad += difference is not None
        print(f"{path.stem}: {difference or 'equal'}")
    print(f"{len(paths)} files, {bad} differ")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
