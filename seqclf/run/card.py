"""What a run knows of its model, in the model's card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.store import Store
from seqclf.inference.atomic import replacing
from seqclf.inference.model_card import PLACE, README_FILE, SHOWN, cell, markdown_table, model_card
from seqclf.run.evidence import Evidence
from seqclf.run.report_scores import STAGES, interval_of_share, intervals
from seqclf.run.results import shown

FIGURES = ("accuracy", "f1_macro", "f1_weighted")
OF_THE_HUB = {"accuracy": "accuracy", "f1_macro": "f1", "f1_weighted": "f1"}  # what the hub calls them
FEW = 30  # records of a class below which its figures are rough
NAMED = 5  # classes that a sentence names


def write_card(
    folder: Path,
    data: Mapping[str, Any],
    store: Store,
    model: SequenceClassifier,
    metrics: Mapping[str, Any],
    evidence: Evidence | None,
) -> None:
    """Write README.md of a model folder. No name of a file and no path is in it.

    Args:
        folder: the model folder.
        data: the source, as `data` in the configuration.
        store: the numbered records.
        model: the trained model.
        metrics: every figure of the run, as in metrics.json.
        evidence: the records that it is judged by; None where they have no labels that the model knows.
    """
    stage = "test" if "test/accuracy" in metrics else "validation"
    front, source = _front(data, stage, metrics), _source(data)
    sections = [
        _data(source, store, stage),
        _scores(stage, metrics, evidence),
        _classes(store, stage, metrics, model),
        _limits(store, stage, metrics, model),
    ]
    model.card = model_card(model, front, sections)
    with replacing(folder / README_FILE) as temporary:
        temporary.write_text(model.card, encoding="utf-8", errors="replace")


def _front(data: Mapping[str, Any], stage: str, metrics: Mapping[str, Any]) -> dict[str, Any]:
    hub = _hub_id(data)
    found = {name: metrics.get(f"{stage}/{name}") for name in FIGURES}
    measured = [
        {"type": OF_THE_HUB[name], "name": name, "value": round(float(value), 4)}
        for name, value in found.items()
        if value is not None and value == value
    ]
    dataset = {"name": hub or _kind(data), "type": hub or _kind(data).lower(), "split": stage}
    task = {"type": "text-classification", "name": "Text Classification"}
    result = {"task": task, "dataset": dataset, "metrics": measured}
    return {
        **({"datasets": [hub]} if hub else {}),
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": PLACE, "results": [result]}],
    }


def _source(data: Mapping[str, Any]) -> str:
    hub = _hub_id(data)
    if hub is not None:
        return f"The data set `{hub}` of the Hugging Face hub."
    return {
        "Files": "Files of its maker.",
        "Pydocs": "The documentation of the classes and functions of Python's standard library; the class is the "
        "chapter of the library reference.",
        "Synthetic": "Synthetic records, made to try seqclf out: the model is of no other use.",
    }.get(_kind(data), "A source of its maker.")


def _kind(data: Mapping[str, Any]) -> str:
    return str(data["_target_"]).rpartition(".")[2]


def _hub_id(data: Mapping[str, Any]) -> str | None:
    """The id of a data set of the hub; None of other sources, and of one that came from the environment."""
    path = data.get("path") if _kind(data) == "Hub" else None
    return path if isinstance(path, str) and "$" not in path and not Path(path).exists() else None


def _data(source: str, store: Store, stage: str) -> str:
    rows = [("training", f"{len(store.train):,}")]
    if store.validation is not None:
        rows.append(("validation (the epoch was chosen by them)", f"{len(store.validation):,}"))
    if store.test is not None and stage == "test":
        rows.append(("test", f"{len(store.test):,}"))
    return f"## Data\n\n{source}\n\n{markdown_table(('records of', ''), rows)}"


def _scores(stage: str, metrics: Mapping[str, Any], evidence: Evidence | None) -> str:
    names = [name for name in shown(metrics, f"{stage}/", FIGURES) if metrics.get(f"{stage}/{name}") is not None]
    rows = []
    for prefix, title in STAGES.items():
        if prefix != stage and not (prefix.startswith("baseline") and f"{prefix}/accuracy" in metrics):
            continue
        ends = {} if evidence is None or prefix != stage else intervals(evidence)
        if evidence is not None and prefix != stage:
            ends = {"accuracy": interval_of_share(float(metrics[f"{prefix}/accuracy"]), len(evidence.rows))}
        rows.append([title, *(_figure(metrics.get(f"{prefix}/{name}"), ends.get(name)) for name in names)])
    note = f"Measured on the {int(metrics[f'{stage}/records']):,} {stage} records."
    if evidence is not None:
        note += " In brackets the 95 % bootstrap interval: where the figure would lie on other records like these."
        note += f" {evidence.sampled}" if evidence.sampled else ""
    table = markdown_table(("", *(name.replace("_", " ") for name in names)), rows)
    return f"## Scores\n\n{note}\n\n{table}"


def _classes(store: Store, stage: str, metrics: Mapping[str, Any], model: SequenceClassifier) -> str:
    labels = model.vocab.labels
    learned, tested = _support(store, "train", len(labels)), _support(store, stage, len(labels))
    order = np.argsort(-learned, kind="stable")[:SHOWN]
    rows = [
        [cell(labels[at]), f"{learned[at]:,}", f"{tested[at]:,}"]
        + [_figure(metrics.get(f"{stage}/{name}/{labels[at]}")) for name in ("precision", "recall", "f1")]
        for at in order
    ]
    table = markdown_table(("class", "training records", f"{stage} records", "precision", "recall", "F1"), rows)
    rest = f"\n\nThe {SHOWN} commonest of {len(labels)}; the others are in labels.json." if len(labels) > SHOWN else ""
    return f"## Classes\n\n{table}{rest}"


def _limits(store: Store, stage: str, metrics: Mapping[str, Any], model: SequenceClassifier) -> str:
    labels, several = model.vocab.labels, model.vocab.label_separator is not None
    tested = _support(store, stage, len(labels))
    lines = [
        "It knows these classes alone: a record of none of them "
        + ("may be given some" if several else "is given one")
        + " all the same. `model.predict(records, abstain=0.8)` gives no label where it is less sure than that.",
        "The scores are of records like those that it learned from. Of other sources, languages or times, and of how "
        "it treats groups of people, nothing is known.",
    ]
    few = [labels[at] for at in np.flatnonzero(tested < FEW)]
    if few:
        lines.append(f"Fewer than {FEW} {stage} records, so that its figures are rough, {_has(few)}.")
    if stage == "validation":
        lines.append(
            "There were no test records: the scores are of those that the epoch was chosen by, and a little too good."
        )
    linear, own = metrics.get("baseline/linear/accuracy"), metrics.get(f"{stage}/accuracy")
    if linear is not None and own is not None and linear >= own:
        lines.append("A linear SVM on TF-IDF is as good as this model, or better: see the scores.")
    leaks = store.report["leaks"].get(stage)
    if leaks:
        lines.append(f"{leaks:,} of the {stage} records are word for word in training too.")
    error = metrics.get(f"{stage}/calibration_error_scaled")
    if error is not None:
        lines.append(
            f"Its probabilities are calibrated by a temperature of {model.temperature:.2f}; their calibration error "
            f"on the {stage} records is {error:.3f}."
        )
    return "\n".join(["## Limits", "", *(f"- {line}" for line in lines)])


def _has(labels: list[str]) -> str:
    more = f" and {len(labels) - NAMED} more" if len(labels) > NAMED else ""
    return ("has " if len(labels) == 1 else "have ") + ", ".join(map(cell, labels[:NAMED])) + more


def _support(store: Store, stage: str, classes: int) -> Any:
    """How many records of a split each class has `(C,)`."""
    part = getattr(store, stage)
    labels = None if part is None else part.labels
    if labels is None:
        return np.zeros(classes, dtype=np.int64)
    return np.bincount(labels[labels >= 0], minlength=classes)[:classes]


def _figure(value: float | None, ends: tuple[float, float] | None = None) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.4f}" + ("" if ends is None else f" [{ends[0]:.3f}, {ends[1]:.3f}]")
