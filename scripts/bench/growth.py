"""Records per second against fields, tokens, vocabulary, classes and records, over three decades each; one picture."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import Tensor

from bench.fields import logits_of
from bench.made_up import Steps, classifier, records, vocabulary
from bench.measure import Bench, in_turn, taken_by
from seqclf.data.sampler import BatchSampler
from seqclf.ragged import IntArray

PICTURE = Path("docs/growth.png")


@dataclass(frozen=True)
class Shape:
    """Of the records, and what they are classified into."""

    fields: int = 1
    tokens: int = 20  # of each field
    vocabulary: int = 20_000
    classes: int = 4
    records: int = 2_000
    batch: int = 64


AXES: dict[str, list[Shape]] = {
    "fields": [Shape(tokens=2, batch=8, fields=count) for count in (1, 10, 100, 1000)],
    "tokens of a record": [Shape(tokens=count, batch=8) for count in (2, 20, 200, 2000)],
    "vocabulary": [Shape(vocabulary=count) for count in (1_000, 10_000, 100_000, 1_000_000)],
    "classes": [Shape(classes=count) for count in (2, 20, 200, 2_000)],
    "records": [Shape(records=count) for count in (1_000, 10_000, 100_000, 1_000_000)],
}
# How the seconds of a record should grow with the axis: not at all (0), or as it does (1).
EXPONENTS = {"fields": 1, "tokens of a record": 1, "vocabulary": 0, "classes": 0, "records": 0}


def place(axis: str, shape: Shape) -> int:
    """Where a shape stands on its axis."""
    return int(getattr(shape, axis.split()[0]))


def measure(bench: Bench) -> None:
    """Seconds of a record's training at every point; the exponent of the last decade is the figure."""
    seconds: dict[str, dict[str, list[float]]] = {}
    for axis, shapes in AXES.items():
        seconds[axis] = {}
        for model in bench.models:
            arms = {str(place(axis, shape)): partial(seconds_of_a_record, model, shape) for shape in shapes}
            rounds = in_turn(arms, bench.rounds, uncounted=0)
            seconds[axis][model] = [statistics.median(values) for values in rounds.values()]
            before, last = list(rounds.values())[-2:]
            steps = math.log10(place(axis, shapes[-1]) / place(axis, shapes[-2]))
            exponents = [math.log10(after / ahead) / steps for ahead, after in zip(before, last, strict=True)]
            rates = ", ".join(f"{1 / value:,.0f}" for value in seconds[axis][model])
            aim = EXPONENTS[axis] + 0.1
            bench.keep("growth", f"{model}, {axis}", exponents, aim, f"records/s: {rates}", "exponent", at_most=True)
    draw(seconds)


def seconds_of_a_record(model: str, shape: Shape) -> float:
    """Whole steps of training, and the plan of an epoch, divided by the records; the first step warms up."""
    few = replace(shape, records=max(3 * shape.batch, min(shape.records, 2_000_000 // (shape.fields * shape.tokens))))
    spread = np.random.default_rng(1).integers(max(1, shape.tokens // 2), 3 * shape.tokens // 2 + 1, (few.records, 1))
    made = records(np.repeat(spread, shape.fields, axis=1), shape.vocabulary, shape.classes)
    network = classifier(vocabulary(shape.vocabulary, shape.classes, shape.fields), f"encoder={model}", "wide=none")
    steps = Steps(network)
    sampler = BatchSampler(made.lengths, shape.batch, seed=1)
    planned = taken_by(lambda: len(sampler)) / len(made)
    batches = [indices for indices, _ in zip(sampler, range(3), strict=False)]
    labels = [made.batch(indices).labels for indices in batches]

    def logits(indices: IntArray) -> Tensor:
        return logits_of(network, made.batch(indices))

    each = [partial(logits, indices) for indices in batches]
    steps.take(each[:1], labels[:1])
    taken = taken_by(lambda: steps.take(each[1:], labels[1:]))
    return planned + taken / sum(map(len, batches[1:]))


def draw(seconds: dict[str, dict[str, list[float]]]) -> None:
    """Five panels side by side, both axes in decades."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(seconds), figsize=(15, 3.6), sharey=True, layout="constrained")
    for panel, (axis, lines) in zip(panels, seconds.items(), strict=True):
        places = [place(axis, shape) for shape in AXES[axis]]
        for model, values in lines.items():
            panel.loglog(places, [1 / value for value in values], marker="o", label=model)
        panel.set_xlabel(axis)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("records/s, training")
    panels[0].legend()
    figure.savefig(PICTURE, dpi=110)
    plt.close(figure)
