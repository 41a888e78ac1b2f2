"""The figures of one stage of a run in which a record may have any number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.functional.classification import multilabel_stat_scores

from seqclf.classifiers.confusion import fbeta_of_counts, figures_of_counts
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.metric_state import load_state, state_of, to_device
from seqclf.classifiers.metrics import GULP
from seqclf.classifiers.scores import MultilabelScores
from seqclf.errors import UserError


class MultilabelCounts(Metric):
    """How often each label was given rightly, wrongly and not at all, and the sum of the losses; over all ranks."""

    full_state_update = False
    counts: Tensor
    exact: Tensor
    known: Tensor
    records: Tensor
    loss: Tensor
    weight: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.add_state("counts", torch.zeros(num_classes, 3, dtype=torch.long), dist_reduce_fx="sum")
        for name in ("exact", "known", "records"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        for name in ("loss", "weight"):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    def update(self, given: Tensor, labels: Tensor, known: Tensor, losses: Tensor, weights: Tensor) -> None:
        """Count records, and add up the losses.

        Args:
            given: 1 for each label that a record was given `(B, C)`.
            labels: 1 for each that it has `(B, C)`.
            known: whether it has no other labels `(B,)`.
            losses: mean losses of batches `(batches,)`.
            weights: what each of these was divided by `(batches,)`.
        """
        if len(given):
            scores = multilabel_stat_scores(given, labels, len(self.counts), average="none", validate_args=False)
            self.counts += scores[:, [0, 1, 3]]  # right, wrong, missed
        self.exact += ((given == labels).all(dim=1) & known).sum()
        self.known += known.sum()
        self.records += len(known)
        self.loss += losses.to(self.loss) @ weights.to(self.loss)
        self.weight += weights.sum()

    def compute(self) -> tuple[Tensor, int, int, int, float]:
        """Right, wrong and missed `(C, 3)`, exactly right records, records of known labels, all records, mean loss."""
        loss = float(self.loss / self.weight.clamp(min=1e-30))
        return self.counts, int(self.exact), int(self.known), int(self.records), loss


class MultilabelMetrics(nn.Module):
    """Every figure of one stage (training, validation or test); `StageMetrics` for records of any number of labels.

    A record that has labels besides which are not among the classes counts as wrong in `accuracy`.

    Args:
        labels: the names of the classes.
        accuracy: fed with what was given and what is right, 0 or 1 each `(B, C)`; gives one number.
        scores: whether to keep all probabilities for `auroc` and for the thresholds.
        options: which figures there are besides the usual ones.

    Raises:
        UserError: for `top_k`, which is of records of one label.
    """

    def __init__(
        self, labels: Sequence[str], accuracy: Metric, scores: bool, options: MetricOptions | None = None
    ) -> None:
        super().__init__()
        self.labels = list(labels)
        self.counts = MultilabelCounts(len(self.labels))
        self.accuracy = accuracy
        self.scores = MultilabelScores() if scores else None
        self.options = options or MetricOptions()
        if self.options.top_k:
            raise UserError(
                "metrics.top_k is of records of one label, and here each may have any number. Leave it out."
            )
        self._waiting: list[tuple[Tensor, ...]] = []
        self._waiting_logits = 0

    def update(self, logits: Tensor, labels: Tensor, loss: Tensor, weight: Tensor) -> None:
        """Record a batch.

        Args:
            logits: `(B, C)`, above 0 where a label is given.
            labels: `(B, C)`, as in a `RecordBatch`.
            loss: the mean loss of the batch, a scalar.
            weight: what that mean was divided by, a scalar.
        """
        copy = logits.detach().to(torch.float32, copy=True)
        self._waiting.append((copy, labels, loss.detach().float()[None], weight.detach().float()[None]))
        self._waiting_logits += copy.numel()
        if self._waiting_logits >= GULP:
            self._count()

    def compute(self) -> dict[str, float]:
        """Every figure by name, over all ranks; call it on each of them.

        Returns:
            `loss`, `accuracy` (the share of records that were given exactly their labels), `f1_macro`, `f1_micro`,
            `f1_weighted`, `precision_macro`, `recall_macro`, `auroc` (with `scores`), `records`, and `f1/LABEL`,
            `precision/LABEL`, `recall/LABEL` for each label; those of `options` behind them. Nothing where no record
            was seen.
        """
        self._count()
        counts, exact, known, records, loss = self.counts.compute()
        if records == 0:
            return {}
        accuracy = float(self.accuracy.compute()) if known else 0.0
        if known and abs(accuracy - exact / known) < 1e-6:
            accuracy = exact / known  # torchmetrics divides in float32
        figures = {"loss": loss, "accuracy": accuracy * known / records}
        right, wrong, missed = counts.cpu().numpy().T
        averaged, by_label = figures_of_counts(right, wrong, missed, self.labels)
        auroc = self.scores.compute() if self.scores is not None else {}
        figures |= averaged | auroc | {"records": float(records)} | by_label
        if self.options.beta is None:
            return figures
        return figures | fbeta_of_counts(right, wrong, missed, self.labels, self.options.beta)

    def running_accuracy(self) -> float:
        """The share of records so far that were given exactly their labels, on this rank alone; it counts nothing."""
        exact, records = int(self.counts.exact), int(self.counts.records)
        for logits, labels, *_ in self._waiting:
            right = ((logits > 0) == labels.remainder(2)).all(dim=1)
            exact += int((right & (labels.amin(dim=1) >= 0)).sum())
            records += len(labels)
        return exact / max(records, 1)

    def so_far(self) -> dict[str, Any]:
        """What was recorded on all ranks, to go on from; call it on each of them."""
        if self.counts.distributed_available_fn():
            self._count()
        return {"states": state_of(self), "waiting": [tuple(batch) for batch in self._waiting]}

    def go_on_from(self, recorded: dict[str, Any]) -> None:
        """Go on from what `so_far` gave."""
        load_state(self, recorded["states"])
        self._waiting = [to_device(batch, self.counts.device) for batch in recorded["waiting"]]
        self._waiting_logits = sum(batch[0].numel() for batch in self._waiting)

    def seen(self) -> tuple[Tensor, Tensor] | None:
        """The probabilities `(R, C)` and labels `(R, C)` of all records of all ranks; None where none were kept."""
        self._count()
        return None if self.scores is None else self.scores.seen()

    @torch.inference_mode(False)  # as in `StageMetrics`
    def reset(self) -> None:
        """Begin anew."""
        self._waiting, self._waiting_logits = [], 0
        self.counts.reset()
        self.accuracy.reset()
        if self.scores is not None:
            self.scores.reset()

    @torch.inference_mode(False)
    @torch.no_grad()
    def _count(self) -> None:
        """Count what was laid aside."""
        if not self._waiting and self.counts.update_called:
            return
        waiting, self._waiting, self._waiting_logits = self._waiting or [self._no_batch()], [], 0
        logits, labels, losses, weights = (
            torch.cat(values).to(self.counts.device) for values in zip(*waiting, strict=True)
        )
        known = labels.amin(dim=1) >= 0
        labels, given = labels.remainder(2), (logits > 0).long()
        self.counts.update(given, labels, known, losses, weights)
        if known.any():
            self.accuracy.update(given[known], labels[known])
        if self.scores is not None:
            self.scores.update(logits, labels)

    def _no_batch(self) -> tuple[Tensor, ...]:
        nothing = torch.zeros(0, len(self.labels))
        return nothing, nothing.long(), torch.zeros(0), torch.zeros(0)


def multilabel_figure_names(labels: Sequence[str], options: MetricOptions) -> list[str]:
    """The names of all figures that an evaluation over these classes may give."""
    averaged = ("f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro")
    by_label = [f"{figure}/{label}" for figure in ("f1", "precision", "recall") for label in labels]
    return ["accuracy", "loss", *averaged, "auroc", *by_label, *options.figure_names(labels)]
