"""Keys of a choice that a sweep varies: `-m encoder=lstm,gru encoder.hidden_size=8`.

Before its jobs Hydra composes a configuration of the whole sweep, without what is varied: there the encoder is the
default one, and a key of the others would be refused. Written as a choice of one value it is the jobs' alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from seqclf.run.conf_path import conf_path


def left_to_jobs(arguments: Sequence[str]) -> list[str]:
    """What was typed for a sweep; where a group has several choices, `KEY=VALUE` of a part becomes `KEY=choice(VALUE)`.

    Args:
        arguments: of the command line, options among them.
    """
    parsed = [_parsed(argument) for argument in arguments]
    if not any(override and override.is_sweep_override() and _is_group(override) for override in parsed):
        return list(arguments)
    return [_of_jobs(text, override) for text, override in zip(arguments, parsed, strict=True)]


def of_one_value(override: Override) -> str | None:
    """What every job has of an override, of one value or of a choice of one; None where it has several."""
    if not override.is_sweep_override():
        return str(override.input_line)
    values = list(override.sweep_string_iterator()) if override.is_discrete_sweep() else []
    return f"{override.get_key_element()}={values[0]}" if len(values) == 1 else None


def _of_jobs(text: str, override: Override | None) -> str:
    plain = override is not None and not (
        override.is_sweep_override() or override.is_add() or override.is_force_add() or override.is_delete()
    )
    if override is None or not plain or "." not in override.key_or_group or override.is_hydra_override():
        return text
    key, _, value = text.partition("=")
    left = f"{key}=choice({value})"
    of_sweep = _parsed(left)
    of_job = None if of_sweep is None else _parsed(of_one_value(of_sweep) or "")
    return left if of_job is not None and repr(of_job.value()) == repr(override.value()) else text


def _parsed(argument: str) -> Override | None:
    """None for an option, and for what Hydra will say that it cannot read."""
    try:
        return None if argument.startswith("-") else OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def _is_group(override: Override) -> bool:
    return (conf_path() / override.key_or_group).is_dir()
