"""Tests of the checks themselves: right outputs pass, each kind of wrong one is found.

    python -m unittest discover -s pipeline/tests/python

Raw files and log are built here byte by byte, outputs with h5py and scipy.
"""

import contextlib
import copy
import io
import json
import struct
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np
import scipy.io

import arithmetic
import behaviour_log
import dcimg_reader
import recompute
import session as sessions
from comparison import Comparison, crc32c

WIDTH, HEIGHT, FRAMES = 44, 30, 14
JUNK = dcimg_reader.JUNK.tobytes()
PREFIX = "20170214_"


def packed_dcimg(pixels, stamps, row, row_padding=6):
    """A version 7 file whose first 4 pixels of `row` are stored in the footer."""
    frames, height, width = pixels.shape
    row_bytes = 2 * width + row_padding
    frame_bytes = row_bytes * height
    body, true = bytearray(), b""
    for frame in pixels:
        stored = np.full((height, row_bytes), 0xAA, np.uint8)
        stored[:, : 2 * width] = frame.astype("<u2").view(np.uint8).reshape(height, 2 * width)
        true += stored[row, :8].tobytes()
        stored[row, :8] = np.frombuffer(JUNK, np.uint8)
        body += stored.tobytes()

    tables = 0x110
    times = tables + 4 * frames
    pixel_table = times + 8 * frames
    footer = bytearray(pixel_table)
    struct.pack_into("<I", footer, 0, 7)
    struct.pack_into("<Q", footer, 8, 0xA0)
    struct.pack_into("<I", footer, 0x28, pixel_table + 8 * frames)
    struct.pack_into("<Q", footer, 0xA0 + 0x30, tables)
    struct.pack_into("<Q", footer, 0xA0 + 0x40, times)
    struct.pack_into("<Q", footer, 0xA0 + 0x58, pixel_table)
    struct.pack_into("<I", footer, 0xA0 + 0x64, row * row_bytes)
    struct.pack_into("<Q", footer, 0xA0 + 0x68, 8)
    for i, stamp in enumerate(stamps):
        struct.pack_into("<I", footer, tables + 4 * i, stamp)
        struct.pack_into("<II", footer, times + 8 * i, 1487067753 + i, 50 * i)

    header = bytearray(0x78 + 112)
    header[:5] = b"DCIMG"
    struct.pack_into("<I", header, 0x08, 7)
    struct.pack_into("<I", header, 0x28, 0x78)
    struct.pack_into("<7I", header, 0x78 + 0x20, frames, 2, 1, width, row_bytes, height, frame_bytes)
    struct.pack_into("<I", header, 0x78 + 0x44, 112)
    struct.pack_into("<Q", header, 0x78 + 0x48, 112 + frames * frame_bytes)
    return bytes(header + body + footer + true)


def framed_dcimg(pixels, y0, junk_in, announced):
    """A 0x1000000 file with 32-byte trailers; junk stands in the frames `junk_in`."""
    frames, height, width = pixels.shape
    row, frame_bytes = 1023 - y0, 2 * width * height
    kind_4, camera, data = 0x80, 0x160, 0x258  # from hs + 0xA0
    hs = 0x70
    header = bytearray(hs + 0xA0 + data)
    header[:5] = b"DCIMG"
    struct.pack_into("<I", header, 0x08, 0x1000000)
    struct.pack_into("<I", header, 0x28, hs)
    struct.pack_into("<7I", header, hs + 0x3C, frames, 2, 0, width, height, 2 * width, frame_bytes)
    struct.pack_into("<Q", header, hs + 0x60, 0xA0 + data)
    struct.pack_into("<I", header, hs + 0x74, frame_bytes + 32)
    struct.pack_into("<I", header, hs + 0x7C, 32)
    struct.pack_into("<IIQ", header, hs + 0xF0, 1, 248, camera)
    struct.pack_into("<4H", header, hs + 0xA0 + camera + 0xC8, 0, width, y0, height)
    if announced:
        struct.pack_into("<IIQ", header, hs + 0x100, 4, 56, kind_4)
        struct.pack_into("<II", header, hs + 0xA0 + kind_4 + 12, 8, row * 2 * width)
    body = b""
    for i, frame in enumerate(pixels):
        stored = bytearray(frame.astype("<u2").tobytes())
        start = row * 2 * width
        true = bytes(stored[start : start + 8])
        if i in junk_in:
            stored[start : start + 8] = JUNK
        body += bytes(stored) + struct.pack("<3I8s12x", i, 1487067753, 100 * i, true)
    return bytes(header) + body


