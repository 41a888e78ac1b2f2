"""sweep.html: one self-contained page about a sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from seqclf.inference.atomic import replacing
from seqclf.run.sweep_jobs import SweepGroup, SweepJob, short_names, short_values, varied

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #8884; vertical-align: top; }
th { vertical-align: bottom; } td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.said { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
tr.best td { font-weight: 600; background: #4477aa22; }
.wide { overflow-x: auto; } code { font-size: .9em; }
img.plot { max-width: 100%; background: white; padding: .5rem; border-radius: 4px; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
@media print { body { margin: 0; } }
"""
JOB_FIGURES = ("score", "test/accuracy", "test/f1_macro", "best_epoch", "seconds")


def write_page(
    summary: str,
    best: Sequence[str],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    jobs: Sequence[SweepJob],
    plots: Sequence[str],
    file: Path,
) -> None:
    """Write the page.

    Args:
        summary: how many jobs there are, and what became of them.
        best: sentences about the best.
        header: of the table of groups.
        rows: of that table, the best first.
        jobs: every job.
        plots: elements of a page.
        file: where to.
    """
    parts = [
        f"<h1>{escape(summary)}</h1>",
        *(f"<p>{escape(sentence)}</p>" for sentence in best),
        f"<h2>Settings, the best first</h2>{_groups(header, rows)}" if rows else "",
        *plots,
        "<h2>Every job</h2>",
        _jobs(jobs),
    ]
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>seqclf sweep</title>'
        f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
    with replacing(file) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")


def heading(name: str) -> str:
    """The name of a figure where it may be folded, `test f1 macro`."""
    return name.replace("_", " ").replace("/", " ")


def spread(group: SweepGroup, name: str) -> str:
    """The mean of a figure, and its standard deviation where there are several runs."""
    middle, deviation = group.mean(name), group.deviation(name)
    if middle is None:
        return ""
    return f"{middle:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")


def _groups(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = []
    for place, (setting, *figures) in enumerate(rows):
        kind = " class='best'" if place == 0 else ""
        lines.append(f"<tr{kind}><td class='said'>{escape(setting)}</td>{_cells(figures)}</tr>")
    return _table(header, lines)


def _jobs(jobs: Sequence[SweepJob]) -> str:
    """Every job, with its figures; what it says, where it has none, takes their place."""
    keys = varied(jobs)
    short = {key: short_values(job.overrides.get(key, "") for job in jobs) for key in keys}
    figures = [name for name in JOB_FIGURES if any(job.metrics.get(name) is not None for job in jobs)]
    lines = []
    for job in jobs:
        cells = _cells([job.name, job.status, *(short[key][job.overrides.get(key, "")] for key in keys)])
        if job.metrics:
            cells += _cells([_number(job.metrics.get(name)) for name in figures])
        else:
            cells += f"<td class='said' colspan='{max(1, len(figures))}'>{escape(job.message)}</td>"
        lines.append(f"<tr>{cells}</tr>")
    return _table(["job", "", *short_names(keys).values(), *map(heading, figures)], lines)


def _cells(values: Iterable[str]) -> str:
    return "".join(f"<td>{escape(value)}</td>" for value in values)


def _table(header: Sequence[str], lines: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(name).replace(' %', '&nbsp;%')}</th>" for name in header)
    body = "\n".join(lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _number(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.4f}" if abs(value) < 10 else f"{value:,.0f}"
