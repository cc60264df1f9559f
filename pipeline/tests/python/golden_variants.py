"""Values of the golden session under other parameters, for tests that find no Python.

    golden_variants.py tests/data/session >tests/data/session/variants.json

Each variant has what `--set` says, and for each movie the background, the number of masked pixels and some pixels:
frame, row, column as the camera saw them, the resized movie and dF/F there (null where it is masked).
"""

import json
import sys
from pathlib import Path

import numpy as np

from session import Session, find_recordings

VARIANTS = {
    "session_scope": [
        "analysis.background.scope=session",
        "analysis.segmentation.scope=session",
        "analysis.background.frames=[0,5]",
    ],
    "another_size_and_baseline": ["analysis.resolution=[40,36]", "analysis.baseline.before_s=-2.5"],
    "as_recorded": [
        "analysis.resolution=[96,96]",
        "analysis.background.smoothing_sd_px=9.0",
        "analysis.segmentation.density_cutoff=0.0005",
        "analysis.clamp_negative=false",
    ],
}
PIXELS = 40


def config(changes):
    """The golden parameters with some changed."""
    tree = {
        "data": {"prefix": "20170214_"},
        "experiment": {"sample_rate_hz": 20.0, "first_frame_s": -3.0, "stimulus": []},
        "analysis": {
            "resolution": [48, 48],
            "resize": "triangle",
            "invalid_above": 60000,
            "clamp_negative": True,
            "background": {"method": "gaussian_fit", "smoothing_sd_px": 5.0, "frames": [0, 1], "scope": "trial"},
            "segmentation": {"method": "density_cutoff", "density_cutoff": 0.0004, "scope": "trial"},
            "baseline": {"method": "frames"},
        },
    }
    for change in changes:
        path, value = change.split("=", 1)
        *folders, key = path.split(".")
        place = tree
        for folder in folders:
            place = place[folder]
        place[key] = json.loads(value) if value[0] in "[-0123456789tf" else value
    return tree


def trial(session, recording, random):
    """What one movie must give."""
    result = session.trial(recording)
    t, y, x = (random.integers(0, n, PIXELS).tolist() for n in result.movie.shape)
    pixels = [
        [t, y, x, float(result.movie[t, y, x]), None if np.isnan(result.dff[t, y, x]) else float(result.dff[t, y, x])]
        for t, y, x in zip(t, y, x)
    ]
    return {
        "file": recording.stem,
        "background": result.background,
        "amplitude": result.fit.amplitude,
        "masked_pixels": int(np.count_nonzero(~result.mask.kept)),
        "pixels": pixels,
    }


def main():
    place = Path(sys.argv[1])
    random = np.random.default_rng(20170214)
    variants = {}
    for name, changes in VARIANTS.items():
        tree = config(changes)
        recordings = find_recordings(place, tree, None)
        session = Session(tree, recordings)
        variants[name] = {"set": changes, "trials": [trial(session, recording, random) for recording in recordings]}
    print(json.dumps(variants))


if __name__ == "__main__":
    main()
