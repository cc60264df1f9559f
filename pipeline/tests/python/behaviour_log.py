"""Trials and texts from a behaviour log, by the notebook's rules.

A line is date, time, logged trial number and event, separated by tabs, blanks
around cells ignored. `Begin Trial...` starts a trial and raises the running
number; `Texture...` names the stimulus; the last decision before `End Trial...`
counts, and a trial without one is `Early`. Only ended trials make a row.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

DECISIONS = ("Go", "No Go", "No Response", "Inappropriate Response")
MISSING = "missing"  # a trial without a texture line, never the stimulus before it

# (what is right, what was done) -> outcome; every other pair counts nowhere.
OUTCOMES = {
    ("Go", "Go"): "hit",
    ("Go", "No Go"): "miss",
    ("Go", "No Response"): "miss",
    ("No Go", "No Go"): "correct rejection",
    ("No Go", "Go"): "false alarm",
    ("No Go", "Inappropriate Response"): "false alarm",
}


@dataclass
class Trial:
    """One row: running and logged number, start, stimulus (or None), decision."""

    running: int
    logged: int
    start: datetime
    stimulus: str | None = None
    decision: str = "Early"


def parse(text):
    """The ended trials of a log. Raises `ValueError` naming a line it cannot use."""
    trials, running, current = [], 0, None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("Date"):
            continue
        cells = [cell.strip() for cell in line.split("\t", 3)]
        if len(cells) < 4:
            raise ValueError(f"line {number} has {len(cells)} cells")
        date, time, logged, event = cells
        if event.startswith("Begin Trial"):
            running += 1
            current = Trial(running, int(logged), _start(date, time))
        elif current is None:
            continue
        elif event.startswith("Texture"):
            current.stimulus = event
        elif event in DECISIONS:
            current.decision = event
        elif event.startswith("End Trial"):
            trials.append(current)
            current = None
    return trials


def _start(date, time):
    """`dd.mm.yyyy` and `HH:MM:SS[.f...]`, digits beyond microseconds dropped."""
    seconds, _, fraction = time.partition(".")
    micro = int((fraction + "000000")[:6])
    return datetime.strptime(f"{date} {seconds}", "%d.%m.%Y %H:%M:%S").replace(microsecond=micro)


def trial_list(trials):
    """TrialList.txt: five cells a trial, tabs, no header."""
    return "".join(
        f"{t.running}\t{t.logged}\t{t.start}\t{t.stimulus or MISSING}\t{t.decision}\n" for t in trials
    )


def performance(trials, stimuli):
    """BehaviourPerformance.txt; `stimuli` is the list of [[experiment.stimulus]] tables."""
    right = {s["name"]: s["decision"] for s in stimuli}
    counts = Counter(OUTCOMES.get((right.get(t.stimulus), t.decision)) for t in trials)
    names = {
        answer: ", ".join(s["name"] for s in stimuli if s["decision"] == answer) or "none"
        for answer in ("Go", "No Go")
    }
    hits, misses = counts["hit"], counts["miss"]
    rejections, alarms = counts["correct rejection"], counts["false alarm"]
    return (
        f"Go trials ({names['Go']}): {hits + misses}\n"
        f"No Go trials ({names['No Go']}): {rejections + alarms}\n"
        f"Correct responses: {hits}\n"
        f"Correct rejects: {rejections}\n"
        f"Missed responses: {misses}\n"
        f"False alarms: {alarms}\n"
    )


def condition(stimulus):
    """Name of the condition in files: given, or what follows the last blank, first letter dropped."""
    return stimulus.get("condition") or stimulus["name"].rsplit(" ", 1)[-1][1:]


def by_condition(trials, stimuli):
    """{condition: running numbers of all its logged trials}, conditions without a trial left out."""
    numbers = {condition(s): [t.running for t in trials if t.stimulus == s["name"]] for s in stimuli}
    return {name: found for name, found in numbers.items() if found}
