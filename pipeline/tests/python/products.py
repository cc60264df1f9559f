"""Recomputes the products of a session from its dF/F files and compares every one.

    products.py OUTPUT_DIR LABELS_NPY

`run.json` in OUTPUT_DIR says what was asked for; LABELS_NPY is the label image of `products.rois` in camera orientation.
Prints one line a comparison. Exit status 0 when all held, 1 when something failed, 2 when there was nothing to compare.

Averages and traces within 1e-6, correlation of f32 files within 1e-6 (the formula itself is held to 1e-10 by the tests of the
library), GLM and AUC within 1e-8 and, where the file holds f32, one rounding of it.
"""

import csv
import json
import math
import sys
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import scipy.ndimage
import scipy.stats

import arithmetic
from comparison import Comparison

LIMIT = 1e-6
GLM_LIMIT = 1e-8
F32 = 1e-7


def movie(path, dataset, axes):
    """(t, y, x) in camera orientation."""
    with h5py.File(path) as file:
        found = file[dataset][...]
    if axes == "notebook":
        return found.transpose(2, 1, 0)[:, ::-1, :]
    return found.transpose(2, 0, 1)


def images(found, axes):
    """(..., y, x) of image axes as files have them."""
    return found.swapaxes(-1, -2)[..., ::-1, :] if axes == "notebook" else found


class Trial:
    def __init__(self, output, record, config):
        self.record = record
        self.axes = config["output"]["orientation"]
        folder = config["output"]["dff"]
        self.path = next(o["path"] for o in record["outputs"] if o["path"].startswith(folder + "/"))
        self.dff = movie(output / self.path, "dff", self.axes)
        if config["output"]["dff_scale"] == "f_over_f0":
            self.dff = self.dff - 1
        self.rate = config["experiment"]["sample_rate_hz"]
        align = config.get("products", {}).get("align", "onset")
        event = record.get("onset_s", 0.0) if align == "onset" else record.get("aligned_s")
        self.first_bin = None if event is None else -math.floor(event * self.rate + 0.5)
        self.onset = record.get("onset_s", 0.0)

    @property
    def outcome(self):
        outcome = self.record.get("outcome")
        return None if outcome in (None, "left out") else outcome.replace(" ", "_")


def on_common_bins(trials):
    first = min(t.first_bin for t in trials)
    last = max(t.first_bin + len(t.dff) for t in trials)
    out = np.full((len(trials), last - first) + trials[0].dff.shape[1:], np.nan)
    for row, trial in zip(out, trials):
        at = trial.first_bin - first
        row[at : at + len(trial.dff)] = trial.dff
    return first, np.where(np.isfinite(out), out, np.nan)


def averages(check, output, config, trials):
    axes = config["output"]["orientation"]
    folder = config["output"]["dff"].split("/")[-1]
    for condition in sorted({t.record["condition"] for t in trials}):
        of = [t for t in trials if t.record["condition"] == condition]
        first, _ = on_common_bins(of)
        stimulus = of[0].record.get("stimulus")
        kind = stimulus.rsplit(" ", 1)[-1] if stimulus else condition
        groups = {None: of}
        for outcome in {t.outcome for t in of} - {None}:
            groups[outcome] = [t for t in of if t.outcome == outcome]
        last = max(t.first_bin + len(t.dff) for t in of)
        for outcome, group in groups.items():
            name = f"h5_avg/{folder}_{kind}_AVG.h5" if outcome is None else f"h5_avg/dff_{condition}_{outcome}.h5"
            start, values = on_common_bins(group)
            whole = np.full((len(group), last - first) + values.shape[2:], np.nan)
            whole[:, start - first : start - first + values.shape[1]] = values
            n = np.isfinite(whole).sum(0)
            mean = np.nanmean(whole, axis=0)
            sem = np.where(n > 1, np.nanstd(whole, axis=0, ddof=1) / np.sqrt(np.maximum(n, 1)), np.nan)
            check.close(f"{name} mean", movie(output / name, "dff_AVG" if outcome is None else "mean", axes), mean, LIMIT)
            check.close(f"{name} sem", movie(output / name, "sem", axes), sem, LIMIT)
            check.close(f"{name} n", movie(output / name, "n", axes), n, 0)
            with h5py.File(output / name) as file:
                attributes = dict(file["n"].attrs)
            check.close(f"{name} first_frame_s", attributes["first_frame_s"], first / config["experiment"]["sample_rate_hz"], 1e-12)
            if outcome is None and config["output"]["mat"]:
                for file, variable in (("ave", f"cond_{condition}_ave"), ("average", "tr_ave")):
                    path = f"{config['output']['mat']}/cond_{condition}_{file}.mat"
                    read = scipy.io.loadmat(output / path)
                    tr = np.atleast_3d(read[variable])
                    tr = tr.transpose(2, 1, 0)[:, ::-1, :] if axes == "notebook" else tr.transpose(2, 0, 1)
                    add = 1 if config["output"]["mat_scale"] == "f_over_f0" else 0
                    check.close(f"{path} {variable}", tr, mean + add, LIMIT)
                    if variable == "tr_ave":
                        check.close(f"{path} N", read["N"].item(), len(of), 0)


