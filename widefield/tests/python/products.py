"""What numpy, scipy, scikit-learn and statsmodels make of the inputs of tests/products.rs.

    python widefield/tests/python/products.py FOLDER

reads the .npy files of every folder in FOLDER and writes what is to be compared beside them. Exit status 77 if a package is
missing.
"""

import sys
import warnings
from pathlib import Path

try:
    import numpy as np
    import statsmodels.api as sm
    from scipy import ndimage, stats
    from sklearn.metrics import roc_auc_score
except ImportError as error:
    print(error)
    sys.exit(77)

warnings.filterwarnings("ignore")
NAN = np.nan


def finite(array):
    return np.where(np.isfinite(array), array, NAN).astype(np.float64)


def over_trials(trials):
    n = np.isfinite(trials).sum(0)
    sem = np.nanstd(finite(trials), axis=0, ddof=1) / np.sqrt(n)
    return np.nanmean(finite(trials), axis=0), np.where(n > 1, sem, NAN), n


def averages(load, save):
    trials, starts, (first, end) = load("trials"), load("starts"), load("bins")
    n_frames = trials.shape[1]
    aligned = np.full((len(trials), end - first, *trials.shape[2:]), NAN)
    for trial, start, into in zip(trials, starts, aligned):
        for frame in range(n_frames):
            if first <= start + frame < end:
                into[start + frame - first] = trial[frame]
    mean, sem, n = over_trials(aligned)
    save("average_mean", mean)
    save("average_sem", sem)
    save("average_n", n.astype(np.uint32))
    labels = load("labels")
    areas = np.unique(labels[labels > 0])
    traces = np.full((*trials.shape[:2], len(areas)), NAN)
    for k, trial in enumerate(trials):
        for t, frame in enumerate(trial):
            for a, area in enumerate(areas):
                traces[k, t, a] = np.nanmean(finite(frame)[labels == area])
            if np.isfinite(frame).all():
                by_scipy = ndimage.mean(frame.astype(np.float64), labels, areas)
                np.testing.assert_allclose(by_scipy, traces[k, t], rtol=1e-12)
    save("traces", traces)
    mean, sem, n = over_trials(traces)
    save("traces_mean", mean)
    save("traces_sem", sem)
    save("traces_n", n.astype(np.uint32))


def pearson(a, b):
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return NAN
    return np.clip(np.corrcoef(a, b)[0, 1], -1, 1)


def correlations(load, save):
    movie, seeds = load("movie").astype(np.float64), load("seeds")
    pixels = movie.reshape(len(movie), -1)
    for window in load("windows"):
        r = np.full((seeds.shape[1], *pixels.shape), NAN)
        half = window // 2
        for t in range(half, len(movie) - half):
            part = slice(t - half, t - half + window)
            for k, seed in enumerate(seeds[part].T):
                for pixel, values in enumerate(pixels[part].T):
                    if np.isfinite(seed).all() and np.isfinite(values).all():
                        r[k, t, pixel] = pearson(values, seed)
        save(f"running_{window}", r.reshape(seeds.shape[1], *movie.shape))
    first, end = load("frames")

    def pairs(a, b):
        both = np.isfinite(a) & np.isfinite(b)
        return pearson(a[both], b[both])

    maps = [[pairs(pixel, seed) for pixel in pixels[first:end].T] for seed in seeds[first:end].T]
    save("maps", np.array(maps).reshape(seeds.shape[1], *movie.shape[1:]))
    save("matrix", np.array([[pairs(a, b) for b in seeds.T] for a in seeds.T]))


def glm(load, save):
    """The design written out, row by row, without the columns of conditions that have no trial."""
    trials, of_trial, n_conditions = load("glm_trials"), load("conditions"), int(load("n_conditions")[0])
    windows = [slice(9, 12), slice(22, 26), slice(60, 80), slice(80, 100), slice(158, 178)]
    cells = np.stack([np.nanmean(trials[:, windows[0]].astype(np.float64), axis=1)]
                     + [trials[:, w].max(axis=1).astype(np.float64) for w in windows[1:]], axis=1)
    save("cells", cells)
    names = ["cue"] + [(k, c) for k in ("in", "out", "response") for c in range(n_conditions)]
    rows = []
    for condition in of_trial:
        for cell in (None, "cue", *[(k, condition) for k in ("in", "out", "response")]):
            rows.append([1.0] + [float(name == cell) for name in names])
    design = np.array(rows)
    used = design.any(axis=0)
    height, width = trials.shape[2:]
    for method in ("lstsq", "ols"):
        coefficients = np.full((len(names) + 1, height, width), NAN)
        rsq = np.full((height, width), NAN)
        for y in range(height):
            for x in range(width):
                values = cells[:, :, y, x].reshape(-1)
                if not np.isfinite(values).all():
                    continue
                if method == "lstsq":
                    found = np.linalg.lstsq(design[:, used], values, rcond=None)[0]
                    left = ((values - design[:, used] @ found) ** 2).sum()
                    share = 1 - left / ((values - values.mean()) ** 2).sum()
                else:
                    fit = sm.OLS(values, design[:, used]).fit()
                    found, share = fit.params, fit.rsquared
                coefficients[used, y, x] = found
                if np.ptp(values) > 0:
                    rsq[y, x] = share
        save(f"{method}_coefficients", coefficients)
        save(f"{method}_rsq", rsq)


def auc(load, save):
    first, second = load("first").astype(np.float64), load("second").astype(np.float64)
    by_sklearn, by_scipy = np.full((2, first.shape[1]), NAN)
    for k in range(first.shape[1]):
        a, b = (group[:, k][np.isfinite(group[:, k])] for group in (first, second))
        if len(a) and len(b):
            by_sklearn[k] = roc_auc_score([1] * len(a) + [0] * len(b), np.concatenate([a, b]))
            by_scipy[k] = stats.mannwhitneyu(a, b).statistic / (len(a) * len(b))
    save("auc_sklearn", by_sklearn)
    save("auc_scipy", by_scipy)


for folder in sorted(Path(sys.argv[1]).iterdir()):
    for product in (averages, correlations, glm, auc):
        product(
            lambda name: np.load(folder / f"{name}.npy"),
            lambda name, array: np.save(folder / f"{name}.npy", np.ascontiguousarray(array)),
        )
