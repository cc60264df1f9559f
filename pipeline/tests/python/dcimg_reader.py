"""Smallest reader of Hamamatsu DCIMG movies, for checks only.

Needs numpy alone and runs with numpy 1 and 2. It follows the public knowledge
of the format and shares nothing with the Rust crate, so agreement of the two
means something. Offsets are bytes, integers are little-endian, `hs` is the
offset of the session header.

    packed (version 7):      frame t at hs + data_offset + t * frame_bytes
    framed (0x1000000,
            0x2000000):      frame t at hs + data_offset + t * (frame_bytes + trailer)

Some cameras overwrite 8 bytes of one row of every frame with the junk
00 00 FF FF 00 00 FF FF and keep the true bytes elsewhere. An announced place is
always restored; a place that is only computed from the sensor area is restored
in those frames in which the junk stands.
"""

import struct
from dataclasses import dataclass

import numpy as np

MAGIC = b"DCIMG\0\0\0"
JUNK = np.array([0, 0, 255, 255, 0, 0, 255, 255], np.uint8)
PACKED, FRAMED, FRAMED_2 = 0x7, 0x1000000, 0x2000000


@dataclass
class Relocation:
    """Where the camera overwrote pixels, and what belongs there."""

    row: int
    column: int
    announced: bool
    true_bytes: np.ndarray  # (n_frames, 8) u8


@dataclass
class Movie:
    """A recording: pixels (t, y, x) in camera orientation, row 0 first."""

    version: int
    trailer_bytes: int
    stored: np.ndarray  # as in the file, junk included
    pixels: np.ndarray  # relocated pixels restored
    relocation: Relocation | None
    framestamps: np.ndarray | None  # (n,) u32
    times: np.ndarray | None  # (n, 2) u32: seconds since 1970 UTC, microseconds
    stamp_table: int | None  # packed: offset of the framestamps from the footer
    sub_array: tuple | None  # framed: x0, width, y0, height in sensor pixels
    sub_array_at: int | None  # framed: where that stands, from hs

    def dropped(self):
        """Frames missing between the framestamps.

        Sum of (step - 1) over steps of the 32-bit counter, wrap-around allowed;
        steps backwards (2^31 and more) count nothing.
        """
        if self.framestamps is None:
            return 0
        steps = np.diff(self.framestamps)  # u32 arithmetic wraps by itself
        forward = steps[(steps > 0) & (steps < 2**31)]
        return int(np.sum(forward.astype(np.int64) - 1))


def is_dcimg(path):
    """Whether the file starts with the DCIMG magic."""
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read(path):
    """The whole movie of one file. Raises `ValueError` for what it cannot read."""
    with open(path, "rb") as file:
        data = file.read()
    return parse(data)


def parse(data):
    """The whole movie in `data`. Raises `ValueError` for what it cannot read."""
    if data[: len(MAGIC)] != MAGIC:
        raise ValueError("no DCIMG magic")
    try:
        version = _u32(data, 0x08)
        if version == PACKED:
            return _packed(data, _u32(data, 0x28))
        if version in (FRAMED, FRAMED_2):
            return _framed(data, _u32(data, 0x28), version)
    except (struct.error, TypeError, IndexError) as error:  # numpy: TypeError for a buffer that ends early
        raise ValueError(f"file ends early: {error}") from error
    raise ValueError(f"format version {version:#x}")


def _u32(data, offset):
    return struct.unpack_from("<I", data, offset)[0]


def _u64(data, offset):
    return struct.unpack_from("<Q", data, offset)[0]


def _table(data, dtype, shape, offset, strides=None):
    return np.ndarray(shape, dtype, data, offset, strides)


def _pixels(data, frames, height, width, depth, start, stride, row_bytes):
    """The first `width` pixels of every stored row; what follows is padding."""
    if depth not in (1, 2) or width * depth > row_bytes:
        raise ValueError(f"{width} pixels of {depth} bytes in rows of {row_bytes}")
    return _table(data, f"<u{depth}", (frames, height, width), start, (stride, row_bytes, depth))


