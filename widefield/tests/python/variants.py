"""Golden values of the variants: what Pillow, numpy and scipy make of small inputs.

    python widefield/tests/python/variants.py

writes the files of tests/data/variants; the inputs of the resize come from tests/data/ops.
"""

from pathlib import Path

import numpy as np
from PIL import Image

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


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    resize()
