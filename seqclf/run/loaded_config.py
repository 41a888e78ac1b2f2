"""A configuration that comes out of a file: it may name parts of seqclf, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seqclf.errors import UserError, nearest
from seqclf.inference.model_folder import targets
from seqclf.run.compose import plain
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.environment_values import leaves

PARTS = "parts"
MADE_HERE = ("seqclf.run.fold.Fold", "seqclf.run.sample.Sample")  # what seqclf itself puts into configurations
UNSAFE = ("weights_only", "allow_pickle", "trust_remote_code", "_args_")  # keys that switch code on elsewhere


def check_targets(config: Mapping[str, Any], parts: Sequence[str] = (), file: str = "") -> None:
    """Refuse a configuration that names anything but the parts that stand in conf/, before anything is made of it.

    Args:
        config: plain containers.
        parts: dotted names of classes that the user has named beside it.
        file: where it comes from, for the message; empty for the command line.

    Raises:
        UserError: that names the key.
    """
    where = f"{file}: " if file else ""
    for key, target in targets(config):
        if target not in parts and target not in known_targets():
            known = nearest(target, known_targets()) if target.startswith("seqclf.") else "It is no part of seqclf."
            raise UserError(
                f"{where}{key}._target_: {target!r} is refused. {known} A class of your own is named beside it: "
                "'parts=[my_module.Mine]'."
            )


def check_loaded(cfg: DictConfig, file: str, parts: Sequence[str] = ()) -> None:
    """Refuse a configuration out of a file that asks for code, be it written or what an interpolation becomes.

    Args:
        cfg: the configuration, interpolations as they were written.
        file: where it comes from, for the message.
        parts: dotted names of classes that the user has named beside it, on the command line.

    Raises:
        UserError: that names the key.
    """
    written: Any = OmegaConf.to_container(cfg)
    for config in (written, plain(cfg)):
        for name in config.get(PARTS) or ():
            if name not in parts:
                raise UserError(
                    f"{file}: {PARTS} names {name!r}. No code is run because a file asks for it: if it is yours, type "
                    f"'parts=[{name}]' beside it."
                )
        check_targets(config, parts, file)
        for key, _ in leaves(config):
            if any(name in UNSAFE for name in key.replace("[", ".").split(".")):
                raise UserError(f"{file}: {key} cannot be set by a file.")


@cache
def known_targets() -> frozenset[str]:
    """Every `_target_` of a yaml in conf/, and what seqclf itself puts into configurations."""
    written = {target for file in conf_path().rglob("*.yaml") for _, target in targets(read_yaml(file))}
    return frozenset({*written, *MADE_HERE})
