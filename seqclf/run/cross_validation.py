"""Cross-validation: as many runs as folds, each tested on the fold that it did not learn from."""

from __future__ import annotations

import csv
import logging
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.table import Table as Grid

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.parts import Parts, make, resolve
from seqclf.ragged import IntArray
from seqclf.run.compose import plain
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.finished_fold import finished
from seqclf.run.fold import Fold
from seqclf.run.own_parts import import_part
from seqclf.run.results import RunResult, figure, git_commit, shown, versions, write_metrics

log = logging.getLogger("seqclf")

FOLDS = "folds"  # the folder of the folds' own runs
FOLD = "fold"  # the column of predictions.csv that says in which fold a record was held out
DEVIATION = "deviation"  # stands in the place of `validation` before the standard deviation of a figure
PROBABILITY = "probability/"
ROOMS = ("seqclf.data.", "seqclf.run.")
BESIDE = frozenset(read_yaml(conf_path() / "config.yaml")["data"])  # what every source of data shares


def cross_validate(
    cfg: DictConfig | Mapping[str, Any],
    train: Callable[[Mapping[str, Any], Parts, Path], RunResult],
    parts: Parts,
    folder: Path,
) -> RunResult:
    """Train once for each fold, in `folder/folds/0`, `1`, ..., and put together what came out.

    The folds depend on the labels and on `data.split_seed` alone, so that any two models, with any seeds, are compared
    on the same folds. The test table is not read. Where the folder holds folds of the same configuration and data that
    were finished before, they are not trained again; `resume=never` does so.

    Args:
        cfg: of the run, with `cv`, the number of folds, and `cv_groups`.
        train: trains a configuration in a folder.
        parts: classes of the user's own.
        folder: of the run.

    Returns:
        The means over the folds; the model is that of the fold with the best score.

    Raises:
        UserError: for data that cannot be cut into so many folds.
    """
    began = time.perf_counter()
    config = plain(cfg)
    if not isinstance(config["cv"], int) or config["cv"] < 2:
        raise UserError(f"cv must be a whole number of folds, at least 2, not {config['cv']!r}.")
    fold_configs = [_fold_config(cfg, config, fold, parts) for fold in range(config["cv"])]
    nodes = [{key: value for key, value in plain(each)["data"].items() if key not in BESIDE} for each in fold_configs]
    folds: list[Fold] = [make(node, "data", rooms=ROOMS) for node in nodes]
    rows = [fold.rows for fold in folds]  # every fold can be made, before any is trained on
    if config["check"]:
        return train(fold_configs[0], parts, folder / FOLDS / "0")
    results = []
    for number, fold_config in enumerate(fold_configs):
        own, where = folder / FOLDS / str(number), f"Fold {number + 1} of {len(folds)}"
        done = finished(own, plain(fold_config), folds[number].splits()) if config["resume"] is None else None
        log.info("%s, %d records held out%s.", where, len(rows[number]), ": done before" if done else "")
        results.append(done or train(fold_config, parts, own))
    return _gather(config, results, rows, folder, began)


def _fold_config(cfg: DictConfig | Mapping[str, Any], config: Mapping[str, Any], fold: int, parts: Parts) -> Any:
    """The configuration of one fold's run: the same, but for where its records come from."""
    own: Any = OmegaConf.to_container(cfg, resolve=False) if isinstance(cfg, DictConfig) else dict(cfg)
    own.pop("hydra", None)
    beside = {key: value for key, value in own["data"].items() if key in BESIDE}
    own_parts = [*parts, *(import_part(name) for name in config["parts"])]
    task: type[SequenceClassifier] = resolve(str(config["task"]["_target_"]), "task", own_parts)
    own["data"] = beside | {
        "_target_": f"{Fold.__module__}.{Fold.__qualname__}",
        "_partial_": True,
        "source": {key: value for key, value in own["data"].items() if key not in BESIDE},
        "fold": fold,
        "folds": config["cv"],
        "groups": config["cv_groups"],
        "dealt_by": config["data"]["split_seed"],
        "validation_share": config["data"]["validation_size"],
        "multilabel": task.multilabel,
    }
    own |= {"cv": None, "cv_groups": None}
    return OmegaConf.create(own) if isinstance(cfg, DictConfig) else own


