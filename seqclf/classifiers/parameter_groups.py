"""Parameters in groups, each with its own rate and decay."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

from torch import nn

from seqclf.classifiers.depth import depths
from seqclf.errors import UserError, nearest
from seqclf.nn.name_patterns import assign

Groups = Mapping[str, Mapping[str, float]]


class ParameterGroups:
    """Which parameter is trained with which settings.

    Args:
        settings: what an optimiser can set for each parameter, with the values for those that no pattern names.
        groups: regular expression over names to settings; the first that is found in a name holds.
        no_decay: regular expressions over the names of matrices that have no weight decay unless a group gives it to
            them. Vectors never have.
        discriminative: each part's rate is that of the part above it, divided by this (Howard and Ruder 2018,
            https://arxiv.org/abs/1801.06146); a group's own rate stays what it is.

    Raises:
        UserError: for a pattern that is no regular expression, or a setting that there is not or that is out of bounds.
    """

    def __init__(
        self, settings: Mapping[str, float], groups: Groups | None, no_decay: Sequence[str], discriminative: float = 1.0
    ) -> None:
        if not 1 <= discriminative < math.inf:
            raise UserError(f"optimizer.discriminative must be at least 1, but is {discriminative}.")
        self.discriminative = discriminative
        self.settings = _checked(settings, "optimizer")
        self.no_decay = [_compiled(pattern, "optimizer.no_decay") for pattern in no_decay]
        self.groups: dict[re.Pattern[str], dict[str, float]] = {}
        for pattern, own in (groups or {}).items():
            key = f"optimizer.groups[{pattern}]"
            unknown = next((name for name in own if name not in settings), None)
            if unknown is not None:
                raise UserError(f"{key} cannot set {unknown!r}. {nearest(unknown, settings)}")
            self.groups[_compiled(pattern, "optimizer.groups")] = _checked(own, key)

    def settings_of(self, name: str, dimensions: int) -> dict[str, float]:
        """The settings of a parameter.

        Args:
            name: the parameter's name.
            dimensions: how many it has; a vector has one.
        """
        own = self._own(name)
        exempt = dimensions < 2 or any(pattern.search(name) for pattern in self.no_decay)
        return {**self.settings, **({"weight_decay": 0.0} if exempt else {}), **own}

    def __call__(self, named_parameters: Iterable[tuple[str, nn.Parameter]]) -> list[dict[str, Any]]:
        """Group the parameters that are trained.

        Args:
            named_parameters: name and parameter; those that need no gradient are left out.

        Returns:
            Parameter groups as torch's optimisers take them.

        Raises:
            UserError: for a pattern that no parameter is left for.
        """
        named = list(named_parameters)
        assign([pattern.pattern for pattern in self.groups], [name for name, _ in named], "optimizer.groups")
        depth = depths(name for name, parameter in named if parameter.requires_grad)
        grouped: dict[tuple[tuple[str, float], ...], list[tuple[str, nn.Parameter]]] = {}
        for name, parameter in named:
            if parameter.requires_grad:
                own = self.settings_of(name, parameter.dim())
                if "lr" not in self._own(name):
                    own["lr"] /= self.discriminative ** depth[name]
                grouped.setdefault(tuple(sorted(own.items())), []).append((name, parameter))
        return [{"params": parameters, **dict(own)} for own, parameters in grouped.items()]

    def _own(self, name: str) -> dict[str, float]:
        return next((own for pattern, own in self.groups.items() if pattern.search(name)), {})


def _checked(settings: Mapping[str, float], key: str) -> dict[str, float]:
    for name, value in settings.items():
        if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= float(value) < math.inf:
            raise UserError(f"{key}.{name} must be a number of at least 0, but is {value!r}.")
    return dict(settings)


def _compiled(pattern: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"{key}: {pattern!r} is no regular expression: {error}.") from error
