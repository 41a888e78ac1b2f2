"""The jobs of a sweep, read from their folders, and those that differ in nothing but the seed as one group."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from seqclf.classifiers.direction import lower_is_better
from seqclf.errors import UserError
from seqclf.run.page import cut

SEED = "seed"
LONG = 32  # characters of a value from which it is shown in short
SEPARATOR = "|"  # between the labels of a record that has several


@dataclass(frozen=True)
class Outcomes:
    """What a run predicted for the records that it was tested on.

    Attributes:
        rows: which records.
        labels: what they are.
        predictions: what the run says they are.
    """

    rows: list[str]
    labels: list[str]
    predictions: list[str]

    def right(self) -> NDArray[np.bool_]:
        """Which records the run has right; of several labels the order says nothing."""
        pairs = zip(self.labels, self.predictions, strict=True)
        return np.array([label == given or _parts(label) == _parts(given) for label, given in pairs], dtype=bool)


@dataclass(frozen=True)
class SweepJob:
    """A job of a sweep.

    Attributes:
        name: its number.
        folder: what it left behind.
        overrides: what it was composed from, value by key, in order.
        status: done, failed, stopped (a search saw that others were better) or unfinished.
        metrics: every figure, as in metrics.json; nothing of a job that is not done.
        message: why it failed or was stopped, in one line.
    """

    name: str
    folder: Path
    overrides: dict[str, str]
    status: str
    metrics: dict[str, Any]
    message: str

    @property
    def score(self) -> float | None:
        """What the sweep optimises; None of a job that is not done."""
        return self.metrics.get("score")

    @cached_property
    def curve(self) -> list[float]:
        """The monitored figure of every epoch, where logger=csv kept it."""
        path, monitor = self.folder / "history" / "metrics.csv", self.metrics.get("monitor") or "validation/accuracy"
        if not path.is_file():
            return []
        epochs: dict[str, float] = {}
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                if line.get(monitor):
                    epochs.setdefault(line["epoch"], float(line[monitor]))
        return list(epochs.values())[: self.metrics.get("epochs")]

    @cached_property
    def outcomes(self) -> Outcomes | None:
        """Its predictions, where the records have labels."""
        path = self.folder / "predictions.csv"
        if not path.is_file():
            return None
        csv.field_size_limit(2**31 - 1)
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            if "label" not in header:
                return None
            places = [header.index(name) for name in ("row", "label", "prediction")]
            columns = list(zip(*([line[at] for at in places] for line in reader), strict=True))
        return Outcomes(*map(list, columns)) if columns else None


@dataclass(frozen=True)
class SweepGroup:
    """Jobs with the same settings but the seed.

    Attributes:
        setting: the keys that differ within the sweep, and their values here, long ones in short.
        jobs: those that are done.
    """

    setting: dict[str, str]
    jobs: list[SweepJob] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The settings in short, `encoder=lstm lr=0.01`."""
        names = short_names(list(self.setting))
        return " ".join(f"{names[key]}={value}" for key, value in self.setting.items()) or "all jobs"

    def best(self) -> SweepJob:
        """The job with the best score."""
        sign = 1 if lower_is_better(str(self.jobs[0].metrics["monitor"])) else -1
        return min(self.jobs, key=lambda job: sign * (job.score or 0.0))

    def figures(self, name: str) -> list[float]:
        """A figure of each of its jobs that has it."""
        return [float(job.metrics[name]) for job in self.jobs if job.metrics.get(name) is not None]

    def mean(self, name: str) -> float | None:
        """The mean of a figure."""
        values = self.figures(name)
        return mean(values) if values else None

    def deviation(self, name: str) -> float | None:
        """The standard deviation of a figure; None of a single run."""
        values = self.figures(name)
        return stdev(values) if len(values) > 1 else None


def read_jobs(sweep: Path) -> list[SweepJob]:
    """The jobs in the folder of a sweep, by number.

    Args:
        sweep: hydra.sweep.dir.

    Raises:
        UserError: for a folder that is not there.
    """
    if not sweep.is_dir():
        raise UserError(f"{sweep} is no folder; a sweep's is the one that holds its jobs, multirun/DATE/TIME.")
    folders = {path.parents[1] for path in sweep.glob("*/.hydra/overrides.yaml")}
    folders |= {path.parent for path in sweep.glob("*/error.txt")}
    return [_read_job(folder) for folder in sorted(folders, key=_in_order)]


def varied(jobs: Sequence[SweepJob]) -> list[str]:
    """The keys that are not the same in all jobs, the seed last."""
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    found = [key for key in keys if len({job.overrides.get(key) for job in jobs}) > 1]
    return sorted(found, key=lambda key: key == SEED)


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last part of each key, `lr` for `optimizer.lr`, where that says which is meant."""
    lasts = [key.rpartition(".")[2] for key in keys]
    return {key: last if lasts.count(last) == 1 else key for key, last in zip(keys, lasts, strict=True)}


def short_values(values: Iterable[str]) -> dict[str, str]:
    """Each value of a key as it is shown: a long one without the beginning that all have, `…b/train.csv`, and cut."""
    known = sorted(set(values))
    if not known or max(map(len, known)) <= LONG:
        return dict(zip(known, known, strict=True))
    letters = zip(*known, strict=False)
    same = next((place for place, each in enumerate(letters) if len(set(each)) > 1), 0)
    shown = [f"…{value[same:]}" if same > 1 else value for value in known]
    cuts = [cut(value, LONG) for value in shown]
    return dict(zip(known, cuts if len(set(cuts)) == len(known) else shown, strict=True))


def group_jobs(jobs: Sequence[SweepJob]) -> list[SweepGroup]:
    """Groups of jobs that are done, the best first by the mean of their scores."""
    keys = [key for key in varied(jobs) if key != SEED]
    short = {key: short_values(job.overrides[key] for job in jobs if key in job.overrides) for key in keys}
    groups: dict[tuple[str | None, ...], SweepGroup] = {}
    for job in jobs:
        if job.score is not None:
            setting = {key: short[key][job.overrides[key]] for key in keys if key in job.overrides}
            groups.setdefault(tuple(map(job.overrides.get, keys)), SweepGroup(setting)).jobs.append(job)
    return sorted(groups.values(), key=_rank)


def _rank(group: SweepGroup) -> float:
    score = group.mean("score")
    assert score is not None
    return score if lower_is_better(str(group.jobs[0].metrics["monitor"])) else -score


def _read_job(folder: Path) -> SweepJob:
    metrics: dict[str, Any] = {}
    if (folder / "metrics.json").is_file():
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    typed = folder / ".hydra" / "overrides.yaml"
    lines = (yaml.safe_load(typed.read_text(encoding="utf-8")) or []) if typed.is_file() else []
    pairs = (line.lstrip("+").partition("=") for line in map(str, lines))
    overrides = {key: value for key, _, value in pairs}
    for name, status in (("error.txt", "failed"), ("pruned.txt", "stopped")):
        if not metrics and (folder / name).is_file():
            said = (folder / name).read_text(encoding="utf-8").strip().splitlines()
            return SweepJob(folder.name, folder, overrides, status, {}, said[-1] if said else "")
    return SweepJob(folder.name, folder, overrides, "done" if metrics else "unfinished", metrics, "")


def _in_order(folder: Path) -> tuple[int, str]:
    return (int(folder.name) if folder.name.isdecimal() else 10**9, folder.name)


def _parts(labels: str) -> list[str]:
    return sorted(labels.split(SEPARATOR))
