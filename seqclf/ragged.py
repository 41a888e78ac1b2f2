"""Rows of unequal length in one flat tensor: the currency of seqclf.

Letters, the same everywhere: `N` values (tokens) in the batch, `S` sequences (fields), `R` records, `I` inputs per
example, `B` examples (`R = B * I`), `L` longest row, `D` width in, `H` width out, `C` classes, `V` vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

IntArray = npt.NDArray[np.int64]


class Rows:
    """Where each row begins and ends, on the host, so that no part ever asks the device for a length.

    Shared by every `Ragged` over the same rows. Index tensors made from it are kept per device, since every layer of a
    stack asks for the same ones.

    Args:
        offsets: `(rows + 1,)`, rising from 0; row `i` holds the values `offsets[i]:offsets[i + 1]`. No row is empty.
        positions: `(N,)`, the place of each value in its row where that is not 0, 1, 2, ... (a missing field leaves
            a gap); None for the plain count.

    Raises:
        ValueError: for offsets that do not start at 0, or an empty row.
    """

    def __init__(self, offsets: IntArray, positions: IntArray | None = None) -> None:
        offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        if offsets.ndim != 1 or offsets.size == 0 or offsets[0] != 0:
            raise ValueError(f"`offsets` must be one-dimensional and start at 0, but has shape {offsets.shape}")
        self.offsets = offsets
        self.lengths: IntArray = np.diff(offsets)
        if self.lengths.size and self.lengths.min() < 1:
            row = int(self.lengths.argmin())
            raise ValueError(f"row {row} has {self.lengths[row]} values; every row must hold at least one")
        if positions is not None and len(positions) != offsets[-1]:
            raise ValueError(f"`positions` must have one entry per value ({offsets[-1]}), but has {len(positions)}")
        self.positions = None if positions is None else np.ascontiguousarray(positions, dtype=np.int64)
        self.kept: dict[Any, Any] = {}  # what was derived from these rows: index tensors by device, chunk plans

    @classmethod
    def from_lengths(cls, lengths: npt.ArrayLike, positions: IntArray | None = None) -> Rows:
        """Rows of the given lengths `(rows,)`, one after another."""
        lengths = np.asarray(lengths, dtype=np.int64)
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(offsets, positions)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def num_values(self) -> int:
        """How many values all rows hold together, `N`."""
        return int(self.offsets[-1])

    def places(self) -> IntArray:
        """The place of each value in its row, `(N,)`: 0, 1, 2, ..., whatever `positions` says."""
        return np.arange(self.num_values) - np.repeat(self.offsets[:-1], self.lengths)

    def part(self, start: int, stop: int) -> Rows:
        """The rows from `start` to before `stop`."""
        offsets = self.offsets[start : stop + 1]
        positions = None if self.positions is None else self.positions[offsets[0] : offsets[-1]]
        return Rows(offsets - offsets[0], positions)

    def _on(self, name: str, device: torch.device, make: Any) -> Tensor:
        key = (name, device)
        if key not in self.kept:
            self.kept[key] = host_to_device(make(), device)
        tensor: Tensor = self.kept[key]
        return tensor

    def row_of_value(self, device: torch.device) -> Tensor:
        """The row that each value belongs to, `(N,)`, on the device."""
        return self._on("row", device, lambda: np.repeat(np.arange(len(self)), self.lengths))

    def position_of_value(self, device: torch.device) -> Tensor:
        """The position of each value, `(N,)`, on the device: `positions`, or else the plain count."""
        return self._on("position", device, lambda: self.places() if self.positions is None else self.positions)

    def lengths_on(self, device: torch.device) -> Tensor:
        """The length of each row, `(rows,)`, on the device."""
        return self._on("length", device, lambda: self.lengths)


class Ragged:
    """Values of all rows, one after another, and where the rows lie in them.

    Args:
        values: `(N, *)`.
        rows: boundaries of the rows; `rows.num_values == N`.

    Raises:
        ValueError: when the two do not fit together.
    """

    def __init__(self, values: Tensor, rows: Rows) -> None:
        if len(values) != rows.num_values:
            raise ValueError(f"`values` must have {rows.num_values} entries to fill the rows, but has {len(values)}")
        self.values = values
        self.rows = rows

    @classmethod
    def from_sequences(cls, sequences: Sequence[Any], dtype: torch.dtype | None = None) -> Ragged:
        """One row per sequence; each is a tensor `(length, *)` or a list of numbers."""
        tensors = [torch.as_tensor(sequence, dtype=dtype) for sequence in sequences]
        return cls(torch.cat(tensors), Rows.from_lengths([len(tensor) for tensor in tensors]))

    @classmethod
    def from_padded(cls, ids: Tensor, padding: int = 0) -> Ragged:
        """The rows of a padded rectangle `(rows, L)`; every padding id is dropped, wherever it stands.

        Raises:
            ValueError: for a row that holds nothing but padding.
        """
        real = ids != padding
        return cls(ids[real], Rows.from_lengths(real.sum(dim=1).cpu().numpy()))

    def to_padded(self, padding: float = 0) -> Tensor:
        """The same values as a rectangle `(rows, L, *)`, filled up with `padding`."""
        longest = int(self.rows.lengths.max(initial=0))
        out = self.values.new_full((len(self.rows), longest, *self.values.shape[1:]), padding)
        places = host_to_device(self.rows.places(), self.device)
        out[self.rows.row_of_value(self.device), places] = self.values
        return out

    def with_values(self, values: Tensor) -> Ragged:
        """Other values `(N, *)` over the same rows."""
        return Ragged(values, self.rows)

    def keep(self, kept: npt.NDArray[np.bool_]) -> Ragged:
        """The values that `kept` `(N,)` says, each with its position; every row must keep at least one."""
        rows = self.rows
        chosen = np.flatnonzero(kept)
        positions = (rows.places() if rows.positions is None else rows.positions)[chosen]
        lengths = np.add.reduceat(kept.astype(np.int64), rows.offsets[:-1])
        values = self.values.index_select(0, host_to_device(chosen, self.device))
        return Ragged(values, Rows.from_lengths(lengths, positions))

    def part(self, start: int, stop: int) -> Ragged:
        """The rows from `start` to before `stop`, on the same device."""
        return Ragged(self._values_of(start, stop), self.rows.part(start, stop))

    def _values_of(self, start: int, stop: int) -> Tensor:
        return self.values[int(self.rows.offsets[start]) : int(self.rows.offsets[stop])]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def device(self) -> torch.device:
        """Where the values are."""
        return self.values.device

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Ragged:
        """The same rows with their values on another device."""
        return Ragged(self.values.to(device, non_blocking=non_blocking), self.rows)

    def pin_memory(self) -> Ragged:
        """The same rows with their values in page-locked memory."""
        return Ragged(self.values.pin_memory(), self.rows)


class WordParts(Ragged):
    """What is inside of each token, said once per distinct word: a number for each token, and a row for each number.

    Args:
        values: `(N,)`, which of the words each token is.
        rows: boundaries of the rows of tokens.
        parts: a row of ids for each of the `W` words: its characters, its pieces.
    """

    def __init__(self, values: Tensor, rows: Rows, parts: Ragged) -> None:
        super().__init__(values, rows)
        self.parts = parts

    def part(self, start: int, stop: int) -> WordParts:
        """The rows from `start` to before `stop`, with what is inside of all words."""
        return WordParts(self._values_of(start, stop), self.rows.part(start, stop), self.parts)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> WordParts:
        """The same with its values and parts on another device."""
        values = self.values.to(device, non_blocking=non_blocking)
        return WordParts(values, self.rows, self.parts.to(device, non_blocking))

    def pin_memory(self) -> WordParts:
        """The same with its values and parts in page-locked memory."""
        return WordParts(self.values.pin_memory(), self.rows, self.parts.pin_memory())


@torch.inference_mode(False)  # an index made while a model predicts may be needed again while it learns
def host_to_device(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """A host array on the device; towards a GPU through pinned memory, so that nothing waits for it."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
