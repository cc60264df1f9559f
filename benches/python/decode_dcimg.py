"""Times the Python package dcimg on one file: seconds and GB/s of the fastest of several passes.

usage: python decode_dcimg.py FILE

Needs numpy < 2 and the package dcimg (lens-biophotonics). `cargo bench --bench decode` calls it
with its own file when WIDEFIELD_PYTHON_DCIMG names a Python interpreter that has both.
"""

import sys
import time

import dcimg
import numpy as np

PASSES = 10


def frame_by_frame(path):
    file = dcimg.DCIMGFile(path)
    for t in range(file.nfrms):
        file.frame(t)
    file.close()


def whole(path):
    file = dcimg.DCIMGFile(path)
    file.whole()
    file.close()


def total(path):
    file = dcimg.DCIMGFile(path)
    sums = sum(int(file.frame(t, copy=False).sum(dtype=np.uint64)) for t in range(file.nfrms))
    file.close()
    return sums


def fastest(task, path):
    seconds = []
    for _ in range(PASSES):
        start = time.perf_counter()
        task(path)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main():
    path = sys.argv[1]
    file = dcimg.DCIMGFile(path)
    size = 2 * file.nfrms * file.xsize * file.ysize
    version = getattr(dcimg, "__version__", "of unknown version")
    print(f"Python dcimg {version}, numpy {np.__version__}, {file.nfrms} frames of {file.xsize} x {file.ysize} px")
    file.close()
    for name, task in [("frames", frame_by_frame), ("movie", whole), ("sum", total)]:
        seconds = fastest(task, path)
        print(f"decode/{name}/python-dcimg: {1e3 * seconds:.2f} ms, {size / seconds / 1e9:.2f} GB/s")


if __name__ == "__main__":
    main()
