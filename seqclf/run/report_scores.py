"""Of a report: how good the model is, and how far its probabilities can be believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.metrics import precision_recall_curve

from seqclf.classifiers.calibration import calibration_error
from seqclf.classifiers.confusion import averages, figures_of_counts
from seqclf.run.charts import line_chart
from seqclf.run.evidence import Evidence, Floats, Ints
from seqclf.run.page import Html, section, side_by_side, table
from seqclf.run.results import shown
from seqclf.run.statistics import bootstrap_interval

SCORES = ("accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro", "auroc", "loss")
STAGES = {
    "test": "this model, test",
    "validation": "this model, validation",
    "baseline/linear": "linear SVM on TF-IDF",
    "baseline/majority": "majority class",
}
ROUNDS = 500  # of the bootstrap
CURVES = 5  # classes with a precision-recall curve of their own
POINTS = 80  # of a curve
BINS = 15


def scores(metrics: Mapping[str, Any], stage: str, evidence: Evidence | None) -> Html:
    """Every score beside the baselines, with bootstrap intervals where the records are at hand."""
    names = shown(metrics, f"{stage}/", SCORES)
    ends = {} if evidence is None else _intervals(evidence)
    rows: list[tuple[Any, ...]] = []
    for prefix, title in STAGES.items():
        if f"{prefix}/accuracy" not in metrics:
            continue
        own = ends if prefix == stage else {}
        if evidence is not None and prefix.startswith("baseline"):
            own = {"accuracy": _of_share(float(metrics[f"{prefix}/accuracy"]), len(evidence.rows))}
        rows.append((title, *(_with(metrics.get(f"{prefix}/{name}"), own.get(name)) for name in names)))
    note = "In brackets the 95 % bootstrap interval: where the figure would lie on other records like these."
    return section("Scores", table(("", *names), rows), note=note + _sampled(evidence))


def learning_curves(epochs: Sequence[Mapping[str, float]]) -> Html:
    """Losses and accuracies of every epoch."""
    charts = []
    for figure in ("loss", "accuracy"):
        series = [
            (stage, [(at, own[name]) for at, own in enumerate(epochs, start=1) if name in own])
            for stage in ("train", "validation")
            if (name := f"{stage}/{figure}")
        ]
        kept = [each for each in series if each[1] and all(np.isfinite(value) for _, value in each[1])]
        charts.append(line_chart(f"{figure} by epoch", kept, "epoch", figure))
    return section("Learning curves", side_by_side(*charts))


def calibration(metrics: Mapping[str, Any], stage: str, evidence: Evidence) -> Html:
    """How often predictions of a probability are right, before and after temperature scaling."""
    logits, gold = torch.from_numpy(evidence.logits()), torch.from_numpy(evidence.gold)
    series, errors = [], []
    for name, temperature in (("as learned", 1.0), ("scaled", evidence.temperature)):
        scaled = logits / temperature
        chances = (scaled.sigmoid() if evidence.multilabel else scaled.softmax(dim=1)).numpy()
        series.append((name, _reliability(chances, evidence)))
        errors.append((name, temperature, calibration_error(logits, gold, temperature)))
    chart = line_chart("reliability", series, "probability", "share that is right", (0, 1), (0, 1), diagonal=True)
    fitted = " It was fitted to these very records, for there is no test split." if stage == "validation" else ""
    note = (
        "On the dashed diagonal a probability says how often it is right. The temperature was fitted to the validation "
        f"records (Guo et al. 2017) and changes no prediction.{fitted}{_sampled(evidence)}"
    )
    return section(
        "Calibration",
        side_by_side(chart, table(("", "temperature", "calibration error"), errors)),
        note=note,
    )


def precision_recall(evidence: Evidence) -> Html:
    """Precision against recall of the commonest classes, and of all together."""
    classes = evidence.vocab.num_labels
    has = evidence.gold if evidence.multilabel else np.eye(classes, dtype=np.int64)[evidence.gold]
    series = [("all together", _curve(has.ravel(), evidence.probabilities.ravel()))]
    for label in np.argsort(-has.sum(axis=0), kind="stable")[:CURVES]:
        if 0 < has[:, label].sum() < len(has):
            series.append((evidence.vocab.labels[label], _curve(has[:, label], evidence.probabilities[:, label])))
    chart = line_chart("precision by recall", series, "recall", "precision", (0, 1), (0, 1))
    return section(
        "Precision and recall", chart, note="Of the commonest classes, one against the rest." + _sampled(evidence)
    )


def _intervals(evidence: Evidence) -> dict[str, tuple[float, float]]:
    figures: dict[str, Callable[[Ints, Ints], float]] = {
        name: (lambda gold, given, name=name: _average(gold, given, evidence)[name])  # type: ignore[misc]
        for name in ("f1_macro", "f1_micro", "f1_weighted")
    }
    ends = {
        name: bootstrap_interval(score, evidence.gold, evidence.given, rounds=ROUNDS) for name, score in figures.items()
    }
    return {"accuracy": bootstrap_interval(np.mean, evidence.right, rounds=ROUNDS), **ends}


def _average(gold: Ints, given: Ints, evidence: Evidence) -> dict[str, float]:
    classes = evidence.vocab.num_labels
    if evidence.multilabel:
        right, wrong, missed = (gold & given).sum(0), (given & ~gold & 1).sum(0), (gold & ~given & 1).sum(0)
        return figures_of_counts(right, wrong, missed, evidence.vocab.labels)[0]
    return averages(np.bincount(gold * classes + given, minlength=classes**2).reshape(classes, classes))


def _of_share(share: float, records: int) -> tuple[float, float]:
    """The bootstrap interval of a share, which only depends on how many records it is of."""
    right = np.arange(records) < round(share * records)
    return bootstrap_interval(np.mean, right, rounds=ROUNDS)


def _with(value: float | None, ends: tuple[float, float] | None) -> Any:
    if value is None or ends is None:
        return value
    return Html(f"{value:.4f} <small>[{ends[0]:.3f}, {ends[1]:.3f}]</small>")


def _reliability(chances: Floats, evidence: Evidence) -> list[tuple[float, float]]:
    if evidence.multilabel:
        sure, right = chances.ravel(), evidence.gold.ravel()
    else:
        sure, right = chances.max(axis=1), chances.argmax(axis=1) == evidence.gold
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    found = [bins == number for number in range(BINS)]
    return [(float(sure[each].mean()), float(right[each].mean())) for each in found if each.any()]


def _curve(has: Ints, chances: Floats) -> list[tuple[float, float]]:
    precision, recall, _ = precision_recall_curve(has, chances)
    places = np.unique(np.linspace(0, len(recall) - 1, POINTS).astype(int))
    return [(float(recall[at]), float(precision[at])) for at in places]


def _sampled(evidence: Evidence | None) -> str:
    return "" if evidence is None or not evidence.sampled else " " + evidence.sampled
