"""The score against the number of training records."""

from __future__ import annotations

import csv
import json
import logging
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.parts import make, resolve
from seqclf.run.compose import compose, plain
from seqclf.run.cross_validation import BESIDE, ROOMS
from seqclf.run.sample import Sample
from seqclf.run.schema import check_config
from seqclf.run.train import train

log = logging.getLogger("seqclf")

BASELINES = {"baseline/linear": "linear SVM on TF-IDF", "baseline/majority": "majority class"}
HEADER = ("model", "records", "seed", "figure", "value", "run")
COLOURS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
)  # told apart by the colour-blind (Tol 2021)
GREY = ("#777777", "#bbbbbb")  # of the baselines
PICTURES = (".svg", ".png")

Point = dict[str, Any]


def learning_curve(
    models: list[str],
    overrides: list[str],
    sizes: list[float] | None = None,
    seeds: list[int] | None = None,
    figure: str = "accuracy",
    output: str = "outputs/learning_curve",
    picture: str = "svg",
) -> list[Point]:
    """Train several models on more and more of the training records, over several seeds, and draw their scores.

    The records of a seed are the same for all models, and those of a smaller size are among those of a larger one. The
    validation and the test records are the same throughout. A run that is there already is not repeated.

    Args:
        models: what is typed for each after `python train.py`, `'[encoder=bag,"encoder=cnn seed=2"]'`.
        overrides: what is typed for all of them, the data first of all: `data=files data.train=train.csv ...`.
        sizes: numbers of training records; below or equal to 1 shares of all. Six shares, each twice the one before,
            up to all unless typed.
        seeds: of the runs and of the samples; 1, 2 and 3 unless typed.
        figure: which figure of the test records (or the validation records, where there are no others) is drawn.
        output: the folder for learning_curve.csv, the picture and the runs.
        picture: `svg` or `png`.

    Returns:
        One mapping per point: model, records, seed, figure, value, run.

    Raises:
        UserError: for a mistake in the arguments, said before anything is trained.
    """
    if f".{picture}" not in PICTURES:
        raise UserError(f"picture must be svg or png, not {picture!r}.")
    _can_draw()
    folder = Path(output)
    configs = {model: plain(compose(*overrides, *model.split())) for model in models}
    for config in configs.values():
        check_config(config)
    pool = _pool(next(iter(configs.values())))
    counts = _counts(sizes, pool)
    points: list[Point] = []
    for number, (model, config) in enumerate(configs.items()):
        for count in counts:
            for seed in seeds or [1, 2, 3]:
                run = folder / "runs" / f"{number}-{_name(model)}" / str(count) / str(seed)
                metrics = _run(sampled({**config, "seed": seed}, count, seed), run)
                points += _points(metrics, model, count, seed, figure, run)
    points = _once(points)  # every model has brought the baselines
    _write(points, folder / "learning_curve.csv")
    _draw(points, figure, folder / f"learning_curve.{picture}")
    _show(points, figure, folder, picture)
    return points


def sampled(config: Mapping[str, Any], records: int, seed: int) -> dict[str, Any]:
    """A configuration that learns from so many records of its training table.

    Args:
        config: plain containers.
        records: how many.
        seed: of the sample.
    """
    data = config["data"]
    task = resolve(str(config["task"]["_target_"]), "task")
    own = {key: value for key, value in data.items() if key in BESIDE} | {
        "_target_": f"{Sample.__module__}.{Sample.__qualname__}",
        "_partial_": True,
        "source": {key: value for key, value in data.items() if key not in BESIDE},
        "records": records,
        "drawn_by": seed,
        "validation_share": data["validation_size"],
        "cut_by": data["split_seed"],
        "multilabel": task.multilabel,
    }
    return {**config, "data": own}


def _pool(config: Mapping[str, Any]) -> int:
    """How many training records there are to draw from."""
    node = {key: value for key, value in sampled(config, 1, 0)["data"].items() if key not in BESIDE}
    source: Sample = make(node, "data", rooms=ROOMS)
    return source.available()


def _counts(sizes: Sequence[float] | None, pool: int) -> list[int]:
    asked = sizes or [2.0**-step for step in range(5, -1, -1)]
    counts = sorted({round(size * pool) if size <= 1 else int(size) for size in asked})
    if counts[0] < 2 or counts[-1] > pool:
        wrong = counts[0] if counts[0] < 2 else counts[-1]
        raise UserError(f"sizes: there are {pool} training records to draw from, so {wrong} of them is no sample.")
    return counts


