"""Configurations from Python, as the command line makes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqclf.errors import UserError, nearest
from seqclf.parts import Parts
from seqclf.run.composition_error import COMPOSITION_ERRORS, explain_composition_error
from seqclf.run.conf_path import conf_path
from seqclf.run.own_choices import own_choices


def compose(*overrides: str, parts: Parts = ()) -> DictConfig:
    """The configuration that `python train.py OVERRIDES` would have.

    Args:
        *overrides: as they are typed on the command line, `"encoder=lstm"`.
        parts: classes of your own, which can be chosen by their names: `"encoder=Mine", "encoder.width=8"`.

    Raises:
        UserError: for an override that names nothing there is.
    """
    GlobalHydra.instance().clear()
    try:
        typed = with_choices(overrides)
        folder = initialize_config_dir(config_dir=str(conf_path()), version_base="1.3")
        with folder, own_choices(typed, parts) as found:
            names = {part.__name__ for part in parts}
            return started(hydra_compose(config_name="config", overrides=found), typed, names)
    except COMPOSITION_ERRORS as error:
        raise explain_composition_error(error, overrides) from error


def with_choices(overrides: Sequence[str]) -> list[str]:
    """The overrides with those of the run that `resume` names, and those that choose the parts of `init_from`.

    Raises:
        UserError: for a folder that is no run or no model.
    """
    typed = list(overrides)
    if any(override.startswith("resume=") for override in typed):
        from seqclf.run.continued import with_run  # torch and all that trains

        typed = with_run(typed)
    if any(override.startswith("init_from=") for override in typed):
        from seqclf.run.init_from import with_choices as with_model_choices

        typed = with_model_choices(typed)
    return typed


def started(config: DictConfig, overrides: Sequence[str], own: Collection[str] = ()) -> DictConfig:
    """The configuration of the run that `resume` names, or with the architecture of the model that `init_from` names.

    Args:
        config: as Hydra composed it; Hydra is still initialised.
        overrides: what it was composed from.
        own: names of classes that may be chosen too.

    Raises:
        UserError: for a folder that is no run or no model, and for a choice that there is not.
    """
    _refuse_unknown_choices(overrides, own)
    if config.get("resume") not in (None, "never"):
        from seqclf.run.continued import continued

        return continued(config, overrides)
    if config.get("init_from") is None:
        return config
    from seqclf.run.init_from import with_architecture

    return with_architecture(config, overrides)


def _refuse_unknown_choices(overrides: Sequence[str], own: Collection[str]) -> None:
    """Hydra passes over a choice that there is not where the group is optional, as `optimizer: for_${encoder}` is."""
    parser, loader = OverridesParser.create(), GlobalHydra.instance().config_loader()
    for override in map(parser.parse_override, overrides):
        group, choice = override.key_or_group, override.value()
        choices = [] if "." in group else [*loader.get_group_options(group), *own]
        if choices and isinstance(choice, str) and choice not in choices:
            raise UserError(f"{group}={choice}: {group} has no choice {choice!r}. {nearest(choice, choices)}")


def unresolved(cfg: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as plain containers, with interpolations as they were written."""
    container = OmegaConf.to_container(cfg, resolve=False) if isinstance(cfg, DictConfig) else dict(cfg)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items() if key != "hydra"}


def plain(cfg: DictConfig | Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as plain, resolved containers.

    Raises:
        UserError: for an interpolation that leads nowhere.
    """
    try:
        container = OmegaConf.to_container(cfg, resolve=True) if isinstance(cfg, DictConfig) else dict(cfg)
    except OmegaConfBaseException as error:
        raise explain_composition_error(error) from error
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items() if key != "hydra"}
