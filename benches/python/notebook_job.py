"""The whole job as the lab's notebook does it in Python, timed by stage.

    notebook_job.py SESSION_DIR OUT_DIR --experiment JSON [--jobs N]

JSON is a run.json of `widefield run`, or its `config` alone. Per trial, in the
notebook's order and arithmetic:

    read         the whole file into memory
    decode       u16 from the data start, columns first, (x, reversed y, t), pixels > 60000 set to 0
    resize       each frame through Pillow (mode F, BILINEAR) into an f64 movie
    background   gaussian_filter, then curve_fit without a Jacobian; the offset is the background
    subtract     movie - background, below 0 set to 0
    mask         gaussian_kde of the mean image on 500 points; NaN below the first density < cutoff
    dff          (F - F0) / F0, F0 the mean of the baseline frames
    write_mov, write_dff      HDF5, h5py's gzip (level 4, no shuffle)
    write_mat    savemat with compression, for trials that the log knows

and once: both texts, trials_ind.mat, refImg.mat. One JSON line a trial, then one
for the session. Differences from the notebook, all in Python's favour: files are
local, and each step runs once (there a lazy data set decodes every movie for each
of the three outputs, and computes dF/F twice). Kept, and different from
`widefield`: relocated pixels are not restored but zeroed, a movie that is not
resized stays u16, numbers in files are f64.

Only packed (version 7) files without row padding, as the notebook expects.
"""

import argparse
import json
import os
import resource
import struct
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import PIL
import scipy
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import gaussian_filter
from scipy.optimize import curve_fit
from scipy.stats import gaussian_kde

sys.path.append(str(Path(__file__).resolve().parents[2] / "pipeline" / "tests" / "python"))
import behaviour_log  # noqa: E402
import session as sessions  # noqa: E402


class Stages:
    """Wall-clock seconds by stage."""

    def __init__(self):
        self.seconds = {}
        self.began = self.last = time.perf_counter()

    def ends(self, name):
        now = time.perf_counter()
        self.seconds[name] = now - self.last
        self.last = now

    def total(self):
        return self.last - self.began


def decode(content, invalid_above):
    """Bytes of a packed file to u16 (x, reversed y, t)."""
    if content[:5] != b"DCIMG" or struct.unpack_from("<I", content, 8)[0] != 7:
        raise ValueError("the notebook reads packed files (version 7) only")
    start = struct.unpack_from("<I", content, 0x28)[0]
    frames, depth, _, width, row_bytes, height, _ = struct.unpack_from("<7I", content, start + 0x20)
    if depth != 2 or row_bytes != 2 * width:
        raise ValueError("the notebook reads 16-bit pixels without row padding only")
    start += struct.unpack_from("<I", content, start + 0x44)[0]
    flat = np.frombuffer(content, np.uint16, width * height * frames, start).copy()
    mov = np.fliplr(flat.reshape((width, height, frames), order="F"))
    mov[np.where(mov > invalid_above)] = 0
    return mov


def resize_movie(mov, resolution):
    """Frame by frame into f64; the movie itself when there is nothing to do."""
    if resolution is None or mov.shape[:2] == tuple(resolution):
        return mov
    width, height = resolution
    resized = np.empty((width, height, mov.shape[2]))
    for t in range(mov.shape[2]):
        frame = Image.fromarray(mov[:, :, t].astype(np.float32))  # rows of this image are x
        resized[:, :, t] = np.asarray(frame.resize((height, width), Image.BILINEAR))
    return resized


def gaussian(xy, amplitude, x0, y0, sigma_x, sigma_y, theta, offset):
    """Rotated Gaussian on an offset."""
    x, y = xy
    a = np.cos(theta) ** 2 / (2 * sigma_x**2) + np.sin(theta) ** 2 / (2 * sigma_y**2)
    b = np.sin(2 * theta) / (4 * sigma_y**2) - np.sin(2 * theta) / (4 * sigma_x**2)
    c = np.sin(theta) ** 2 / (2 * sigma_x**2) + np.cos(theta) ** 2 / (2 * sigma_y**2)
    return (offset + amplitude * np.exp(-(a * (x - x0) ** 2 + 2 * b * (x - x0) * (y - y0) + c * (y - y0) ** 2))).ravel()


def estimate_background(frame, smoothing_sd_px):
    """Offset of the Gaussian fitted to the smoothed frame."""
    smooth = gaussian_filter(frame, smoothing_sd_px)
    width, height = smooth.shape
    start = (smooth.max(), width / 2, height / 2, max(width / 10, 1), max(height / 10, 1), 0, smooth.min())
    # The notebook's grid has its axes exchanged, which only square images forgive.
    grid = np.meshgrid(np.arange(float(width)), np.arange(float(height)), indexing="ij")
    best, _ = curve_fit(gaussian, grid, smooth.ravel(), p0=start)
    return best[6]


