"""Penalties on large parameters, chosen by regular expressions over their names."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqclf.nn.name_patterns import assign
from seqclf.nn.named_function import read_function


def l1(parameter: Tensor, alpha: float = 0.01) -> Tensor:
    """The sum of the magnitudes, times `alpha`."""
    return alpha * parameter.abs().sum()


def l2(parameter: Tensor, alpha: float = 0.01) -> Tensor:
    """The sum of the squares, times `alpha`."""
    return alpha * parameter.square().sum()


PENALTIES: dict[str, Callable[..., Tensor]] = {"l1": l1, "l2": l2}


class Regularizer:
    """The sum of the penalties on a model's parameters, to be added to its loss.

    Args:
        patterns: regular expression to the penalty on the parameters in whose names it is found: `l1`, `l2`, or
            `{name: l2, alpha: 0.001}`. The first that is found counts.

    Raises:
        UserError: for a name or an option that there is not.
    """

    def __init__(self, patterns: dict[str, str | dict[str, Any]] | None = None) -> None:
        self.patterns = {
            pattern: read_function(spec, PENALTIES, f"regularizer.patterns.{pattern}")
            for pattern, spec in (patterns or {}).items()
        }

    def __call__(self, module: nn.Module) -> Tensor:
        """Add up the penalties on a module's parameters; returns a scalar, zero where there is none.

        Raises:
            UserError: for an expression that fits no parameter.
        """
        parameters = dict(module.named_parameters())
        penalties = [self.patterns[pattern](parameters[name]) for name, pattern in self._assigned(module).items()]
        if not penalties:
            return torch.zeros((), device=next(iter(parameters.values())).device)
        return torch.stack(penalties).sum()

    def names(self, module: nn.Module) -> list[str]:
        """Which parameters are penalised; a table among them must have dense gradients.

        Raises:
            UserError: for an expression that fits no parameter.
        """
        return list(self._assigned(module))

    def _assigned(self, module: nn.Module) -> dict[str, str]:
        parameters = dict(module.named_parameters())
        assigned = assign(self.patterns, parameters, "regularizer.patterns")
        return {name: pattern for name, pattern in assigned.items() if parameters[name].requires_grad}
