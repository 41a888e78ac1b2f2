"""The figures of a run: gathered, written to metrics.json, shown as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from seqclf.inference.atomic import replacing
from seqclf.inference.small_table import small_table
from seqclf.run.beside import job_label
from seqclf.run.live_chart import in_notebook
from seqclf.run.provenance import checkout

SHOWN = ("accuracy", "f1_macro", "f1_weighted", "loss")
PACKAGES = ("seqclf", "torch", "pytorch-lightning", "torchmetrics", "hydra-core", "tokenizers", "numpy")


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes:
        score: the best validation value of the monitored figure; what sweeps optimise.
        metrics: every number of the run, as in metrics.json.
        run_dir: the run's folder.
        model_dir: the folder that `SequenceClassifier.from_pretrained` loads.
    """

    score: float
    metrics: dict[str, Any]
    run_dir: Path
    model_dir: Path

    def _repr_html_(self) -> str:
        stage = "test" if "test/accuracy" in self.metrics else "validation"
        kinds = {"this model": stage, "linear SVM on TF-IDF": "baseline/linear", "majority class": "baseline/majority"}
        names = shown(self.metrics, f"{stage}/")
        rows = [
            [title, *(figure(self.metrics.get(f"{prefix}/{name}")) for name in names)]
            for title, prefix in kinds.items()
            if f"{prefix}/accuracy" in self.metrics
        ]
        table = small_table([stage, *(name.replace("_", " ") for name in names)], rows)
        return f"{table}<small>everything of this run: {escape(str(self.run_dir))}</small>"


def versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    return {name: version(name) for name in PACKAGES}


def git_commit() -> str | None:
    """The commit of the checkout that seqclf runs from, `+` behind it where files were changed; None outside of one."""
    found = checkout()
    return None if found is None else found["commit"] + ("+" if found["changed"] else "")


def write_metrics(metrics: Mapping[str, Any], file: Path) -> None:
    """Write metrics.json; a figure that is not a number becomes null."""
    clean = {name: None if value != value else value for name, value in metrics.items()}
    with replacing(file) as temporary:
        temporary.write_text(json.dumps(clean, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def show(metrics: Mapping[str, Any], paths: Mapping[str, Path]) -> None:
    """Print the results beside the baselines, and where everything was written.

    In a notebook that is what a `RunResult` shows; a line tells the rest.
    """
    console = Console(highlight=False)
    if in_notebook():
        print(_summary(metrics))
        return
    stage = "test" if "test/accuracy" in metrics else "validation"
    table = Table(title=f"{job_label()}{stage} ({metrics[f'{stage}/records']:,.0f} records)", title_justify="left")
    table.add_column("")
    names = shown(metrics, f"{stage}/")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    rows = {"this model": stage, "linear SVM on TF-IDF": "baseline/linear", "majority class": "baseline/majority"}
    for title, prefix in rows.items():
        if f"{prefix}/accuracy" in metrics:
            table.add_row(title, *(figure(metrics.get(f"{prefix}/{name}")) for name in names))
    with console:  # in one piece, since other jobs may write beside
        console.print(table)
        console.print(_summary(metrics), soft_wrap=True)
        width = max(map(len, paths))
        for title, path in paths.items():
            console.print(f"{title:<{width}}  {path}", soft_wrap=True)


def _summary(metrics: Mapping[str, Any]) -> str:
    return (
        f"best epoch {metrics['best_epoch']} of {metrics['epochs']} by {metrics['monitor']} {metrics['score']:.4f}, "
        f"{metrics['parameters']:,} parameters, {metrics['train/records_per_second']:,.0f} training records/s, "
        f"{metrics['seconds']:.1f} s in all"
    )


def shown(metrics: Mapping[str, Any], prefix: str, usual: Sequence[str] = SHOWN) -> list[str]:
    """The figures that a table shows: the usual ones, and those averages that `metrics` in the configuration asks for.

    Args:
        metrics: every figure of a run.
        prefix: of the names of those that are looked at, `test/`.
        usual: those that are always shown.
    """
    asked = (f"{prefix}accuracy_top", f"{prefix}fbeta_")
    return [*usual, *(name.removeprefix(prefix) for name in metrics if name.startswith(asked))]


def figure(value: float | None) -> str:
    """A figure as it is shown; nothing for one that is not defined."""
    return "" if value is None else f"{value:.4f}"
