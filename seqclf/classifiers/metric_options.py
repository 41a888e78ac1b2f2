"""The figures that are given only where they are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqclf.errors import UserError


class MetricOptions:
    """Which figures there are besides the usual ones; with none of them, nothing more is counted.

    Args:
        top_k: for each `k`, `accuracy_topK` is the share of the records whose label is among the `k` likeliest classes
            (all of known label, where there are no more classes than that).
        beta: F-beta (van Rijsbergen 1979, http://www.dcs.gla.ac.uk/Keith/Preface.html): as F1, but recall counts `beta`
            times as much as precision. It gives `fbeta_macro`, `fbeta_micro`, `fbeta_weighted` and `fbeta/LABEL`.

    Raises:
        UserError: for a `k` below 1, or a `beta` that is not above 0.
    """

    def __init__(self, top_k: Sequence[int] = (), beta: float | None = None) -> None:
        if any(k < 1 for k in top_k):
            raise UserError(f"`top_k` counts classes, from 1, but is {list(top_k)}.")
        if beta is not None and not 0 < beta < math.inf:
            raise UserError(f"`beta` must be above 0, but is {beta}.")
        self.top_k = list(dict.fromkeys(top_k))
        self.beta = beta

    def figure_names(self, labels: Sequence[str]) -> list[str]:
        """The names of the figures that these options bring for these classes."""
        tops = [f"accuracy_top{k}" for k in self.top_k]
        if self.beta is None:
            return tops
        return [*tops, "fbeta_macro", "fbeta_micro", "fbeta_weighted", *(f"fbeta/{label}" for label in labels)]
