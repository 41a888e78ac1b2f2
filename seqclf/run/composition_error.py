"""What Hydra says of a configuration that it cannot compose, in words that help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from seqclf.errors import UserError, nearest
from seqclf.run.conf_path import conf_path

# What Hydra raises for what was typed (a ValueError for `encoder=null`) or for what stands in a yaml.
COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError)


def explain_composition_error(error: Exception, overrides: Iterable[str] = ()) -> UserError:
    """The same mistake, with the nearest choice that would have been right.

    Args:
        error: what Hydra raised.
        overrides: what was typed.
    """
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _no_such_yaml(error.missing_cfg_file, error.options or _names(conf_path()))
    if isinstance(error, OverrideParseException):
        return _not_parsed(error)
    if str(error).startswith("Ambiguous value for argument "):
        typed = str(error).splitlines()[0].partition("'")[2].removesuffix("'")
        key, _, values = typed.partition("=")
        return UserError(f"{typed!r} is several values. Add -m for a run of each; one list is '{key}=[{values}]'.")
    cause = error.__cause__
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.parent_node is not None:
        return _no_such_key(str(cause.full_key), cause)
    if isinstance(error, OmegaConfBaseException):
        return UserError(f"{error.full_key or 'The configuration'}: {str(error).splitlines()[0]}.")
    if isinstance(error, ValueError):
        for group, _, choice in (override.partition("=") for override in overrides):
            folder = conf_path() / group
            if folder.is_dir() and choice not in _names(folder):
                return _no_such_yaml(f"{group}/{choice}", _names(folder))
    return UserError(str(error))


def _no_such_yaml(missing: str, choices: Iterable[str]) -> UserError:
    group, _, choice = missing.rpartition("/")
    if not group:
        return UserError(f"There is no configuration {choice!r}. {nearest(choice, choices)}")
    return UserError(f"{group}={choice}: {group} has no choice {choice!r}. {nearest(choice, choices)}")


def _not_parsed(error: OverrideParseException) -> UserError:
    typed = error.override
    if "=" not in typed and not typed.startswith("~"):
        groups = [folder.name for folder in sorted(conf_path().iterdir()) if typed in _names(folder)]
        meant = f" Did you mean {groups[0]}={typed}?" if groups else ""
        return UserError(f"{typed!r} is not KEY=VALUE.{meant}")
    reason = error.message.splitlines()[0]
    return UserError(f"{typed!r} cannot be read: {reason}. Quote a value with special characters: 'KEY=\"VALUE\"'.")


def _no_such_key(path: str, cause: ConfigAttributeError | ConfigKeyError) -> UserError:
    parent, _, key = path.rpartition(".")
    node: Any = OmegaConf.to_container(cause.parent_node)
    siblings = {str(name) for name in node} - {"_target_", "_partial_", "hydra"}
    if not parent:
        elsewhere = [name for name in _paths(node) if name.rpartition(".")[2] == key]
        if elsewhere:
            return UserError(f"There is no {path!r}. Did you mean {elsewhere[0]!r}?")
        groups = {folder.name for folder in conf_path().iterdir() if folder.is_dir()} - {"hydra"}
        if path in groups:  # an optional one
            choices = ", ".join(name for name in _names(conf_path() / path) if not name.startswith("for_"))
            return UserError(f"Nothing is chosen for {path!r}. Choose first, {path}=...: {choices}.")
        siblings |= groups
    return UserError(f"There is no {path!r}. {nearest(key, siblings)}")


def _paths(node: Any, above: str = "") -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            path = f"{above}{name}"
            yield path
            if path != "hydra":
                yield from _paths(value, f"{path}.")


def _names(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.yaml")) if folder.is_dir() else []
