"""Of a report: how good the model is, and how far its probabilities can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from seqclf.classifiers.calibration import calibration_error
from seqclf.run.charts import line_chart
from seqclf.run.evidence import Evidence, Floats, Ints
from seqclf.run.page import Html, section, side_by_side, table
from seqclf.run.results import shown
from seqclf.run.statistics import bootstrap_intervals_of_counts

SCORES = ("accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro", "auroc", "loss")
F1 = ("f1_macro", "f1_micro", "f1_weighted")
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
    ends = {} if evidence is None else intervals(evidence)
    rows: list[tuple[Any, ...]] = []
    for prefix, title in STAGES.items():
        if f"{prefix}/accuracy" not in metrics:
            continue
        own = ends if prefix == stage else {}
        if evidence is not None and prefix.startswith("baseline"):
            own = {"accuracy": interval_of_share(float(metrics[f"{prefix}/accuracy"]), len(evidence.rows))}
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


def intervals(evidence: Evidence) -> dict[str, tuple[float, float]]:
    """Bootstrap intervals of the accuracy and of the averages of F1."""
    accuracy = interval_of_share(float(evidence.right.mean()), len(evidence.rows))
    return {"accuracy": accuracy, **f1_intervals(evidence.gold, evidence.given, evidence.vocab.num_labels)}


def f1_intervals(gold: Ints, given: Ints, classes: int) -> dict[str, tuple[float, float]]:
    """Bootstrap intervals of `f1_macro`, `f1_micro` and `f1_weighted`, averages over all classes.

    Args:
        gold: class indices `(R,)`; or, where a record may have several labels, 0 or 1 `(R, C)`.
        given: what was predicted, likewise.
        classes: how many there are.
    """
    if gold.ndim == 2:
        kinds, counts = np.unique(np.hstack([gold, given]), axis=0, return_counts=True)
        has, got = kinds[:, :classes], kinds[:, classes:]

        def figures(drawn: Ints) -> Floats:
            return _f1(drawn @ (has & got), drawn @ has, drawn @ got)

    else:
        cells, counts = np.unique(gold * classes + given, return_counts=True)
        is_class, was_given = np.divmod(cells, classes)
        same = is_class == was_given

        def figures(drawn: Ints) -> Floats:
            right = _by_class(drawn[:, same], is_class[same], classes)
            return _f1(right, _by_class(drawn, is_class, classes), _by_class(drawn, was_given, classes))

    ends = bootstrap_intervals_of_counts(figures, counts, rounds=ROUNDS).tolist()
    return {name: (low, high) for name, (low, high) in zip(F1, ends, strict=True)}


def _by_class(drawn: Ints, labels: Ints, classes: int) -> Floats:
    return np.array([np.bincount(labels, weights=own, minlength=classes) for own in drawn])


def _f1(right: Ints | Floats, there: Ints | Floats, given: Ints | Floats) -> Floats:
    """The averages in the order of `F1`, of counts by class `(rounds, C)`."""
    both = there + given
    f1 = np.divide(2 * right, both, out=np.zeros(both.shape), where=both > 0)
    micro = 2 * right.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    weighted = (f1 * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return np.stack([f1.mean(axis=1), micro, weighted], axis=1)


def interval_of_share(share: float, records: int) -> tuple[float, float]:
    """The bootstrap interval of a share, which only depends on how many records it is of."""
    right = round(share * records)
    ends = bootstrap_intervals_of_counts(lambda drawn: drawn[:, :1] / records, [right, records - right], rounds=ROUNDS)
    low, high = ends[0].tolist()
    return low, high


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
    from sklearn.metrics import precision_recall_curve  # half a second, that no first step should wait for

    precision, recall, _ = precision_recall_curve(has, chances)
    places = np.unique(np.linspace(0, len(recall) - 1, POINTS).astype(int))
    return [(float(recall[at]), float(precision[at])) for at in places]


def _sampled(evidence: Evidence | None) -> str:
    return "" if evidence is None or not evidence.sampled else " " + evidence.sampled
