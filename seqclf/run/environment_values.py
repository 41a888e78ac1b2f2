"""Values of environment variables in a configuration: a run may use them, and never writes them down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.resolvers import oc

from seqclf.errors import UserError

RESOLVER = "oc.env"
MARK = "seqclfFromTheEnvironment"
Values = dict[str, tuple[str, Any]]


def environment_values(cfg: DictConfig | Mapping[str, Any]) -> Values:
    """The keys whose value comes, straight or by way of another key, from the environment.

    Args:
        cfg: a configuration whose interpolations are not resolved; in plain containers nothing can be told.

    Returns:
        For each such key, `data.train`, what is written there (`${oc.env:FILE}`) and what it becomes.
    """
    if not isinstance(cfg, DictConfig):
        return {}
    written, real = (dict(leaves(OmegaConf.to_container(cfg, resolve=resolve))) for resolve in (False, True))
    if not any(isinstance(value, str) and RESOLVER in value for value in written.values()):
        return {}
    OmegaConf.register_new_resolver(RESOLVER, lambda *_: MARK, replace=True)
    try:
        marked = dict(leaves(OmegaConf.to_container(cfg, resolve=True)))
    finally:
        OmegaConf.register_new_resolver(RESOLVER, oc.env, replace=True)
    return {
        key: (str(written.get(key, f"${{{RESOLVER}:...}}")), real.get(key))
        for key, value in marked.items()
        if isinstance(value, str) and MARK in value
    }


def refuse_in_model(values: Values, architecture: Mapping[str, Any] | None) -> None:
    """Refuse text from the environment that shapes the model: a model folder would hold it.

    Args:
        values: what `environment_values` gives.
        architecture: what a model folder says of the model.

    Raises:
        UserError: that names the key.
    """
    kept = dict(leaves(architecture or {}))
    for key, (written, value) in values.items():
        if isinstance(value, str) and kept.get(key) == value:
            raise UserError(
                f"{key} is {written}, a text from the environment, and would be written into the model folder, which "
                "must say what the model is built of. Type the value itself where it is no secret."
            )


def hide(text: str, values: Values) -> str:
    """A text with what is written in the configuration in place of each value from the environment."""
    for written, value in values.values():
        if isinstance(value, str) and value:
            text = text.replace(value, written)
    return text


def without(node: Any, values: Values, key: str = "") -> Any:
    """A plain, resolved configuration with what is written in place of each value from the environment."""
    if isinstance(node, Mapping):
        return {name: without(value, values, f"{key}.{name}" if key else str(name)) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [without(value, values, f"{key}[{place}]") for place, value in enumerate(node)]
    return values[key][0] if key in values else node


def leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a plain configuration that is no container, with its key, `data.text[0]`."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from leaves(value, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from leaves(value, f"{key}[{place}]")
    else:
        yield key, node