def mask_surround(mov, cutoff):
    """Pixels darker than the first density below the cutoff become NaN, in place."""
    mean = np.mean(mov, axis=2)
    density = gaussian_kde(mean.ravel())
    positions = np.linspace(0, np.max(mean), 500)
    threshold = positions[np.where(density(positions) < cutoff)[0]][0]
    mov[mean < threshold, :] = np.nan
    return mov


def write_hdf5(path, name, values):
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=values, compression="gzip")


def run_trial(recording, out, config):
    """One movie from file to files; its line of the report and, for the first, its mean image."""
    analysis, output = config["analysis"], config["output"]
    stages = Stages()
    content = recording.path.read_bytes()
    stages.ends("read")
    mov = decode(content, analysis["invalid_above"])
    stages.ends("decode")
    mov = resize_movie(mov, analysis.get("resolution"))
    stages.ends("resize")
    background = estimate_background(mov[:, :, 0].astype(float), analysis["background"]["smoothing_sd_px"])
    stages.ends("background")
    clean = mov - background
    clean[clean < 0] = 0
    stages.ends("subtract")
    clean = mask_surround(clean, analysis["segmentation"]["density_cutoff"])
    stages.ends("mask")
    f0 = np.mean(clean[:, :, sessions.baseline_frames(config, mov.shape[2])], axis=2)[:, :, np.newaxis]
    dff = (clean - f0) / f0
    stages.ends("dff")

    files = []
    for kind, name, values in (("movie", "mov", mov), ("dff", "dff", dff)):
        if output[kind]:
            files.append(out / output[kind] / f"{recording.stem}.h5")
            write_hdf5(files[-1], name, values)
            stages.ends(f"write_{name}")
    if output["mat"] and recording.mat_name:
        files.append(out / output["mat"] / recording.mat_name)
        savemat(files[-1], {"tr": dff}, do_compression=True)
        stages.ends("write_mat")
    return {
        "trial": recording.path.name,
        "seconds": {name: round(s, 4) for name, s in stages.seconds.items()},
        "total": round(stages.total(), 4),
        "background": background,
        "masked_pixels": int(np.isnan(f0).sum()),
        "bytes": sum(path.stat().st_size for path in files),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def run_session(session, recordings, trials, out, config):
    """Texts, trial indices and reference image."""
    stimuli, mat = config["experiment"]["stimulus"], config["output"]["mat"]
    if trials is not None:
        (out / "TrialList.txt").write_text(behaviour_log.trial_list(trials))
        (out / "BehaviourPerformance.txt").write_text(behaviour_log.performance(trials, stimuli))
        if mat:
            numbers = behaviour_log.by_condition(trials, stimuli)
            savemat(out / mat / "trials_ind.mat", {f"tr_{c}": [float(n) for n in ns] for c, ns in numbers.items()})
    if mat:
        first = decode(recordings[0].path.read_bytes(), config["analysis"]["invalid_above"])
        mean = np.nanmean(resize_movie(first, config["analysis"].get("resolution")), axis=2)
        savemat(out / mat / "refImg.mat", {"refImg": mean / np.nanmax(mean) / 10}, do_compression=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("session", type=Path, help="folder of the raw files and the log")
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--experiment", type=Path, required=True, help="run.json, or its config alone")
    parser.add_argument("--jobs", type=int, default=1, help="trials at the same time, each in a process of its own")
    return parser.parse_args()


def main():
    args = arguments()
    given = json.loads(args.experiment.read_text())
    config = given.get("config", given)
    began = time.perf_counter()
    trials = sessions.read_log(args.session, config)
    recordings = sessions.find_recordings(args.session, config, trials)
    if not recordings:
        sys.exit(f"no movie in {args.session} starts with {config['data']['prefix']}")
    for kind in ("movie", "dff", "mat"):
        (args.out / config["output"][kind]).mkdir(parents=True, exist_ok=True)

    work = partial(run_trial, out=args.out, config=config)
    done = []
    with ProcessPoolExecutor(args.jobs) as pool:
        try:
            for line in pool.map(work, recordings):
                print(json.dumps(line), flush=True)
                done.append(line)
        except ValueError as error:
            sys.exit(f"{recordings[len(done)].path}: {error}")
    last = time.perf_counter()
    run_session(args.session, recordings, trials, args.out, config)
    end = time.perf_counter()

    stages = {name: sum(line["seconds"].get(name, 0.0) for line in done) for line in done for name in line["seconds"]}
    summary = {
        "session": str(args.session),
        "trials": len(done),
        "jobs": args.jobs,
        "seconds": round(end - began, 3),
        "seconds_per_trial": round((end - began) / len(done), 4),
        "mean_seconds": {name: round(total / len(done), 4) for name, total in stages.items()},
        "session_files_seconds": round(end - last, 4),
        "bytes": sum(line["bytes"] for line in done),
        "cpus": os.cpu_count(),
        "versions": {m.__name__: m.__version__ for m in (np, scipy, h5py, PIL)} | {"python": sys.version.split()[0]},
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
