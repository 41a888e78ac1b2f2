"""Two records, one label: a siamese network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric

from seqclf.batch import RecordBatch
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.nn.arguments import choose
from seqclf.nn.combine import WIDTHS, combine_pair
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.feedforward import FeedForward
from seqclf.nn.initializer import Initializer
from seqclf.nn.regularizer import Regularizer
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.text.vocabulary import Vocabulary


class SequencePairClassifier(SequenceClassifier):
    """Classifies pairs of records: both go through the same weights, and the two vectors are joined.

    A siamese network (Bromley et al. 1993, https://doi.org/10.1142/S0218001493000339); or, where both records are one
    sequence, one vector for both, as BERT reads pairs (Devlin et al. 2019, https://arxiv.org/abs/1810.04805).

    Args:
        vocab: as for `SequenceClassifier`, and so on up to `loss_weights`; its `num_inputs` must be 2.
        interaction: `siamese` encodes each record alone; `cross` both as one sequence, as the vocabulary has them then.
        combine: how the two vectors of `siamese` are joined: `concat`, `full` or `symmetric`; see `combine_pair`.
        loss: as for `SequenceClassifier`, and so on.

    Raises:
        UserError: as `SequenceClassifier`, and for a vocabulary that is not of such pairs.
    """

    n_inputs = 2

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        seq2vec_encoder: Seq2VecEncoder,
        seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2seq_encoder: Seq2SeqEncoder | None = None,
        multifield_seq2vec_encoder: Seq2VecEncoder | None = None,
        feed_forward: FeedForward | None = None,
        dropout: float | None = None,
        multifield_dropout: float | None = None,
        initializer: Initializer | None = None,
        regularizer: Regularizer | None = None,
        accuracy: Metric | Callable[[int], Metric] | None = None,
        loss_weights: Mapping[str, float] | None = None,
        *,
        interaction: Literal["siamese", "cross"] = "siamese",
        combine: Literal["concat", "full", "symmetric"] = "concat",
        loss: CrossEntropy | None = None,
        optimizer: Callable[[Iterable[tuple[str, nn.Parameter]]], Optimizer] | None = None,
        scheduler: Callable[[Optimizer, float, str, str], dict[str, Any]] | None = None,
        monitor: str = "validation/accuracy",
        step: Callable[[Any, RecordBatch], Tensor] | None = None,
        metrics: MetricOptions | None = None,
    ) -> None:
        choose("combine", combine, WIDTHS)
        self.cross = choose("interaction", interaction, {"siamese": False, "cross": True})
        if self.cross != vocab.cross:
            raise UserError(f"`interaction` is {interaction!r}, but the vocabulary numbers pairs the other way.")
        self.combine = combine  # sizes the head, which is made next
        super().__init__(
            vocab,
            text_field_embedder,
            seq2vec_encoder,
            seq2seq_encoder,
            multifield_seq2seq_encoder,
            multifield_seq2vec_encoder,
            feed_forward,
            dropout,
            multifield_dropout,
            initializer,
            regularizer,
            accuracy,
            loss_weights,
            loss=loss,
            optimizer=optimizer,
            scheduler=scheduler,
            monitor=monitor,
            step=step,
            metrics=metrics,
        )

    @property
    def head_dim(self) -> int:
        """Width of the joined vector."""
        return self.output_dim if self.cross else WIDTHS[self.combine] * self.output_dim

    def forward(  # type: ignore[override]  # the contract of the family
        self,
        record1: RecordBatch | Mapping[str, Tensor],
        record2: RecordBatch | Mapping[str, Tensor] | None = None,
        label: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Classify pairs.

        Args:
            record1: the first records, a `RecordBatch` or indexer name to padded ids `(B, L)` or `(B, F, L)`; or a
                `RecordBatch` of both records of each pair (`num_inputs` 2), which is one pass for all of them.
            record2: the second records; None where `record1` holds both.
            label: class indices `(B,)`; -1 for a label that is not among the classes.

        Returns:
            As `SequenceClassifier.forward`.
        """
        if record2 is not None and self.cross:
            raise UserError("With `interaction=cross` both records are one sequence: give one batch that holds both.")
        if record2 is None:
            return self.output_layer(self.forward_tokens(record1), label)
        return self.output_layer(torch.cat([self.forward_tokens(record1), self.forward_tokens(record2)], dim=1), label)

    def head(self, encoded_text: Tensor) -> Tensor:
        """The two record vectors of each pair, side by side `(B, 2 * output_dim)`, or one for both, to logits."""
        if self.cross:
            return super().head(encoded_text)
        vectors = encoded_text.view(-1, 2, self.output_dim)
        logits: Tensor = self.projection(combine_pair(vectors, self.combine))
        return logits
