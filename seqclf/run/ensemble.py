"""Several models as one: their probabilities averaged."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from rich.console import Console
from rich.table import Table as Grid

from seqclf.classifiers.metrics import StageMetrics, categorical_accuracy
from seqclf.classifiers.multilabel_classifier import MultilabelClassifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError, nearest
from seqclf.inference.atomic import replacing
from seqclf.run.evaluate import evaluate
from seqclf.run.own_parts import import_part
from seqclf.run.predictions_file import NAME, PROBABILITY, PredictionsFile, read_predictions
from seqclf.run.process import inference_settings
from seqclf.run.results import figure, git_commit, shown, versions, write_metrics

Chances = npt.NDArray[np.float64]
TINY = 1e-12  # a probability of 0 has no logarithm


class Limits(NamedTuple):
    """Above which probability a label is given `(C,)`, and a model that gives any number of labels."""

    values: Chances
    model: MultilabelClassifier


def ensemble(
    runs: list[str],
    output: str | None = None,
    data: Mapping[str, Any] | None = None,
    parts: list[str] | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Average the probabilities of runs, score what comes of it, and save it like a run.

    Without `data` the predictions that the runs left are averaged: of runs that were tested on the same records, or of
    cross-validations of the same folds. With `data` every run's model predicts those records, and a cross-validation
    stands for the models of all its folds. `loss` is the cross entropy of the probabilities.

    Args:
        runs: folders of two runs or more, or of one cross-validation with `data`.
        output: the folder for predictions.csv and metrics.json; a new one under outputs/ unless typed.
        data: the source of other records, as `data` in the configuration: `data=files data.test=test.csv`.
        parts: dotted names of classes of your own that the models are built of.
        threads: for torch on the CPU; None for one per core.

    Returns:
        Every figure, as in metrics.json.

    Raises:
        UserError: for runs on different records or of different labels.
    """
    folders = [Path(run) for run in runs]
    models = [model for folder in folders for model in model_folders(folder)]
    imported = [import_part(name) for name in parts or []]
    with inference_settings(threads), tempfile.TemporaryDirectory() as scratch:
        if data is None:
            stage = _stage(folders)
            files = [read_predictions(folder) for folder in folders]
        else:
            stage, files = "test", _predict(models, data, parts or [], Path(scratch), threads)
        _check(files)
        limits = _limits(models, imported, files[0].classes)
        chances = np.mean([file.probabilities(files[0].classes) for file in files], axis=0)
        given = _given(chances, files[0].classes, limits)
        figures = [_figures(file.probabilities(files[0].classes), files[0], limits) for file in files]
        own = _figures(chances, files[0], limits)
    folder = Path(output) if output is not None else Path("outputs") / datetime.now().strftime("ensemble-%Y%m%d-%H%M%S")
    members = [str(folder) for folder in (folders if data is None else models)]
    metrics: dict[str, Any] = {f"{stage}/{name}": value for name, value in own.items()}
    if data is None:
        metrics |= {name: value for name, value in _metrics(folders[0]).items() if name.startswith("baseline/")}
    metrics |= {
        "members": members,
        "member_accuracy": [each.get("accuracy") for each in figures],
        "versions": versions(),
        "git": git_commit(),
    }
    _write(files[0], chances, given, folder / NAME)
    write_metrics(metrics, folder / "metrics.json")
    _show(members, figures, own, folder)
    return metrics


def model_folders(run: Path) -> list[Path]:
    """The folders of a run's models: one, or one for each fold of a cross-validation.

    Raises:
        UserError: for a folder that is not there.
    """
    if not run.is_dir():
        beside = [path.name for path in run.parent.iterdir()] if run.parent.is_dir() else []
        raise UserError(f"There is no folder {run}. {nearest(run.name, beside) if beside else ''}".rstrip())
    folds = sorted((run / "folds").glob("*/model"), key=lambda path: int(path.parent.name))
    return folds or [run / "model"]


def _metrics(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "metrics.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{run} has no metrics.json: it is not the folder of a finished run.") from error


def _stage(folders: Sequence[Path]) -> str:
    stages = {"test" if "test/records" in _metrics(folder) else "validation" for folder in folders}
    if len(stages) > 1:
        raise UserError("Some of these runs were measured on test records and others on validation records.")
    return stages.pop()


def _predict(
    models: Sequence[Path], data: Mapping[str, Any], parts: list[str], scratch: Path, threads: int | None
) -> list[PredictionsFile]:
    files = [scratch / f"{number}.csv" for number in range(len(models))]
    for model, file in zip(models, files, strict=True):
        evaluate(str(model), data, predictions=str(file), parts=parts, threads=threads)
    return [read_predictions(file) for file in files]


