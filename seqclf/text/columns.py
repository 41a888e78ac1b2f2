"""Columns that are no text: a category or a number is one token of a field of its own."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from seqclf.text.cutter import well_formed

BINS = 16  # of a numeric column: as many numbers of the training split in each, as far as they differ
CATEGORICAL, NUMERIC = "categorical", "numeric"


@dataclass(frozen=True)
class Column:
    """What becomes of the cells of a column: one token, or none where the cell is empty.

    A category is a token by its name. A number is the token of its bin: bins hold about as many numbers of the training
    split each, so that a scale and what lies far out are of no account.

    Args:
        name: the field.
        edges: where the bins of a numeric column meet, rising; None for a column of categories.
    """

    name: str
    edges: tuple[float, ...] | None = None

    @classmethod
    def of_numbers(cls, name: str, numbers: npt.NDArray[np.float64]) -> Column:
        """A numeric column whose bins have about as many of these numbers `(n,)` each."""
        if numbers.size == 0:
            return cls(name, ())
        quantiles = np.quantile(numbers, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")
        return cls(name, tuple(np.unique(quantiles).tolist()))

    @property
    def kind(self) -> str:
        """`categorical` or `numeric`."""
        return CATEGORICAL if self.edges is None else NUMERIC

    @property
    def singular(self) -> str:
        """What a cell is, in words."""
        return "category" if self.edges is None else "number"

    def token(self, cell: str) -> str | None:
        """The token of a cell; None where it is empty. No text has such a token: there is a space in it.

        Raises:
            ValueError: for a cell of a numeric column that is no number.
        """
        value = well_formed(cell.strip())
        if not value:
            return None
        return f"{self.name}: {value if self.edges is None else bisect_right(self.edges, number(value))}"

    def bins(self) -> list[str]:
        """The tokens of all bins of a numeric column; none for one of categories."""
        return [] if self.edges is None else [f"{self.name}: {place}" for place in range(len(self.edges) + 1)]


def to_plain(kinds: Mapping[str, Column]) -> dict[str, list[float] | None]:
    """Columns as they are written down: the edges of a numeric one, None for one of categories."""
    return {name: None if column.edges is None else list(column.edges) for name, column in kinds.items()}


def from_plain(plain: Any) -> dict[str, Column]:
    """Read what `to_plain` gave.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(plain, Mapping):
        raise ValueError("it must be a mapping from field to edges")
    kinds = {}
    for name, edges in plain.items():
        known = edges is None or (isinstance(edges, list) and all(isinstance(edge, float | int) for edge in edges))
        if not isinstance(name, str) or not known or edges != (None if edges is None else sorted(edges)):
            raise ValueError(f"the edges of {name!r} must be numbers that rise, or null")
        kinds[name] = Column(name, None if edges is None else tuple(map(float, edges)))
    return kinds


def number(cell: str) -> float:
    """A cell as a number.

    Raises:
        ValueError: for what is none, or not a finite one.
    """
    value = float(cell)
    if not math.isfinite(value) or "_" in cell:
        raise ValueError(f"{cell!r} is no number")
    return value


def with_tokens(tokenizer: Tokenizer, tokens: Iterable[str]) -> Tokenizer:
    """A tokenizer that has numbers for these tokens too, behind all others; it cuts text as before.

    Args:
        tokenizer: of words or of pieces of words.
        tokens: those that it knows already keep their number.
    """
    known = tokenizer.get_vocab(with_added_tokens=True)
    new = [token for token in dict.fromkeys(tokens) if token not in known]
    if not new:
        return tokenizer
    plain = json.loads(tokenizer.to_str())
    vocab = plain["model"]["vocab"]
    if isinstance(vocab, list):  # pieces and their log probabilities (Unigram)
        vocab += [[token, min(score for _, score in vocab)] for token in new]
    else:
        vocab.update({token: len(known) + place for place, token in enumerate(new)})
    return Tokenizer.from_str(json.dumps(plain))
