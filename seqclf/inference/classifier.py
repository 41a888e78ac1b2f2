"""What inference asks of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.text.vocabulary import Vocabulary


class Classifier(Protocol):
    """A module from a `RecordBatch` to `class_probabilities (B, C)` that knows its vocabulary."""

    vocab: Vocabulary
    architecture: dict[str, Any] | None
    temperature: float
    card: str | None
    training: bool

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

    def __call__(self, tokens: RecordBatch, *, label: Tensor | None = None) -> Mapping[str, Tensor]:
        """Classify a batch."""

    def backbone_files(self) -> Mapping[str, str]:
        """The texts of the files that a pretrained part is known by, by their names in a model folder."""

    def given_labels(
        self, probabilities: Sequence[Sequence[float]], thresholds: Mapping[str, float] | None = None
    ) -> list[tuple[list[str] | None, float]]:
        """The labels that each record of these probabilities `(R, C)` is given, and the probability of that.

        `thresholds` are the least probabilities of some labels; None stands where no label reaches its own.
        """

    def eval(self) -> Any:
        """Switch dropout off."""

    def train(self, mode: bool = True) -> Any:
        """Switch dropout on."""

    def state_dict(self) -> dict[str, Tensor]:
        """The weights by name."""

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> Any:
        """Take other weights."""
