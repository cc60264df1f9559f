"""Writes areas with numpy, Pillow, scipy and roifile for tests/areas.rs to read, with what scikit-image makes of the polygons.

Usage: write_areas.py FOLDER. The frame has 30 rows and 40 columns.
"""

import sys
from pathlib import Path

import numpy as np
import roifile
import scipy.io
from PIL import Image
from skimage.draw import polygon2mask

folder = Path(sys.argv[1])
HEIGHT, WIDTH = 30, 40

# Two blocks, a pixel, and a diagonal.
labels = np.zeros((HEIGHT, WIDTH), int)
labels[2:9, 3:20] = 1
labels[12:25, 10:33] = 7
labels[29, 39] = 200
labels[range(25, 29), range(4)] = 12
np.save(folder / "labels.npy", labels)
for kind in ["i1", "u2", ">i2", "<i4", ">u4", ">u8", "f4", ">f8"]:
    small = np.where(labels == 200, 100, labels)
    np.save(folder / f"labels_{kind.strip('<>')}_{'big' if kind[0] == '>' else 'little'}.npy", small.astype(kind))
np.save(folder / "labels_fortran.npy", np.asfortranarray(labels.astype("u1")))
np.save(folder / "labels_bool.npy", labels > 0)
# Version 2 of the format.
with open(folder / "labels_version_2.npy", "wb") as file:
    np.lib.format.write_array(file, labels.astype("u1"), version=(2, 0))

Image.fromarray(labels.astype("u1")).save(folder / "labels_grey.png")
Image.fromarray((labels * 100).astype("u2")).save(folder / "labels_16.png")
palette = Image.fromarray(labels.astype("u1"), mode="P")
palette.putpalette(np.random.default_rng(1).integers(0, 256, 768).tolist())
palette.save(folder / "labels_palette.png")
few = Image.fromarray(np.where(labels == 7, 2, labels == 1).astype("u1"), mode="P")
few.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
few.save(folder / "labels_few_colours.png", bits=2)
Image.fromarray((labels == 7)).save(folder / "labels_one_bit.png")
few.convert("RGB").save(folder / "colours.png")

# No centre of a pixel lies on an edge, where rules differ.
polygons = {
    "M1": [(2.3, 2.6), (30.1, 9.9), (25.7, 20.4), (11.2, 27.8)],
    "M2": [(5.2, 1.1), (35.9, 3.3), (20.4, 14.2), (36.1, 28.7), (6.3, 22.9)],
    "S1 barrel": [(1.2, 1.3), (5.4, 1.9), (3.1, 6.2)],
    "V1 crosses itself": [(20.3, 1.2), (28.1, 28.4), (2.2, 10.3), (38.4, 10.1), (10.2, 28.3)],
}
rois, masks = [], []
for name, points in polygons.items():
    rois.append(roifile.ImagejRoi.frompoints(points, name=name))
    # Centres at (row + 0.5, column + 0.5).
    yx = np.array(points, "f4")[:, ::-1] - 0.5
    masks.append(polygon2mask((HEIGHT, WIDTH), yx))
rois.append(roifile.ImagejRoi.frompoints([(3, 4), (20, 4), (12, 25)], name="whole corners"))
masks.append(polygon2mask((HEIGHT, WIDTH), np.array([(4, 3), (4, 20), (25, 12)]) - 0.5 + 1e-6))
box = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.RECT, top=3, left=5, bottom=9, right=17, name="box")
mask = np.zeros((HEIGHT, WIDTH), bool)
mask[3:9, 5:17] = True
rois.append(box)
masks.append(mask)
(folder / "roifile.zip").unlink(missing_ok=True)
roifile.roiwrite(folder / "roifile.zip", rois)
np.save(folder / "roifile.npy", np.array(masks))
box.tofile(folder / "box.roi")
line = roifile.ImagejRoi(roitype=roifile.ROI_TYPE.LINE, name="line")
line.tofile(folder / "line.roi")

# Masks of the camera's orientation.
m1, m2 = labels == 1, labels == 7
for compress in [False, True]:
    scipy.io.savemat(
        folder / f"masks_{'packed' if compress else 'plain'}.mat",
        {
            "M1": m1,
            "M2": m2.astype("f8"),
            "pages": np.stack([m1, m2, m1 | m2], axis=2),
            "refImg": np.random.default_rng(2).random((HEIGHT, WIDTH)).round(2),
            "valid": True,
            "tr_100": np.array([[1, 0, 1]]),
            "note": "left out",
        },
        do_compression=compress,
    )


def cells(*items):
    array = np.empty((1, len(items)), object)
    array[0, :] = items
    return array


behaviour = np.ones((5, 6), bool)
structure = {
    "ROIIDs": np.array([[123.5, 7.25, 99.0]]),
    "ROIMasks": cells(m1, behaviour, m2),
    "ROINames": cells("M1", "BehavROI01", "Barrel cortex µ"),
    "axeH": cells("wf", "behav", "wf"),
    "ROITimeCourses": cells(np.zeros((1, 4)), [], np.ones((1, 4))),
}
scipy.io.savemat(folder / "ocia.mat", {"ROIs": structure}, do_compression=True)
rows = np.empty((2, 3), object)
rows[0, :] = ["M1", 123.5, m1]
rows[1, :] = ["M2", 7.25, m2]
scipy.io.savemat(folder / "ocia_rows.mat", {"ROIs": rows}, do_compression=True)
