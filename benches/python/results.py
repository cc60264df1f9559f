"""Prints what `cargo bench` measured last as the table of README.md.

usage: python results.py [TARGET_DIR/criterion]
"""

import json
import sys
from pathlib import Path

PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
UNITS = {"Bytes": "B/s", "Elements": "/s"}


def benchmarks(folder):
    """(group/variant/size, median in ns, low, high, throughput) of the last run, by name."""
    for path in sorted(folder.rglob("new/benchmark.json")):
        about = json.loads(path.read_text())
        median = json.loads((path.parent / "estimates.json").read_text())["median"]
        interval = median["confidence_interval"]
        yield (
            about["full_id"],
            median["point_estimate"],
            interval["lower_bound"],
            interval["upper_bound"],
            about["throughput"],
        )


def time(ns):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.3g} ns"


def speed(throughput, ns):
    for kind, amount in (throughput or {}).items():
        if kind in UNITS:
            each_second = amount / ns * 1e9
            size, prefix = next((p for p in PREFIXES if each_second >= p[0]), PREFIXES[-1])
            return f"{each_second / size:.3g} {prefix}{UNITS[kind]}"
    return ""


def main():
    default = Path(__file__).resolve().parents[2] / "target" / "criterion"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    print("| benchmark | median | 95 % interval | throughput |\n| --- | --- | --- | --- |")
    for name, ns, low, high, throughput in benchmarks(folder):
        print(f"| `{name}` | {time(ns)} | {time(low)} to {time(high)} | {speed(throughput, ns)} |")


if __name__ == "__main__":
    main()
