"""The figures of every epoch, in a csv file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from seqclf.inference.atomic import replacing


class EpochTable(Logger):
    """Figures of every epoch as a csv file, a line for each time that figures were logged; it is always there whole.

    Lightning's own cannot be gone on with: it begins with removing the file.

    Args:
        file: the csv file.

    Attributes:
        rows: the lines so far; checkpoints keep them.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.rows: list[dict[str, float]] = []

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.file.parent.name

    @property
    def version(self) -> str:
        """A run has one."""
        return ""

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self.file.parent.parent)

    @rank_zero_only
    def log_hyperparams(self, *_: Any, **__: Any) -> None:
        """Nothing: the configuration lies in `.hydra`."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a line."""
        self.rows.append({**{name: float(value) for name, value in metrics.items()}, "step": step or 0})

    @rank_zero_only
    def save(self) -> None:
        """Write the file."""
        if not self.rows:
            return
        with (
            replacing(self.file) as temporary,
            temporary.open("w", encoding="utf-8", errors="replace", newline="") as file,
        ):
            writer = csv.DictWriter(file, sorted(set().union(*self.rows)))
            writer.writeheader()
            writer.writerows(self.rows)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the file."""
        self.save()
