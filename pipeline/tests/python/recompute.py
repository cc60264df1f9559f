"""Recomputes a finished run from its raw files and compares every output.

    recompute.py SESSION_DIR OUTPUT_DIR RUN_JSON

The parameters are those of `config` in run.json, which is experiment.toml's key
tree with the defaults written out; both places are the given folders, whatever
its URLs say. Trials that failed are left out. Prints one line a comparison,
`ok name: ...` or `FAIL name: ...`. Exit status 0 when all held, 1 when something
failed, 2 when there was nothing to compare.

Tolerances:

* Mask: none.
* dF/F: 1e-6 of max(1, |value|). Files hold f32, which rounds |value| by 6e-8 of
  itself. And dF/F = F / F0 - 1: an error of F / F0 near rest shows as an absolute
  error of a value near 0, where a relative limit would ask for more than f32 gives.
* Movie: 1e-4 counts, a few roundings of an f32 at 500 to 1000 counts.
* Background: 1e-8 of the fitted amplitude. The threshold and the fit's other
  parameters follow from the same two arrays and get limits of that order.
"""

import copy
import json
import sys
from pathlib import Path

import h5py
import numpy as np
import scipy.io

import arithmetic
import behaviour_log
import quality
from comparison import Comparison, crc32c
from session import Session, Unusable, baseline_frames, find_recordings, read_log

DFF_LIMIT = 1e-6
MOVIE_LIMIT_COUNTS = 1e-4
BACKGROUND_LIMIT = 1e-8  # of the amplitude
SHAPE_LIMIT = 1e-6  # centre in pixels; quadratic form as part of its largest coefficient
REFERENCE_LIMIT = 1e-8  # of an image whose maximum is 0.1
MOVIE_KEYS = ("resolution", "resize", "invalid_above")
AXES = {"notebook": "x, reversed y, t", "camera": "y, x, t"}
UNITS = {"mov": "counts", "dff": "1"}


def compare_movie_values(check, name, found, expected, limit, relative_above=None):
    """Values in file axes; f32 and f64 files both hold f32 numbers."""
    if check.close(f"{name} values", found, expected, limit, relative_above):
        rounded = found.astype(np.float32).astype(found.dtype)
        check.report(np.array_equal(rounded, found, equal_nan=True), f"{name} precision", "numbers are those of f32")


def compare_mask(check, name, found, expected):
    """Pixels that are NaN in every frame, exactly."""
    found, expected = np.isnan(found).all(axis=2), np.isnan(expected).all(axis=2)
    if found.shape != expected.shape:
        check.report(False, f"{name} mask", f"shape {found.shape} instead of {expected.shape}")
        return
    differing = np.count_nonzero(found != expected)
    check.report(differing == 0, f"{name} mask", f"{differing} of {expected.size} pixels differ")


def compare_hdf5(check, path, dataset, run):
    """The dataset alone in its file, its type, filters and attributes; returns its values or None."""
    name, output = f"{path.parent.name}/{path.name}", run["config"]["output"]
    try:
        with h5py.File(path, "r") as file:
            names = list(file)
            found = file[dataset]
            attributes, values = {key: text(value) for key, value in found.attrs.items()}, found[()]
            dtype, filters = found.dtype, (found.compression, found.shuffle)
    except Exception as error:  # whatever h5py says, the file cannot be read
        check.report(False, name, f"h5py: {error}")
        return None
    check.equal(f"{name} datasets", names, [dataset])
    check.equal(f"{name} type", dtype, np.dtype({"f32": "f4", "f64": "f8"}[output["precision"]]))
    if output["compression"] > 0:
        check.equal(f"{name} filters", filters, ("gzip", True))
    check.equal(f"{name} axes", attributes.get("axes"), AXES[output["orientation"]])
    check.equal(f"{name} units", attributes.get("units"), UNITS[dataset])
    check.report(bool(attributes.get("scale")), f"{name} scale", repr(attributes.get("scale")))
    check.equal(f"{name} software", attributes.get("software"), f"widefield {run['version']}")
    expected = copy.deepcopy(run["config"]["analysis"])
    if expected["background"]["method"] == "gaussian_fit":
        # Files say what was done; the description may leave it to the size of the frames.
        step = expected["background"]
        step["smoothing_sd_px"] = arithmetic.smoothing_sd_px(step, values.shape[:2])
    if dataset == "mov":
        # Other keys have no say in it.
        expected = {key: value for key, value in expected.items() if key in MOVIE_KEYS}
    parameters = json.loads(attributes.get("parameters", "null"))
    check.report(parameters == expected, f"{name} parameters", "those of run.json")
    return values


