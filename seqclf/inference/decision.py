"""From probabilities to what is said of a record: thresholds, and silence where the model is not sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqclf.errors import UserError, nearest
from seqclf.inference.classifier import Classifier


@dataclass(frozen=True)
class Decision:
    """How labels are given.

    Args:
        top_k: how many of the likeliest classes are told, with their probabilities; None tells all of them.
        abstain: below this probability of being right a record is given no label; None always gives one.
        thresholds: the least probability for a label to be given: one for all, or by name. Of single labels the
            likeliest that reaches its own is given; labels that are not named have none. Where records have any number
            of labels, those that are not named keep the model's own. None for the model's own.

    Raises:
        UserError: for a number out of its range.
    """

    top_k: int | None = None
    abstain: float | None = None
    thresholds: Mapping[str, float] | float | None = None

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise UserError(f"top_k must be at least 1, but is {self.top_k}.")
        named = self.thresholds if isinstance(self.thresholds, Mapping) else {None: self.thresholds}
        limits = {"abstain": self.abstain}
        limits |= {"thresholds" if label is None else f"thresholds, {label!r}": limit for label, limit in named.items()}
        for name, limit in limits.items():
            number = isinstance(limit, float | int) and not isinstance(limit, bool)
            if limit is not None and not (number and 0 <= limit <= 1):
                raise UserError(f"{name} must be a probability, between 0 and 1, but is {limit!r}.")

    def given(
        self, model: Classifier, probabilities: Sequence[Sequence[float]]
    ) -> list[tuple[list[str] | None, float]]:
        """The labels that each record of these probabilities `(R, C)` is given, None for silence; and how sure it is.

        Raises:
            UserError: for a threshold of a label that is not among the classes.
        """
        given = model.given_labels(probabilities, self.limits(model.vocab.labels))
        if self.abstain is None:
            return given
        return [(None if chance < self.abstain else labels, chance) for labels, chance in given]

    def limits(self, labels: Sequence[str]) -> dict[str, float]:
        """The thresholds by label, of those labels that have one.

        Raises:
            UserError: for one of a label that there is not.
        """
        if self.thresholds is None:
            return {}
        if not isinstance(self.thresholds, Mapping):
            return dict.fromkeys(labels, float(self.thresholds))
        by_name = {str(label): float(limit) for label, limit in self.thresholds.items()}
        for label in by_name:
            if label not in labels:
                raise UserError(f"thresholds: there is no label {label!r}. {nearest(label, labels)}")
        return by_name

    def told(self, chances: Mapping[str, float]) -> dict[str, float]:
        """Of the classes' probabilities those that are told: all as they are, or the `top_k` likeliest first."""
        if self.top_k is None:
            return dict(chances)
        return dict(sorted(chances.items(), key=lambda one: -one[1])[: self.top_k])
