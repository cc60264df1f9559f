"""What share of a job report and pictures take.

    python report_share.py RUN_JSON...

Adds up the seconds that `run.json` states for the stages of its trials. What `report` took there and the page at the end
are compared with all stages and the page. On one thread (RAYON_NUM_THREADS=1, --jobs 1) these are processor
seconds; with more of them a stage that waits for others counts their time too, and the figure is less exact.
"""

import json
import sys
from pathlib import Path


def report_share(record):
    """Seconds of report and pictures, and of everything."""
    trials = [trial["seconds"] for trial in record["trials"]]
    page = record["totals"]["report_seconds"]
    report = page + sum(seconds.get("report", 0.0) for seconds in trials)
    return report, page + sum(sum(seconds.values()) for seconds in trials)


def told(path):
    """One line on a `run.json`."""
    record = json.loads(Path(path).read_text())
    report, everything = report_share(record)
    return (f"report and pictures: {report:.3f} of {everything:.3f} s, {100 * report / everything:.1f} % "
            f"({len(record['trials'])} trials, {record['totals']['seconds']:.2f} s wall)")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for name in sys.argv[1:]:
        print(f"{name}: {told(name)}")