def _check(files: Sequence[PredictionsFile]) -> None:
    if len(files) < 2:
        raise UserError(
            "An ensemble has two members or more: name more runs, or a cross-validation and data.test=FILE."
        )
    first = files[0]
    for other in files[1:]:
        if set(first.classes) != set(other.classes):
            odd = sorted(set(first.classes) ^ set(other.classes))
            raise UserError(f"{first.path} and {other.path} have other labels: only one of them has {', '.join(odd)}.")
        why = first.difference(other)
        if why is not None:
            raise UserError(f"These runs were not measured on the same records: {why}.")


def _limits(models: Sequence[Path], parts: Sequence[type], classes: Sequence[str]) -> Limits | None:
    """The mean thresholds of models that give any number of labels; None for models that give one."""
    found: list[list[float]] = []
    for folder in filter(Path.is_dir, models):
        model = SequenceClassifier.from_pretrained(folder, list(parts))
        if not isinstance(model, MultilabelClassifier):
            return None
        several = model
        limits = (model.thresholds.logit() / model.temperature).sigmoid().tolist()
        by_name = dict(zip(model.vocab.labels, limits, strict=True))
        found.append([by_name[name] for name in classes])
    return Limits(np.mean(found, axis=0), several) if found else None


def _given(chances: Chances, classes: Sequence[str], limits: Limits | None) -> list[tuple[str, float]]:
    """The label, or the labels, of each record, and how likely that is right."""
    if limits is None:
        return [(classes[best], float(row[best])) for row, best in zip(chances, chances.argmax(axis=1), strict=True)]
    above = chances > limits.values
    whole = np.where(above, chances, 1 - chances).prod(axis=1)
    separator = str(limits.model.vocab.label_separator)
    named = [separator.join(name for name, one in zip(classes, row, strict=True) if one) for row in above]
    return list(zip(named, whole.tolist(), strict=True))


def _figures(chances: Chances, file: PredictionsFile, limits: Limits | None) -> dict[str, float]:
    """Every figure that a run has of these probabilities `(R, C)`; none where no record has a label."""
    if file.labels is None:
        return {}
    if limits is not None:
        return _multilabel_figures(chances, file, limits)
    place = {name: at for at, name in enumerate(file.classes)}
    gold = torch.tensor([place.get(label, -1 if label else -2) for label in file.labels])
    logits = torch.from_numpy(np.log(np.maximum(chances, TINY))).float()
    known = gold >= 0
    loss = torch.nn.functional.cross_entropy(logits[known], gold[known]) if known.any() else torch.zeros(())
    metrics = StageMetrics(file.classes, categorical_accuracy(len(file.classes)), scores=True)
    metrics.update(logits, gold, loss)
    return metrics.compute()


def _multilabel_figures(chances: Chances, file: PredictionsFile, limits: Limits) -> dict[str, float]:
    order = [file.classes.index(name) for name in limits.model.vocab.labels]
    gold = limits.model.gold(file.labels or ())
    clipped = torch.from_numpy(np.clip(chances[:, order], TINY, 1 - TINY))
    loss = torch.nn.functional.binary_cross_entropy(clipped, gold.remainder(2).double())
    metrics = limits.model.new_metrics(scores=True)
    above = clipped.logit() - torch.from_numpy(limits.values[order]).logit()
    metrics.update(above.float(), gold, loss, torch.tensor(len(gold)))
    return metrics.compute()


def _write(file: PredictionsFile, chances: Chances, given: Sequence[tuple[str, float]], path: Path) -> None:
    header = [name for name in file.header if name != "fold"]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, header, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for line, row, (label, chance) in zip(file.lines, chances.tolist(), given, strict=True):
            own = {f"{PROBABILITY}{name}": f"{value:.8g}" for name, value in zip(file.classes, row, strict=True)}
            writer.writerow({**line, **own, "prediction": label, "probability": f"{chance:.8g}"})


def _show(
    members: Sequence[str], figures: Sequence[Mapping[str, float]], own: Mapping[str, float], folder: Path
) -> None:
    console = Console(highlight=False)
    if not own:
        console.print("The records have no labels: nothing can be scored.")
    else:
        grid = Grid(title=f"ensemble of {len(members)} ({own['records']:,.0f} records)", title_justify="left")
        names = shown(own, "")
        for name in ("", *names):
            grid.add_column(name.replace("_", " "), justify="right" if name else "left")
        for member, each in [*zip(members, figures, strict=True), ("ensemble", own)]:
            grid.add_row(member, *(figure(each.get(name)) for name in names))
        console.print(grid)
    for title, name in {"metrics": "metrics.json", "predictions": NAME}.items():
        console.print(f"{title:<11}  {folder / name}", soft_wrap=True)
