"""What a search tries for a key, in Hydra's own words.

`choice(64, 128)` or `64,128`; `range(1, 4)` (without the 4); `interval(0.1, 0.7)`; `int(interval(1, 8))`; and
`tag(log, interval(0.0001, 0.01))` where the size matters and not the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from seqclf.errors import UserError

if TYPE_CHECKING:
    from optuna.trial import Trial

Point = dict[str, Any]


def parse_space(space: Mapping[str, Any]) -> list[Override]:
    """The values of each key.

    Args:
        space: what would be typed behind `KEY=`, by key.

    Raises:
        UserError: for what Hydra cannot read, and for one value alone.
    """
    parsed = []
    for key, values in space.items():
        try:
            override = OverridesParser.create().parse_override(f"{key}={values}")
        except HydraException as error:
            raise UserError(f"The search space of {key}: {values!r} cannot be read.") from error
        if not override.is_sweep_override():
            raise UserError(
                f"The search space of {key}: {values!r} is one value; choice(...) or interval(...) are many."
            )
        parsed.append(override)
    return parsed


def suggest(trial: Trial, override: Override) -> str:
    """Let a trial choose a value.

    Args:
        trial: of the search.
        override: the key and its values.

    Returns:
        The value as it is typed.
    """
    key, values = override.get_key_element(), override.value()
    if isinstance(values, IntervalSweep):
        assert values.start is not None
        assert values.end is not None
        log = "log" in values.tags
        if isinstance(values.start, int) and isinstance(values.end, int):
            return str(trial.suggest_int(key, values.start, values.end, log=log))
        return (
            f"{trial.suggest_float(key, float(values.start), float(values.end), log=log):.4g}"  # to be read by people
        )
    choices = _choices(override)
    if isinstance(values, RangeSweep) and len(choices) > 1:
        numbers = sorted(choices)
        if all(isinstance(number, int) for number in numbers):
            return str(trial.suggest_int(key, numbers[0], numbers[-1], step=numbers[1] - numbers[0]))
    return choices[trial.suggest_categorical(key, list(choices))]


def grid_points(overrides: Sequence[Override]) -> Iterator[Point]:
    """Every combination of values, as a trial keeps them.

    Raises:
        UserError: for a key whose values cannot be counted.
    """
    for override in overrides:
        if override.is_interval_sweep():
            key = override.get_key_element()
            raise UserError(
                f"hydra.sweeper.sampler=grid: {key} has endlessly many values, {override.get_value_string()}. "
                f"Give some, {key}=A,B, or one."
            )
    keys = [override.get_key_element() for override in overrides]
    for values in product(*(list(_choices(override)) for override in overrides)):
        yield dict(zip(keys, values, strict=True))


def _choices(override: Override) -> dict[Any, str]:
    """Each value as Optuna keeps it, and as it is typed; numbers stay numbers where all of them are."""
    typed, values = list(override.sweep_string_iterator()), list(override.sweep_iterator())
    numbers = all(type(value) in (int, float) for value in values)
    return dict(zip(values if numbers else typed, typed, strict=True))