def raw_movie(seed):
    """A tilted bright spot on an offset of 60 counts, with noise, a response and saturated pixels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    spot = 3000 * np.exp(-(((x - 20) / 9) ** 2 + ((y - 16) / 7) ** 2 + (x - 20) * (y - 16) / 150) / 2)
    frames = 60 + spot * (1 + 0.02 * np.arange(FRAMES)[:, None, None]) + random.normal(0, 3, (FRAMES, HEIGHT, WIDTH))
    frames[:, 2, 3] = 61000
    return np.clip(np.round(frames), 0, 65535).astype(np.uint16)


def log_text(stimuli, trials):
    """A log in which trial k shows stimulus k mod n; the last trial has no movie, one line has blanks."""
    lines = ["Date\tTime\tTrial\tEvent"]
    for k in range(trials):
        for second, event in enumerate(["Begin Trial / Recording", stimuli[k % len(stimuli)], "Go", "End Trial"]):
            lines.append(f"14.02.2017 \t10:{k:02}:{second:02}.2500\t{k + 1}\t{event} ")
    return "\r\n".join(lines) + "\r\n"


def configuration(conditions=2):
    """`config` of run.json."""
    stimulus = [
        {"name": f"Texture {i} P{100 * i}", "decision": "Go" if i == 1 else "No Go"} for i in range(1, conditions + 1)
    ]
    return {
        "data": {"url": ".", "prefix": PREFIX, "behaviour_log": "behaviour.txt"},
        "output": {
            "movie": "mov_out", "dff": "dff_out", "mat": "mat_out", "precision": "f32", "orientation": "notebook",
            "mat_scale": "dff", "compression": 1, "existing": "resume",
        },
        "experiment": {"sample_rate_hz": 20.0, "first_frame_s": -3.0, "events": {}, "stimulus": stimulus},
        "analysis": {
            "resolution": [33, 24], "resize": "triangle", "invalid_above": 60000, "clamp_negative": True,
            "background": {"method": "gaussian_fit", "smoothing_sd_px": 2.0, "frames": [0, 1], "scope": "trial"},
            "segmentation": {"method": "density_cutoff", "density_cutoff": 0.0003, "scope": "trial"},
            "baseline": {"method": "frames", "frames": [2, 5]},
        },
    }


class Folder:
    """A session, its outputs and run.json in a temporary folder."""

    def __init__(self, path, config, trials=3):
        self.path, self.config = Path(path), config
        for k in range(1, trials + 1):
            content = packed_dcimg(raw_movie(k), [5 + i + (i > 6) for i in range(FRAMES)], row=4)
            (self.path / f"{PREFIX}10223{k}_{k}{'.dcimg' if k == 2 else ''}").write_bytes(content)
        (self.path / f"{PREFIX}notes").write_text("no movie")
        names = [s["name"] for s in config["experiment"]["stimulus"]]
        if "behaviour_log" in config["data"]:
            (self.path / "behaviour.txt").write_bytes(log_text(names, trials + 1).encode())
        self.run = self.write_outputs()
        self.save_run()

    def save_run(self):
        (self.path / "run.json").write_text(json.dumps(self.run))

    def put(self, name, write):
        """Writes one output; its entry of run.json."""
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        write(path)
        return self.entry(name)

    def entry(self, name):
        content = (self.path / name).read_bytes()
        return {"path": name, "bytes": len(content), "crc32c": crc32c(content)}

    def write_outputs(self):
        """All outputs from the recomputation; what is under test is that the comparison sees changes."""
        output = self.config["output"]
        log = sessions.read_log(self.path, self.config)
        recordings = sessions.find_recordings(self.path, self.config, log)
        recomputed = sessions.Session(self.config, recordings)
        records, shared = [], []
        for recording in recordings:
            result = recomputed.trial(recording)
            written = self.write_trial(recording, result)
            records.append(
                {
                    "file": recording.path.name,
                    "trial": recording.number,
                    "stimulus": recording.trial and recording.trial.stimulus,
                    "decision": recording.trial and recording.trial.decision,
                    "status": "ok",
                    "frames": FRAMES,
                    "dropped_frames": 1,
                    "background": result.background,
                    "fit": dict(vars(result.fit)),
                    "threshold": result.mask.threshold,
                    "masked_pixels": int((~result.mask.kept).sum()),
                    "nonfinite_pixels": 0,
                    "outputs": written,
                }
            )
            if recording is recordings[0] and output["mat"]:
                image = arithmetic.orient(arithmetic.reference_image(result.movie), output["orientation"])
                shared.append(self.put(f"{output['mat']}/refImg.mat", lambda p: scipy.io.savemat(p, {"refImg": image})))
        if log is not None:
            stimuli = self.config["experiment"]["stimulus"]
            texts = {
                "TrialList.txt": behaviour_log.trial_list(log),
                "BehaviourPerformance.txt": behaviour_log.performance(log, stimuli),
            }
            shared += [self.put(name, lambda p, t=content: p.write_text(t)) for name, content in texts.items()]
            if output["mat"]:
                rows = {f"tr_{c}": [float(n) for n in ns] for c, ns in behaviour_log.by_condition(log, stimuli).items()}
                shared.append(self.put(f"{output['mat']}/trials_ind.mat", lambda p: scipy.io.savemat(p, rows)))
        return {"version": "0.1.0", "config": self.config, "trials": records, "totals": {"outputs": shared}}

    def write_trial(self, recording, result):
        output = self.config["output"]
        kind = {"f32": np.float32, "f64": np.float64}[output["precision"]]
        axes = {"notebook": "x, reversed y, t", "camera": "y, x, t"}[output["orientation"]]
        written = []
        for folder, name, values in ((output["movie"], "mov", result.movie), (output["dff"], "dff", result.dff)):
            if folder:
                values = arithmetic.orient(values, output["orientation"]).astype(np.float32).astype(kind)

                def write(path, name=name, values=values):
                    with h5py.File(path, "w") as file:
                        data = file.create_dataset(name, data=values, compression="gzip", shuffle=True)
                        data.attrs["axes"] = axes
                        data.attrs["units"] = {"mov": "counts", "dff": "1"}[name]
                        data.attrs["scale"] = "as stated"
                        data.attrs["software"] = np.bytes_("widefield 0.1.0")
                        keys = recompute.MOVIE_KEYS if name == "mov" else self.config["analysis"]
                        analysis = {k: v for k, v in self.config["analysis"].items() if k in keys}
                        data.attrs["parameters"] = json.dumps(analysis)

                written.append(self.put(f"{folder}/{recording.stem}.h5", write))
        if output["mat"] and recording.mat_name:
            rest = {"dff": 0, "f_over_f0": 1}[output["mat_scale"]]
            tr = (arithmetic.orient(result.dff, output["orientation"]) + rest).astype(kind)
            name = f"{output['mat']}/{recording.mat_name}"
            written.append(self.put(name, lambda p: scipy.io.savemat(p, {"tr": tr}, do_compression=True)))
        return written

    def mend(self, name):
        """Sizes and checksums of a changed file, so that only its content is wrong."""
        for outputs in [*(t["outputs"] for t in self.run["trials"]), self.run["totals"]["outputs"]]:
            for i, output in enumerate(outputs):
                if output["path"] == name:
                    outputs[i] = self.entry(name)
        self.save_run()

    def compare(self):
        """Exit status and printed lines of recompute.py."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            status = recompute.main([str(self.path), str(self.path), str(self.path / "run.json")])
        return status, printed.getvalue().splitlines()


