"""An encoder of its own for each named field, where the fields are too unlike to share one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.padded import Padded
from seqclf.ragged import IntArray, Ragged, Rows, host_to_device


class PerFieldSeq2VecEncoder(Seq2VecEncoder):
    """Each field's tokens are pooled by the encoder of that field.

    Args:
        encoders: one for each field, in the order of the fields; all of the same widths.
    """

    def __init__(self, encoders: Sequence[Seq2VecEncoder]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.input_dim, self.output_dim = encoders[0].input_dim, encoders[0].output_dim

    def forward(self, sequences: Ragged, records: Rows | None = None) -> Tensor:
        """Encode rows of vectors `(N, input_dim)`.

        Args:
            sequences: one row for each field of each record.
            records: whose positions say which field each row is.

        Returns:
            `(S, output_dim)`.

        Raises:
            ValueError: for no records, or for a field without an encoder.
        """
        if isinstance(sequences, Padded):
            return _chosen([encoder(sequences) for encoder in self.encoders], _field_of_row(sequences, records))
        shares = _shares(sequences.rows, records, len(self.encoders))
        vectors = [self.encoders[share.field](share.of(sequences)) for share in shares]
        return _restored(vectors, [share.chosen for share in shares])


class PerFieldSeq2SeqEncoder(Seq2SeqEncoder):
    """Each field's tokens are read by the encoder of that field.

    Args:
        encoders: one for each field, in the order of the fields; all of the same widths.
    """

    def __init__(self, encoders: Sequence[Seq2SeqEncoder]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.input_dim, self.output_dim = encoders[0].input_dim, encoders[0].output_dim

    def forward(self, sequences: Ragged, records: Rows | None = None) -> Ragged:
        """Encode rows of vectors `(N, input_dim)`.

        Args:
            sequences: one row for each field of each record.
            records: whose positions say which field each row is.

        Returns:
            `(N, output_dim)` over the same rows.

        Raises:
            ValueError: for no records, or for a field without an encoder.
        """
        if isinstance(sequences, Padded):
            field_of_value = _field_of_row(sequences, records)[sequences.rows.row_of_value(sequences.device)]
            return sequences.with_values(
                _chosen([encoder(sequences).values for encoder in self.encoders], field_of_value)
            )
        shares = _shares(sequences.rows, records, len(self.encoders))
        vectors = [self.encoders[share.field](share.of(sequences)).values for share in shares]
        return sequences.with_values(_restored(vectors, [share.values for share in shares]))


def _field_of_row(sequences: Padded, records: Rows | None) -> Tensor:
    if records is None:
        raise ValueError("`records` must say which field each row is, but is None")
    return records.position_of_value(sequences.device)


def _chosen(vectors: list[Tensor], field: Tensor) -> Tensor:
    """Of the vectors of every field's encoder `(*, H)`, those of the field that each row is `(*,)`."""
    out = vectors[0]
    for number, each in enumerate(vectors[1:], start=1):
        out = torch.where((field == number).unsqueeze(1), each, out)
    return out


@dataclass(frozen=True)
class _Share:
    """The rows of one field."""

    field: int
    chosen: IntArray  # which rows
    values: IntArray  # which values
    rows: Rows

    def of(self, sequences: Ragged) -> Ragged:
        if len(self.rows) == len(sequences.rows):
            return sequences
        kept = host_to_device(self.values, sequences.device)
        return Ragged(sequences.values.index_select(0, kept), self.rows)


def _shares(rows: Rows, records: Rows | None, num_fields: int) -> list[_Share]:
    """The rows of each field that there is, kept beside them: every layer asks for the same ones."""
    if records is None:
        raise ValueError("`records` must say which field each row is, but is None")
    if "by field" not in rows.kept:
        fields = records.places() if records.positions is None else records.positions
        if fields.max(initial=0) >= num_fields:
            raise ValueError(f"there are encoders for {num_fields} fields, but a record has a field {fields.max()}")
        field_of_value = np.repeat(fields, rows.lengths)
        shares = []
        for field in np.unique(fields):
            chosen, values = np.flatnonzero(fields == field), np.flatnonzero(field_of_value == field)
            positions = None if rows.positions is None else rows.positions[values]
            shares.append(_Share(int(field), chosen, values, Rows.from_lengths(rows.lengths[chosen], positions)))
        rows.kept["by field"] = shares
    made: list[_Share] = rows.kept["by field"]
    return made


def _restored(vectors: list[Tensor], places: list[IntArray]) -> Tensor:
    """The vectors of all fields `(*, H)`, each where it was taken from."""
    if len(vectors) == 1:
        return vectors[0]
    joined = torch.cat(vectors)
    return joined.index_select(0, host_to_device(np.argsort(np.concatenate(places)), joined.device))
