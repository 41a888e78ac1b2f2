"""A classifier as one graph: a rectangle of token ids in, logits out, at any batch size and length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqclf.batch import PADDING, RecordBatch
from seqclf.errors import UserError
from seqclf.nn.per_field import PerFieldSeq2SeqEncoder, PerFieldSeq2VecEncoder
from seqclf.padded import Padded, PaddedRows
from seqclf.ragged import Ragged, Rows


class TokensToLogits(nn.Module):
    """The stack of a classifier over rectangles, as the exporters trace it.

    Args:
        model: a classifier: a `RecordEncoder` with a `head`, and perhaps a `wide` term.

    Attributes:
        several: whether a record is several sequences.
        num_inputs: how many records one example holds, `I`.

    Raises:
        UserError: for a model that reads anything but the ids of its tokens.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        for name, embedder in model.text_field_embedder.token_embedders.items():
            if embedder.indexer != "tokens":
                raise UserError(
                    f"embedder={name} looks inside of words, which their ids do not show: {type(embedder).__name__} "
                    "cannot be exported. Export a model with embedder=word."
                )
        if model.wide is not None and model.wide.char_weight:
            raise UserError(
                "wide.char_weight reads the characters inside of words, which their ids do not show: it cannot be "
                "exported. Export a model with wide.char_weight=0."
            )
        self.model = model
        self.several = model.multifield_seq2vec_encoder is not None
        self.num_inputs = int(model.n_inputs)

    def forward(self, tokens: Tensor, field_ids: Tensor | None = None) -> Tensor:
        """Classify records.

        Args:
            tokens: ids `(B, T)`, or `(B, F, T)` where a record is several sequences, those that are there first; with
                another dimension of 2 behind the first where an example is a pair. Padding is 0 and comes last.
            field_ids: which of the model's fields each sequence is, `(B, F)`; of pairs `(B, 2, F)`.

        Returns:
            `(B, C)`.
        """
        if self.num_inputs > 1:
            tokens = tokens.flatten(0, 1)
            field_ids = None if field_ids is None else field_ids.flatten(0, 1)
        if not self.several:
            tokens = tokens.unsqueeze(1)
        real = tokens != PADDING  # (R, F, T)
        lengths = real.sum(dim=2).clamp(min=1).flatten()  # (S,); a field that is missing is masked with its record
        ids = Padded(tokens.reshape(-1), PaddedRows(lengths, tokens.shape[2]))
        present = real.any(dim=2).sum(dim=1).clamp(min=1)  # (R,)
        records = PaddedRows(present, tokens.shape[1], field_ids)
        logits: Tensor = self.model.head(self._vectors(ids, records))
        if self.model.wide is not None:
            logits = logits + self.model.wide.scale * self.model.wide.padded_margins(ids, tokens.shape[0])
        return logits

    def _vectors(self, ids: Padded, records: PaddedRows) -> Tensor:
        model = self.model
        vectors = model.text_field_embedder(dict.fromkeys(["tokens"], ids))
        if isinstance(model.seq2seq_encoder, PerFieldSeq2SeqEncoder):
            vectors = model.seq2seq_encoder(vectors, records)
        elif model.seq2seq_encoder is not None:
            vectors = model.seq2seq_encoder(vectors)
        by_field = isinstance(model.seq2vec_encoder, PerFieldSeq2VecEncoder)
        pooled = model.seq2vec_encoder(vectors, records) if by_field else model.seq2vec_encoder(vectors)
        if self.several:
            fields = Padded(pooled, records)
            if model.multifield_seq2seq_encoder is not None:
                fields = model.multifield_seq2seq_encoder(fields)
            pooled = model.multifield_seq2vec_encoder(fields)
        if model.feed_forward is not None:
            pooled = model.feed_forward(pooled)
        out: Tensor = pooled.reshape(-1, self.num_inputs * model.output_dim)
        return out


def as_batch(tokens: Tensor, field_ids: Tensor | None = None, num_inputs: int = 1) -> RecordBatch:
    """The batch that the model itself reads, of what `TokensToLogits.forward` takes."""
    shape = (-1, tokens.shape[-1]) if field_ids is None else (-1, *tokens.shape[-2:])
    tokens = tokens.view(shape)
    if field_ids is None:
        tokens = tokens.unsqueeze(1)
    real = tokens != PADDING
    lengths = real.sum(dim=2)
    there = lengths > 0
    fields = torch.zeros_like(lengths) if field_ids is None else field_ids.view(lengths.shape)
    rows = Rows.from_lengths(lengths[there].numpy())
    records = Rows.from_lengths(there.sum(dim=1).numpy(), fields[there].numpy())
    return RecordBatch({"tokens": Ragged(tokens[real], rows)}, records, num_inputs=num_inputs)
