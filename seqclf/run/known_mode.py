"""Hydra composes the whole configuration once more only to read `hydra.mode`; here `-m` alone decides it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def known_mode(overrides: Sequence[str]) -> Iterator[None]:
    """Spare Hydra's first composition, a quarter of a second and half of the wait for a message about a typing error.

    Args:
        overrides: what was typed; with `hydra.mode=...` among it, all is as Hydra has it.
    """
    from hydra._internal.hydra import Hydra

    compose_for_mode = Hydra.get_mode
    if not any(override.startswith("hydra.mode=") for override in overrides):
        Hydra.get_mode = lambda self, config_name, overrides: None  # type: ignore[method-assign]  # None: as -m says
    try:
        yield
    finally:
        Hydra.get_mode = compose_for_mode  # type: ignore[method-assign]
