"""One node of the configuration to one part.

A part is a mapping with a `_target_`, the dotted name of its class, and the constructor's arguments. Only parts of
seqclf itself and those that the caller names are ever imported, so that a configuration from a stranger runs nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from seqclf.errors import UserError

MODEL_ROOMS = ("seqclf.nn.", "seqclf.classifiers.")  # what a model may be built of
RUN_ROOMS = ("seqclf.data.", "seqclf.text.", "seqclf.run.")  # ... and a run
Parts = Sequence[type]


def resolve(target: str, key: str, parts: Parts = (), rooms: tuple[str, ...] = MODEL_ROOMS) -> Any:
    """The class or function that a `_target_` names.

    Args:
        target: dotted name.
        key: where it stands in the configuration, for the message.
        parts: classes of the caller's own that may be named too.
        rooms: packages of seqclf whose parts may be named.

    Raises:
        UserError: for anything but a part of seqclf or one of `parts`.
    """
    for part in parts:
        if target == f"{part.__module__}.{part.__qualname__}":
            return part
    module, _, name = target.rpartition(".")
    if target.startswith(rooms):
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError):
            raise UserError(f"{key}: there is no part {target!r} in seqclf.") from None
        # A module's imports are not its parts: seqclf.nn.bag.torch would be all of torch.
        if getattr(found, "__module__", None) == module:
            return found
    raise UserError(
        f"{key}: {target!r} is refused. Only parts of seqclf can be named here; name your own to whoever loads it "
        "(parts=[...])."
    )


def make(
    node: Mapping[str, Any],
    key: str,
    parts: Parts = (),
    rooms: tuple[str, ...] = MODEL_ROOMS,
    **threaded: Any,
) -> Any:
    """Build one part. A part inside of it is given as a function that makes it, once its widths are known.

    Args:
        node: `_target_` and arguments; `_partial_` is Hydra's and means nothing here.
        key: where the node stands in the configuration, for messages.
        parts: classes of the caller's own.
        rooms: packages of seqclf whose parts may be named.
        **threaded: widths, sizes and other parts; each is given to the constructors that name it.

    Raises:
        UserError: for a target that is refused, or arguments that the part refuses.
    """
    target = resolve(str(node["_target_"]), key, parts, rooms)
    given = {
        name: partial(make, value, f"{key}.{name}", parts, rooms) if is_part(value) else value
        for name, value in node.items()
        if name not in ("_target_", "_partial_")
    }
    named = inspect.signature(target).parameters
    try:
        return target(**{name: value for name, value in threaded.items() if name in named}, **given)
    except (TypeError, ValueError, UserError) as error:
        said = str(error)
        raise UserError(said if said.startswith(f"{key}.") else f"{key}: {said}") from error


def part_arguments(node: Mapping[str, Any], key: str, parts: Parts = ()) -> list[str]:
    """The arguments of a part that are parts themselves: those that its constructor calls to make one.

    Raises:
        UserError: for a target that is refused.
    """
    signature = inspect.signature(resolve(str(node["_target_"]), key, parts))
    return [name for name, parameter in signature.parameters.items() if "Callable" in str(parameter.annotation)]


def is_part(node: Any) -> bool:
    """Whether a node of the configuration names a part (and not `none`)."""
    return isinstance(node, Mapping) and node.get("_target_") is not None
