"""What predictions.csv says of the records that a run is judged by."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqclf.text.label_sets import SEPARATOR, list_cell, split_cell
from seqclf.text.vocabulary import Vocabulary

LIMIT = 10_000  # records that are looked at closely; of more, evenly spaced ones
CELLS = 2**24  # numbers of a matrix of confusions or of probabilities

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """Records of known label, with what the model said of them.

    Attributes:
        vocab: of the model.
        rows: which row of the table each is.
        texts: one text per column.
        gold: class indices `(R,)`; or, where a record may have several labels, 0 or 1 `(R, C)`.
        given: what was predicted, likewise.
        probabilities: `(R, C)`.
        temperature: that they are at.
        confusion: gold classes by given classes over all records `(C, C)`, not only these; None of several labels, or
            of too many classes.
        total: how many records of known label there are.
    """

    vocab: Vocabulary
    rows: list[int]
    texts: list[tuple[str, ...]]
    gold: Ints
    given: Ints
    probabilities: Floats
    temperature: float
    confusion: Ints | None
    total: int

    @property
    def multilabel(self) -> bool:
        """Whether a record may have several labels."""
        return self.gold.ndim == 2

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Which records were given exactly what they have `(R,)`."""
        same: npt.NDArray[np.bool_] = self.gold == self.given
        return np.logical_and.reduce(same, axis=1) if self.multilabel else same

    @property
    def sampled(self) -> str:
        """A sentence for a page where not all records are here, or nothing."""
        return (
            "" if len(self.rows) == self.total else f"Of {self.total:,} records, {len(self.rows):,} evenly spaced ones."
        )

    def logits(self) -> Floats:
        """Logits at temperature 1, up to a number for each record of one label `(R, C)`."""
        chances = np.clip(self.probabilities, 1e-12, 1.0)
        if self.multilabel:
            chances = np.clip(chances, 1e-7, 1 - 1e-7)
            logits: Floats = (np.log(chances) - np.log1p(-chances)) * self.temperature
            return logits
        scaled: Floats = np.log(chances) * self.temperature
        return scaled

    def names(self, at: int, which: Ints) -> str:
        """The labels of a record in words: `gold` or `given`."""
        labels = self.vocab.labels
        if not self.multilabel:
            return labels[int(which[at])]
        return (self.vocab.label_separator or SEPARATOR).join(labels[at] for at in np.flatnonzero(which[at])) or "none"


def read_evidence(file: Path, vocab: Vocabulary, temperature: float, records: int) -> Evidence | None:
    """Read predictions.csv.

    Args:
        file: where it is.
        vocab: of the model.
        temperature: of the model.
        records: how many rows it has.

    Returns:
        The records; None where none of them has a label that the model knows.
    """
    several = vocab.label_separator is not None
    classes, width = vocab.num_labels, len(vocab.columns)
    every = max(1, -(-records // max(1, min(LIMIT, CELLS // classes))))
    confusion = None if several or classes**2 > CELLS else np.zeros((classes, classes), dtype=np.int64)
    rows, texts, gold, given, chances, total = [], [], [], [], [], 0
    with file.open(newline="", encoding="utf-8") as opened:
        lines = csv.reader(opened)
        if next(lines)[width + 1 : width + 2] != ["label"]:
            return None
        for line in lines:
            label, prediction = (_indices(vocab, cell, several) for cell in line[width + 1 : width + 3])
            if label is None or prediction is None:
                continue
            if confusion is not None:
                confusion[label[0], prediction[0]] += 1
            total += 1
            if (total - 1) % every:
                continue
            rows.append(int(line[0]))
            texts.append(tuple(as_read(cell, vocab) for cell in line[1 : width + 1]))
            gold.append(label)
            given.append(prediction)
            chances.append([float(cell) for cell in line[-classes:]])
    if not rows:
        return None
    matrices = [_matrix(which, classes) if several else np.array(which)[:, 0] for which in (gold, given)]
    return Evidence(vocab, rows, texts, matrices[0], matrices[1], np.array(chances), temperature, confusion, total)


def _indices(vocab: Vocabulary, cell: str, several: bool) -> list[int] | None:
    """The classes in a cell; None where it has none that the model knows, or others besides."""
    names = split_cell(as_list(cell), vocab.label_separator or SEPARATOR) if several else [cell]
    found: list[int] = vocab.label_indices(names).tolist()
    return None if any(index < 0 for index in found) else found


def _matrix(sets: Sequence[Sequence[int]], classes: int) -> Ints:
    matrix = np.zeros((len(sets), classes), dtype=np.int64)
    for at, own in enumerate(sets):
        matrix[at, list(own)] = 1
    return matrix


def as_read(cell: str, vocab: Vocabulary) -> str:
    """A text of predictions.csv as the model reads it."""
    return as_list(cell) if vocab.segment is not None else cell


def as_list(cell: str) -> str:
    """A list as a model reads it, which stands in the file as JSON."""
    if not cell.startswith('["'):
        return cell
    try:
        held: Any = json.loads(cell)
    except ValueError:
        return cell
    return list_cell(held) if isinstance(held, list) and all(isinstance(text, str) for text in held) else cell
