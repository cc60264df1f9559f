"""Times single steps of the notebook in Python, for comparison with `cargo bench`.

    steps.py

Medians on frames like those of the benchmarks: 512 x 512 px of Gaussian light with shot
noise, resized to 256 x 256. One thread each, as the notebook has them.

    movie        200 u16 frames, one after the other through Pillow into the notebook's f64 movie (x, y, t)
    frame        one u16 frame to f32, through Pillow (mode F, BILINEAR) and back into an array
    background   gaussian_filter of sd 30 px, then curve_fit without a Jacobian
    mask         gaussian_kde of the mean image on 500 points
"""

import statistics
import time

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.optimize import curve_fit
from scipy.stats import gaussian_kde

from notebook_job import resize_movie

SIDE, SMALL, FRAMES, SD, POINTS = 512, 256, 200, 30.0, 500


def median_ms(task, runs):
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        task()
        times.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times)


def light(side):
    y, x = np.mgrid[:side, :side]
    distance = ((x - side / 2) ** 2 + (y - side / 2) ** 2) / (0.25 * side) ** 2
    return 400.0 + 9000.0 * np.exp(-0.5 * distance)


def resize(frame):
    image = Image.fromarray(frame.astype(np.float32))
    return np.asarray(image.resize((SMALL, SMALL), Image.Resampling.BILINEAR))


def gaussian(xy, amplitude, x0, y0, sigma_x, sigma_y, theta, offset):
    x, y = xy
    a = np.cos(theta) ** 2 / (2 * sigma_x**2) + np.sin(theta) ** 2 / (2 * sigma_y**2)
    b = -np.sin(2 * theta) / (4 * sigma_x**2) + np.sin(2 * theta) / (4 * sigma_y**2)
    c = np.sin(theta) ** 2 / (2 * sigma_x**2) + np.cos(theta) ** 2 / (2 * sigma_y**2)
    dx, dy = x - x0, y - y0
    return offset + amplitude * np.exp(-(a * dx**2 + 2 * b * dx * dy + c * dy**2))


def background(frame):
    smooth = gaussian_filter(frame, SD)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    start = (smooth.max(), SMALL / 2, SMALL / 2, SMALL / 10, SMALL / 10, 0.0, smooth.min())
    found, _ = curve_fit(gaussian, (x.ravel(), y.ravel()), smooth.ravel(), start)
    return found[-1]


def main():
    random = np.random.default_rng(1)
    frame = random.poisson(light(SIDE)).astype(np.uint16)
    small = resize(frame).astype(np.float64)
    grid = np.linspace(0, small.max(), POINTS)
    # As the notebook decodes it: x runs fastest.
    movie = np.asfortranarray(np.repeat(frame.T[:, :, np.newaxis], FRAMES, axis=2))
    print(f"movie       {median_ms(lambda: resize_movie(movie, (SMALL, SMALL)), 5):10.3f} ms")
    print(f"frame       {median_ms(lambda: resize(frame), 200):10.3f} ms")
    print(f"background  {median_ms(lambda: background(small), 7):10.3f} ms")
    print(f"mask        {median_ms(lambda: gaussian_kde(small.ravel())(grid), 3):10.3f} ms")


if __name__ == "__main__":
    main()
