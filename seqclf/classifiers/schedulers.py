"""How the rate goes over a training: settings first, called with the optimiser when the number of steps is known.

Each gives a Lightning scheduler configuration. The state of a schedule holds none of its settings, so that a training
which goes on with more epochs follows their schedule.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from seqclf.errors import UserError
from seqclf.nn.arguments import probability


class Schedule(ABC):
    """A straight line up to the rate, and then a curve; set after every step.

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps. The first step
            already has a rate above 0.

    Raises:
        UserError: for a negative warm-up.
    """

    def __init__(self, warmup: float = 0.0) -> None:
        if warmup < 0:
            raise UserError(f"scheduler.warmup must be at least 0, but is {warmup}.")
        self.warmup = warmup

    @abstractmethod
    def share(self, progress: float) -> float:
        """The share of the rate at `progress` (0 to 1) of the steps after the warm-up."""

    def __call__(self, optimizer: Optimizer, total_steps: float, monitor: str, mode: str) -> dict[str, Any]:
        """Schedule the rate of an optimiser.

        Args:
            optimizer: what has the rate; every group keeps its own, in proportion.
            total_steps: how many steps the training has.
            monitor: not looked at.
            mode: not looked at.

        Returns:
            Lightning's `lr_scheduler` configuration.

        Raises:
            UserError: for a training without an end, of which no share can be taken.
        """
        if not math.isfinite(total_steps):
            raise UserError("scheduler: only a training with an end can have a schedule: set trainer.max_epochs.")
        warmup = round(self.warmup * total_steps if self.warmup < 1 else self.warmup)
        rate = partial(_rate, warmup=warmup, total=int(total_steps), share=self.share)
        return {"scheduler": LambdaLR(optimizer, rate), "interval": "step"}


class Constant(Schedule):
    """The same rate throughout, after the warm-up."""

    def share(self, progress: float) -> float:
        """All of it."""
        return 1.0


class Linear(Schedule):
    """A straight line down, after the warm-up (as in Devlin et al. 2019, https://arxiv.org/abs/1810.04805).

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.
        final: the share of the rate that is left at the end.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, warmup: float = 0.0, final: float = 0.0) -> None:
        super().__init__(warmup)
        probability(final=final)
        self.final = final

    def share(self, progress: float) -> float:
        """In proportion to what is left."""
        return 1.0 - (1.0 - self.final) * progress


class Cosine(Schedule):
    """Half a cosine down, after the warm-up (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.
        final: the share of the rate that is left at the end.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, warmup: float = 0.0, final: float = 0.0) -> None:
        super().__init__(warmup)
        probability(final=final)
        self.final = final

    def share(self, progress: float) -> float:
        """Slowly at first and at last."""
        return self.final + (1.0 - self.final) * (1.0 + math.cos(math.pi * progress)) / 2.0


class Plateau:
    """A lower rate whenever the monitored figure has not become better for some epochs.

    Args:
        factor: what the rate is multiplied by then.
        patience: how many epochs without a better figure are waited for.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, factor: float = 0.5, patience: int = 2) -> None:
        if not 0 < factor < 1:
            raise UserError(f"scheduler.factor must be above 0 and below 1, but is {factor}.")
        if patience < 0:
            raise UserError(f"scheduler.patience must be at least 0, but is {patience}.")
        self.factor = factor
        self.patience = patience

    def __call__(self, optimizer: Optimizer, total_steps: float, monitor: str, mode: str) -> dict[str, Any]:
        """Watch the monitored figure for an optimiser.

        Args:
            optimizer: what has the rate.
            total_steps: not looked at.
            monitor: the figure's name.
            mode: "min" or "max": whether the figure is better low or high.

        Returns:
            Lightning's `lr_scheduler` configuration.
        """
        better = cast(Literal["min", "max"], mode)
        plateau = ReduceLROnPlateau(optimizer, mode=better, factor=self.factor, patience=self.patience)
        return {"scheduler": plateau, "interval": "epoch", "monitor": monitor}


def _rate(step: int, warmup: int, total: int, share: Callable[[float], float]) -> float:
    """The factor of the rate in a step, counted from 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return share(min((step - warmup) / max(total - warmup, 1), 1.0))
