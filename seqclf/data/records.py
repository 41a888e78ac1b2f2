"""Numbered records in flat arrays, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import torch

from seqclf.batch import RecordBatch
from seqclf.data.word_table import Parts
from seqclf.ragged import IntArray, Ragged, Rows, WordParts
from seqclf.text.label_sets import label_matrix

PIECE = 4096  # records that are numbered or read at once


class IndexedRecords:
    """Numbered records: `N` token ids, cut into `S` sequences (the fields that are there), cut into `R` records.

    The arrays may be memory-mapped; nothing is read before a batch asks for it.

    An example is one record, or two records side by side (`num_inputs` 2): `B` examples, `R = B * I` records.

    Args:
        ids: token ids `(N,)`.
        sequence_offsets: `(S + 1,)`, sequence `s` holds the ids `sequence_offsets[s]:sequence_offsets[s + 1]`.
        fields: which named field each sequence is, or which segment of its record, `(S,)`.
        record_offsets: `(R + 1,)`, record `r` owns the sequences `record_offsets[r]:record_offsets[r + 1]`.
        labels: class indices `(B,)`, -1 where a label is not among the classes, -2 where a record has none; None
            without labels.
        rows: the row of the source table that each example was, `(B,)`; None for 0, 1, 2, ...
        num_inputs: how many records one example holds, `I`.
        words: which of the distinct words each token is `(N,)`; None where nothing looks inside of words.
        parts: what is inside of each distinct word, by indexer.
        label_offsets: `(B + 1,)` where an example has any number of labels: those of example `b` are
            `labels[label_offsets[b]:label_offsets[b + 1]]`; None where each has one.
        num_labels: how many classes there are, `C`; only asked for with `label_offsets`.
        cut: how many sequences were longer than a pretrained model reads, and cut.
    """

    def __init__(
        self,
        ids: npt.NDArray[np.int32],
        sequence_offsets: IntArray,
        fields: npt.NDArray[np.int32],
        record_offsets: IntArray,
        labels: npt.NDArray[np.int32] | None = None,
        rows: IntArray | None = None,
        num_inputs: int = 1,
        words: npt.NDArray[np.int32] | None = None,
        parts: Mapping[str, Parts] | None = None,
        label_offsets: IntArray | None = None,
        num_labels: int = 0,
        cut: int = 0,
    ) -> None:
        # asarray takes the plain array out of a memory map, whose own indexing is slow.
        self.ids = np.asarray(ids)
        self.sequence_offsets = np.asarray(sequence_offsets)
        self.fields = np.asarray(fields)
        self.record_offsets = np.asarray(record_offsets)
        self.num_inputs = num_inputs
        self.words = None if words is None else np.asarray(words)
        self.parts = {
            name: (np.asarray(values), np.asarray(offsets)) for name, (values, offsets) in (parts or {}).items()
        }
        self.label_offsets = None if label_offsets is None else np.asarray(label_offsets)
        self.num_labels = num_labels
        self.cut = cut
        self.token_vectors: npt.NDArray[np.float32] | None = None  # (N, D), where they were computed before
        self.sequence_vectors: npt.NDArray[np.float32] | None = None  # (S, H), likewise
        self.labels = None if labels is None else np.asarray(labels)
        self.rows = np.arange(len(self)) if rows is None else np.asarray(rows)

    def __len__(self) -> int:
        """How many examples there are, `B`."""
        return (len(self.record_offsets) - 1) // self.num_inputs

    @property
    def lengths(self) -> npt.NDArray[np.int32]:
        """How many tokens each example has, all fields together, `(B,)`: four bytes each, and no more meanwhile."""
        edges = self.record_offsets[:: self.num_inputs]
        found = np.empty(len(self), dtype=np.int32)
        for at in range(0, len(self), PIECE):
            found[at : at + PIECE] = np.diff(self.sequence_offsets[edges[at : at + PIECE + 1]])
        return found

    def batch(self, indices: IntArray) -> RecordBatch:
        """The examples of the given indices `(B,)`, in that order, as a batch: two gathers."""
        sequences, counts = self.sequences_of(indices)
        starts = self.sequence_offsets[sequences]
        lengths = self.sequence_offsets[sequences + 1] - starts
        spread, rows = _spread(starts, lengths), Rows.from_lengths(lengths)
        tokens = {"tokens": Ragged(torch.from_numpy(self.ids[spread].astype(np.int64)), rows)}
        if self.words is not None:
            tokens |= self._inside(self.words[spread], rows)
        if self.token_vectors is not None:
            tokens["computed"] = Ragged(torch.from_numpy(self.token_vectors[spread]), rows)
        if self.sequence_vectors is not None:
            each = Rows.from_lengths(np.ones(len(sequences), dtype=np.int64))
            tokens["pooled"] = Ragged(torch.from_numpy(self.sequence_vectors[sequences]), each)
        records = Rows.from_lengths(counts, positions=self.fields[sequences].astype(np.int64))
        found = self.labels_of(indices)
        labels = None if found is None else torch.from_numpy(found)
        return RecordBatch(tokens, records, labels, self.num_inputs)

    def sequences_of(self, indices: IntArray) -> tuple[IntArray, IntArray]:
        """The sequences of the given examples, one after another, and how many each record has `(R,)`."""
        inputs = (indices[:, None] * self.num_inputs + np.arange(self.num_inputs)).ravel()  # (R,)
        first = self.record_offsets[inputs]
        counts = self.record_offsets[inputs + 1] - first
        return _spread(first, counts), counts

    def _inside(self, words: npt.NDArray[np.int32], rows: Rows) -> dict[str, WordParts]:
        """What is inside of the words `(N,)` of a batch; each distinct one comes along once."""
        distinct, places = np.unique(words, return_inverse=True)
        inside = {}
        for name, (values, offsets) in self.parts.items():
            lengths = offsets[distinct + 1] - offsets[distinct]
            ids = values[_spread(offsets[distinct], lengths)].astype(np.int64)
            parts = Ragged(torch.from_numpy(ids), Rows.from_lengths(lengths))
            inside[name] = WordParts(torch.from_numpy(places), rows, parts)
        return inside

    def labels_of(self, indices: IntArray) -> IntArray | None:
        """The labels of the given examples as in a `RecordBatch`, `(B,)` or `(B, C)`; None where there are none."""
        if self.labels is None:
            return None
        if self.label_offsets is None:
            return self.labels[indices].astype(np.int64)
        first = self.label_offsets[indices]
        counts = self.label_offsets[indices + 1] - first
        return label_matrix(self.labels[_spread(first, counts)], counts, self.num_labels)

    def batches(self) -> Iterator[RecordBatch]:
        """All records in order, a few thousand at once."""
        return (self.batch(np.arange(at, min(at + PIECE, len(self)))) for at in range(0, len(self), PIECE))


def _spread(starts: IntArray, lengths: IntArray) -> IntArray:
    """The indices `start, start + 1, ...` of every piece, one after another, `(sum of lengths,)`."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    spread: IntArray = np.repeat(starts - ends + lengths, lengths) + np.arange(total)
    return spread
