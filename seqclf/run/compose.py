"""Configurations from Python, as the command line makes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seqclf.run.composition_error import COMPOSITION_ERRORS, explain_composition_error
from seqclf.run.conf_path import conf_path


def compose(*overrides: str) -> DictConfig:
    """The configuration that `python train.py OVERRIDES` would have.

    Args:
        *overrides: as they are typed on the command line, `"encoder=lstm"`.

    Raises:
        UserError: for an override that names nothing there is.
    """
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(conf_path()), version_base="1.3"):
            return hydra_compose(config_name="config", overrides=list(overrides))
    except COMPOSITION_ERRORS as error:
        raise explain_composition_error(error, overrides) from error


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