def text(value):
    """Text attributes of fixed length come as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def compare_mat(check, path, variable, kind):
    """One variable of the class `kind` alone in its file; returns its values or None."""
    name = f"{path.parent.name}/{path.name}"
    try:
        classes = {found[0]: found[2] for found in scipy.io.whosmat(path)}
        values = scipy.io.loadmat(path, mat_dtype=True)
    except Exception as error:  # whatever scipy says, the file cannot be read
        check.report(False, name, f"loadmat: {error}")
        return None
    check.equal(f"{name} variables", classes, {variable: kind})
    return values.get(variable)


def compare_trial_files(check, folder, recording, result, run):
    """The three files of a trial, those that are wanted."""
    output = run["config"]["output"]
    orientation = output["orientation"]
    dff = arithmetic.orient(result.dff, orientation)
    if output["movie"]:
        path = folder / output["movie"] / f"{recording.stem}.h5"
        found = compare_hdf5(check, path, "mov", run)
        if found is not None:
            movie = arithmetic.orient(result.movie, orientation)
            compare_movie_values(check, f"{recording.stem} mov", found, movie, MOVIE_LIMIT_COUNTS)
    if output["dff"]:
        path = folder / output["dff"] / f"{recording.stem}.h5"
        found = compare_hdf5(check, path, "dff", run)
        if found is not None:
            compare_mask(check, f"{recording.stem} dff", found, dff)
            rest = {"dff": 0.0, "f_over_f0": 1.0}[output.get("dff_scale", "dff")]
            compare_movie_values(check, f"{recording.stem} dff", found, dff + rest, DFF_LIMIT, 1.0)
    if output["mat"] and recording.mat_name:
        path = folder / output["mat"] / recording.mat_name
        found = compare_mat(check, path, "tr", {"f32": "single", "f64": "double"}[output["precision"]])
        if found is not None:
            found = np.atleast_3d(found)  # MAT drops a trailing axis of 1
            rest = {"dff": 0.0, "f_over_f0": 1.0}[output["mat_scale"]]
            compare_mask(check, f"{recording.stem} tr", found, dff)
            check.close(f"{recording.stem} tr values", found, dff + rest, DFF_LIMIT, 1.0)


def compare_trial_record(check, record, recording, result):
    """The numbers of a trial in run.json."""
    name = f"{recording.stem} run.json"
    fit, mask = result.fit, result.mask
    count_limit = BACKGROUND_LIMIT * abs(fit.amplitude)
    check.equal(f"{name} frames", record["frames"], len(result.movie))
    check.equal(f"{name} dropped_frames", record["dropped_frames"], result.dropped)
    check.close(f"{name} background", number(record["background"]), result.background, count_limit)

    found = arithmetic.Fit(**{key: number((record["fit"] or {}).get(key)) for key in arithmetic.FIT_FIELDS})
    check.close(f"{name} fit.offset", found.offset, fit.offset, count_limit)
    check.close(f"{name} fit.amplitude", found.amplitude, fit.amplitude, count_limit)
    check.close(f"{name} fit centre", [found.x0, found.y0], [fit.x0, fit.y0], SHAPE_LIMIT)
    form = fit.quadratic_form()
    check.close(f"{name} fit sigmas and angle", found.quadratic_form(), form, SHAPE_LIMIT * np.abs(form).max())

    threshold = number(record["threshold"])
    check.equal(f"{name} threshold grid point", round(threshold / mask.step) if mask.step > 0 else 0, mask.index)
    check.close(f"{name} threshold", threshold, mask.threshold, max(count_limit, MOVIE_LIMIT_COUNTS))
    check.equal(f"{name} masked_pixels", record["masked_pixels"], int(np.count_nonzero(~mask.kept)))
    nonfinite = arithmetic.nonfinite_pixels(result.dff, mask.kept)
    check.equal(f"{name} nonfinite_pixels", record["nonfinite_pixels"], nonfinite)
    print(f"   {recording.stem}: the pixel nearest to the threshold is {mask.margin:.3g} counts from it")


def number(value):
    """A number of run.json; null is NaN."""
    return float("nan") if value is None else float(value)


def compare_written(check, name, folder, record, expected):
    """The list of outputs in run.json: names, sizes and checksums of the files."""
    check.members(f"{name} outputs", [output["path"] for output in record], expected)
    for output in record:
        path = folder / output["path"]
        if not path.is_file():
            check.report(False, f"{output['path']} exists", "no such file")
            continue
        content = path.read_bytes()
        check.equal(f"{output['path']} bytes", output["bytes"], len(content))
        check.equal(f"{output['path']} crc32c", output["crc32c"], crc32c(content))


def wanted_outputs(recording, output):
    """Names of a trial's outputs below the output place."""
    wanted = [f"{output[kind]}/{recording.stem}.h5" for kind in ("movie", "dff") if output[kind]]
    if output["mat"] and recording.mat_name:
        wanted.append(f"{output['mat']}/{recording.mat_name}")
    return wanted


def compare_labels(check, record, recording):
    """What run.json says of the trial's number, stimulus and decision."""
    name = f"{recording.stem} run.json"
    trial = recording.trial
    check.equal(f"{name} trial", record["trial"], recording.number)
    check.equal(f"{name} stimulus", record["stimulus"], trial and trial.stimulus)
    check.equal(f"{name} decision", record["decision"], trial and trial.decision)


