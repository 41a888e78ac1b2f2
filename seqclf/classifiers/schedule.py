"""What schedules of the rate by step have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from seqclf.errors import UserError


class Schedule(ABC):
    """A factor of the rate, set after every step.

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.

    Raises:
        UserError: for a negative warm-up.
    """

    def __init__(self, warmup: float = 0.0) -> None:
        if warmup < 0:
            raise UserError(f"scheduler.warmup must be at least 0, but is {warmup}.")
        self.warmup = warmup

    @abstractmethod
    def factor(self, step: int, total: int) -> float:
        """The factor of the rate in a step.

        Args:
            step: counted from 0.
            total: how many steps the training has.
        """

    def warmup_steps(self, total: int) -> int:
        """How many of all steps the rate rises."""
        return round(self.warmup * total if self.warmup < 1 else self.warmup)

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
        # A partial of no state: the state of the schedule holds no settings.
        return {"scheduler": LambdaLR(optimizer, partial(self.factor, total=int(total_steps))), "interval": "step"}


class Curve(Schedule):
    """A straight line up to the rate, and then a curve.

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps. The first step
            already has a rate above 0.

    Raises:
        UserError: for a negative warm-up.
    """

    @abstractmethod
    def share(self, progress: float) -> float:
        """The share of the rate at `progress` (0 to 1) of the steps after the warm-up."""

    def factor(self, step: int, total: int) -> float:
        """The factor of the rate in a step, counted from 0."""
        warmup = self.warmup_steps(total)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return self.share(min((step - warmup) / max(total - warmup, 1), 1.0))
