"""Checks of what a part is built with: the numbers and names that a user may type."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from seqclf.errors import UserError, nearest

T = TypeVar("T")


def positive(**arguments: int) -> None:
    """Refuse an argument below 1.

    Raises:
        UserError: naming the argument.
    """
    for name, value in arguments.items():
        if value < 1:
            raise UserError(f"`{name}` must be at least 1, but is {value}.")


def positive_each(**arguments: Iterable[int]) -> None:
    """Refuse a list that is empty or holds a number below 1.

    Raises:
        UserError: naming the argument.
    """
    for name, values in arguments.items():
        listed = list(values)
        if not listed or min(listed) < 1:
            raise UserError(f"`{name}` must be numbers of at least 1, but is {listed}.")


def probability(**arguments: float) -> None:
    """Refuse an argument outside of 0 <= value < 1.

    Raises:
        UserError: naming the argument.
    """
    for name, value in arguments.items():
        if not 0 <= value < 1:
            raise UserError(f"`{name}` must be at least 0 and below 1, but is {value}.")


def choose(name: str, choice: str, choices: Mapping[str, T]) -> T:
    """Look up what a name stands for.

    Args:
        name: the argument's own name, for the message.
        choice: what was given for it.
        choices: what may be given, and what each stands for.

    Raises:
        UserError: for a choice that there is not.
    """
    if choice not in choices:
        raise UserError(f"`{name}` cannot be {choice!r}. {nearest(choice, choices)}")
    return choices[choice]