def compare_behaviour(check, folder, trials, config):
    """Both texts byte for byte, and trials_ind.mat; returns the names of these outputs."""
    stimuli, mat = config["experiment"]["stimulus"], config["output"]["mat"]
    texts = {
        "TrialList.txt": behaviour_log.trial_list(trials),
        "BehaviourPerformance.txt": behaviour_log.performance(trials, stimuli),
    }
    for name, expected in texts.items():
        path = folder / name
        found = path.read_bytes() if path.is_file() else None
        same = found == expected.encode()
        check.report(same, name, f"{len(expected)} bytes" if same else f"{found!r} instead of {expected!r}")
    numbers = behaviour_log.by_condition(trials, stimuli)
    if not mat or not numbers:
        return list(texts)
    path = folder / mat / "trials_ind.mat"
    try:
        found = scipy.io.loadmat(path, mat_dtype=True)
    except Exception as error:  # whatever scipy says, the file cannot be read
        check.report(False, "trials_ind.mat", f"loadmat: {error}")
        return list(texts)
    variables = [name for name in found if not name.startswith("__")]
    check.members("trials_ind.mat variables", variables, [f"tr_{condition}" for condition in numbers])
    for condition, expected in numbers.items():
        row = found.get(f"tr_{condition}", np.empty(0))
        told = (row.dtype.name, row.tolist())
        check.equal(f"trials_ind.mat tr_{condition}", told, ("float64", [[float(n) for n in expected]]))
    return [*texts, f"{mat}/trials_ind.mat"]


def compare_reference(check, folder, movie, output):
    """refImg.mat, from the first good movie in name order."""
    found = compare_mat(check, folder / output["mat"] / "refImg.mat", "refImg", "double")
    if found is not None:
        expected = arithmetic.orient(arithmetic.reference_image(movie), output["orientation"])
        check.close("refImg values", found, expected, REFERENCE_LIMIT)


def compare_folders(check, folder, output, expected, doubtful):
    """No file in the output folders but the outputs; `doubtful` may be there or not."""
    for kind in ("movie", "dff", "mat"):
        if not output[kind]:
            continue
        base = folder / output[kind]
        names = {f"{output[kind]}/{path.name}" for path in base.iterdir()} if base.is_dir() else set()
        wanted = {name for name in expected if name.startswith(f"{output[kind]}/")}
        check.members(f"{output[kind]} files", names - (set(doubtful) - wanted), wanted)


def compare_run(session, folder, run, check):
    """Every comparison of a run."""
    config, output = run["config"], run["config"]["output"]
    trials = read_log(session, config)
    recordings = find_recordings(session, config, trials)
    records = {record["file"]: record for record in run["trials"]}
    by_name = {recording.path.name: recording for recording in recordings}
    good = [r for r in recordings if records.get(r.path.name, {}).get("status") in ("ok", "skipped")]
    if not good:
        raise Unusable("no finished trial")

    check.members("run.json trials", records, by_name)
    recomputed = Session(config, good)
    expected, results = [], {}
    for recording in good:
        record = records[recording.path.name]
        try:
            result = recomputed.trial(recording)
        except (ValueError, RuntimeError) as error:
            check.report(False, f"{recording.stem} recomputation", f"{error}")
            continue
        compare_labels(check, record, recording)
        compare_trial_record(check, record, recording, result)
        compare_trial_files(check, folder, recording, result, run)
        if record.get("quality"):
            baseline = baseline_frames(config, len(result.movie))
            measures = quality.of_trial(recording, result, baseline, config["analysis"])
            quality.compare_trial(check, record, measures)
            results[recording.path.name] = result
        wanted = wanted_outputs(recording, output)
        compare_written(check, recording.stem, folder, record["outputs"], wanted)
        expected += wanted
        if output["mat"] and recording is good[0]:
            compare_reference(check, folder, result.movie, output)
    quality.compare_session(check, run, results)
    shared = [f"{output['mat']}/refImg.mat"] if output["mat"] else []
    if trials is not None:
        shared += compare_behaviour(check, folder, trials, config)
    written = run["totals"].get("outputs")
    if written is not None:
        compare_written(check, "session", folder, written, shared)
    doubtful = [name for r in recordings if r not in good for name in wanted_outputs(r, output)]
    compare_folders(check, folder, output, expected + shared, doubtful)


def main(arguments):
    """The command line; returns the exit status."""
    if len(arguments) != 3:
        print(__doc__.strip().splitlines()[2].strip(), file=sys.stderr)
        return 2
    session, folder, run_json = map(Path, arguments)
    check = Comparison()
    try:
        compare_run(session, folder, json.loads(run_json.read_text(encoding="utf-8")), check)
    except (Unusable, OSError, ValueError) as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1 if check.failed else 2
    except KeyError as error:
        check.report(False, run_json.name, f"lacks the key {error}")
    print(f"{check.passed} comparisons held, {check.failed} failed")
    return check.status()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
