"""What a person did wrong, said to that person."""

from collections.abc import Iterable
from difflib import get_close_matches


class MessageError(Exception):
    """What is told in one message, without a traceback."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook: the message alone."""
        return [f"Error: {self}"]


class UserError(MessageError):
    """A mistake in the user's input or configuration: one message, no traceback, exit code 2."""


class RunError(MessageError):
    """A run that cannot go on though nothing is wrong with its input: one message, no traceback, exit code 1."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Name the valid choices for a mistyped name, the likeliest first.

    Args:
        name: what was typed.
        choices: what would have been valid.

    Returns:
        A sentence that ends a message: the likeliest slip, or else every choice there is.
    """
    known = [str(choice) for choice in choices]
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    if not known:
        return "There is nothing to choose from."
    return "Choose from: " + ", ".join(sorted(known)) + "."
