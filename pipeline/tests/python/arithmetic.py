"""The arithmetic of a trial with numpy, scipy and Pillow, in f64 wherever those allow.

Movies are (t, y, x) in camera orientation; x is the column, y the row.
"""

from dataclasses import dataclass, fields

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.optimize import curve_fit
from scipy.stats import gaussian_kde

GRID_POINTS = 500


def clear_invalid(pixels, above):
    """pixel > above becomes 0."""
    return np.where(pixels > above, pixels.dtype.type(0), pixels)


def resize(pixels, size):
    """Each frame as f32 through Pillow's BILINEAR (triangle, antialiased) to size = (width, height)."""
    frames = pixels.astype(np.float32)
    if size is None or (size[1], size[0]) == frames.shape[1:]:
        return frames
    return np.stack([np.asarray(Image.fromarray(frame).resize(tuple(size), Image.BILINEAR)) for frame in frames])


@dataclass
class Fit:
    """offset + A exp(-(a dx^2 + 2 b dx dy + c dy^2)), in pixels and counts."""

    amplitude: float
    x0: float
    y0: float
    sigma_x: float
    sigma_y: float
    theta: float
    offset: float

    def quadratic_form(self):
        """(a, b, c), which stays the same when sigmas swap with a quarter turn.

        a = cos^2 / (2 sx^2) + sin^2 / (2 sy^2)
        b = sin(2 theta) / 4 * (1 / sy^2 - 1 / sx^2)
        c = sin^2 / (2 sx^2) + cos^2 / (2 sy^2)
        """
        return np.array(_quadratic_form(self.sigma_x, self.sigma_y, self.theta))


FIT_FIELDS = tuple(field.name for field in fields(Fit))


def _quadratic_form(sigma_x, sigma_y, theta):
    u, v = 1 / sigma_x**2, 1 / sigma_y**2
    cos2, sin2 = np.cos(theta) ** 2, np.sin(theta) ** 2
    return (cos2 * u + sin2 * v) / 2, np.sin(2 * theta) / 4 * (v - u), (sin2 * u + cos2 * v) / 2


def _gaussian(xy, amplitude, x0, y0, sigma_x, sigma_y, theta, offset):
    a, b, c = _quadratic_form(sigma_x, sigma_y, theta)
    dx, dy = xy[0] - x0, xy[1] - y0
    return offset + amplitude * np.exp(-(a * dx**2 + 2 * b * dx * dy + c * dy**2))


def smoothing_sd_px(step, shape):
    """Smoothing before the fit: as the step says, or 30 px of a frame whose longer side has 256."""
    given = step.get("smoothing_sd_px")
    return 30.0 * max(shape) / 256.0 if given is None else given


def fit_background(frame, smoothing_sd_px):
    """Least-squares Gaussian of the smoothed frame; its offset is the background.

    Smoothing: radius int(4 sd + 0.5), edges reflected with the edge repeated.
    Start: A = max, centre (W/2, H/2), sigmas max(W/10, 1) and max(H/10, 1),
    angle 0, offset = min.

    curve_fit stops when the sum of squares does, which leaves the offset loose by
    some 1e-8 of the amplitude, as much as the comparison allows. So Gauss-Newton
    steps with an exact Jacobian follow until they stop shrinking: then J^T r = 0
    to rounding, and the offset is that of the minimum itself.
    """
    smooth = gaussian_filter(frame.astype(np.float64), smoothing_sd_px, mode="reflect", truncate=4.0)
    height, width = smooth.shape
    y, x = np.mgrid[:height, :width].astype(np.float64)
    xy, values = np.stack([x.ravel(), y.ravel()]), smooth.ravel()
    start = [values.max(), width / 2, height / 2, max(width / 10, 1), max(height / 10, 1), 0.0, values.min()]
    best, _ = curve_fit(_gaussian, xy, values, p0=start, maxfev=20_000)
    size = np.inf
    for _ in range(100):
        residuals = values - _gaussian(xy, *best)
        step = np.linalg.lstsq(_jacobian(xy, best), residuals, rcond=None)[0]
        if np.abs(step).max() >= size:
            break
        size = np.abs(step).max()
        best = best + step
    return Fit(*(float(value) for value in best))


def _jacobian(xy, parameters):
    """d model / d parameter by the complex step Im f(p + i h) / h, exact to rounding for tiny h."""
    h = 1e-30
    steps = parameters + 1j * h * np.eye(len(parameters))
    return np.stack([_gaussian(xy, *step).imag / h for step in steps], axis=1)


def subtract(movie, background, clamp_negative):
    """v - background in f64, below 0 set to 0 if asked."""
    clean = movie.astype(np.float64) - background
    return np.maximum(clean, 0.0) if clamp_negative else clean


@dataclass
class Mask:
    """Which pixels are kept, and the grid point that decided."""

    kept: np.ndarray  # (y, x) bool
    threshold: float
    index: int
    step: float
    margin: float  # distance of the nearest pixel to the threshold, counts


def density_mask(mean, cutoff):
    """Gaussian density estimate (Scott's factor n^(-1/5)) of the mean image on 500 points of [0, max].

    threshold = first point with density < cutoff; mean < threshold is masked.
    """
    values = mean.ravel()
    grid = np.linspace(0.0, values.max(), GRID_POINTS)
    below = np.flatnonzero(gaussian_kde(values)(grid) < cutoff)
    if len(below) == 0:
        raise ValueError(f"no density below {cutoff}")
    index = int(below[0])
    threshold = float(grid[index])
    return Mask(mean >= threshold, threshold, index, float(grid[1]), float(np.abs(values - threshold).min()))


def delta_f(clean, kept, baseline):
    """(F - F0) / F0 in f64 with F0 = mean of the frames `baseline` (bool per frame); masked pixels NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        f0 = clean[baseline].mean(axis=0)
        return np.where(kept, (clean - f0) / f0, np.nan)


def nonfinite_pixels(dff, kept):
    """Kept pixels that are not finite in some frame (F0 = 0)."""
    return int(np.count_nonzero(kept & ~np.isfinite(dff).all(axis=0)))


def reference_image(movie):
    """Mean over frames of the resized movie / its maximum / 10."""
    mean = movie.mean(axis=0, dtype=np.float64)
    return mean / mean.max() / 10


def orient(image, orientation):
    """(t, y, x) or (y, x) to the axes of files: notebook (x, reversed y[, t]), camera (y, x[, t])."""
    rows_columns = np.moveaxis(image, 0, -1) if image.ndim == 3 else image
    if orientation == "camera":
        return rows_columns
    if orientation == "notebook":
        return np.swapaxes(rows_columns, 0, 1)[:, ::-1]
    raise ValueError(f"orientation {orientation}")
