"""The classes that a classifier knows, and how they become more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from seqclf.classifiers.calibration import calibration_error, fit_temperature, logits_of
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.trainable import Figures, Trainable
from seqclf.errors import UserError
from seqclf.text.vocabulary import Vocabulary


class LabelSpace(Trainable):
    """The label space of a classifier; a subclass gives `forward` and these attributes.

    Attributes:
        vocab: holds the names of the classes.
        projection: from a record's vector to the logits, `(C, H)`.
        loss: weighted by class.
        architecture: what the classifier was built from; None for one that was put together by hand.
        temperature: what logits are divided by before they become probabilities; 1 until `calibrate` is called.
        card: README.md of the folder that it was loaded from, which goes with it; None once it is trained further.
    """

    vocab: Vocabulary
    projection: nn.Linear
    loss: CrossEntropy
    architecture: dict[str, Any] | None
    temperature: float = 1.0
    card: str | None = None

    def on_fit_start(self) -> None:
        """What was measured before is not of the weights to come."""
        self.card = None

    @property
    def num_classes(self) -> int:
        """How many classes there are, `C`."""
        return self.vocab.num_labels

    @property
    def output_classes(self) -> list[str]:
        """The names of the classes, in the order of their indices."""
        return list(self.vocab.labels)

    def label_for_index(self, idx: int) -> str:
        """The name of the class with this index."""
        return self.vocab.labels[idx]

    def gold(self, labels: Sequence[Any]) -> Tensor:
        """The names of records' labels as class indices `(R,)`: -1 for one that is not among the classes."""
        return torch.from_numpy(self.vocab.label_indices(labels)).long()

    def given_labels(
        self, probabilities: Sequence[Sequence[float]], thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[list[str] | None, float]]:
        """The label that each record of these probabilities `(R, C)` is given, and its probability.

        Args:
            probabilities: of every class.
            thresholds: of some labels the least probability to be given; the others have none.

        Returns:
            For each record the likeliest label that reaches its threshold, in a list; None, and the highest
            probability, where none does.
        """
        limits = [(thresholds or {}).get(label, 0.0) for label in self.vocab.labels]
        given: list[tuple[list[str] | None, float]] = []
        for row in probabilities:
            reached = [index for index, limit in enumerate(limits) if row[index] >= limit]
            best = max(reached or range(len(row)), key=row.__getitem__)
            given.append(([self.vocab.labels[best]] if reached else None, row[best]))
        return given

    def decode(self, output_dict: Mapping[str, Tensor]) -> dict[str, Any]:
        """Add what a person reads.

        Args:
            output_dict: what `forward` returned.

        Returns:
            The same, and for each record `classes` (a dict from label to probability), `max_class` and
            `max_class_prob`.
        """
        probabilities = output_dict["class_probabilities"].tolist()
        classes = [dict(zip(self.vocab.labels, row, strict=True)) for row in probabilities]
        best = [max(row, key=row.__getitem__) for row in classes]
        highest = [row[label] for row, label in zip(classes, best, strict=True)]
        return {**output_dict, "classes": classes, "max_class": best, "max_class_prob": highest}

    def calibrate(self) -> None:
        """Set the temperature to what fits the validation records that were seen last; call it on each rank."""
        seen = self.seen_logits(self.metrics_of("validation"))
        self.temperature = 1.0 if seen is None else fit_temperature(*seen)

    def calibration_figures(self, metrics: Figures) -> dict[str, float]:
        """`calibration_error` of what these metrics saw, and `calibration_error_scaled`, at the model's temperature."""
        seen = self.seen_logits(metrics)
        if seen is None:
            return {}
        scaled = calibration_error(*seen, self.temperature)
        return {"calibration_error": calibration_error(*seen), "calibration_error_scaled": scaled}

    def seen_logits(self, metrics: Figures) -> tuple[Tensor, Tensor] | None:
        """Logits `(R, C)` and labels `(R,)` of the records that metrics saw, of all ranks; None where there were none.

        The logits are up to a number for each record.
        """
        seen = metrics.seen()
        return None if seen is None else (logits_of(seen[0]), seen[1])

    def extend_labels(self, labels: Sequence[str]) -> None:
        """Add classes to a trained model: what it has learned stays, bit for bit, and only the new rows are fresh.

        Known names among `labels` are passed over. New classes get loss weight 1; the metrics start anew.

        Args:
            labels: names of the classes to add, in order.

        Raises:
            UserError: when `accuracy` was given as a metric of a fixed number of classes.
        """
        vocab = self.vocab.extend_labels(labels)
        if vocab.num_labels == self.num_classes:
            return
        if isinstance(self.accuracy, Metric):
            raise UserError(
                f"`accuracy` was made for {self.num_classes} classes and cannot count {vocab.num_labels}. Give a "
                "function instead: accuracy=lambda num_classes: MulticlassAccuracy(num_classes, average='micro')."
            )
        old = self.projection
        self.projection = nn.Linear(old.in_features, vocab.num_labels).to(old.weight)
        with torch.no_grad():
            self.projection.weight[: old.out_features] = old.weight
            self.projection.bias[: old.out_features] = old.bias
        if self.wide is not None:
            self.wide.extend(vocab.num_labels)
        self.loss = self.loss.extend(vocab.labels)
        if self.architecture is not None:
            self.architecture["loss"] = {**self.architecture["loss"], "weights": self.loss.weights}
        self.vocab = vocab
        self.make_metrics()