class RightOutputs(unittest.TestCase):
    """Whatever the configuration, outputs that follow it pass."""

    def check(self, config, trials=2):
        with tempfile.TemporaryDirectory() as path:
            folder = Folder(path, config, trials)
            status, lines = folder.compare()
            self.assertEqual((status, [line for line in lines if line.startswith("FAIL")]), (0, []))
            return folder, lines

    def test_number_of_conditions(self):
        for conditions in (1, 2, 5):
            with self.subTest(conditions=conditions):
                folder, _ = self.check(configuration(conditions), trials=5)
                names = {output["path"] for trial in folder.run["trials"] for output in trial["outputs"]}
                last = {1: "cond_100_trial5", 2: "cond_100_trial3", 5: "cond_500_trial1"}[conditions]
                self.assertIn(f"mat_out/{last}.mat", names)

    def test_forms_of_files(self):
        changes = {
            "camera": ("output", "orientation", "camera"),
            "f64": ("output", "precision", "f64"),
            "f_over_f0": ("output", "mat_scale", "f_over_f0"),
            "no movie": ("output", "movie", ""),
            "no dff": ("output", "dff", ""),
            "no mat": ("output", "mat", ""),
            "negative kept": ("analysis", "clamp_negative", False),
            "before_s": ("analysis", "baseline", {"method": "frames", "before_s": -2.8}),
        }
        for name, (table, key, value) in changes.items():
            with self.subTest(name):
                config = configuration()
                config[table][key] = value
                self.check(config)

    def test_without_resolution_or_log(self):
        config = configuration()
        del config["analysis"]["resolution"]
        del config["data"]["behaviour_log"]
        folder, _ = self.check(config)
        self.assertTrue(any(o["path"] == f"mat_out/{PREFIX}102232_2.mat" for o in folder.run["trials"][1]["outputs"]))

    def test_session_scope(self):
        config = configuration()
        config["analysis"]["background"]["scope"] = config["analysis"]["segmentation"]["scope"] = "session"
        folder, _ = self.check(config, trials=3)
        backgrounds = [trial["background"] for trial in folder.run["trials"]]
        offsets = sorted(trial["fit"]["offset"] for trial in folder.run["trials"])
        self.assertEqual(backgrounds, [offsets[1]] * 3)

    def test_failed_trials_are_left_out(self):
        with tempfile.TemporaryDirectory() as path:
            folder = Folder(path, configuration(), trials=2)
            folder.run["trials"][1].update(status="failed", background=None, fit=None, outputs=[])
            folder.save_run()
            self.assertEqual(folder.compare()[0], 0)
            folder.run["trials"][0]["status"] = "failed"
            folder.save_run()
            self.assertEqual(folder.compare()[0], 2)