def _run(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The figures of a run, which is not repeated where they are there, of the same settings."""
    kept, said = folder / "metrics.json", folder / "settings.json"
    settings = json.dumps(config, sort_keys=True, default=str)
    if kept.is_file() and said.is_file() and said.read_text(encoding="utf-8") == settings:
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    metrics = train(config, folder=folder).metrics
    with replacing(said) as temporary:
        temporary.write_text(settings, encoding="utf-8")
    return metrics


def _points(metrics: Mapping[str, Any], model: str, records: int, seed: int, figure: str, run: Path) -> Iterator[Point]:
    stage = "test" if "test/records" in metrics else "validation"
    name = f"{stage}/{figure}"
    if name not in metrics:
        known = ", ".join(key.removeprefix(f"{stage}/") for key in metrics if key.startswith(f"{stage}/"))
        raise UserError(f"figure: a run has no {figure!r}; it has {known}.")
    yield dict(zip(HEADER, (model, records, seed, name, metrics[name], str(run)), strict=True))
    for prefix, title in BASELINES.items():
        if f"{prefix}/{figure}" in metrics:
            yield dict(zip(HEADER, (title, records, seed, name, metrics[f"{prefix}/{figure}"], ""), strict=True))


def _once(points: Sequence[Point]) -> list[Point]:
    """Each point once, those of models as they were named before those of baselines."""
    by_key = {(point["model"], point["records"], point["seed"]): point for point in points}
    rank = {title: place for place, title in enumerate(BASELINES.values())}
    return sorted(by_key.values(), key=lambda point: rank.get(point["model"], -1))


def _curves(points: Sequence[Point]) -> dict[str, dict[int, list[float]]]:
    curves: dict[str, dict[int, list[float]]] = {}
    for point in points:
        curves.setdefault(point["model"], {}).setdefault(point["records"], []).append(point["value"])
    return curves


def _name(model: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in model)[:60] or "default"


def _can_draw() -> None:
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError("A learning curve is drawn by matplotlib: pip install 'seqclf[sweep]'.") from error


def _draw(points: Sequence[Point], figure: str, file: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    drawing = Figure(figsize=(7.5, 5), layout="constrained")
    axes = drawing.subplots()
    curves = _curves(points)
    models = [name for name in curves if name not in BASELINES.values()]
    for name, curve in curves.items():
        sizes = sorted(curve)
        means = np.array([statistics.mean(curve[size]) for size in sizes])
        spread = np.array([statistics.stdev(curve[size]) if len(curve[size]) > 1 else 0.0 for size in sizes])
        is_model = name in models
        colour = COLOURS[models.index(name) % len(COLOURS)] if is_model else GREY[list(BASELINES.values()).index(name)]
        axes.plot(sizes, means, "o-" if is_model else "s--", color=colour, label=name or "default", markersize=4)
        axes.fill_between(sizes, means - spread, means + spread, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(sorted({point["records"] for point in points}))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.minorticks_off()
    axes.set_xlabel("training records")
    axes.set_ylabel(points[0]["figure"].replace("_", " "))
    axes.set_title(f"{figure.replace('_', ' ')}, mean ± standard deviation over the seeds", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize="small")
    with replacing(file) as temporary:
        options: dict[str, Any] = {"metadata": {"Date": None}} if file.suffix == ".svg" else {"dpi": 150}
        drawing.savefig(temporary, format=file.suffix[1:], **options)


def _write(points: Sequence[Point], file: Path) -> None:
    with replacing(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(points)


def _show(points: Sequence[Point], figure: str, folder: Path, picture: str) -> None:
    console = Console(highlight=False)
    curves = _curves(points)
    sizes = sorted({point["records"] for point in points})
    grid = Grid(title=f"{points[0]['figure']} by number of training records", title_justify="left")
    for head in ("", *map(str, sizes)):
        grid.add_column(head, justify="right" if head else "left")
    for name, curve in curves.items():
        grid.add_row(name or "default", *(_spread(curve.get(size, [])) for size in sizes))
    console.print(grid)
    for title, name in {
        "figures": "learning_curve.csv",
        "picture": f"learning_curve.{picture}",
        "runs": "runs",
    }.items():
        console.print(f"{title:<8} {folder / name}", soft_wrap=True)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{statistics.mean(values):.4f}" + (f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else "")
