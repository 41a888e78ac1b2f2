"""The configuration of a run that goes on: the run's own, and on top what was typed and may change."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from seqclf.errors import UserError
from seqclf.parts import is_part
from seqclf.run.compose import unresolved
from seqclf.run.loaded_config import check_loaded
from seqclf.run.resume import NEVER, Leaf, Saved, find_saved, may_change

MISSING = object()  # no value of a configuration
OF_A_COMMAND = ("resume", "force", "check", "hydra")  # they are of one command, not of the run


def with_run(overrides: Sequence[str]) -> list[str]:
    """The overrides and, where one of them is `resume=RUN`, before them those of that run, and its folder.

    Args:
        overrides: what was typed.

    Raises:
        UserError: for a run that there is not.
    """
    named = [override for override in overrides if path_of(override) == ("resume",)]
    try:
        resume = OverridesParser.create().parse_override(named[-1]) if named else None
    except HydraException:  # Hydra says it better
        return list(overrides)
    if resume is None or resume.is_sweep_override() or resume.value() in (None, NEVER):
        return list(overrides)
    saved = find_saved(str(resume.value()))
    check_loaded(OmegaConf.create(saved.config), str(saved.file), _parts(overrides))
    typed = {path_of(override) for override in overrides}
    own = [override for override in _of_run(saved) if path_of(override) not in typed]
    folder = [] if saved.folder is None or ("hydra", "run", "dir") in typed else [_set("hydra.run.dir", saved.folder)]
    others = [override for override in overrides if override not in named]
    return [*own, *others, *folder, _set("resume", saved.file)]


def continued(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """The configuration of the run that `resume` names, with what was typed beyond it.

    What was typed is what differs from the run's own overrides, composed; so it may choose from a group.

    Args:
        config: as Hydra composed it from the run's overrides and from what was typed; Hydra is still initialised.
        overrides: what it was composed from.

    Raises:
        UserError: for a key that a run keeps.
    """
    saved = find_saved(config.resume)
    base, now = unresolved(hydra_compose("config", overrides=_of_run(saved))), unresolved(config)
    merged = _filled(saved.config, now)
    before, after, own = _leaves(base), _leaves(now), _leaves(merged)
    typed = [path_of(override) for override in overrides if override not in _of_run(saved)]
    named = {leaf for leaf in after for path in typed if leaf == path or (len(path) > 1 and leaf[: len(path)] == path)}
    changed = {leaf: value for leaf, value in after.items() if leaf in named or before.get(leaf, MISSING) != value}
    changed = {leaf: value for leaf, value in changed.items() if leaf not in own or own[leaf] != value}
    gone = [leaf for leaf in before if leaf not in after and leaf in own]
    refused = [leaf for leaf in (*changed, *gone) if not may_change(leaf)]
    if refused:
        raise _refusal(refused, [path_of(override) for override in overrides], saved)
    for leaf in gone:
        del _node(merged, leaf)[leaf[-1]]
    for leaf, value in changed.items():
        _node(merged, leaf)[leaf[-1]] = value
    return OmegaConf.create(merged)


def path_of(override: str) -> Leaf:
    """Where an override puts its value: `encoder=lstm` and `+encoder@encoder=lstm` at `encoder`."""
    return tuple(override.partition("=")[0].lstrip("+~").partition("@")[0].strip("/").replace("/", ".").split("."))


def _of_run(saved: Saved) -> list[str]:
    """What a run was composed from, by its checkpoint: keys and choices of its own, and nothing that Hydra would do."""
    own = [override for override in saved.overrides or () if path_of(override)[0] not in OF_A_COMMAND]
    for override in own:
        said = override.partition("=")[0].replace("/", ".")
        if override.startswith("-") or "hydra" in re.split(r"[.@:]", said.lstrip("+~")):
            raise UserError(f"{saved.file}: the override {override!r} is refused. No file says what Hydra is to do.")
    return own


def _parts(overrides: Sequence[str]) -> list[str]:
    """The classes that were named on the command line."""
    parse = OverridesParser.create().parse_override
    values = [parse(override).value() for override in overrides if path_of(override) == ("parts",)]
    return [str(name) for value in values if isinstance(value, list) for name in value]


def _filled(own: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The run's configuration, and the values that it lacks because an older version wrote it; parts it has its own."""
    if own.get("_target_") != now.get("_target_"):
        return dict(own)
    both = {
        key: _filled(value, now[key]) if isinstance(value, Mapping) and isinstance(now.get(key), Mapping) else value
        for key, value in own.items()
    }
    return {**both, **{key: value for key, value in now.items() if key not in own and not is_part(value)}}


def _leaves(node: Any, path: Leaf = ()) -> dict[Leaf, Any]:
    if not isinstance(node, Mapping) or not node:
        return {path: node}
    return {leaf: value for key, inside in node.items() for leaf, value in _leaves(inside, (*path, str(key))).items()}


def _node(config: dict[str, Any], leaf: Leaf) -> dict[str, Any]:
    """The mapping that a leaf lies in; made where it is missing."""
    for key in leaf[:-1]:
        if not isinstance(config.get(key), dict):
            config[key] = {}
        config = config[key]
    return config


def _refusal(leaves: Sequence[Leaf], typed: Sequence[Leaf], saved: Saved) -> UserError:
    """What was typed first of what changes the run."""
    at_fault = [path for path in typed if any(leaf[: len(path)] == path for leaf in leaves)]
    key = ".".join(at_fault[-1] if at_fault else leaves[0])
    return UserError(
        f"{key} cannot change in a run that goes on ({saved.file}): its data, model and seed stay as they are. Leave "
        f"{key}=... out. What may change: trainer.max_epochs, trainer.devices and others of trainer, logger, baselines."
    )


def _set(key: str, value: object) -> str:
    """An override with a quoted value."""
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{text}'"
