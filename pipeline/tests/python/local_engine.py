"""How the local engine scales: throughput by jobs, memory by trials, cost of a trial by trials.

    python local_engine.py target/release/widefield [--size 512] [--frames 200] [--memory 512] [--repeats 3]
        [--set analysis.resolution=[128,128]]

Simulates a session of 6 movies, links them to one of 60, runs both and prints a table: wall-clock and processor
seconds, largest resident memory, the ratios that matter, and the share of report and pictures; beside them what
this machine gives to two processes that share nothing, which is the most that two jobs could gain. Needs Linux and
nothing beyond Python 3.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from report_share import told

EXPERIMENT = """
[data]
url = "{raw}"
prefix = "m_"
[output]
url = "{out}"
[analysis]
resolution = [{half}, {half}]
[analysis.segmentation]
density_cutoff = 0.0004
"""


def session(program, folder, size, frames):
    """Folders with 6 and with 60 movies; the 60 are links to the 6."""
    made = folder / "made"
    subprocess.run(
        [program, "simulate", made, "--trials", "6", "--size", str(size), "--frames", str(frames)],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    movies = sorted(p for p in made.iterdir() if p.suffix == "" and p.is_file())
    movies = [p for p in movies if p.open("rb").read(5) == b"DCIMG"]
    for count in (6, 60):
        raw = folder / f"raw{count}"
        raw.mkdir()
        for i in range(count):
            os.link(movies[i % len(movies)], raw / f"m_{i + 1}")
    return movies[0].stat().st_size


def run(program, folder, count, jobs, given, threads=None):
    """Wall-clock seconds, processor seconds and largest resident MiB of one whole run."""
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    description = folder / "experiment.toml"
    description.write_text(EXPERIMENT.format(raw=folder / f"raw{count}", out=out, half=given.size // 2))
    began = time.monotonic()
    command = [program, "run", description, "--quiet", "--memory", f"{given.memory}MiB"]
    for value in given.set:
        command += ["--set", value]
    if jobs:
        command += ["--jobs", str(jobs)]
    environment = os.environ | ({"RAYON_NUM_THREADS": str(threads)} if threads else {})
    process = subprocess.Popen(command, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"the run failed: {status}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def spin(seconds, ready, queue):
    """Counts for a while, and tells how far it came."""
    ready.wait()
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        count += 1
    queue.put(count)


def gained(processes, seconds=1.0):
    """What so many processes count together."""
    ready, queue = multiprocessing.Barrier(processes), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=spin, args=(seconds, ready, queue)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(queue.get() for _ in workers)
    for worker in workers:
        worker.join()
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--memory", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where the movies go [default: the temporary folder]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for widefield run")
    given = parser.parse_args()
    program = str(Path(given.program).resolve())
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        bytes_each = session(program, folder, given.size, given.frames)
        print(f"movies of {bytes_each / 1e6:.0f} MB, sides halved, --memory {given.memory} MiB, best of {given.repeats}")
        print("trials jobs  wall s  processor s  ms a trial  largest MiB")
        best = {}
        one = two = 0
        run(program, folder, 6, 2, given)
        for _ in range(given.repeats):
            # In turns, so that a noisy moment meets all of them.
            for count, jobs in ((6, 1), (6, 2), (6, 0), (60, 1), (60, 2), (60, 0)):
                found = run(program, folder, count, jobs, given)
                best[count, jobs] = min(best.get((count, jobs), found), found)
            one, two = max(one, gained(1)), max(two, gained(2))
        for (count, jobs), (wall, processor, resident) in best.items():
            shown = jobs or "auto"
            print(f"{count:6} {shown!s:>4} {wall:7.2f} {processor:12.2f} {1e3 * wall / count:11.1f} {resident:12.0f}")
        for count in (6, 60):
            one_job, two_jobs, default = (best[count, jobs][0] for jobs in (1, 2, 0))
            print(f"throughput over 1 job, {count} trials: {one_job / two_jobs:.2f} with 2, {one_job / default:.2f} by default")
        print(f"2 processes that share nothing over 1: {two / one:.2f}")
        ratio = (best[60, 2][0] / 60) / (best[6, 2][0] / 6)
        print(f"cost of a trial, 60 trials over 6: {ratio:.3f} wall, "
              f"{(best[60, 2][1] / 60) / (best[6, 2][1] / 6):.3f} processor")
        for count, jobs, threads in ((6, 1, 1), (6, 2, None), (60, 2, None)):
            run(program, folder, count, jobs, given, threads)
            where = "one thread" if threads else f"{jobs} jobs"
            print(f"{where}: {told(folder / 'out' / 'run.json')}")


if __name__ == "__main__":
    main()
