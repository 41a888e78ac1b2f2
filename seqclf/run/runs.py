"""Finding runs again: a list of those below some folders, or two of them side by side."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.run.kept_runs import KeptRun, check_key, find_runs, fitting
from seqclf.run.run_comparison import compare_runs

SHOWN = ("score", "accuracy", "f1_macro", "seconds")


def runs(
    folders: list[str],
    sort: str = "time",
    descending: bool | None = None,
    where: list[str] | None = None,
    columns: list[str] | None = None,
    limit: int | None = None,
    folds: bool = False,
    compare: bool | None = None,
    output: str | None = None,
) -> list[dict[str, Any]]:
    """List the runs below some folders with what was typed and what they came to; or compare two.

    Args:
        folders: `outputs/`, folders of sweeps or of runs.
        sort: `time`, `run`, `state`, a figure (`score`, `accuracy`, `test/f1_macro`) or a key (`encoder`, `seed`).
        descending: the largest first; as is best for a figure unless typed, time and keys rising.
        where: conditions that all must hold, `'[encoder=lstm,score>0.8,state=done]'`.
        columns: what stands in the columns: figures and keys. Where none are named, score, accuracy, macro F1, seconds.
        limit: how many are listed.
        folds: whether the folds of cross-validations are runs of their own.
        compare: whether two runs are compared: what differs in their configuration, in the score of each class, and in
            which records. Unless typed, two folders that are runs themselves are.
        output: a .csv file for the list, or for the records on which the two differ.

    Returns:
        What was listed, one mapping per run; or of two runs the records on which they differ.

    Raises:
        UserError: for a folder without any run, and for keys that no run has.
    """
    paths = [Path(folder) for folder in folders]
    if compare is None:
        compare = len(paths) == 2 and all((path / "metrics.json").is_file() for path in paths)
    if output is not None and not output.endswith(".csv"):
        raise UserError(f"output: {output} must end in .csv.")
    if compare:
        if len(paths) != 2:
            raise UserError(f"Two runs are compared, but {len(paths)} folders are named.")
        listed = compare_runs(paths[0], paths[1])
    else:
        found = [run for path in paths for run in find_runs(path, folds)]
        if not found:
            raise UserError(f"There is no run in {', '.join(folders)}.")
        chosen = _sorted(fitting(found, where or []), sort, descending)[:limit]
        names = columns or [name for name in SHOWN if any(run.value(name) is not None for run in found)]
        for name in names:
            check_key(found, name, "columns")
        listed = [{"run": str(run.folder), "state": run.state} | _row(run, names) for run in chosen]
        _show(chosen, names, len(found))
    if output is not None:
        _write(listed, Path(output))
    return listed


def _sorted(found: Sequence[KeptRun], key: str, descending: bool | None) -> list[KeptRun]:
    check_key(found, key, "sort")
    values = {id(run): run.value(key) for run in found}
    there = [run for run in found if values[id(run)] is not None]
    numbers = all(isinstance(values[id(run)], int | float) for run in there)
    is_figure = any(run.metrics and key not in run.config and key not in ("time", "run", "state") for run in there)
    down = (is_figure and numbers and not key.endswith("loss")) if descending is None else descending
    ordered = sorted(there, key=lambda run: values[id(run)] if numbers else str(values[id(run)]), reverse=down)
    return [*ordered, *(run for run in found if values[id(run)] is None)]


def _row(run: KeptRun, names: Sequence[str]) -> dict[str, Any]:
    return {name: run.value(name) for name in names} | {"overrides": " ".join(_typed(run))}


def _typed(run: KeptRun) -> list[str]:
    return [f"{key}={value}" for key, value in run.overrides.items() if not key.startswith("hydra.")]


def _show(chosen: Sequence[KeptRun], names: Sequence[str], total: int) -> None:
    """Two lines a run: its figures and its folder, and what was typed for it but not for all."""
    console = Console(highlight=False)
    console.print(f"{len(chosen)} of {total} runs")
    typed = [_typed(run) for run in chosen if run.overrides]
    in_all = set.intersection(*map(set, typed)) if len(typed) > 1 else set()
    if in_all:
        console.print(f"all: {' '.join(each for each in typed[0] if each in in_all)}", soft_wrap=True)
    widths = [max([len(name), *(len(_cell(run.value(name))) for run in chosen)]) for name in names]
    head = "  ".join(f"{name.replace('_', ' '):>{width}}" for name, width in zip(names, widths, strict=True))
    console.print(f"[bold]{head}  {'when':<11}  run[/bold]", soft_wrap=True)
    for run in chosen:
        cells = "  ".join(f"{_cell(run.value(name)):>{width}}" for name, width in zip(names, widths, strict=True))
        when = datetime.fromtimestamp(run.changed).strftime("%m-%d %H:%M")
        console.print(f"{cells}  {when}  {run.folder}", soft_wrap=True, markup=False)
        own = [
            *([] if run.state == "done" else [f"({run.state})"]),
            *(each for each in _typed(run) if each not in in_all),
        ]
        if own:
            console.print(
                f"{' ' * sum(widths)}{'  ' * len(widths)}{' ' * 13}{' '.join(own)}", soft_wrap=True, markup=False
            )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
    return "" if value is None else str(value)


def _write(listed: Sequence[dict[str, Any]], file: Path) -> None:
    header = list(dict.fromkeys(key for row in listed for key in row))
    with replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
    Console(highlight=False).print(f"written to {file}", soft_wrap=True)
