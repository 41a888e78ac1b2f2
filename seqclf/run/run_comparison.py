"""Two runs side by side: in what they were told, in what they came to, and on which records they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from seqclf.errors import UserError
from seqclf.run.kept_runs import KeptRun, read_run
from seqclf.run.predictions_file import PredictionsFile, read_predictions
from seqclf.run.statistics import approximate_randomisation, mcnemar

FIGURES = ("accuracy", "f1_macro", "f1_micro", "f1_weighted", "auroc", "loss", "calibration_error")
LISTED = 20  # records that are shown
WIDTH = 60  # characters of a record that are shown
SURE = 0.05


def compare_runs(one: Path, two: Path) -> list[dict[str, Any]]:
    """Print how two runs differ.

    Args:
        one: the folder of the first.
        two: the folder of the second.

    Returns:
        The records that only one of them has right, or that both have wrong in another way; none where they were
        measured on different records.

    Raises:
        UserError: for a folder that is no finished run.
    """
    first, second = read_run(one), read_run(two)
    for run in (first, second):
        if not run.metrics:
            raise UserError(f"{run.folder} has no metrics.json: it is not the folder of a finished run.")
    console = Console(highlight=False)
    console.print(f"A  {one}\nB  {two}", soft_wrap=True)
    settings = [
        (key, str(before), str(now)) for key, before, now in config_differences(first, second)
    ]  # 1e-08 is not 0
    console.print(_grid("Configuration", ("key", "A", "B"), settings))
    console.print(_grid("Figures", ("figure", "A", "B", "B - A"), figure_differences(first, second)))
    files = read_predictions(one), read_predictions(two)
    why = files[0].difference(files[1])
    if why is not None:
        console.print(f"Not measured on the same records: {why}.", soft_wrap=True)
        return []
    if files[0].labels is None:
        console.print("The records have no labels.")
        return []
    console.print(verdict(*files), soft_wrap=True)
    differing = record_differences(*files)
    shown = [(row["row"], _text(files[0], row), row["label"], row["A"], row["B"]) for row in differing[:LISTED]]
    title = f"Records ({len(shown)} of the {len(differing)} that they differ on)"
    console.print(_grid(title, ("row", "record", "label", "A", "B"), shown))
    return differing


def config_differences(first: KeptRun, second: KeptRun) -> list[tuple[str, Any, Any]]:
    """Keys whose values differ, with both."""
    one, two = (run.config or run.overrides for run in (first, second))
    keys = sorted(one.keys() | two.keys())
    return [(key, one.get(key, "-"), two.get(key, "-")) for key in keys if one.get(key, "-") != two.get(key, "-")]


def figure_differences(first: KeptRun, second: KeptRun) -> list[tuple[str, float, float, float]]:
    """The usual figures and F1 of every class, of the stage that both have, with their difference."""
    both = first.metrics.keys() & second.metrics.keys()
    stage = "test" if "test/records" in both else "validation"
    usual = [f"{stage}/{name}" for name in FIGURES]
    names = [*usual, *(name for name in first.metrics if name.startswith(f"{stage}/f1/")), "score", "seconds"]
    pairs = [(name, first.metrics[name], second.metrics[name]) for name in names if name in both]
    return [(name, a, b, b - a) for name, a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]


def verdict(one: PredictionsFile, two: PredictionsFile) -> str:
    """Whether the difference is more than chance: approximate randomisation and McNemar on what is right."""
    first, second = one.right(), two.right()
    test = mcnemar(first, second)
    p = approximate_randomisation(lambda right: float(right.mean()), first, second)
    points = 100 * (second.mean() - first.mean())
    return (
        f"Of {len(first):,} records both have {int((first & second).sum()):,} right, only A {test.only_first:,}, "
        f"only B {test.only_second:,}, neither {int((~first & ~second).sum()):,}. B is {abs(points):.1f} points "
        f"{'ahead' if points >= 0 else 'behind'}: {'more than chance' if p < SURE else 'this may be chance'} "
        f"(approximate randomisation p = {p:.3g}, McNemar p = {test.p:.3g})."
    )


def record_differences(one: PredictionsFile, two: PredictionsFile) -> list[dict[str, Any]]:
    """The records that were given different labels: those that B lost first, then those that it won, then the rest."""
    names = ["row", *one.text_columns, "label"]
    kinds: tuple[list[dict[str, Any]], ...] = ([], [], [])
    rows = zip(one.lines, one.right(), two.right(), one.predictions, two.predictions, strict=True)
    for line, first, second, a, b in rows:
        if a != b:
            kinds[0 if first else 1 if second else 2].append({name: line[name] for name in names} | {"A": a, "B": b})
    return [row for kind in kinds for row in kind]


def _text(file: PredictionsFile, row: Mapping[str, Any]) -> str:
    text = " | ".join(str(row[name]) for name in file.text_columns)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _grid(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Grid | str:
    if not rows:
        return f"{title}: no difference"
    grid = Grid(title=title, title_justify="left")
    for name in header:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(f"{value:.4f}" if isinstance(value, float) else str(value) for value in row))
    return grid
