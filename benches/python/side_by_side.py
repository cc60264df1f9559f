"""Puts a run of notebook_job.py and one of `widefield run` on the same session side by side.

    side_by_side.py NOTEBOOK_JSON_LINES RUN_JSON

Seconds per trial by stage, means over the trials. Stages overlap when trials run
at the same time, so only the last two rows, wall-clock of the whole session over
the number of trials, and bytes, compare the jobs as such.
"""

import json
import sys
from pathlib import Path

# Stages of run.json, and those of notebook_job.py that do the same work.
STAGES = {
    "read": ("read", "decode", "resize"),
    "background": ("background",),
    "mask": ("subtract", "mask"),
    "write": ("dff", "write_mov", "write_dff", "write_mat"),
}


def main(notebook, run_json):
    """Prints the table."""
    python = json.loads(Path(notebook).read_text().splitlines()[-1])
    run = json.loads(Path(run_json).read_text())
    done = [trial for trial in run["trials"] if trial["status"] == "ok"]
    if len(done) != python["trials"]:
        sys.exit(f"{len(done)} trials done by widefield, {python['trials']} by the notebook's job")

    rows = []
    for stage, parts in STAGES.items():
        rust = sum(trial["seconds"][stage] for trial in done) / len(done)
        rows.append((stage, sum(python["mean_seconds"].get(part, 0.0) for part in parts), rust))
    rows.append(("whole job", python["seconds_per_trial"], run["totals"]["seconds"] / len(done)))
    print(f"{'seconds per trial':<18}{'notebook':>10}{'widefield':>11}{'ratio':>8}")
    for name, slow, fast in rows:
        print(f"{name:<18}{slow:>10.3f}{fast:>11.4f}{slow / fast:>8.1f}")
    size = sum(output["bytes"] for trial in done for output in trial["outputs"])
    mib = 2**20 * len(done)
    print(f"{'MiB per trial':<18}{python['bytes'] / mib:>10.1f}{size / mib:>11.1f}{python['bytes'] / size:>8.2f}")
    output = run["config"]["output"]
    print(f"notebook: {python['jobs']} jobs, f64; widefield {run['version']}: {output['precision']}, "
          f"compression {output['compression']}; {python['cpus']} processors, {python['versions']}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip().splitlines()[2].strip())
    main(*sys.argv[1:])
