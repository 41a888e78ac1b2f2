"""Schedules whose rate is set after every epoch; `schedulers.py` has those that are set after every step."""

from __future__ import annotations

from typing import Any, Literal, cast

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from seqclf.errors import UserError
from seqclf.nn.arguments import positive


class Step:
    """A lower rate every few epochs, as `torch.optim.lr_scheduler.StepLR`.

    Args:
        step_size: how many epochs have the same rate.
        gamma: what the rate is multiplied by then.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, step_size: int = 3, gamma: float = 0.5) -> None:
        positive(**{"scheduler.step_size": step_size})
        self.step_size = step_size
        self.gamma = _factor(gamma)

    def __call__(self, optimizer: Optimizer, total_steps: float, monitor: str, mode: str) -> dict[str, Any]:
        """Schedule the rate of an optimiser.

        Args:
            optimizer: what has the rate; every group keeps its own, in proportion.
            total_steps: not looked at.
            monitor: not looked at.
            mode: not looked at.

        Returns:
            Lightning's `lr_scheduler` configuration.
        """
        # not StepLR itself, whose state would bring the settings of an earlier run along
        schedule = LambdaLR(optimizer, lambda epoch: self.gamma ** (epoch // self.step_size))
        return {"scheduler": schedule, "interval": "epoch"}


class Exponential(Step):
    """A rate that is multiplied by the same number after every epoch, as `torch.optim.lr_scheduler.ExponentialLR`.

    Args:
        gamma: that number.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, gamma: float = 0.7) -> None:
        super().__init__(step_size=1, gamma=gamma)


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


def _factor(gamma: float) -> float:
    if not 0 < gamma <= 1:
        raise UserError(f"scheduler.gamma must be above 0 and at most 1, but is {gamma}.")
    return gamma
