"""Training from Python, on files as on tables in memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from seqclf.data.memory import Memory, given
from seqclf.errors import UserError
from seqclf.parts import Parts
from seqclf.run import train as run
from seqclf.run.results import RunResult

TARGET = f"{Memory.__module__}.{Memory.__qualname__}"


def train(
    cfg: DictConfig | Mapping[str, Any],
    parts: Parts = (),
    folder: Path | None = None,
    *,
    train: Any = None,
    validation: Any = None,
    test: Any = None,
) -> RunResult:
    """Train, choose the best epoch on validation, test it once, save it.

    With `data=memory` the records come from the tables that are given here: `train(compose("data=memory",
    "data.text=[title,body]", "data.label=topic"), train=df, test=other)`. They are read as files are: columns checked,
    every value as text, what is missing as the empty text.

    Args:
        cfg: what `compose` returns.
        parts: classes of your own that the configuration names.
        folder: the run's folder; None for Hydra's, or a new one under outputs/.
        train: a `pandas.DataFrame` or `datasets.Dataset` to learn from.
        validation: one that the best epoch is chosen by; None to cut it from `train`.
        test: one that the result is measured on; None for none.

    Returns:
        The score, every figure, and where the run and the model are.

    Raises:
        UserError: for a mistake in the configuration or in the data.
    """
    tables = {"train": train, "validation": validation, "test": test}
    tables = {split: data for split, data in tables.items() if data is not None}
    if tables:
        _check(cfg, tables)
    with given(tables) if tables else nullcontext():
        return run.train(cfg, parts, folder)


def _check(cfg: DictConfig | Mapping[str, Any], tables: Mapping[str, Any]) -> None:
    if "train" not in tables:
        raise UserError(f"There is {' and '.join(tables)}, but no train=: give the table to learn from.")
    target = cfg["data"].get("_target_")
    if target != TARGET:
        raise UserError(
            f"{'= and '.join(tables)}= given, but the configuration reads its records elsewhere ({target}): compose "
            'it with "data=memory", and with "data.text=[...]" and "data.label=..." to name the columns.'
        )