class WrongOutputs(unittest.TestCase):
    """One change at a time is found, and named."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.folder = Folder(cls.directory.name, configuration(), trials=2)
        cls.stem = f"{PREFIX}102231_1"

    def expect(self, *named):
        """The comparison fails in exactly the named places."""
        status, lines = self.folder.compare()
        failed = sorted(line.removeprefix("FAIL ").split(":")[0] for line in lines if line.startswith("FAIL"))
        self.assertEqual((status, failed), (1, sorted(named)))

    @contextlib.contextmanager
    def changed(self, name):
        """A file that may be changed inside the block; its sizes in run.json follow."""
        path, run = self.folder.path / name, copy.deepcopy(self.folder.run)
        content = path.read_bytes()
        try:
            yield path
        finally:
            path.write_bytes(content)
            self.folder.run = run
            self.folder.save_run()

    def change_hdf5(self, kind, change, *named):
        name = f"{kind}_out/{self.stem}.h5"
        with self.changed(name) as path:
            with h5py.File(path, "r+") as file:
                values = file[kind][()]
                file[kind][...] = change(values)
            self.folder.mend(name)
            self.expect(*named)

    def kept(self, values):
        """Index of a kept pixel in the middle."""
        middle = (values.shape[0] // 2, values.shape[1] // 2)
        self.assertFalse(np.isnan(values[middle]).any())
        return middle

    def test_shifted_movie(self):
        self.change_hdf5("mov", lambda v: np.roll(v, 1, axis=0), f"{self.stem} mov values")

    def test_movie_off_by_two_ten_thousandths(self):
        def change(values):
            values[0, 0, 3] += 2e-4  # dim: f32 can tell
            return values

        self.change_hdf5("mov", change, f"{self.stem} mov values")

    def test_wrong_orientation(self):
        self.change_hdf5("mov", lambda v: v[:, ::-1], f"{self.stem} mov values")

    def test_one_value_off_by_two_millionths(self):
        def change(values):
            values[self.kept(values)][5] += 2e-6
            return values

        self.change_hdf5("dff", change, f"{self.stem} dff values")

    def test_one_mask_pixel(self):
        def masked(values):
            values[self.kept(values)] = np.nan
            return values

        def shown(values):
            self.assertTrue(np.isnan(values[0, 0]).all())
            values[0, 0] = 0
            return values

        for change in (masked, shown):
            self.change_hdf5("dff", change, f"{self.stem} dff mask", f"{self.stem} dff values")

    def test_nan_in_one_frame(self):
        def change(values):
            values[self.kept(values)][5] = np.nan
            return values

        self.change_hdf5("dff", change, f"{self.stem} dff values")

    def test_other_axes_in_file(self):
        name = f"dff_out/{self.stem}.h5"
        with self.changed(name) as path:
            with h5py.File(path, "r+") as file:
                values, attributes = file["dff"][()], dict(file["dff"].attrs)
                del file["dff"]
                data = file.create_dataset("dff", data=values.T.astype("f8"), compression="gzip", shuffle=True)
                data.attrs.update({**attributes, "axes": "t, y, x"})
            self.folder.mend(name)
            self.expect(f"{name} type", f"{name} axes", f"{self.stem} dff mask", f"{self.stem} dff values")

    def test_second_dataset_and_no_filter(self):
        name = f"mov_out/{self.stem}.h5"
        with self.changed(name) as path:
            with h5py.File(path, "r+") as file:
                values, attributes = file["mov"][()], dict(file["mov"].attrs)
                del file["mov"]
                file.create_dataset("mov", data=values).attrs.update(attributes)
                file["other"] = 1
            self.folder.mend(name)
            self.expect(f"{name} datasets", f"{name} filters")

    def test_more_than_f32(self):
        folder = self.folder
        with self.changed(f"mov_out/{self.stem}.h5") as path:
            check = Comparison()
            with contextlib.redirect_stdout(io.StringIO()), h5py.File(path) as file:
                values = file["mov"][()].astype(np.float64)
                recompute.compare_movie_values(check, "mov", values + 1e-9, values, 1e-4)
            self.assertEqual((check.passed, check.failed), (1, 1))
        self.assertEqual(folder.compare()[0], 0)

    def test_mat_scale_class_and_second_variable(self):
        name = "mat_out/cond_100_trial1.mat"
        with self.changed(name) as path:
            tr = scipy.io.loadmat(path)["tr"]
            for variables, named in (
                ({"tr": tr + 1}, [f"{self.stem} tr values"]),
                ({"tr": tr.astype(np.float64)}, [f"{name} variables"]),
                ({"tr": tr, "extra": 1.0}, [f"{name} variables"]),
            ):
                scipy.io.savemat(path, variables, do_compression=True)
                self.folder.mend(name)
                self.expect(*named)

    def test_trial_indices(self):
        name = "mat_out/trials_ind.mat"
        column = {"tr_100": np.array([[1.0], [3.0]]), "tr_200": [2.0]}
        for variables, named in (
            ({"tr_100": [1.0, 2.0], "tr_200": [2.0]}, ["trials_ind.mat tr_100"]),
            (column, ["trials_ind.mat tr_100"]),
            ({"tr_100": np.array([1, 3]), "tr_200": [2.0]}, ["trials_ind.mat tr_100"]),
            ({"tr_100": [1.0, 3.0]}, ["trials_ind.mat tr_200", "trials_ind.mat variables"]),
        ):
            with self.changed(name) as path:
                scipy.io.savemat(path, variables)
                self.folder.mend(name)
                self.expect(*named)

    def test_reference_image(self):
        name = "mat_out/refImg.mat"
        with self.changed(name) as path:
            image = scipy.io.loadmat(path)["refImg"]
            scipy.io.savemat(path, {"refImg": image * (1 + 1e-6)})
            self.folder.mend(name)
            self.expect("refImg values")

    def test_texts(self):
        for name in ("TrialList.txt", "BehaviourPerformance.txt"):
            with self.changed(name) as path:
                path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
                self.folder.mend(name)
                self.expect(name)

    def test_checksum_and_missing_file(self):
        name = f"mov_out/{self.stem}.h5"
        with self.changed(name) as path:
            path.write_bytes(path.read_bytes() + b"\0")
            self.expect(f"{name} bytes", f"{name} crc32c")
            path.unlink()
            self.expect(name, f"{name} exists", "mov_out files")

    def test_file_too_many(self):
        extra = self.folder.path / "dff_out" / ".half-written"
        extra.write_bytes(b"")
        self.addCleanup(extra.unlink)
        self.expect("dff_out files")

    def test_numbers_of_run_json(self):
        stem = f"{self.stem} run.json"
        first = self.folder.run["trials"][0]
        amplitude, fit = first["fit"]["amplitude"], first["fit"]
        changes = [
            ({"background": first["background"] + 2e-8 * amplitude}, ["background"]),
            ({"background": None}, ["background"]),
            ({"fit": {**fit, "offset": fit["offset"] + 2e-8 * amplitude}}, ["fit.offset"]),
            ({"fit": {**fit, "x0": fit["y0"], "y0": fit["x0"]}}, ["fit centre"]),
            ({"fit": {**fit, "theta": -fit["theta"]}}, ["fit sigmas and angle"]),
            ({"threshold": first["threshold"] * 2}, ["threshold", "threshold grid point"]),
            ({"masked_pixels": first["masked_pixels"] + 1}, ["masked_pixels"]),
            ({"nonfinite_pixels": 1}, ["nonfinite_pixels"]),
            ({"frames": FRAMES + 1}, ["frames"]),
            ({"dropped_frames": 0}, ["dropped_frames"]),
            ({"stimulus": "Texture 2 P200"}, ["stimulus"]),
            ({"decision": "Early"}, ["decision"]),
            ({"trial": 2}, ["trial"]),
        ]
        for change, named in changes:
            with self.subTest(str(change)), self.changed("run.json"):
                self.folder.run["trials"][0].update(change)
                self.folder.save_run()
                self.expect(*(f"{stem} {name}" for name in named))

    def test_same_ellipse_with_swapped_sigmas(self):
        with self.changed("run.json"):
            fit = self.folder.run["trials"][0]["fit"]
            fit["sigma_x"], fit["sigma_y"] = fit["sigma_y"], fit["sigma_x"]
            fit["theta"] += np.pi / 2
            self.folder.save_run()
            self.assertEqual(self.folder.compare()[0], 0)

    def test_requests_that_cannot_be_worked_on(self):
        with self.changed("run.json"), contextlib.redirect_stderr(io.StringIO()):
            self.folder.run["config"]["analysis"]["resize"] = "nearest"
            self.folder.save_run()
            self.assertEqual(self.folder.compare()[0], 2)
            self.assertEqual(recompute.main(["only one"]), 2)


class Reader(unittest.TestCase):
    """The reader gets back what was put into the files."""

    def test_packed(self):
        pixels = raw_movie(1)
        movie = dcimg_reader.parse(packed_dcimg(pixels, [7, 8, 11] + list(range(12, FRAMES + 9)), row=3))
        np.testing.assert_array_equal(movie.pixels, pixels)
        self.assertEqual(movie.stored[2, 3, :4].tolist(), [0, 65535, 0, 65535])
        self.assertEqual((movie.relocation.row, movie.dropped(), movie.times[2].tolist()), (3, 2, [1487067755, 100]))

    def test_framed(self):
        pixels = raw_movie(2)
        announced = dcimg_reader.parse(framed_dcimg(pixels, 1010, range(FRAMES), announced=True))
        np.testing.assert_array_equal(announced.pixels, pixels)
        self.assertEqual((announced.relocation.row, announced.sub_array), (13, (0, WIDTH, 1010, HEIGHT)))
        # Without announcement the junk decides, frame by frame.
        computed = dcimg_reader.parse(framed_dcimg(pixels, 1010, [0, 5], announced=False))
        np.testing.assert_array_equal(computed.pixels, pixels)
        self.assertFalse(computed.relocation.announced)

    def test_counter_wraps_around(self):
        movie = dcimg_reader.parse(packed_dcimg(raw_movie(1)[:4], [2**32 - 2, 2**32 - 1, 1, 0], row=0))
        self.assertEqual(movie.dropped(), 1)

    def test_cut_file(self):
        whole = packed_dcimg(raw_movie(1), range(FRAMES), row=0)
        for length in (3, 20, 150, 240, len(whole) - 1):
            with self.assertRaises(ValueError):
                dcimg_reader.parse(whole[:length])


class GoldenSession(unittest.TestCase):
    """The recomputation gives the values stored beside the Rust tests."""

    def test_values(self):
        path = Path(__file__).parent.parent / "data" / "session"
        if not path.is_dir():
            self.skipTest(f"no golden session in {path}")
        golden = json.loads((path / "expected.json").read_text())
        config = configuration()
        config["experiment"]["stimulus"][0]["name"] = "Texture 1 P100"
        config["experiment"]["stimulus"][1]["name"] = "Texture 7 P1200"
        config["analysis"]["resolution"] = golden["resolution"]
        config["analysis"]["background"]["smoothing_sd_px"] = golden["smoothing_sd_px"]
        config["analysis"]["segmentation"]["density_cutoff"] = golden["density_cutoff"]
        config["analysis"]["baseline"]["frames"] = golden["baseline_frames"]
        log = sessions.read_log(path, config)
        recordings = sessions.find_recordings(path, config, log)
        names = [recording.mat_name for recording in recordings]
        self.assertEqual(names, ["cond_100_trial1.mat", "cond_1200_trial1.mat", "cond_100_trial2.mat"])
        self.assertEqual(behaviour_log.trial_list(log), (path / "TrialList.txt").read_text())
        stimuli = config["experiment"]["stimulus"]
        self.assertEqual(behaviour_log.performance(log, stimuli), (path / "BehaviourPerformance.txt").read_text())

        recomputed = sessions.Session(config, recordings)
        for recording, expected in zip(recordings, golden["trials"], strict=True):
            result = recomputed.trial(recording)
            movie = arithmetic.orient(result.movie, "notebook")
            dff = arithmetic.orient(result.dff, "notebook")
            # The stored movie was resized with rows and columns exchanged: an ulp or so of difference.
            np.testing.assert_allclose(movie, np.load(path / f"{recording.stem}.mov.npy"), rtol=0, atol=1e-4)
            np.testing.assert_allclose(dff, np.load(path / f"{recording.stem}.dff.npy"), rtol=0, atol=1e-8)
            self.assertAlmostEqual(result.background, expected["background"], delta=1e-8 * result.fit.amplitude)
            self.assertAlmostEqual(result.mask.threshold, expected["threshold"], delta=1e-5)
            self.assertEqual(np.count_nonzero(~result.mask.kept), expected["masked_pixels"])
            for name, value in expected["fit"].items():
                self.assertAlmostEqual(getattr(result.fit, name), value, delta=1e-4 if value > 50 else 1e-6)


class Parts(unittest.TestCase):
    """Pieces with a value known from elsewhere."""

    def test_crc32c(self):
        # The check value every catalogue of CRCs gives for CRC-32C.
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)

    def test_fit_finds_a_rotated_gaussian(self):
        for height, width in ((120, 320), (320, 120)):
            truth = arithmetic.Fit(3000.0, 0.45 * width, 0.55 * height, width / 6, height / 5, 0.3, 60.0)
            y, x = np.mgrid[:height, :width]
            a, b, c = truth.quadratic_form()
            dx, dy = x - truth.x0, y - truth.y0
            frame = 60 + 3000 * np.exp(-(a * dx**2 + 2 * b * dx * dy + c * dy**2))
            self.assertAlmostEqual(arithmetic.fit_background(frame, 0.0).offset, 60.0, delta=1e-8)

    def test_orientation(self):
        image = np.arange(6).reshape(2, 3)  # row r, column c
        self.assertEqual(arithmetic.orient(image, "camera").tolist(), image.tolist())
        # Element (i, j) is camera row (height - 1 - j), column i.
        self.assertEqual(arithmetic.orient(image, "notebook").tolist(), [[3, 0], [4, 1], [5, 2]])

    def test_every_decision(self):
        outcomes = {}
        for decision in (*behaviour_log.DECISIONS, "Early"):
            for answer in ("Go", "No Go"):
                trial = behaviour_log.Trial(1, 1, None, "T 1", decision)
                lines = behaviour_log.performance([trial], [{"name": "T 1", "decision": answer}]).splitlines()
                counts = [int(line.rsplit(" ", 1)[1]) for line in lines]
                outcomes[answer, decision] = [i for i, count in enumerate(counts) if count]
        self.assertEqual(
            outcomes,
            {
                ("Go", "Go"): [0, 2], ("Go", "No Go"): [0, 4], ("Go", "No Response"): [0, 4],
                ("Go", "Inappropriate Response"): [], ("Go", "Early"): [],
                ("No Go", "Go"): [1, 5], ("No Go", "Inappropriate Response"): [1, 5], ("No Go", "No Go"): [1, 3],
                ("No Go", "No Response"): [], ("No Go", "Early"): [],
            },
        )

    def test_several_stimuli_and_none(self):
        stimuli = [{"name": "Texture 1 P100", "decision": "Go"}, {"name": "Texture 2 P200", "decision": "Go"}]
        lines = behaviour_log.performance([], stimuli).splitlines()
        self.assertEqual(lines[:2], ["Go trials (Texture 1 P100, Texture 2 P200): 0", "No Go trials (none): 0"])

    def test_log_without_begin_texture_or_end(self):
        line = "14.02.2017\t10:22:{:02}\t7\t{}\n".format
        text = line(1, "Texture 1 P100") + line(2, "Begin Trial") + line(3, "Texture 1 P100") + line(4, "Begin Trial")
        text += line(5, "No Go") + line(6, "End Trial") + line(7, "End Trial") + line(8, "Begin Trial")
        trials = behaviour_log.parse(text)
        self.assertEqual(behaviour_log.trial_list(trials), "2\t7\t2017-02-14 10:22:04\tmissing\tNo Go\n")
        with self.assertRaisesRegex(ValueError, "line 2 has 3 cells"):
            behaviour_log.parse("Date\n14.02.2017\t10:22:33\t1\n")


if __name__ == "__main__":
    unittest.main()
