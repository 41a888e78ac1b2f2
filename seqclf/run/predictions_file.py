"""What a run left in predictions.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqclf.errors import UserError

NAME = "predictions.csv"
OWN = ("row", "label", "prediction", "probability", "fold")
PROBABILITY = "probability/"


@dataclass(frozen=True)
class PredictionsFile:
    """The lines of a predictions.csv.

    Args:
        path: the file.
        header: its columns.
        lines: one dictionary from column to cell per record.
    """

    path: Path
    header: list[str]
    lines: list[dict[str, str]]

    @property
    def text_columns(self) -> list[str]:
        """The columns that the model read."""
        return [name for name in self.header if name not in OWN and not name.startswith(PROBABILITY)]

    @property
    def classes(self) -> list[str]:
        """The classes, in the order of their columns."""
        return [name.removeprefix(PROBABILITY) for name in self.header if name.startswith(PROBABILITY)]

    @cached_property
    def labels(self) -> list[str] | None:
        """The label of each record; None where there is no such column."""
        return [line["label"] for line in self.lines] if "label" in self.header else None

    @cached_property
    def predictions(self) -> list[str]:
        """What each record was given."""
        return [line["prediction"] for line in self.lines]

    def probabilities(self, classes: list[str]) -> npt.NDArray[np.float64]:
        """Of these classes, for every record `(R, C)`."""
        names = [f"{PROBABILITY}{name}" for name in classes]
        return np.array([[float(line[name]) for name in names] for line in self.lines]).reshape(-1, len(names))

    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each record was given its label `(R,)`; of records without one, False."""
        labels = self.labels or [""] * len(self.lines)
        return np.array([label != "" and label == given for label, given in zip(labels, self.predictions, strict=True)])

    def difference(self, other: PredictionsFile) -> str | None:
        """Why two files are not of the same records, in words; None where they are."""
        if len(self.lines) != len(other.lines):
            return f"{self.path} has {len(self.lines)} records and {other.path} {len(other.lines)}"
        common = [
            "row",
            *(name for name in [*self.text_columns, "label"] if name in self.header and name in other.header),
        ]
        for number, (one, two) in enumerate(zip(self.lines, other.lines, strict=True)):
            for name in common:
                if one[name] != two[name]:
                    values = f"{_short(one[name])} and {_short(two[name])}"
                    return f"{self.path} and {other.path} differ in record {number}, column {name!r}: {values}"
        return None


def read_predictions(path: Path) -> PredictionsFile:
    """Read the predictions of a run.

    Args:
        path: the file, or the run's folder.

    Raises:
        UserError: where there is no such file, or it is not one of predictions.
    """
    path = path / NAME if path.is_dir() else path
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            header = list(reader.fieldnames or ())
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: is this the folder of a finished run?") from error
    missing = [name for name in ("row", "prediction", "probability") if name not in header]
    if missing or any(None in line.values() or None in line for line in lines):
        raise UserError(
            f"{path} is no table of predictions, or it was cut off: {missing[:1] or 'a line is too short'}."
        )
    return PredictionsFile(path, header, lines)


def _short(text: str) -> str:
    return repr(text if len(text) < 40 else f"{text[:37]}...")
