"""A session's raw files, log and parameters, and what each trial must give."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import arithmetic
import behaviour_log
import dcimg_reader

DEFAULT_BASELINE = (9, 12)


class Unusable(Exception):
    """The request itself cannot be worked on."""


@dataclass
class Recording:
    """One raw file and what the log says of it."""

    path: Path
    stem: str  # what outputs are called
    number: int | None
    trial: behaviour_log.Trial | None
    mat_name: str | None  # None: no MAT file


@dataclass
class Result:
    """What one trial must give, (t, y, x) in camera orientation."""

    movie: np.ndarray
    dff: np.ndarray
    fit: arithmetic.Fit
    background: float
    mask: arithmetic.Mask
    dropped: int


def stem_and_number(name):
    """The name without a `.dcimg` ending, and the number after its last `_`."""
    stem = name[:-6] if name.lower().endswith(".dcimg") else name
    digits = stem.rpartition("_")[2]
    return stem, int(digits) if digits.isdecimal() else None


def read_log(session, config):
    """The trials of the log, or None without one."""
    name = config["data"].get("behaviour_log")
    if name is None:
        return None
    try:
        return behaviour_log.parse((session / name).read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:
        raise Unusable(f"{name}: {error}") from error


def find_recordings(session, config, trials):
    """Raw files of the session in name order, matched to the log by running number."""
    stimuli = config["experiment"]["stimulus"]
    names = {}
    for condition, numbers in behaviour_log.by_condition(trials or [], stimuli).items():
        for ordinal, number in enumerate(numbers, start=1):
            names[number] = f"cond_{condition}_trial{ordinal}.mat"
    by_number = {trial.running: trial for trial in trials or []}
    recordings = []
    for path in sorted(session.iterdir()):
        if path.is_file() and path.name.startswith(config["data"]["prefix"]) and dcimg_reader.is_dcimg(path):
            stem, number = stem_and_number(path.name)
            mat_name = f"{stem}.mat" if trials is None else names.get(number)
            recordings.append(Recording(path, stem, number, by_number.get(number), mat_name))
    return recordings


def resized(pixels, analysis):
    """Invalid pixels cleared, then each frame resized: what the movie file holds."""
    return arithmetic.resize(arithmetic.clear_invalid(pixels, analysis["invalid_above"]), analysis.get("resolution"))


def background_fit(movie, step):
    """The fit to the mean of the chosen frames."""
    first, end = step["frames"]
    image = movie[first:end].mean(axis=0, dtype=np.float64)
    return arithmetic.fit_background(image, arithmetic.smoothing_sd_px(step, image.shape))


def baseline_frames(config, frames):
    """Which of `frames` frames give F0: a half-open range, or t < before_s with t = frame / rate + first."""
    step, time = config["analysis"]["baseline"], config["experiment"]
    before_s, frame_range = step.get("before_s"), step.get("frames")
    index = np.arange(frames)
    if before_s is not None:
        if frame_range is not None:
            raise Unusable("analysis.baseline has both frames and before_s")
        return index / time["sample_rate_hz"] + time["first_frame_s"] < before_s
    first, end = frame_range or DEFAULT_BASELINE
    return (index >= first) & (index < end)


class Session:
    """Recomputes trials; what is decided once for the session is computed first."""

    def __init__(self, config, good):
        analysis = config["analysis"]
        methods = {
            "resize": (analysis["resize"], "triangle"),
            "background.method": (analysis["background"]["method"], "gaussian_fit"),
            "segmentation.method": (analysis["segmentation"]["method"], "density_cutoff"),
            "baseline.method": (analysis["baseline"]["method"], "frames"),
        }
        for key, (given, known) in methods.items():
            if given != known:
                raise Unusable(f"analysis.{key} = {given!r} has no recomputation here")
        self.config = config
        self.background = self.mask = None
        shared_background = analysis["background"]["scope"] == "session"
        shared_mask = analysis["segmentation"]["scope"] == "session"
        if good and (shared_background or shared_mask):
            fits, means = zip(*(self._first_round(recording) for recording in good))
            if shared_background:
                self.background = float(np.median([fit.offset for fit in fits]))
            if shared_mask:
                self.mask = self._mask(np.mean(means, axis=0))

    def _first_round(self, recording):
        """Fit and mean image of a trial, by its own background."""
        movie = resized(dcimg_reader.read(recording.path).pixels, self.config["analysis"])
        fit = background_fit(movie, self.config["analysis"]["background"])
        return fit, self._clean(movie, fit.offset).mean(axis=0)

    def _clean(self, movie, background):
        return arithmetic.subtract(movie, background, self.config["analysis"]["clamp_negative"])

    def _mask(self, mean):
        return arithmetic.density_mask(mean, self.config["analysis"]["segmentation"]["density_cutoff"])

    def trial(self, recording):
        """Everything a trial's outputs hold."""
        raw = dcimg_reader.read(recording.path)
        movie = resized(raw.pixels, self.config["analysis"])
        fit = background_fit(movie, self.config["analysis"]["background"])
        background = fit.offset if self.background is None else self.background
        clean = self._clean(movie, background)
        mask = self._mask(clean.mean(axis=0)) if self.mask is None else self.mask
        dff = arithmetic.delta_f(clean, mask.kept, baseline_frames(self.config, len(movie)))
        return Result(movie, dff, fit, background, mask, raw.dropped())
