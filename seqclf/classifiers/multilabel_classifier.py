"""One record, any number of labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import Metric
from torchmetrics.classification import MultilabelExactMatch

from seqclf.batch import RecordBatch
from seqclf.classifiers.binary_cross_entropy import BinaryCrossEntropy
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.multilabel_metrics import MultilabelMetrics, multilabel_figure_names
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.classifiers.thresholds import HALF, best_thresholds
from seqclf.classifiers.trainable import Figures
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.feedforward import FeedForward
from seqclf.nn.initializer import Initializer
from seqclf.nn.regularizer import Regularizer
from seqclf.nn.seq2seq_encoder import Seq2SeqEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.nn.wide_ngrams import WideNgrams
from seqclf.text.label_sets import SEPARATOR, split_cell
from seqclf.text.vocabulary import Vocabulary


class MultilabelClassifier(SequenceClassifier):
    """Gives each record any number of labels: a logistic regression per class on the record's vector.

    A record is given the labels whose probability is above their threshold, 0.5 until `tune_thresholds` is called.

    Args:
        vocab: as for `SequenceClassifier`, and so on; its `label_separator` joins the labels of a prediction.
        accuracy: a metric of 0 or 1 for each label `(B, C)`, or a function from the number of classes to one; by
            default the share of records that were given exactly their labels, `MultilabelExactMatch`.
        loss: by default `BinaryCrossEntropy` with `loss_weights`.
        monitor: by default `validation/f1_micro`.

    Attributes:
        thresholds: `(C,)`, kept with the weights.

    Raises:
        UserError: as `SequenceClassifier`, and for a loss that is not of several labels.
    """

    multilabel = True
    thresholds: Tensor

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
        wide: WideNgrams | None = None,
        loss: CrossEntropy | None = None,
        optimizer: Callable[[Iterable[tuple[str, nn.Parameter]]], Optimizer] | None = None,
        scheduler: Callable[[Optimizer, float, str, str], dict[str, Any]] | None = None,
        monitor: str = "validation/f1_micro",
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
            accuracy or _exact_match,
            wide=wide,
            loss=loss or BinaryCrossEntropy(vocab.labels, None if loss_weights is None else dict(loss_weights)),
            optimizer=optimizer,
            scheduler=scheduler,
            monitor=monitor,
            step=step,
            metrics=metrics,
        )
        self.register_buffer("thresholds", torch.full((vocab.num_labels,), HALF))

    def extend_labels(self, labels: Sequence[str]) -> None:
        """As `SequenceClassifier.extend_labels`; the new classes get the threshold 0.5."""
        before = self.num_classes
        super().extend_labels(labels)
        self.thresholds = torch.cat([self.thresholds, self.thresholds.new_full((self.num_classes - before,), HALF)])

    def probabilities(self, logits: Tensor) -> Tensor:
        """The probability of each class for itself `(B, C)`, at the model's temperature."""
        return (logits / self.temperature).sigmoid()

    def decode(self, output_dict: Mapping[str, Tensor]) -> dict[str, Any]:
        """As `SequenceClassifier.decode`, and for each record `labels`: those that it is given."""
        given = self.given_labels(output_dict["class_probabilities"].tolist())
        return {**super().decode(output_dict), "labels": [labels or [] for labels, _ in given]}

    def given_labels(
        self, probabilities: Sequence[Sequence[float]], thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[list[str] | None, float]]:
        """The labels that records of these probabilities `(R, C)` are given: those above their threshold.

        Args:
            probabilities: of every class.
            thresholds: of some labels, in place of the model's own.

        Returns:
            For each record the labels in the order of the classes, and the probability that these are all and no
            other, as if each stood for itself.
        """
        tuned = (self.thresholds.logit() / self.temperature).sigmoid().tolist()  # at a temperature of 1
        own = dict(zip(self.vocab.labels, tuned, strict=True))
        limits = list((own | dict(thresholds or {})).values())
        found: list[tuple[list[str] | None, float]] = []
        for row in probabilities:
            given = [chance > limit for chance, limit in zip(row, limits, strict=True)]
            whole = prod(chance if is_given else 1 - chance for chance, is_given in zip(row, given, strict=True))
            found.append(([label for label, one in zip(self.vocab.labels, given, strict=True) if one], whole))
        return found

    def gold(self, labels: Sequence[Any]) -> Tensor:
        """The names of records' labels, lists or text with separators, as `(R, C)`, like those of a `RecordBatch`."""
        separator = self.vocab.label_separator or SEPARATOR
        sets = [split_cell(each, separator) if isinstance(each, str) else list(each) for each in labels]
        return torch.from_numpy(self.vocab.label_sets(sets))

    def tune_thresholds(self) -> None:
        """Set each class's threshold to what gives it the best F1 on the validation records that were seen last."""
        metrics = self.metrics_of("validation")
        assert isinstance(metrics, MultilabelMetrics)
        seen = metrics.seen()
        if seen is not None:  # they are of logits from which the thresholds of before were taken
            shifted = best_thresholds(*seen).logit().to(self.thresholds)
            self.thresholds.copy_((shifted + self.thresholds.logit()).sigmoid())

    def seen_logits(self, metrics: Figures) -> tuple[Tensor, Tensor] | None:
        """As `LabelSpace.seen_logits`, with labels `(R, C)` of 0 and 1."""
        seen = metrics.seen()  # of logits from which the thresholds were taken
        return None if seen is None else (seen[0].logit(1e-7) + self.thresholds.logit().to(seen[0]), seen[1])

    def record(self, logits: Tensor, label: Tensor, loss: Tensor, weight: Tensor) -> None:
        """Count a batch in the metrics of the current stage, by the thresholds."""
        super().record(logits - self.thresholds.logit(), label, loss, weight)

    def new_metrics(self, scores: bool) -> MultilabelMetrics:
        """A set of metrics for the classes there are now; with `scores`, those too that look at all probabilities."""
        return MultilabelMetrics(self.output_classes, self.new_accuracy(), scores, self.metric_options)

    def figure_names(self) -> list[str]:
        """The names of all figures that an evaluation may give."""
        return multilabel_figure_names(self.output_classes, self.metric_options)


def _exact_match(num_classes: int) -> Metric:
    return MultilabelExactMatch(num_classes)
