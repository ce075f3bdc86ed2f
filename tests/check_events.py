#!/usr/bin/env python3
"""Compares the event files of runs with their log.csv, as TensorBoard reads them: check_events.py RUN...

Needs the package tensorboard. Every value of every update and validation must be there, at its step, to single precision.
"""

import csv
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# tags of the events, and the columns of log.csv
COLUMNS = {
    "train/loss": "loss",
    "train/learning_rate": "learning_rate",
    "train/gradient_norm": "gradient_norm",
    "valid/one_step/mean": "valid_one_step_relative_l2",
    "valid/one_step/median": "valid_one_step_median",
    "valid/one_step/worst": "valid_one_step_worst",
    "valid/rollout/mean": "valid_rollout_relative_l2",
    "valid/rollout/median": "valid_rollout_median",
    "valid/rollout/worst": "valid_rollout_worst",
}


def check(run):
    events = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0})
    events.Reload()
    tags = set(events.Tags()["scalars"])
    with open(run / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows, f"{run}: log.csv has no update"
    compared = 0
    for tag, column in COLUMNS.items():
        logged = [(int(row["step"]), float(row[column])) for row in rows if row[column]]
        assert (tag in tags) == bool(logged), f"{run}: {tag} is in only one of events and log.csv"
        found = [(event.step, event.value) for event in events.Scalars(tag)] if logged else []
        assert [step for step, _ in found] == [step for step, _ in logged], f"{run}: steps of {tag} differ"
        for (step, value), (_, expected) in zip(found, logged):
            assert abs(value - expected) <= 1e-6 * abs(expected), f"{run}: {tag} at step {step} is {value}, log.csv has {expected}"
        compared += len(found)
    unknown = tags - COLUMNS.keys()
    assert not unknown, f"{run}: events with tags that are not in log.csv: {sorted(unknown)}"
    print(f"{run}: {compared} events as in log.csv")


for name in sys.argv[1:]:
    check(Path(name))
assert len(sys.argv) > 1, "usage: check_events.py RUN..."
