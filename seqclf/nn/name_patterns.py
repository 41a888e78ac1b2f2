"""Regular expressions over parameter names: how a user says which parameters are meant."""

import re
from collections.abc import Iterable

from seqclf.errors import UserError, nearest


def assign(patterns: Iterable[str], names: Iterable[str], key: str) -> dict[str, str]:
    """Give each name the first expression that is found in it (`re.search`).

    Args:
        patterns: the expressions, in order.
        names: names of parameters.
        key: the config key that holds the expressions, for the messages.

    Returns:
        Name to expression, for the names in which one is found.

    Raises:
        UserError: for an expression that is none, or that no name is left for.
    """
    compiled = {pattern: _compile(pattern, key) for pattern in patterns}
    names = list(names)
    assigned: dict[str, str] = {}
    for name in names:
        for pattern, expression in compiled.items():
            if expression.search(name):
                assigned[name] = pattern
                break
    for pattern, expression in compiled.items():
        if pattern not in assigned.values():
            _refuse(pattern, [name for name in names if expression.search(name)], names, key)
    return assigned


def _compile(pattern: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"`{key}`: {pattern!r} is no regular expression: {error}.") from error


def _refuse(pattern: str, taken: list[str], names: list[str], key: str) -> None:
    if taken:
        raise UserError(
            f"`{key}`: every parameter that {pattern!r} fits ({', '.join(taken)}) goes to an expression before it. "
            "Put it first, or leave it out."
        )
    plain = re.sub(r"[^\w.]|\.(?=[*+?])", "", pattern)  # what it looks like without its special characters
    raise UserError(f"`{key}`: {pattern!r} fits no parameter of the model. {nearest(plain, names)}")