def means(trial, labels, names):
    """(t, area)"""
    out = np.full((len(trial.dff), len(names)), np.nan)
    for t, frame in enumerate(trial.dff.astype(float)):
        finite = np.isfinite(frame)
        inside = np.where(finite, labels, 0)
        out[t] = scipy.ndimage.mean(np.where(finite, frame, 0), inside, [int(n) for n in names])
    return out


def texts(dataset):
    return [t.decode() if isinstance(t, bytes) else t for t in dataset[...]]


def traces(check, output, config, trials, labels):
    names = [str(n) for n in np.unique(labels) if n]
    of = [means(t, labels, names) for t in trials]
    first = min(t.first_bin for t in trials)
    with h5py.File(output / "traces.h5") as file:
        found, time = file["dff"][...], file["time_s"][...]
        check.report(texts(file["names"]) == names, "traces.h5 names", str(names))
        check.report(texts(file["trials"]) == [t.record["file"] for t in trials], "traces.h5 trials", "in order")
        areas = file["areas"][...]
    axes = config["output"]["orientation"]
    numbers = sum((i + 1.0) * (labels == int(name)) for i, name in enumerate(names))
    check.report(np.array_equal(areas, arithmetic.orient(numbers, axes)), "traces.h5 areas", f"{areas.shape}")
    expected = np.full(found.shape, np.nan)
    for row, trial, trace in zip(expected, trials, of):
        row[trial.first_bin - first : trial.first_bin - first + len(trace)] = trace
    check.close("traces.h5 dff", found, expected, LIMIT)
    check.close("traces.h5 time_s", time, (first + np.arange(len(time))) / trials[0].rate, 1e-12)
    with open(output / "traces.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["roi"]]
    value = lambda text: float(text) if text else np.nan
    flat = np.concatenate([trace.T.ravel() for trace in of])
    check.close("traces.csv dff", np.array([value(row["dff"]) for row in rows]), flat, LIMIT)
    windows = config["products"].get("windows", {})
    if windows:
        with open(output / "windows.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["roi"]]
        expected = []
        for trial, trace in zip(trials, of):
            t = (trial.first_bin + np.arange(len(trace))) / trial.rate
            for column in trace.T:
                for window in sorted(windows):
                    inside = (t >= windows[window][0]) & (t < windows[window][1])
                    expected.append(np.nanmean(column[inside]) if inside.any() else np.nan)
        check.close("windows.csv dff", np.array([value(row["dff"]) for row in rows]), np.array(expected), LIMIT)
    return names, of


def pearson(a, b):
    """Of pixels (t, ...) with a seed (t)."""
    a, b = a - a.mean(0), b - b.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (a * b.reshape(-1, *[1] * (a.ndim - 1))).sum(0) / np.sqrt((a**2).sum(0) * (b**2).sum())
    return r


def seeds(check, output, config, trials, names, of):
    window = round(config["products"].get("seed_window_s", 1.0) * trials[0].rate)
    axes = config["output"]["orientation"]
    maps = []
    for trial, trace in zip(trials, of):
        static = []
        for seed in config["products"]["seeds"]:
            b = trace[:, names.index(seed)]
            dff = trial.dff.astype(float)
            path = f"corr_{seed}/{Path(trial.path).name}"
            found = movie(output / path, "corr", axes)
            for t in sorted({0, window // 2 - 1, window // 2, len(dff) // 2, len(dff) - window // 2 - 1, len(dff) - 1}):
                inside = slice(t - window // 2, t - window // 2 + window)
                whole = window // 2 <= t < len(dff) - window // 2
                expected = pearson(dff[inside], b[inside]) if whole else np.full(dff.shape[1:], np.nan)
                check.close(f"{path} frame {t}", found[t], np.clip(expected, -1, 1), LIMIT)
            static.append(pearson(dff, b))
        maps.append(static)
    with h5py.File(output / "seeds.h5") as file:
        found, matrix = images(file["maps"][...], axes), file["matrix"][...]
    check.close("seeds.h5 maps", found, np.nanmean(maps, axis=0), 1e-9)
    check.close("seeds.h5 matrix", matrix, np.mean([np.corrcoef(trace.T) for trace in of], axis=0), 1e-9)


def glm(check, output, config, trials):
    axes = config["output"]["orientation"]
    conditions = sorted({t.record["condition"] for t in trials})
    rate = trials[0].rate
    windows = [(-2.55, -2.4), (-1.9, -1.7), (0, 1), (1, 2), (4.9, 5.9)]
    rows, values = [], []
    for trial in trials:
        t = np.arange(len(trial.dff)) / rate - trial.onset
        cells = [trial.dff[(t >= a - 1e-6 / rate) & (t < b - 1e-6 / rate)].astype(float) for a, b in windows]
        c, k = conditions.index(trial.record["condition"]), len(conditions)
        columns = [None, 0, 1 + c, 1 + k + c, 1 + 2 * k + c]
        for cell, column in zip(cells, columns):
            row = np.zeros(2 + 3 * k)
            row[0] = 1
            if column is not None:
                row[1 + column] = 1
            rows.append(row)
            values.append(np.nanmean(cell, axis=0) if column is None else cell.max(axis=0))
    design, y = np.array(rows), np.array(values)
    shape, flat = y.shape[1:], y.reshape(len(y), -1)
    finite = np.isfinite(flat).all(axis=0)
    solution = np.full((design.shape[1], flat.shape[1]), np.nan)
    solution[:, finite] = np.linalg.lstsq(design, flat[:, finite], rcond=None)[0]
    residual = flat - design @ solution
    total = ((flat - flat.mean(0)) ** 2).sum(0)
    rsq = 1 - (residual**2).sum(0) / total
    with h5py.File(output / "glm/glm.h5") as file:
        found = {name: images(file[name][...], axes) for name in ("rsq", "intercept", "betas")}
        names = texts(file["names"])
    check.report(names[0].startswith("cue_stim") and len(names) == 1 + 3 * len(conditions), "glm names", str(names))
    check.close("glm intercept", found["intercept"], solution[0].reshape(shape), GLM_LIMIT)
    check.close("glm betas", found["betas"], solution[1:].reshape((-1,) + shape), GLM_LIMIT)
    check.close("glm rsq", found["rsq"], np.where(finite, rsq, np.nan).reshape(shape), GLM_LIMIT)


def auc(check, output, config, trials):
    from sklearn.metrics import roc_auc_score

    names = [name.replace(" ", "_") for name in config["products"]["auc"]]
    groups = [[t for t in trials if name in (t.record.get("condition"), t.outcome)] for name in names]
    both = groups[0] + groups[1]
    _, values = on_common_bins(both)
    found = movie(output / "auc.h5", "auc", config["output"]["orientation"])
    label = np.array([1] * len(groups[0]) + [0] * len(groups[1]))
    random = np.random.default_rng(1)
    expected, ours = [], []
    for _ in range(400):
        t, y, x = (random.integers(0, n) for n in found.shape)
        column = values[:, t, y, x]
        finite = np.isfinite(column)
        two = len(set(label[finite])) == 2
        expected.append(roc_auc_score(label[finite], column[finite]) if two else np.nan)
        ours.append(found[t, y, x])
    check.close("auc.h5 400 pixels and frames", np.array(ours), np.array(expected), F32)


def main():
    output, labels = Path(sys.argv[1]), np.load(sys.argv[2])
    record = json.loads((output / "run.json").read_text())
    config = record["config"]
    products = config.get("products", {})
    used = [t for t in record["trials"] if t["status"] != "failed" and not t.get("exclude")]
    trials = [Trial(output, t, config) for t in used]
    trials = [t for t in trials if t.first_bin is not None]
    with_condition = [t for t in trials if t.record.get("condition")]
    check = Comparison()
    if products.get("averages"):
        averages(check, output, config, with_condition)
    if products.get("rois"):
        names, of = traces(check, output, config, trials, labels)
        if products.get("seeds"):
            seeds(check, output, config, trials, names, of)
    if products.get("glm"):
        glm(check, output, config, with_condition)
    if products.get("auc"):
        auc(check, output, config, trials)
    return check.status()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", RuntimeWarning)
    sys.exit(main())
