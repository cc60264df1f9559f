"""Random behaviour logs, with the trial list and counts that the reference notebook's rules give.

    python notebook_rules.py [--logs 1000] [--seed 20170214]

prints one JSON object per log: the text, the table of correct decisions, the two text files, and
whether the log is free of everything on which the crate's default rules differ from the notebook's.
Only the Python standard library is needed.

The rules, as known from a description of the notebook's parser:

* a line that starts with "Date" is passed over, wherever it stands;
* any event starting with "Begin Trial" counts a new trial, takes the time and the logged number, and
  resets the decision to "Early";
* any event starting with "Texture" becomes the current stimulus, which stays until the next one;
* exactly Go, No Go, No Response, Inappropriate Response become the current decision;
* exactly "End Trial" writes a row of the current values, even if a row was written for them before.

One departure: dates are read day first, always.
"""

import argparse
import json
import random
from datetime import datetime, timedelta

DECISIONS = ["Go", "No Go", "No Response", "Inappropriate Response"]
FILLERS = ["Stimulus Cue", "Response Cue", "Delay", "Report", "Reward", "Auto Reward", "Puff", "Z-Plane 120",
           "Early Lick", "Water 5 ul", "Lick", "Going home", "No Going", "Beginning"]
BEGINS = ["Begin Trial / Recording", "Begin Trial + Recording", "Begin Trial w/o Recording", "Begin Trial"]


class Log:
    """Lines with a clock that moves on."""

    def __init__(self, rng):
        self.rng = rng
        day = datetime(rng.randint(2014, 2019), rng.randint(1, 12), rng.randint(1, 28))
        self.now = day + timedelta(seconds=rng.uniform(0, 86399))
        self.digits = rng.randint(0, 6)
        self.end = rng.choice(["\n", "\r\n", " \n", " \r\n"])
        self.lines = ["Date\tTime\tTrial\tEvent\t"]

    def add(self, number, event):
        fraction = f"{self.now.microsecond:06d}"[: self.digits]
        clock = self.now.strftime("%H:%M:%S") + ("." + fraction if self.digits else "")
        self.lines.append(f"{self.now.strftime('%d.%m.%Y')} \t{clock}\t{number}\t{event}")
        self.now += timedelta(seconds=self.rng.choice([0, 0.01, 0.5, 1.9, 7]) * self.rng.random())

    def text(self):
        return "".join(line + self.end for line in self.lines)


def generate(rng):
    """A log the notebook can read: its first trial has a texture, all stimuli are in the table."""
    log = Log(rng)
    grits = rng.sample(["P000", "P100", "P320", "P600", "P1200"], rng.randint(1, 5))
    stimuli = [(f"Texture {rng.randint(1, 9)} {grit}", rng.choice(["Go", "No Go"])) for grit in grits]
    odd = rng.random() < 0.7
    seldom = (lambda p: rng.random() < p) if odd else (lambda p: False)
    number = rng.randint(1, 900)
    for trial in range(rng.choice([0, 1, 2, 5, 20, 60])):
        number = rng.randint(1, 999) if seldom(0.05) else min(number + 1, 999)
        if seldom(0.03):
            log.lines.append(log.lines[0])
        if trial and seldom(0.05):  # between trials
            log.add(number, rng.choice(FILLERS + DECISIONS + [rng.choice(stimuli)[0]]))
        log.add(number, rng.choice(BEGINS))
        events = [] if trial and seldom(0.1) else [rng.choice(stimuli)[0]]
        if seldom(0.05):
            events.append(rng.choice(stimuli)[0])
        for _ in range(rng.choices([0, 1, 2], [1, 8, 1])[0]):
            events.append(rng.choice(DECISIONS))
        for _ in range(rng.randint(0, 6)):
            filler = rng.choice(FILLERS)
            if odd or not filler.startswith("Early"):
                events.insert(rng.randint(0, len(events)), filler)
        for event in events:
            log.add(number, event)
        if trial and seldom(0.05):  # aborted
            continue
        if seldom(0.03):
            log.add(number, "End Trial / Recording")
        log.add(number, "End Trial")
        if seldom(0.03):
            log.add(number, "End Trial")
        log.now += timedelta(seconds=rng.uniform(0, 20))
    return log.text(), stimuli, not odd


def rows_of(text):
    rows = []
    count = stimulus = decision = number = start = None
    for line in text.splitlines():
        if line.startswith("Date"):
            continue
        date, clock, trial, event = [cell.strip() for cell in line.split("\t", 3)]
        if event.startswith("Begin Trial"):
            count = (count or 0) + 1
            number, start, decision = int(trial), moment(date, clock), "Early"
        elif event.startswith("Texture"):
            stimulus = event
        elif event in DECISIONS:
            decision = event
        elif event == "End Trial":
            rows.append((count, number, start, stimulus, decision))
    return rows


def moment(date, clock):
    day, month, year = (int(part) for part in date.split("."))
    whole, _, fraction = clock.partition(".")
    hour, minute, second = (int(part) for part in whole.split(":"))
    return datetime(year, month, day, hour, minute, second, int(fraction.ljust(6, "0")))


def counts_of(rows, stimuli):
    """Go trials, No Go trials, correct responses, correct rejects, missed responses, false alarms."""
    hits = rejects = misses = alarms = 0
    for _, _, _, stimulus, decision in rows:
        correct = dict(stimuli)[stimulus]
        if correct == "Go":
            hits += decision == "Go"
            misses += decision in ("No Go", "No Response")
        else:
            rejects += decision == "No Go"
            alarms += decision in ("Go", "Inappropriate Response")
    return hits + misses, rejects + alarms, hits, rejects, misses, alarms


def performance(rows, stimuli):
    def names(wanted):
        return ", ".join(name for name, correct in stimuli if correct == wanted) or "none"

    labels = [f"Go trials ({names('Go')})", f"No Go trials ({names('No Go')})", "Correct responses",
              "Correct rejects", "Missed responses", "False alarms"]
    return "".join(f"{label}: {count}\n" for label, count in zip(labels, counts_of(rows, stimuli)))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--logs", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=20170214)
    chosen = arguments.parse_args()
    rng = random.Random(chosen.seed)
    for _ in range(chosen.logs):
        text, stimuli, plain = generate(rng)
        rows = rows_of(text)
        print(json.dumps({
            "text": text,
            "stimuli": stimuli,
            "plain": plain,
            "trial_list": "".join("\t".join(str(cell) for cell in row) + "\n" for row in rows),
            "performance": performance(rows, stimuli),
        }))


if __name__ == "__main__":
    main()
