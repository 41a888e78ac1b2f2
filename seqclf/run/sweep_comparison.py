"""Is the best of a sweep better than the next, or only luckier? A paired test on the records of both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqclf.run.statistics import McNemar, approximate_randomisation, bootstrap_interval_of_runs, mcnemar
from seqclf.run.sweep_jobs import SweepGroup

SURE = 0.05


@dataclass(frozen=True)
class Comparison:
    """The best group beside the runner-up.

    Attributes:
        first: the best by validation.
        second: the next.
        figure: what is compared, accuracy or f1_macro.
        records: how many records both were tested on.
        ahead: by how much the figure of the first is larger, over the means of their runs.
        p: of approximate randomisation.
        mcnemar: of the best run of each, by validation.
    """

    first: SweepGroup
    second: SweepGroup
    figure: str
    records: int
    ahead: float
    p: float
    mcnemar: McNemar

    def said(self) -> str:
        """In a sentence or two."""
        points, runs = 100 * self.ahead, max(len(self.first.jobs), len(self.second.jobs))
        where = f"{abs(points):.1f} points {'ahead' if points >= 0 else 'behind'}"
        verdict = "more than chance" if self.p < SURE else "this may be chance"
        of = "their best runs" if runs > 1 else "the two"
        return (
            f"On {self.records:,} records it is {where} in {self.figure.replace('_', ' ')}: {verdict} "
            f"(approximate randomisation p = {self.p:.3g}). Of {of}, only the first has {self.mcnemar.only_first} "
            f"records right and only the second {self.mcnemar.only_second} (McNemar p = {self.mcnemar.p:.3g})."
        )


def interval(group: SweepGroup) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a group's accuracy over records and runs; None without labels."""
    table = _right(group)
    return None if table is None else bootstrap_interval_of_runs(table)


def compare(first: SweepGroup, second: SweepGroup) -> Comparison | None:
    """Test the difference between two groups; None where they were not tested on the same records."""
    one, other = _right(first), _right(second)
    if one is None or other is None or not _same_records(first, second):
        return None
    figure = "f1_macro" if "f1_macro" in str(first.jobs[0].metrics["monitor"]) else "accuracy"
    if figure == "accuracy":
        ahead = float(one.mean() - other.mean())
        p = approximate_randomisation(lambda right: float(right.mean()), one.mean(axis=1), other.mean(axis=1))
    else:
        labels, (left, right) = _coded(first, second)
        runs = min(left.shape[1], right.shape[1])  # as many of each, so that a record's can be exchanged
        left, right = left[:, :runs], right[:, :runs]
        ahead = _f1_macro(labels, left) - _f1_macro(labels, right)
        p = approximate_randomisation(lambda given: _f1_macro(labels, given), left, right, rounds=2000)
    chosen = [group.jobs.index(group.best()) for group in (first, second)]
    return Comparison(first, second, figure, len(one), ahead, p, mcnemar(one[:, chosen[0]], other[:, chosen[1]]))


def _right(group: SweepGroup) -> NDArray[np.bool_] | None:
    """`(records, runs)`, where all runs have the same records."""
    outcomes = [job.outcomes for job in group.jobs if job.outcomes is not None]
    if len(outcomes) < len(group.jobs) or any(each.rows != outcomes[0].rows for each in outcomes):
        return None
    return np.stack([each.right() for each in outcomes], axis=1)


def _same_records(first: SweepGroup, second: SweepGroup) -> bool:
    one, other = first.jobs[0].outcomes, second.jobs[0].outcomes
    return one is not None and other is not None and (one.rows, one.labels) == (other.rows, other.labels)


def _coded(first: SweepGroup, second: SweepGroup) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Labels `(records,)` and predictions `(records, runs)` of each group as numbers."""
    tables = [[job.outcomes for job in group.jobs if job.outcomes is not None] for group in (first, second)]
    labels = tables[0][0].labels
    names = sorted({*labels, *(name for table in tables for each in table for name in each.predictions)})
    code = {name: number for number, name in enumerate(names)}
    coded = [np.array([[code[name] for name in each.predictions] for each in table]).T for table in tables]
    return np.array([code[name] for name in labels]), coded


def _f1_macro(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """The mean over runs of the mean over the classes that there are, or that were given, of F1."""
    classes = int(max(labels.max(), predictions.max())) + 1
    support = np.bincount(labels, minlength=classes)
    means = []
    for given in predictions.T:
        hits = np.bincount(labels[labels == given], minlength=classes)
        either = support + np.bincount(given, minlength=classes)
        means.append(float(np.mean(2 * hits[either > 0] / either[either > 0])))
    return float(np.mean(means))