def _restored(stored, relocation):
    """A copy of the frames with the true bytes put back."""
    pixels = stored.copy()
    if relocation is None:
        return pixels
    true = relocation.true_bytes.copy().view(pixels.dtype)
    columns = slice(relocation.column, relocation.column + true.shape[1])
    place = pixels[:, relocation.row, columns]
    if place.shape != true.shape:
        raise ValueError("relocated pixels do not fit into their row")
    junk = JUNK.view(pixels.dtype)
    chosen = np.ones(len(pixels), bool) if relocation.announced else (place == junk).all(axis=1)
    place[chosen] = true[chosen]
    return pixels


def _packed(data, hs):
    frames, depth, _, width, row_bytes, height, frame_bytes = struct.unpack_from("<7I", data, hs + 0x20)
    stored = _pixels(data, frames, height, width, depth, hs + _u32(data, hs + 0x44), frame_bytes, row_bytes)

    footer = hs + _u64(data, hs + 0x48)
    second = footer + _u64(data, footer + 0x08)
    stamp_table = _u64(data, second + 0x30)
    framestamps = _table(data, "<u4", (frames,), footer + stamp_table)
    times = _table(data, "<u4", (frames, 2), footer + _u64(data, second + 0x40))

    relocation = None
    if _u64(data, second + 0x68) == 8:
        row, rest = divmod(_u32(data, second + 0x64), row_bytes)
        true = _table(data, "u1", (frames, 8), footer + _u64(data, second + 0x58))
        relocation = Relocation(row, rest // depth, True, true)
    return Movie(
        PACKED, 0, stored, _restored(stored, relocation), relocation, framestamps, times, stamp_table, None, None
    )


def _framed(data, hs, version):
    frames, depth, _, width, height, row_bytes, frame_bytes = struct.unpack_from("<7I", data, hs + 0x3C)
    start = hs + _u64(data, hs + 0x60)
    stride = _u32(data, hs + 0x74)
    trailer = _u32(data, hs + 0x7C)
    if stride != frame_bytes + trailer:
        raise ValueError(f"stride {stride} is not frame {frame_bytes} + trailer {trailer}")
    stored = _pixels(data, frames, height, width, depth, start, stride, row_bytes)
    framestamps = _table(data, "<u4", (frames,), start + frame_bytes, (stride,))
    times = _table(data, "<u4", (frames, 2), start + frame_bytes + 4, (stride, 4))

    place, sub_array_at = _blocks(data, hs, start)
    sub_array = None if sub_array_at is None else struct.unpack_from("<4H", data, hs + sub_array_at)
    announced = place is not None
    if not announced:
        place = _computed_place(sub_array, width, height, row_bytes, version)
    relocation = None
    if place is not None and trailer >= 20:
        row, rest = divmod(place, row_bytes)
        true = _table(data, "u1", (frames, 8), start + frame_bytes + 12, (stride, 1))
        relocation = Relocation(row, rest // depth, announced, true)
    pixels = _restored(stored, relocation)
    return Movie(
        version, trailer, stored, pixels, relocation, framestamps, times, None, sub_array, sub_array_at
    )


def _blocks(data, hs, start):
    """Announced in-frame offset of relocated pixels, and where the sensor area stands, from hs.

    The table of (kind u32, size u32, offset u64 from hs + 0xA0) ends where the
    first block begins; kind 0 is an empty slot.
    """
    place = sub_array_at = None
    entry, end = hs + 0xF0, start
    while entry + 16 <= end:
        kind, size, offset = struct.unpack_from("<IIQ", data, entry)
        entry += 16
        if kind == 0:
            continue
        block = hs + 0xA0 + offset
        end = min(end, block)
        if kind == 4 and size == 56 and _u32(data, block + 12) == 8:
            place = _u32(data, block + 16)
        elif size == 248:
            sub_array_at = 0xA0 + offset + 0xC8
    return place, sub_array_at


def _computed_place(sub_array, width, height, row_bytes, version):
    """In-frame offset of sensor row 1023, the middle of a 2048-row sensor, if the frame holds it.

    row = (1023 - y0) // binning with binning = sensor area / image size, equal
    in both directions. The public reader that knows 0x2000000 takes row 0 there.
    """
    if version == FRAMED_2:
        return 0
    if sub_array is None:
        return None
    _, area_width, y0, area_height = sub_array
    binning = area_width // width
    if binning == 0 or area_height // height != binning:
        return None
    row = (1023 - y0) // binning
    return row * row_bytes if 0 <= row < height else None
