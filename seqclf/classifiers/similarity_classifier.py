"""Two records that are the same or not: a siamese network that also learns how near their vectors are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric

from seqclf.batch import RecordBatch
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.sequence_pair_classifier import SequencePairClassifier
from seqclf.errors import UserError, nearest
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.feedforward import FeedForward
from seqclf.nn.initializer import Initializer
from seqclf.nn.regularizer import Regularizer
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.text.vocabulary import Vocabulary


class SimilarityClassifier(SequencePairClassifier):
    """Says of two records whether they are the same: cross entropy, and a cosine embedding loss of their vectors.

    The loss is `cross entropy + verification_weight * mean(d)`, where `d` is `1 - cos(a, b)` of two records that are
    the same, else `max(0, cos(a, b) - margin)`, as in DeepID2 (Sun et al. 2014, https://arxiv.org/abs/1406.4773).

    Args:
        vocab: as for `SequencePairClassifier`, and so on up to `combine`; of two classes.
        same: the class of pairs that are the same.
        verification_weight: of the cosine embedding loss beside the cross entropy.
        margin: how near, as a cosine, pairs that are not the same may be at no cost.
        loss: as for `SequencePairClassifier`, and so on.

    Raises:
        UserError: as `SequencePairClassifier`, and for other than two classes, or none that is called `same`.
    """

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
        same: str | None = None,
        verification_weight: float = 2.0,
        margin: float = 0.5,
        combine: Literal["concat", "full", "symmetric"] = "concat",
        loss: CrossEntropy | None = None,
        optimizer: Callable[[Iterable[tuple[str, nn.Parameter]]], Optimizer] | None = None,
        scheduler: Callable[[Optimizer, float, str, str], dict[str, Any]] | None = None,
        monitor: str = "validation/accuracy",
        step: Callable[[Any, RecordBatch], Tensor] | None = None,
        metrics: MetricOptions | None = None,
    ) -> None:
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
            combine=combine,
            loss=loss,
            optimizer=optimizer,
            scheduler=scheduler,
            monitor=monitor,
            step=step,
            metrics=metrics,
        )
        self.same = _index_of(same, vocab.labels)
        self.verification_weight = _at_least_0("verification_weight", verification_weight)
        self.margin = margin
        if not -1 <= margin <= 1:
            raise UserError(f"`margin` is a cosine, between -1 and 1, but is {margin}.")

    def mean_loss(self, encoded_text: Tensor, logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of a batch, a scalar, and what the sum of its cross entropy was divided by."""
        loss, weight = super().mean_loss(encoded_text, logits, label)
        left, right = encoded_text.view(-1, 2, self.output_dim).unbind(dim=1)
        known = label >= 0
        target = torch.where(label == self.same, 1, -1)
        losses = F.cosine_embedding_loss(left, right, target, self.margin, reduction="none")
        verification = (losses * known).sum() / known.sum().clamp(min=1)
        return loss + self.verification_weight * verification, weight

    def extend_labels(self, labels: Sequence[str]) -> None:
        """Refuse further classes: two records are the same, or they are not.

        Raises:
            UserError: for a label that is not one of the two.
        """
        new = [label for label in labels if label not in self.vocab.labels]
        if new:
            raise UserError(
                f"{type(self).__name__} knows {' and '.join(map(repr, self.vocab.labels))}; there is no room for "
                f"{', '.join(map(repr, new))}."
            )


def _index_of(same: str | None, labels: Sequence[str]) -> int:
    if len(labels) != 2:
        raise UserError(
            f"task=similarity needs two classes, but there are {len(labels)}: {', '.join(map(repr, labels))}. For any "
            "other number type task=pair."
        )
    if same is None:
        raise UserError(f"task.same must say which label means that two records are the same: {' or '.join(labels)}.")
    if same not in labels:
        raise UserError(f"task.same: there is no label {same!r}. {nearest(same, labels)}")
    return list(labels).index(same)


def _at_least_0(name: str, value: float) -> float:
    if value < 0:
        raise UserError(f"`{name}` must be at least 0, but is {value}.")
    return value
