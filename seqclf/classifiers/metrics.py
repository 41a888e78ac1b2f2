"""The figures of one stage of a run, cheap to record: a step only lays its logits aside."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from seqclf.classifiers.confusion import Counts as Matrix
from seqclf.classifiers.confusion import averages, fbeta_of_counts, named_by_class
from seqclf.classifiers.counts import Counts
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.metric_state import load_state, state_of, to_device
from seqclf.classifiers.scores import Scores

GULP = 2**18  # logits that are laid aside before they are counted: 1 MB


def categorical_accuracy(num_classes: int) -> Metric:
    """The share of records whose class is found, each counted alike: torchmetrics' own default averages the classes."""
    return MulticlassAccuracy(num_classes, average="micro")


def top_k_accuracy(num_classes: int, k: int) -> Metric:
    """The share of records whose class is among the `k` likeliest."""
    return MulticlassAccuracy(num_classes, top_k=min(k, num_classes), average="micro")


class Batch(NamedTuple):
    """What one step leaves to be counted: logits `(B, C)`, labels `(B,)`, the mean loss and what it was divided by."""

    logits: Tensor
    labels: Tensor
    loss: Tensor
    weight: Tensor | None


class StageMetrics(nn.Module):
    """Every figure of one stage (training, validation or test).

    A gold label that is not among the classes (-1) counts as wrong in `accuracy` and stays out of all else; a record
    without a gold label (-2) counts nowhere. `accuracy` may be any metric: it sees the records of known label, and
    what it says is scaled by their share, which for a mean over records is to count the others as wrong.

    Args:
        labels: the names of the classes.
        accuracy: fed with logits `(B, C)` and class indices `(B,)`; gives one number.
        scores: whether to keep all probabilities for `auroc` and `calibration_error`.
        options: which figures there are besides the usual ones.
    """

    def __init__(
        self, labels: Sequence[str], accuracy: Metric, scores: bool, options: MetricOptions | None = None
    ) -> None:
        super().__init__()
        self.labels = list(labels)
        self.counts = Counts(len(self.labels))
        self.accuracy = accuracy
        self.scores = Scores() if scores else None
        self.options = options or MetricOptions()
        self.top_k = nn.ModuleList(top_k_accuracy(len(self.labels), k) for k in self.options.top_k)
        self._waiting: list[Batch] = []
        self._waiting_logits = 0

    def update(self, logits: Tensor, labels: Tensor, loss: Tensor, weight: Tensor | None = None) -> None:
        """Record a batch.

        Args:
            logits: `(B, C)`.
            labels: class indices `(B,)`; -1 for a label that is not among the classes, -2 for none.
            loss: the mean loss of the batch, a scalar.
            weight: what that mean was divided by, a scalar; by default the number of records of known label.
        """
        # a copy: the caller, or a compiled model's next step, may write over the logits
        copy = logits.detach().to(torch.float32, copy=True)
        self._waiting.append(Batch(copy, labels, loss.detach(), weight))
        self._waiting_logits += copy.numel()
        if self._waiting_logits >= GULP:
            self._count()

    def compute(self) -> dict[str, float]:
        """Every figure by name, over all ranks; call it on each of them.

        Returns:
            `loss`, `accuracy`, `f1_macro`, `f1_micro`, `f1_weighted`, `precision_macro`, `recall_macro`, `auroc` and
            `calibration_error` (with `scores`), `records`, and `f1/LABEL`, `precision/LABEL`, `recall/LABEL` for each
            label; those of `options` behind them. Nothing where no record was seen; what is not defined (an AUROC of
            one class) is left out.
        """
        self._count()
        matrix, loss, weight = self.counts.compute()
        confusion = matrix.cpu().numpy()
        known, total = int(confusion[:-1].sum()), int(confusion.sum())
        if total == 0:
            return {}
        figures = {"loss": float(loss / weight)} if known else {}
        figures["accuracy"] = self._accuracy(np.trace(confusion) / known) * known / total if known else 0.0
        figures |= averages(confusion[:-1])
        figures |= self.scores.compute() if self.scores is not None else {}
        figures["records"] = float(total)
        return figures | named_by_class(confusion[:-1], self.labels) | self._options(confusion[:-1], known / total)

    def confusion(self) -> Tensor:
        """How often each class (column) was given to records of each class (row) on all ranks.

        Returns:
            `(C + 1, C)`; the last row is of the records whose gold label is not among the classes.
        """
        self._count()
        matrix: Tensor = self.counts.compute()[0]
        return matrix.cpu()

    def seen(self) -> tuple[Tensor, Tensor] | None:
        """The probabilities `(R, C)` and labels `(R,)` of all records of known label of all ranks; None for none."""
        self._count()
        return None if self.scores is None else self.scores.seen()

    def running_accuracy(self) -> float:
        """The share of records so far that were given their label, on this rank alone: for a progress bar.

        It counts nothing: sums would depend on when somebody looked.
        """
        confusion = self.counts.confusion
        right, records = int(confusion.diagonal().sum()), int(confusion.sum())
        for batch in self._waiting:
            right += int((batch.logits.argmax(dim=1) == batch.labels).sum())
            records += int((batch.labels >= -1).sum())
        return right / max(records, 1)

    def so_far(self) -> dict[str, Any]:
        """What was recorded on all ranks, to go on from; call it on each of them."""
        if self.counts.distributed_available_fn():  # what ranks laid aside cannot be added up
            self._count()
        return {"states": state_of(self), "waiting": [tuple(batch) for batch in self._waiting]}

    def go_on_from(self, recorded: dict[str, Any]) -> None:
        """Go on from what `so_far` gave."""
        load_state(self, recorded["states"])
        self._waiting = [Batch(*to_device(batch, self.counts.device)) for batch in recorded["waiting"]]
        self._waiting_logits = sum(batch.logits.numel() for batch in self._waiting)

    @torch.inference_mode(False)  # else Lightning's validation would make states that nothing outside of it may change
    def reset(self) -> None:
        """Begin anew."""
        self._waiting, self._waiting_logits = [], 0
        self.counts.reset()
        for metric in (self.accuracy, *self.top_k):
            metric.reset()
        if self.scores is not None:
            self.scores.reset()

    @torch.inference_mode(False)
    @torch.no_grad()
    def _count(self) -> None:
        """Count what was laid aside."""
        if not self._waiting and self.counts.update_called:
            return
        # a rank that saw no record counts none, so that its states have the shapes of the others
        waiting, device = self._waiting or [self._no_batch()], self.counts.device
        self._waiting, self._waiting_logits = [], 0
        logits = torch.cat([batch.logits for batch in waiting]).to(device)
        labels = torch.cat([batch.labels for batch in waiting]).to(device)
        losses = torch.stack([batch.loss for batch in waiting]).to(device)
        weights = _weights(waiting).to(device)
        logits, labels = _select(labels >= -1, logits, labels)
        self.counts.update(logits.argmax(dim=1), labels, losses, weights)
        logits, labels = _select(labels >= 0, logits, labels)
        if len(labels):
            for metric in (self.accuracy, *self.top_k):
                metric.update(logits, labels)
        if self.scores is not None:
            self.scores.update(logits.softmax(dim=1), labels)

    def _no_batch(self) -> Batch:
        nothing = torch.zeros(())
        return Batch(torch.zeros(0, len(self.labels)), torch.zeros(0, dtype=torch.long), nothing, nothing)

    def _accuracy(self, top_1: float) -> float:
        accuracy = _computed(self.accuracy)
        # torchmetrics divides in float32: where it means the share of the diagonal, that is said exactly
        return top_1 if math.isclose(accuracy, top_1, rel_tol=1e-6) else accuracy

    def _options(self, confusion: Matrix, known: float) -> dict[str, float]:
        """What `options` asks for, by the confusion `(C, C)` and the share of the records whose label is known."""
        figures = {
            f"accuracy_top{k}": _computed(metric) * known if known else 0.0
            for k, metric in zip(self.options.top_k, self.top_k, strict=True)
        }
        if self.options.beta is not None:
            right = np.diagonal(confusion)
            wrong, missed = confusion.sum(axis=0) - right, confusion.sum(axis=1) - right
            figures |= fbeta_of_counts(right, wrong, missed, self.labels, self.options.beta)
        return figures


