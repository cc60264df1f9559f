"""Compares DCIMG files as the Python package `dcimg` reads them with dcimg_reader.py.

    read_dcimg_package.py DIR

Every file in DIR that starts with the DCIMG magic is read by both; pixels,
framestamps and timestamps must be equal. One line a comparison: `ok`, `FAIL`, or
`skip` with what the package cannot do. Exit status 0 when all held, 1 when
something failed, 2 when nothing could be compared.

The package's release (0.6.0.post1) needs numpy < 2 and
* refuses version 0x2000000,
* takes 4 pixels for the 8 relocated bytes of 8-bit files,
* takes every framed trailer for 32 bytes,
* looks for packed framestamps 272 bytes into the footer, whatever the pointer says,
* puts relocated pixels at column 0,
* expects the sensor area 712 bytes after the session header,
* restores framed pixels without an announcement wherever that area holds sensor row
  1023 (or just misses it), junk or not.
"""

import sys
from pathlib import Path

import dcimg
import numpy as np

import dcimg_reader
from comparison import Comparison

STAMP_TABLE = 272
SUB_ARRAY = 712


def unreadable(movie):
    """Why the package cannot read this file at all, or None."""
    if movie.version == dcimg_reader.FRAMED_2:
        return "version 0x2000000"
    if movie.stored.dtype.itemsize == 1:
        return "8-bit pixels"
    if movie.version == dcimg_reader.FRAMED and movie.trailer_bytes != 32:
        return f"trailer of {movie.trailer_bytes} bytes"
    if movie.version == dcimg_reader.FRAMED and movie.sub_array_at != SUB_ARRAY:
        return f"sensor area at {movie.sub_array_at}, the package looks at {SUB_ARRAY}"
    return None


def restores_elsewhere(movie, target_row):
    """Why the package, which restores 4 pixels of `target_row`, goes wrong; None if it does not."""
    place = movie.relocation
    if place is None:
        return None if movie.version == dcimg_reader.PACKED else "it would restore what was not relocated"
    if (place.row, place.column) != (target_row, 0):
        return f"relocated to row {place.row}, column {place.column}, it restores row {target_row}"
    true = place.true_bytes.copy().view(movie.pixels.dtype)
    if not np.array_equal(movie.pixels[:, place.row, : true.shape[1]], true):
        return "it would restore frames without junk"
    return None


def compare(check, path):
    """One file by both readers."""
    movie = dcimg_reader.read(path)
    reason = unreadable(movie)
    if reason:
        print(f"skip {path.name}: {reason}")
        return
    with dcimg.DCIMGFile(path) as file:
        reason = restores_elsewhere(movie, int(np.ravel(file._target_line)[0]))
        if reason:
            print(f"skip {path.name} restored pixels: {reason}")
            file.first_4px_correction_enabled = None  # leaves pixels as stored
        expected = movie.stored if reason else movie.pixels
        found = file.whole()
        name = f"{path.name} {'stored ' if reason else ''}pixels"
        same = found.dtype == expected.dtype and np.array_equal(found, expected)
        check.report(same, name, f"{found.shape} {found.dtype}" if same else difference(found, expected))
        if movie.version == dcimg_reader.PACKED and movie.stamp_table != STAMP_TABLE:
            print(f"skip {path.name} stamps: table at {movie.stamp_table}, the package looks at {STAMP_TABLE}")
            return
        compare_stamps(check, f"{path.name} framestamps", file.framestamps, movie.framestamps)
        seconds, micro = movie.times.astype(np.int64).T
        times = (seconds * 1_000_000 + micro).astype("datetime64[us]")
        compare_stamps(check, f"{path.name} timestamps", file.timestamps, times)


def compare_stamps(check, name, found, expected):
    """One stamp a frame."""
    if found.shape != expected.shape:
        check.report(False, name, f"{found.shape} instead of {expected.shape}")
        return
    wrong = np.flatnonzero(found != expected)
    message = f"{len(found)} from {found[0]}"
    if len(wrong):
        message = f"{len(wrong)} differ, the first at {wrong[0]}: {found[wrong[0]]} instead of {expected[wrong[0]]}"
    check.report(not len(wrong), name, message)


def difference(found, expected):
    """Where two movies differ."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return f"{found.shape} {found.dtype} instead of {expected.shape} {expected.dtype}"
    places = np.argwhere(found != expected)
    return f"{len(places)} pixels differ, the first at (t, y, x) = {places[0].tolist()}"


def main(arguments):
    """The command line; returns the exit status."""
    if len(arguments) != 1:
        print("read_dcimg_package.py DIR", file=sys.stderr)
        return 2
    check = Comparison()
    for path in sorted(Path(arguments[0]).iterdir()):
        if path.is_file() and dcimg_reader.is_dcimg(path):
            try:
                compare(check, path)
            except Exception as error:  # whatever the package says, it could not read the file
                check.report(False, path.name, f"{type(error).__name__}: {error}")
    print(f"{check.passed} comparisons held, {check.failed} failed")
    return check.status()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
