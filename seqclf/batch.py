"""A batch of records: what the data path makes and every model reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from seqclf.ragged import Ragged, Rows

# Token ids that mean the same in every vocabulary.
PADDING, UNKNOWN, EMPTY, SEPARATOR = 0, 1, 2, 3
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[EMPTY]", "[SEP]")


class RecordBatch:
    """Records of text fields; one sequence of tokens per field that is there.

    Args:
        tokens: indexer name to `Ragged` ids `(N,)`: one row per sequence, one element per token, the same rows for
            every indexer.
        records: record `r` owns the sequences `offsets[r]:offsets[r + 1]`; `positions` says which field each one is.
        labels: class indices `(B,)`; or `(B, C)` where a record may have several labels, 1 for each that it has and 0
            for the others, lowered by 2 in the row of a record that has labels besides which are not among the classes;
            None where there are none.
        num_inputs: how many records one example holds, `I`: 2 for pairs.
    """

    def __init__(
        self, tokens: Mapping[str, Ragged], records: Rows, labels: Tensor | None = None, num_inputs: int = 1
    ) -> None:
        self.tokens = dict(tokens)
        self.records = records
        self.labels = labels
        self.num_inputs = num_inputs

    @classmethod
    def from_padded(cls, tokens: Mapping[str, Tensor], labels: Tensor | None = None) -> RecordBatch:
        """Records from padded rectangles of ids, padding 0.

        A row of nothing but padding is a missing field; a record that has only such rows gets one `[EMPTY]` token in
        field 0, as when a record is encoded.

        Args:
            tokens: indexer name to ids `(B, L)`, or `(B, F, L)` for records of `F` fields, the same shape for each.
            labels: class indices `(B,)`.

        Raises:
            ValueError: for tensors of other shapes.
        """
        shapes = {tuple(ids.shape) for ids in tokens.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) not in (2, 3):
            raise ValueError(f"`tokens` must be (batch, tokens) or (batch, fields, tokens), all alike, but is {shapes}")
        fields = {name: ids if ids.dim() == 3 else ids.unsqueeze(1) for name, ids in tokens.items()}  # (B, F, L)
        first = next(iter(fields.values()))
        if first.shape[2] == 0:
            first = first.new_zeros(*first.shape[:2], 1)
            fields = dict.fromkeys(fields, first)
        real = first != PADDING
        nothing = ~real.flatten(1).any(dim=1)  # (B,)
        real[nothing, 0, 0] = True
        fields = {name: ids.clone() for name, ids in fields.items()}
        for ids in fields.values():
            ids[nothing, 0, 0] = EMPTY
        lengths = real.sum(dim=2).cpu().numpy()  # (B, F)
        present = lengths > 0
        rows = Rows.from_lengths(lengths[present])
        records = Rows.from_lengths(present.sum(axis=1), positions=np.nonzero(present)[1])
        return cls({name: Ragged(ids[real], rows) for name, ids in fields.items()}, records, labels)

    def __len__(self) -> int:
        """How many examples the batch holds, `B`."""
        return len(self.records) // self.num_inputs

    @property
    def num_tokens(self) -> int:
        """How many tokens the batch holds, `N`."""
        return next(iter(self.tokens.values())).rows.num_values

    @property
    def device(self) -> torch.device:
        """Where the ids are."""
        return next(iter(self.tokens.values())).device

    def part(self, start: int, stop: int) -> RecordBatch:
        """The examples from `start` to before `stop`, on the same device."""
        first, last = (int(self.records.offsets[number * self.num_inputs]) for number in (start, stop))  # sequences
        records = self.records.part(start * self.num_inputs, stop * self.num_inputs)
        tokens = {name: ragged.part(first, last) for name, ragged in self.tokens.items()}
        return RecordBatch(tokens, records, None if self.labels is None else self.labels[start:stop], self.num_inputs)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> RecordBatch:
        """The same batch on another device."""
        tokens = {name: ragged.to(device, non_blocking) for name, ragged in self.tokens.items()}
        labels = None if self.labels is None else self.labels.to(device, non_blocking=non_blocking)
        return RecordBatch(tokens, self.records, labels, self.num_inputs)

    def pin_memory(self) -> RecordBatch:
        """The same batch in page-locked memory."""
        tokens = {name: ragged.pin_memory() for name, ragged in self.tokens.items()}
        labels = None if self.labels is None else self.labels.pin_memory()
        return RecordBatch(tokens, self.records, labels, self.num_inputs)
