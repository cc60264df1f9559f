"""Golden values of the variants: what Pillow, numpy and scipy make of small inputs.

    python widefield/tests/python/variants.py

writes the files of tests/data/variants; the inputs of the resize come from tests/data/ops.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage, optimize

DATA = Path(__file__).parent.parent / "data"
OUT = DATA / "variants"

FILTERS = {
    "box": Image.Resampling.BOX,
    "lanczos3": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


def save(name, array):
    np.save(OUT / f"{name}.npy", np.ascontiguousarray(array))


def resize():
    for case in ["half", "odd", "same_one_axis", "third_flat", "up"]:
        frame = np.load(DATA / "ops" / f"resize_{case}_in.npy")
        height, width = np.load(DATA / "ops" / f"resize_{case}_out.npy").shape
        for name, resample in FILTERS.items():
            image = Image.fromarray(frame, mode="F").resize((width, height), resample)
            save(f"resize_{case}_{name}", np.asarray(image))


def baselines():
    """12 pixels over 90 frames: noise on light that fades, with some responses."""
    rng = np.random.default_rng(4)
    time = np.arange(90.0)
    fade = 0.12 * np.exp(-time / 35) + 0.9
    level = rng.uniform(500, 3000, (3, 4))
    movie = fade[:, None, None] * level * rng.normal(1, 0.01, (90, 3, 4))
    movie[40:52, 1] *= 1.2
    movie = movie.astype(np.float32)
    save("baseline_movie", movie)
    movie = movie.astype(np.float64)
    save("baseline_median", np.median(movie, 0))
    save("baseline_percentile_8", np.percentile(movie, 8, axis=0))
    # suite2p's `maximin`: sigma 3 frames, 21 frames.
    low = ndimage.gaussian_filter1d(movie, 3.0, axis=0)
    low = ndimage.minimum_filter1d(low, 21, axis=0)
    save("baseline_maximin_3_21", ndimage.maximum_filter1d(low, 21, axis=0))
    low = ndimage.gaussian_filter1d(movie, 40.0, axis=0)
    low = ndimage.minimum_filter1d(low, 30, axis=0)
    save("baseline_maximin_40_30", ndimage.maximum_filter1d(low, 30, axis=0))
    sliding = [np.percentile(movie[max(t - 10, 0) : t + 11], 20, axis=0) for t in range(90)]
    save("baseline_sliding_20_21", sliding)
    mean = movie.mean((1, 2))
    decay = lambda t, a, k, c: a * np.exp(-k * t) + c
    best, _ = optimize.curve_fit(
        decay, time, mean, (mean[0] - mean[-1], 1 / 30, mean[-1]), xtol=1e-14, ftol=1e-14
    )
    curve = decay(time, *best)
    save("baseline_bleaching", curve / curve.mean())


def segments():
    """A brain with vessels, on a dark surround with bright specks."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:60, :70]
    brain = (x - 33) ** 2 / 700 + (y - 28) ** 2 / 420 < 1
    image = 20 + 900 * brain * np.exp(-((x - 30) ** 2 + (y - 25) ** 2) / 1500)
    image = image * rng.normal(1, 0.08, image.shape) + rng.normal(0, 4, image.shape)
    image[20:24, 25:28] = 15
    image[28, 10:50] *= 0.2
    image[50:53, 60:64] = 700
    save("segment_image", image)
    flat = np.sort(image.ravel())
    n, splits = flat.size, np.arange(1, image.size)
    low = np.cumsum(flat)[:-1] / splits
    high = np.cumsum(flat[::-1])[::-1][1:] / (n - splits)
    save("segment_otsu", np.array(flat[1:][np.argmax(splits * (n - splits) * (high - low) ** 2)]))
    # The point of the histogram farthest below the line from its peak to its farther end.
    bins, edges = np.histogram(image, 256)
    peak = int(np.argmax(bins))
    end = 255 if 255 - peak > peak else 0
    between = np.arange(min(peak, end), max(peak, end) + 1)
    line = np.interp(between, *zip(*sorted([(peak, bins[peak]), (end, bins[end])])))
    # The line ends at the foot of the last bin.
    line -= bins[end] * np.abs(between - peak) / abs(end - peak)
    save("segment_triangle", np.array((edges[:-1] + edges[1:])[between[np.argmax(line - bins[between])]] / 2))
    kept = image >= 200
    save("segment_kept", kept)
    labels, _ = ndimage.label(kept)
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    save("segment_largest", largest)
    save("segment_filled", ndimage.binary_fill_holes(largest))


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    resize()
    baselines()
    segments()
