"""Plots of a sweep: what a setting does to the score, how runs learned, which key matters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from seqclf.run.plots import COLOURS, OTHERS, inline, new_figure
from seqclf.run.sweep_jobs import SweepGroup, SweepJob, short_names, short_values, varied

if TYPE_CHECKING:
    import optuna
    from matplotlib.axes import Axes

IN_A_ROW = 3
MANY = 6  # values of a key from which numbers are an axis and not names
WIDE = 10.0  # times as large: from there on an axis is logarithmic


def plot_sweep(groups: Sequence[SweepGroup]) -> list[str]:
    """Plots of the jobs that are done, as elements of a page."""
    jobs = [job for group in groups for job in group.jobs]
    if len(jobs) < 2:
        return []
    keys = varied(jobs)
    monitor = str(jobs[0].metrics["monitor"])
    plots = [_scores(jobs, keys, monitor)] if keys else []
    if any(len(job.curve) > 1 for job in jobs):
        plots.append(_curves(groups, monitor))
    shared = [key for key in keys if 2 * len({job.overrides.get(key) for job in jobs}) <= len(jobs)]
    if len(shared) > 1:  # a key that has another value in every job would explain all of them
        plots.append(_importance(jobs, shared, monitor))
    return plots


def plot_study(study: optuna.Study) -> list[str]:
    """Optuna's own plots of a search; those that have nothing to show yet are left out."""
    from matplotlib import pyplot
    from optuna.visualization import matplotlib as drawn

    plots: list[tuple[str, Callable[..., Any]]] = [
        ("Best score so far", drawn.plot_optimization_history),
        ("Which key matters (fANOVA)", drawn.plot_param_importances),
        ("Each key", drawn.plot_slice),
        ("All keys of a trial", drawn.plot_parallel_coordinate),
        ("Epoch by epoch", drawn.plot_intermediate_values),
        ("When each trial ran", drawn.plot_timeline),
    ]
    made = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the plots are experimental, and say so
        for title, plot in plots:
            try:
                axes = plot(study)
                if hasattr(axes, "flat"):
                    _side_by_side(list(axes.flat))
                    axes = axes.flat[0]
                else:
                    axes.figure.set_size_inches(7.5, 4.0)
                    axes.figure.set_layout_engine("tight")
                made.append(inline(axes.figure, title))
            except (ValueError, RuntimeError):  # too few trials, or all alike
                continue
            finally:
                pyplot.close("all")
    return made


def _side_by_side(several: Sequence[Axes]) -> None:
    """Room for the names below each of several plots; a tight layout would set the bar of colours between them."""
    from matplotlib.ticker import NullFormatter

    figure = several[0].get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(max(9.5, 2.2 * len(several) + 1.5), 4.0)
    for axes, name in zip(several, short_names([axes.get_xlabel() for axes in several]).values(), strict=True):
        axes.set_xlabel(name)
        axes.tick_params(axis="x", labelrotation=45)
        axes.xaxis.set_minor_formatter(NullFormatter())


def share_explained(jobs: Sequence[SweepJob], key: str) -> float:
    """The share of the scores' variance that the values of one key explain alone (eta squared).

    Args:
        jobs: with a score each.
        key: of their overrides.
    """
    scores: dict[str | None, list[float]] = {}
    for job in jobs:
        assert job.score is not None
        scores.setdefault(job.overrides.get(key), []).append(job.score)
    everything = [score for of_value in scores.values() for score in of_value]
    middle = mean(everything)
    total = sum((score - middle) ** 2 for score in everything)
    between = sum(len(of_value) * (mean(of_value) - middle) ** 2 for of_value in scores.values())
    return between / total if total > 0 else 0.0


def _scores(jobs: Sequence[SweepJob], keys: Sequence[str], monitor: str) -> str:
    rows, names = math.ceil(len(keys) / IN_A_ROW), short_names(keys)
    figure = new_figure(3.3 * min(len(keys), IN_A_ROW) + 0.5, 2.9 * rows)
    for place, key in enumerate(keys):
        axes = figure.add_subplot(rows, min(len(keys), IN_A_ROW), place + 1)
        values = [job.overrides.get(key, "default") for job in jobs]
        numbers = [_number(value) for value in values]
        found = [job.score for job in jobs if job.score is not None]
        if None not in numbers and (len(set(values)) > MANY or 3 < len(set(values)) == len(jobs)):
            sizes = [number for number in numbers if number is not None]
            axes.scatter(sizes, found, s=18, color=COLOURS[0], alpha=0.7)
            if min(sizes) > 0 and max(sizes) > WIDE * min(sizes):
                axes.set_xscale("log")
        else:
            _strip(axes, values, found)
        axes.set_xlabel(names[key])
        axes.set_ylabel(monitor if place % IN_A_ROW == 0 else "")
        _plain(axes)
    return inline(figure, "Score by setting")


def _strip(axes: Axes, values: Sequence[str], scores: Sequence[float]) -> None:
    """A column of dots for each value, and a line at their mean."""
    known = sorted(set(values), key=lambda value: (_number(value) is None, _number(value) or 0.0, value))
    for at, value in enumerate(known):
        of_value = [score for score, other in zip(scores, values, strict=True) if other == value]
        spread = [at + 0.24 * (place / max(1, len(of_value) - 1) - 0.5) for place in range(len(of_value))]
        axes.scatter(spread, of_value, s=18, color=COLOURS[0], alpha=0.7)
        axes.hlines(mean(of_value), at - 0.3, at + 0.3, color=COLOURS[1], linewidth=2)
    steep = sum(map(len, known)) > 24
    short = short_values(known)
    names = [short[value] for value in known]
    axes.set_xticks(range(len(known)), names, rotation=30 if steep else 0, ha="right" if steep else "center")
    axes.set_xlim(-0.6, len(known) - 0.4)


def _curves(groups: Sequence[SweepGroup], monitor: str) -> str:
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(8.5, 3.8)
    axes = figure.add_subplot()
    for place, group in reversed(list(enumerate(groups))):  # the best on top
        colour = COLOURS[place] if place < len(COLOURS) else OTHERS
        for number, job in enumerate(group.jobs):
            name = group.name if number == 0 and place < len(COLOURS) else None
            dot = "." if len(job.curve) < 30 else None
            axes.plot(range(1, len(job.curve) + 1), job.curve, color=colour, linewidth=1.2, marker=dot, label=name)
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], names[::-1], fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_xlabel("epoch")
    axes.set_ylabel(monitor)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _plain(axes)
    return inline(figure, "Learning curves" + (", the others grey" if len(groups) > len(COLOURS) else ""))


def _importance(jobs: Sequence[SweepJob], keys: Sequence[str], monitor: str) -> str:
    shares = sorted((share_explained(jobs, key), key) for key in keys)
    figure = new_figure(8.5, 0.6 + 0.35 * len(keys))
    axes, names = figure.add_subplot(), short_names(keys)
    bars = axes.barh([names[key] for _, key in shares], [100 * share for share, _ in shares], color=COLOURS[0])
    axes.bar_label(bars, fmt=" %.0f %%", fontsize=8)
    axes.set_xlim(0, 110)
    axes.set_xlabel(f"% of the variance of {monitor} that the key explains alone")
    _plain(axes)
    return inline(figure, "Which key matters")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
