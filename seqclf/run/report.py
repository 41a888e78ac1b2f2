"""report.html: one self-contained page about a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from seqclf.inference.atomic import replacing
from seqclf.run.results import shown

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child { text-align: left; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; }
@media print { body { margin: 0; } }
"""
SCORES = ("accuracy", "f1_macro", "f1_weighted", "precision_macro", "recall_macro", "auroc", "loss")
STAGES = {
    "test": "this model, test",
    "validation": "this model, validation",
    "baseline/linear": "linear SVM on TF-IDF",
    "baseline/majority": "majority class",
}


def write_report(
    metrics: Mapping[str, Any],
    epochs: Sequence[Mapping[str, float]],
    counts: Mapping[str, Any],
    labels: Sequence[str],
    file: Path,
) -> None:
    """Write the page.

    Args:
        metrics: every figure of the run, as in metrics.json.
        epochs: the figures of each epoch.
        counts: what the store counted in the data.
        labels: the classes.
        file: where to.
    """
    stage = "test" if "test/accuracy" in metrics else "validation"
    names = shown(metrics, f"{stage}/", SCORES)
    sections = [
        f"<h1>{escape(stage)} accuracy {metrics[f'{stage}/accuracy']:.4f}</h1>",
        _table("Scores", ("", *names), _scores(metrics, names)),
        _table("Classes", ("", "precision", "recall", "f1"), _classes(metrics, stage, labels)),
        _table("Epochs", ("epoch", *_epoch_columns(epochs)), _epochs(epochs)),
        _table("Data", ("", ""), counts.items()),
        _table(
            "Run",
            ("", ""),
            ((name, value) for name, value in metrics.items() if "/" not in name and name != "versions"),
        ),
        _table("Versions", ("", ""), metrics["versions"].items()),
    ]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>seqclf run</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(sections) + "\n</body></html>\n"
    )
    with replacing(file) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def _scores(metrics: Mapping[str, Any], names: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    for prefix, title in STAGES.items():
        if f"{prefix}/accuracy" in metrics:
            yield (title, *(metrics.get(f"{prefix}/{name}") for name in names))


def _classes(metrics: Mapping[str, Any], stage: str, labels: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    for label in labels:
        yield (label, *(metrics.get(f"{stage}/{name}/{label}") for name in ("precision", "recall", "f1")))


def _epoch_columns(epochs: Sequence[Mapping[str, float]]) -> list[str]:
    wanted = ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy", "validation/f1_macro")
    return [name for name in wanted if name in epochs[0]]


def _epochs(epochs: Sequence[Mapping[str, float]]) -> Iterable[tuple[Any, ...]]:
    for number, figures in enumerate(epochs, start=1):
        yield (number, *(figures[name] for name in _epoch_columns(epochs)))


def _table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>\n" for row in rows)
    return f"<h2>{escape(title)}</h2>\n<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, Mapping):
        return escape(", ".join(f"{name} {count}" for name, count in value.items()))
    return escape(str(value))
