"""Classes of one's own as choices of the configuration: `compose("encoder=Mine", parts=[Mine])`."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from seqclf.errors import UserError, nearest
from seqclf.parts import Parts
from seqclf.run.conf_path import conf_path
from seqclf.run.schema import MISSING, THREADED

PLAIN = (bool, int, float, str, list, dict, type(None))


@contextmanager
def own_choices(overrides: Sequence[str], parts: Parts) -> Iterator[list[str]]:
    """For as long as this lasts, a class can be chosen by its name as if it had a yaml.

    Args:
        overrides: as they are typed, `"encoder=Mine"`.
        parts: the classes.

    Yields:
        The overrides with one more, where any of them names a class.

    Raises:
        UserError: for a choice that is neither a class nor seqclf's.
    """
    named = {part.__name__: part for part in parts}
    typed = [(group, name) for group, _, name in (each.partition("=") for each in overrides)]
    chosen = [(group, named[name]) for group, name in typed if name in named]
    for group, name in typed if named else []:
        choices = [file.stem for file in (conf_path() / group).glob("*.yaml")]
        if choices and name.isidentifier() and name not in (*choices, *named):
            raise UserError(f"{group}={name}: {group} has no choice {name!r}. {nearest(name, [*named, *choices])}")
    if not chosen:
        yield list(overrides)
        return
    with tempfile.TemporaryDirectory() as folder:
        for group, part in chosen:
            file = Path(folder) / group / f"{part.__name__}.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump(_node(part), allow_unicode=True), encoding="utf-8")
        yield [*overrides, f"hydra.searchpath=['{Path(folder).as_uri()}']"]


def _node(part: type) -> dict[str, Any]:
    """What the class's yaml would hold: every argument but those that the builder knows."""
    arguments = {
        name: MISSING if parameter.default is parameter.empty else parameter.default
        for name, parameter in inspect.signature(part).parameters.items()
        if name not in THREADED and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    plain = {name: value for name, value in arguments.items() if isinstance(value, PLAIN)}
    return {"_target_": f"{part.__module__}.{part.__qualname__}", "_partial_": True, **plain}