def _gather(
    config: Mapping[str, Any], results: Sequence[RunResult], rows: Sequence[IntArray], folder: Path, began: float
) -> RunResult:
    metrics = average(results)
    scores = [_held_out(result) for result in results]
    metrics |= {
        "score": statistics.mean(scores),
        "score_deviation": statistics.stdev(scores),
        "fold_scores": scores,
        "folds": len(results),
        "seconds": time.perf_counter() - began,
        "seed": int(config["seed"]),
        "versions": versions(),
        "git": git_commit(),
    }
    write_metrics(metrics, folder / "metrics.json")
    write_out_of_fold([result.run_dir for result in results], rows, folder / "predictions.csv")
    _show(metrics, folder)
    choose = min if metrics["monitor"].endswith("loss") else max
    best = choose(range(len(scores)), key=scores.__getitem__)
    return RunResult(metrics["score"], metrics, folder, results[best].model_dir)


def _held_out(result: RunResult) -> float:
    """The monitored figure on the records of the fold."""
    return float(result.metrics["test/" + result.metrics["monitor"].removeprefix("validation/")])


def average(results: Sequence[RunResult]) -> dict[str, Any]:
    """Means over the folds, and standard deviations under `deviation/`.

    What a fold calls `test` is called `validation`: the records are those of the training table. Of a class that some
    fold has no record of, the other folds count.
    """
    first = results[0].metrics
    metrics: dict[str, Any] = {"monitor": first["monitor"]}
    names = dict.fromkeys(name for result in results for name in result.metrics)
    for name in names:
        values = [result.metrics[name] for result in results if _is_figure(result.metrics.get(name))]
        if not values or name.startswith("validation/"):
            continue
        stage, _, rest = name.partition("/")
        if stage == "test":
            metrics[f"validation/{rest}"] = statistics.mean(values)
            metrics[f"{DEVIATION}/{rest}"] = statistics.stdev(values) if len(values) > 1 else 0.0
        elif rest or name in ("best_epoch", "epochs", "steps", "parameters"):
            metrics[name] = statistics.mean(values)
    return metrics


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def write_out_of_fold(runs: Sequence[Path], rows: Sequence[IntArray], file: Path) -> None:
    """Write the predictions of all folds as one file, each record predicted by the model that did not learn from it.

    A class that a fold's model does not know has the probability 0.

    Args:
        runs: the folder of each fold's run, with its `predictions.csv`.
        rows: for each fold which rows of the training table it holds `(R,)`, rising.
        file: where to.
    """
    header: dict[str, None] = {}
    for run in runs:
        with (run / "predictions.csv").open(newline="", encoding="utf-8") as stream:
            header |= dict.fromkeys(next(csv.reader(stream)))
    of_classes = sorted(name for name in header if name.startswith(PROBABILITY))
    names = [*(name for name in header if not name.startswith(PROBABILITY)), FOLD, *of_classes]
    lines = [_predictions(run, own, fold) for fold, (run, own) in enumerate(zip(runs, rows, strict=True))]
    fold_of = np.repeat(np.arange(len(runs)), [len(own) for own in rows])[np.argsort(np.concatenate(rows))]
    with replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, names, restval="0", lineterminator="\n")
        writer.writeheader()
        for fold in fold_of.tolist():
            writer.writerow(next(lines[fold]))


def _predictions(run: Path, rows: IntArray, fold: int) -> Iterator[dict[str, Any]]:
    """The lines of a fold's predictions, with the rows of the whole table."""
    with (run / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        for row, line in zip(rows.tolist(), csv.DictReader(stream), strict=True):
            yield {**line, "row": row, FOLD: fold}


def _show(metrics: Mapping[str, Any], folder: Path) -> None:
    console = Console(highlight=False)
    grid = Grid(title=f"mean ± deviation over {metrics['folds']} folds", title_justify="left")
    names = shown(metrics, "validation/")
    for name in ("", *names):
        grid.add_column(name.replace("_", " "), justify="right" if name else "left")
    ours = [f"{figure(metrics[f'validation/{name}'])} ± {metrics[f'{DEVIATION}/{name}']:.4f}" for name in names]
    grid.add_row("this model", *ours)
    for title, prefix in {"linear SVM on TF-IDF": "baseline/linear", "majority class": "baseline/majority"}.items():
        if f"{prefix}/accuracy" in metrics:
            grid.add_row(title, *(figure(metrics.get(f"{prefix}/{name}")) for name in names))
    console.print(grid)
    console.print(f"score (mean) {metrics['score']:.4f} ± {metrics['score_deviation']:.4f}, {metrics['seconds']:.1f} s")
    for title, name in {"run": "", "metrics": "metrics.json", "predictions": "predictions.csv"}.items():
        console.print(f"{title:<11}  {folder / name}", soft_wrap=True)
