"""The measures that checks are made from, and the session's checks, with numpy from the raw files."""

import numpy as np
from scipy.ndimage import gaussian_filter

import arithmetic
import dcimg_reader

LOW_F0 = 0.05
DFF_CLASSES = 0.005  # dff_p999 is the middle of a class that is 1/128 of a power of two wide
LIMIT = 1e-5  # relative; dF/F is summed from f32


def of_trial(recording, result, baseline, analysis):
    """Every number of `quality` in run.json, by its key; None where there is none."""
    raw = dcimg_reader.read(recording.path)
    movie = result.movie.astype(np.float64)
    clean = arithmetic.subtract(result.movie, result.background, analysis["clamp_negative"])
    frames = np.flatnonzero(baseline)
    kept = result.mask.kept
    f0 = clean[baseline].mean(axis=0)[kept]

    # As files have it: dF/F is rounded to f32 before it is averaged.
    dff = result.dff.astype(np.float32).astype(np.float64)
    trace = np.array([np.mean(frame[np.isfinite(frame)]) for frame in dff])
    sizes = np.sort(np.abs(dff[np.isfinite(dff)]))

    # Whole microseconds: seconds since 1970 in f64 are 0.2 us apart.
    times_us = raw.times[:, 0].astype(np.int64) * 1_000_000 + raw.times[:, 1]
    steps = np.diff(raw.framestamps.astype(np.int64))
    single = np.diff(times_us) / np.maximum(steps, 1)
    in_baseline = steps[max(frames[0] - 1, 0) : frames[-1]] - 1

    first, end = analysis["background"]["frames"]
    fitted = movie[first:end].mean(axis=0)
    sd_px = arithmetic.smoothing_sd_px(analysis["background"], fitted.shape)
    smooth = gaussian_filter(fitted, sd_px, mode="reflect", truncate=4.0)
    fit = result.fit
    y, x = np.mgrid[: smooth.shape[0], : smooth.shape[1]].astype(np.float64)
    a, b, c = fit.quadratic_form()
    dx, dy = x - fit.x0, y - fit.y0
    model = fit.offset + fit.amplitude * np.exp(-(a * dx**2 + 2 * b * dx * dy + c * dy**2))

    few = movie[1:5] if len(movie) > 2 else movie
    pairs = [(a, b) for i, a in enumerate(few) for b in few[i + 1 :]]
    noises = [(a, np.std(a - b) / np.sqrt(2)) for a, b in pairs]
    span = lambda frame: np.subtract(*np.percentile(frame, [95, 5]))
    over_noise = max((span(a) / noise for a, noise in noises if noise), default=None)
    light = 1 + trace[1:]
    slope, level = np.polyfit(np.arange(len(light)), light, 1) if len(light) >= 10 else (None, None)
    return {
        "light_over_noise": over_noise if all(noise for _, noise in noises) else None,
        "saturated_share": np.mean(raw.pixels > analysis["invalid_above"]),
        "first_frame_unix_s": times_us[0] / 1e6,
        "camera_rate_hz": steps.sum() / (times_us[-1] - times_us[0]) * 1e6,
        "clock_jitter": np.abs(single - np.median(single)).max() / np.median(single),
        "dropped_in_baseline": int(in_baseline.sum()),
        "background_limit": np.percentile(smooth, 5),
        "fit_residual": np.sqrt(np.mean((smooth - model) ** 2)) / abs(fit.amplitude),
        "masked_share": np.mean(~kept),
        "f0": np.median(f0),
        "low_f0_share": np.mean(f0 < LOW_F0 * np.median(f0)),
        "clamped_share": np.mean(movie[:, kept] < result.background),
        "alternation": alternation(trace),
        "baseline_dff": trace[baseline].mean(),
        "first_frame": abs((1 + trace[0]) / (1 + np.median(trace[1:10])) - 1),
        "bleaching": None if slope is None else -slope * (len(light) - 1) / level,
        "dff_p999": sizes[int(np.ceil(0.999 * len(sizes))) - 1],
    }


def alternation(trace):
    """Range over the places of a cycle of 2, 3 or 4 frames of the median light there, over the largest."""
    cycles = [n for n in (2, 3, 4) if len(trace) >= 4 * n]
    places = [[np.median(1 + trace[at::n]) for at in range(n)] for n in cycles]
    return max(((max(p) - min(p)) / max(p) for p in places), default=None)


def compare_trial(check, record, expected):
    """The measures of one trial."""
    found = record["quality"]
    for key, value in expected.items():
        name = f"{record['file']} quality.{key}"
        if value is None:
            check.equal(name, found[key], None)
        elif key == "dff_p999":
            check.close(name, found[key], value, DFF_CLASSES * value)
        else:
            # Shares near 0 are compared as such: 1e-9 of all light or time is nothing.
            check.close(name, found[key], value, max(LIMIT * abs(value), 1e-8))


def compare_session(check, run, results):
    """Values of the checks that need all trials; `results` by file. Only where no trial is dark."""
    records = [record for record in run["trials"] if record["file"] in results]
    values = {(r["file"], c["name"]): c["value"] for r in records for c in r["checks"]}
    if len(records) < 2 or any(c["name"] == "no_light" and c["level"] != "pass" for r in records for c in r["checks"]):
        return
    offsets = {name: result.fit.offset for name, result in results.items()}
    middle = np.median(list(offsets.values()))
    light = np.median([record["quality"]["f0"] for record in records])
    masks = {name: result.mask.kept for name, result in results.items()}
    same = len({mask.shape for mask in masks.values()}) == 1
    usual = 2 * np.sum(list(masks.values()), axis=0) > len(masks) if same else None
    for record in records:
        name = record["file"]
        step = abs(offsets[name] - middle) / light
        check.close(f"{name} background_step", values[name, "background_step"], step, 1e-7)
        if same:
            overlap = np.sum(masks[name] & usual) / np.sum(masks[name] | usual)
            check.close(f"{name} mask_stability", values[name, "mask_stability"], overlap, 1e-12)
    f0 = [record["quality"]["f0"] for record in records]
    drift = [c["value"] for c in run["checks"] if c["name"] == "f0_drift"]
    if len(f0) >= 3 and drift:
        slope = np.polyfit(np.arange(len(f0)), f0, 1)[0]
        check.close("f0_drift", drift[0], abs(slope) * (len(f0) - 1) / np.mean(f0), 1e-8)
