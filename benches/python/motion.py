"""Measures motion as others do, for `compare_motion`.

    motion.py FOLDER

The folder holds movie.npy (t, y, x) and reference.npy (y, x), f32 counts. Prints a line for each way, `way NAME` or
`missing NAME: why`, and `ready`. For each name that comes in it then goes through all frames once, on one thread, and prints
[processor milliseconds a frame, [[down, right] of each frame]].

What `down` and `right` say is where the content of a frame lies against the reference, in pixels. The others say, by their
documentation and as the slope on the truth shows:

    skimage   phase_cross_correlation(reference, moving): the shift that brings `moving` back, (y, x), so minus that
    cv2       phaseCorrelate(first, second): from the first to the second, (x, y)
    cv2       findTransformECC(template, input): the matrix from places of the template to those of the input, (x, y)
    wfield    the same matrix

A matrix turns, too; what counts is where it takes the middle of the picture.
"""

import importlib.metadata
import json
import sys
import time
from pathlib import Path

import numpy as np

WAYS = {}


def way(name):
    """Adds a way: a function that prepares it for a reference and returns one from a frame to (down, right)."""
    return lambda prepare: WAYS.setdefault(name, prepare)


def of_middle(matrix, shape):
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1.0])
    right, down = matrix @ middle - middle[:2]
    return down, right


def skimage(reference, normalization):
    from skimage.registration import phase_cross_correlation

    def shift(frame):
        back = phase_cross_correlation(reference, frame, normalization=normalization, upsample_factor=20)[0]
        return -back[0], -back[1]

    return shift


@way("skimage, not whitened")
def plain(reference):
    return skimage(reference, None)


@way("skimage, whitened")
def whitened(reference):
    return skimage(reference, "phase")


def phase_correlate(cv2, reference, window):
    def shift(frame):
        # OpenCV applies the window to what it is given, in place.
        (right, down), _ = cv2.phaseCorrelate(reference.copy(), frame.copy(), window)
        return down, right

    return shift


@way("cv2.phaseCorrelate")
def opencv(reference):
    import cv2

    return phase_correlate(cv2, reference, None)


@way("cv2.phaseCorrelate, Hann")
def opencv_hann(reference):
    import cv2

    height, width = reference.shape
    return phase_correlate(cv2, reference, cv2.createHanningWindow((width, height), cv2.CV_32F))


@way("cv2.findTransformECC")
def opencv_ecc(reference):
    """With the settings of wfield's mode: turns and shifts, 100 rounds or changes below 1e-3, weights of a Hann window."""
    import cv2

    height, width = reference.shape
    weights = (255 * cv2.createHanningWindow((width, height), cv2.CV_32F)).astype(np.uint8)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-3)

    def shift(frame):
        start = np.eye(2, 3, dtype=np.float32)
        _, matrix = cv2.findTransformECC(reference, frame, start, cv2.MOTION_EUCLIDEAN, criteria, weights, 1)
        return of_middle(matrix, reference.shape)

    return shift


@way("wfield, ECC")
def wfield(reference):
    """What motion_correct(mode="ecc") calls for each frame, with the rounds and the limit that it gives. Moves the frame, too."""
    import cv2
    from wfield.registration import registration_ecc

    height, width = reference.shape
    weights = (255 * cv2.createHanningWindow((width, height), cv2.CV_32F)).astype(np.uint8)

    def shift(frame):
        matrix, _ = registration_ecc(frame, reference, niter=100, eps0=1e-3, hann=weights)
        return of_middle(matrix, reference.shape)

    return shift


def versions():
    for package in ("numpy", "scikit-image", "opencv-python-headless", "wfield"):
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            pass


def main(folder):
    movie, reference = (np.load(Path(folder, name)) for name in ("movie.npy", "reference.npy"))
    # Nobody may change what others measure.
    movie.flags.writeable = reference.flags.writeable = False
    ready = {}
    for name, prepare in WAYS.items():
        try:
            ready[name] = prepare(reference)
            print(f"way {name}")
        except ImportError as error:
            print(f"missing {name}: {error}")
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    print("versions", ", ".join(versions()))
    print("ready", flush=True)
    for line in sys.stdin:
        shift = ready[line.strip()]
        began = time.process_time()
        shifts = [[float(px) for px in shift(frame)] for frame in movie]
        ms = 1e3 * (time.process_time() - began) / len(movie)
        print(json.dumps([ms, shifts]), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip().splitlines()[2].strip())
    main(sys.argv[1])
