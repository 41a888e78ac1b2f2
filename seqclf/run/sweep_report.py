"""What a sweep came to: a table, sweep.csv with every job, and sweep.html to look at."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.run.page import cut
from seqclf.run.plots import can_plot
from seqclf.run.study import read_study
from seqclf.run.sweep_comparison import compare, interval
from seqclf.run.sweep_jobs import SEED, SweepGroup, SweepJob, group_jobs, read_jobs
from seqclf.run.sweep_page import heading, spread, write_page
from seqclf.run.sweep_plots import plot_study, plot_sweep

SHOWN = 20  # groups in the terminal, and jobs that failed; the page has all
MESSAGE = 160  # characters of what a job that failed says, there
WIDE = 110  # columns of the table; a narrower terminal folds the lines
KEPT = ("score", "best_epoch", "epochs", "seconds", "parameters")  # of a job's figures in the csv, with test/...


def report_sweep(sweep: Path) -> None:
    """Report the jobs of a sweep so far; nothing where there are none.

    Args:
        sweep: hydra.sweep.dir.

    Raises:
        UserError: for a folder that is not there.
    """
    jobs = read_jobs(sweep)
    if not jobs:
        return
    groups = group_jobs(jobs)
    summary = _summary(jobs)
    header, rows = _groups(groups)
    best = _best(groups)
    _write_csv(jobs, sweep / "sweep.csv")
    write_page(summary, best, header, rows, jobs, _plots(sweep, groups), sweep / "sweep.html")
    _print(sweep, summary, best, header, rows, [job for job in jobs if job.status == "failed"])


def sweep_report(sweeps: list[str]) -> None:
    """Report what the jobs of sweeps came to, so far: a table, SWEEP/sweep.csv and SWEEP/sweep.html.

    Args:
        sweeps: folders of sweeps, multirun/DATE/TIME.

    Raises:
        UserError: for a folder that is no sweep's.
    """
    for sweep in sweeps:
        if not read_jobs(Path(sweep)):
            raise UserError(f"{sweep} holds no jobs; a sweep's folder does, multirun/DATE/TIME.")
        report_sweep(Path(sweep))


def _print(
    sweep: Path,
    summary: str,
    best: Sequence[str],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    failed: Sequence[SweepJob],
) -> None:
    console = Console(highlight=False, markup=False)  # [a,b] is a value
    console.width = max(console.width, WIDE)
    with console:  # in one piece
        table = Table(title=summary, title_justify="left")
        for place, name in enumerate(header):
            folded = name.replace(" ", "\n", 1)
            table.add_column(folded, justify="right" if place else "left", overflow="fold", vertical="top")
        for place, row in enumerate(rows[:SHOWN]):
            table.add_row(*row, style="bold" if place == 0 and len(rows) > 1 else None)
        console.print(table if rows else summary)
        if len(rows) > SHOWN:
            console.print(f"The report has {len(rows) - SHOWN} more settings.")
        for sentence in best:
            console.print(sentence, soft_wrap=True)
        for job in failed[:SHOWN]:
            console.print(f"failed  {job.folder / 'error.txt'}: {cut(job.message, MESSAGE)}", soft_wrap=True)
        if len(failed) > SHOWN:
            console.print(f"failed  {len(failed) - SHOWN} more, in the report")
        console.print(f"report  {sweep / 'sweep.html'}", soft_wrap=True)
        console.print(f"table   {sweep / 'sweep.csv'}", soft_wrap=True)


def _summary(jobs: Sequence[SweepJob]) -> str:
    counts = Counter(job.status for job in jobs)
    jobs_are = "1 job: " if len(jobs) == 1 else f"{len(jobs)} jobs: "
    return jobs_are + ", ".join(f"{count} {status}" for status, count in counts.most_common())


def _groups(groups: Sequence[SweepGroup]) -> tuple[list[str], list[list[str]]]:
    if not groups:
        return [], []
    metrics = groups[0].jobs[0].metrics
    stage = "test" if "test/accuracy" in metrics else "validation"
    titles = {str(metrics["monitor"]): "score"}  # the figure by the title of its column
    titles |= {f"{stage}/{name}": f"{stage}/{name}" for name in ("accuracy", "f1_macro")}
    header = ["setting", "runs", *map(heading, titles), "accuracy, 95 %"]
    rows = []
    for group in groups:
        ends = interval(group)
        between = "" if ends is None else f"{ends[0]:.3f}–{ends[1]:.3f}"  # noqa: RUF001  # from - to
        rows.append([group.name, str(len(group.jobs)), *(spread(group, name) for name in titles.values()), between])
    return header, rows


def _best(groups: Sequence[SweepGroup]) -> list[str]:
    if not groups:
        return []
    typed = [f"{key}={value}" for key, value in groups[0].best().overrides.items() if key not in ("sweep", SEED)]
    said = [f"The best by {groups[0].jobs[0].metrics['monitor']}: {' '.join(typed)} ({groups[0].best().folder})"]
    if len(groups) > 1:
        comparison = compare(groups[0], groups[1])
        said.append(f"The runner-up: {groups[1].name}." + ("" if comparison is None else f" {comparison.said()}"))
    return said


def _plots(sweep: Path, groups: Sequence[SweepGroup]) -> list[str]:
    if not can_plot():
        return ["<p>For plots: <code>pip install 'seqclf[sweep]'</code></p>"]
    study = read_study(sweep)
    return [*plot_sweep(groups), *([] if study is None else plot_study(study))]


def _write_csv(jobs: Sequence[SweepJob], file: Path) -> None:
    keys = list(dict.fromkeys(key for job in jobs for key in job.overrides))
    names = dict.fromkeys(name for job in jobs for name in job.metrics)
    figures = [name for name in names if name in KEPT or (name.startswith("test/") and name.count("/") == 1)]
    with replacing(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as written:
        writer = csv.writer(written)
        writer.writerow(["job", "status", *keys, *figures, "message", "folder"])
        for job in jobs:
            values: list[Any] = [job.overrides.get(key, "") for key in keys]
            values += [job.metrics.get(name, "") for name in figures]
            writer.writerow([job.name, job.status, *values, job.message, job.folder])
