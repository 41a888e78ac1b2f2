"""How parameters start, chosen by regular expressions over their names."""

from functools import partial
from typing import Any

import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.initializations import INITIALIZATIONS, pretrained
from seqclf.nn.name_patterns import assign
from seqclf.nn.named_function import read_function


class Initializer:
    """Gives parameters their first values; those that no expression fits keep the ones they have.

    Args:
        patterns: regular expression to what the parameters start with in whose names it is found: a name out of
            `INITIALIZATIONS`, or `{name: normal, std: 0.1}`. The first that is found counts.

    Raises:
        UserError: for a name or an option that there is not.
    """

    def __init__(self, patterns: dict[str, str | dict[str, Any]] | None = None) -> None:
        self.patterns = {
            pattern: read_function(spec, INITIALIZATIONS, f"initializer.patterns.{pattern}", added=("parameter",))
            for pattern, spec in (patterns or {}).items()
        }

    @torch.no_grad()
    def __call__(self, module: nn.Module) -> None:
        """Initialise the parameters of a module.

        Raises:
            UserError: for an expression that fits no parameter, or one that fits a parameter of the wrong shape.
        """
        parameters = dict(module.named_parameters())
        for name, pattern in assign(self.patterns, parameters, "initializer.patterns").items():
            start = self.patterns[pattern]
            if start.func is pretrained:
                start = partial(pretrained, **{"parameter": name, **start.keywords})
            try:
                start(parameters[name])
            except (TypeError, ValueError, RuntimeError) as error:
                raise UserError(
                    f"`initializer.patterns.{pattern}` cannot initialise {name!r} of shape "
                    f"{tuple(parameters[name].shape)}: {error}."
                ) from error
