"""Classes of the user's own that a configuration names."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from seqclf.errors import UserError


def import_part(name: str) -> type:
    """A class of the user's own that they named on the command line.

    Raises:
        UserError: when there is no such class.
    """
    module, _, attribute = name.rpartition(".")
    if os.getcwd() not in sys.path:  # a console script, unlike `python train.py`, does not look where it is called
        sys.path.insert(0, os.getcwd())
    try:
        part = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"parts: {name!r} cannot be imported: {error}.") from error
    if not isinstance(part, type):
        raise UserError(f"parts: {name!r} is not a class.")
    return part