def _computed(metric: Any) -> float:
    with warnings.catch_warnings():
        # this rank may have seen no record of known label; the others did
        warnings.filterwarnings("ignore", message="The ``compute`` method", category=UserWarning)
        return float(metric.compute())


def _weights(batches: Sequence[Batch]) -> Tensor:
    """What the mean loss of each batch was divided by, `(batches,)`."""
    given = [batch.weight for batch in batches if batch.weight is not None]
    if len(given) == len(batches):
        return torch.stack(given).float()
    known = torch.cat([batch.labels for batch in batches]) >= 0
    sizes = torch.tensor([len(batch.labels) for batch in batches])
    owner = torch.arange(len(batches)).repeat_interleave(sizes).to(known.device)
    return torch.zeros(len(batches), device=known.device).index_add_(0, owner, known.float())


def _select(mask: Tensor, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The records `(B,)` where the mask is True; most often that is all of them, and nothing is copied then."""
    return (logits, labels) if mask.all() else (logits[mask], labels[mask])


def figure_names(labels: Sequence[str], options: MetricOptions) -> list[str]:
    """The names of all figures that an evaluation over these classes may give."""
    averaged = ("f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro")
    by_label = [f"{figure}/{label}" for figure in ("f1", "precision", "recall") for label in labels]
    return ["accuracy", "loss", *averaged, "auroc", "calibration_error", *by_label, *options.figure_names(labels)]
