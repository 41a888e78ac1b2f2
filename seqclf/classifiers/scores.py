"""Figures that look at the probabilities themselves: ranking and calibration."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc, multiclass_calibration_error
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors


class Scores(Metric):
    """Area under the ROC curve and calibration error, from the probabilities of every record seen.

    `auroc` is the mean over the classes of one class against the rest. A class that no record has, or every record
    has, has no curve and is left out of the mean; with no class left there is no `auroc`. `calibration_error` is the
    expected calibration error of the likeliest class (Guo et al. 2017, https://arxiv.org/abs/1706.04599) in 15 bins.

    The probabilities are kept on the CPU, since a GPU has better use for its memory.
    """

    full_state_update = False
    probabilities: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__(dist_sync_fn=self._gather)
        self.add_state("probabilities", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Keep the probabilities `(B, C)` of records and their class indices `(B,)`."""
        self.probabilities.append(probabilities.cpu())
        self.labels.append(labels.cpu())

    def compute(self) -> dict[str, float]:
        """`auroc` and `calibration_error` of all records of all ranks; nothing where there were no records."""
        probabilities, labels = dim_zero_cat(self.probabilities), dim_zero_cat(self.labels)
        if not len(labels):
            return {}
        classes = probabilities.shape[1]
        error = multiclass_calibration_error(probabilities, labels, classes, n_bins=15, validate_args=False)
        auroc = _mean_auroc(probabilities, torch.nn.functional.one_hot(labels, classes))
        return {**auroc, "calibration_error": float(error)}

    def seen(self) -> tuple[Tensor, Tensor] | None:
        """The probabilities `(R, C)` and labels `(R,)` of all records of all ranks; None where there were none."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn):
            probabilities, labels = dim_zero_cat(self.probabilities), dim_zero_cat(self.labels)
        return (probabilities, labels) if len(labels) else None

    def _gather(self, tensor: Tensor, group: object = None) -> list[Tensor]:
        """The tensors of all ranks; they travel by way of the metric's device, for NCCL knows no other."""
        return [part.cpu() for part in gather_all_tensors(tensor.to(self.device), group)]


class MultilabelScores(Metric):
    """Area under the ROC curve of records that may have any number of labels, from the scores of every record seen.

    `auroc` is the mean over the classes; one that no record has, or every record has, is left out of it.
    """

    full_state_update = False
    logits: list[Tensor]
    labels: list[Tensor]

    def __init__(self) -> None:
        super().__init__(dist_sync_fn=self._gather)
        self.add_state("logits", default=[], dist_reduce_fx="cat")
        self.add_state("labels", default=[], dist_reduce_fx="cat")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Keep the logits `(B, C)` of records, and 1 for each label they have `(B, C)`."""
        self.logits.append(logits.cpu())
        self.labels.append(labels.cpu())

    def compute(self) -> dict[str, float]:
        """`auroc` of all records of all ranks; nothing where it is not defined."""
        return _mean_auroc(dim_zero_cat(self.logits).sigmoid(), dim_zero_cat(self.labels))

    def seen(self) -> tuple[Tensor, Tensor] | None:
        """The probabilities `(R, C)` and labels `(R, C)` of all records of all ranks; None where there were none."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn):
            if not len(self.logits):
                return None
            return dim_zero_cat(self.logits).sigmoid(), dim_zero_cat(self.labels)

    def _gather(self, tensor: Tensor, group: object = None) -> list[Tensor]:
        return [part.cpu() for part in gather_all_tensors(tensor.to(self.device), group)]


def _mean_auroc(probabilities: Tensor, labels: Tensor) -> dict[str, float]:
    """The mean area over the classes that some records have and others have not; nothing where there is none."""
    areas = [
        float(binary_auroc(probabilities[:, index], labels[:, index], validate_args=False))
        for index, count in enumerate(labels.sum(dim=0).tolist())
        if 0 < count < len(labels)
    ]
    return {"auroc": sum(areas) / len(areas)} if areas else {}
