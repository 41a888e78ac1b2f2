"""Does a plain value fit a type as it is written, and how is that said to a person?

Understood are int, float, bool, str, None, Literal, list, Sequence, tuple, dict, Mapping and unions of them. Anything
fits any other type, and what a mapping holds is not looked at: its keys are the user's own names (labels,
patterns), of which the part that takes them can say more.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

SCALARS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (float, int), "bool": (bool,), "str": (str,)}
LISTS = ("list", "List", "Sequence", "tuple", "Tuple")
MAPPINGS = ("dict", "Dict", "Mapping")
# One of them, and many.
WORDS = {
    "int": ("a whole number", "whole numbers"),
    "float": ("a number", "numbers"),
    "bool": ("true or false", "true or false"),
    "str": ("text", "text"),
}


def fits(value: Any, annotation: str) -> bool:
    """Whether a value of the configuration is of a type.

    Args:
        value: plain containers and scalars.
        annotation: the type's source, `"list[int] | None"`.
    """
    return _fits(value, _parse(annotation))


def expected(annotation: str) -> str:
    """The type in words, `a list of whole numbers or null`."""
    return _any_of([word for kind in _alternatives(_parse(annotation)) for word in _words(kind, many=False)])


def choices(annotation: str) -> list[str]:
    """The text that a type takes where it takes only certain ones, or nothing."""
    literals = [kind for kind in _alternatives(_parse(annotation)) if _name(kind) == "Literal"]
    return [text for kind in literals for text in _literals(kind) if isinstance(text, str)]


def kind_of(value: Any) -> str | None:
    """The type that a value is an example of; None for null, which is an example of anything."""
    if isinstance(value, str):
        return "float" if _is_number(value) else "str"  # 1e-3 is text to yaml itself
    return None if value is None else type(value).__name__


def shown(value: Any) -> str:
    """A value as it would be typed."""
    return repr(value) if isinstance(value, str) else json.dumps(value, default=str)


def as_text(value: Any) -> Any:
    """The value with its numbers and booleans as text, as they would be if they were quoted."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return json.dumps(value) if isinstance(value, int | float) else value


@cache
def _parse(annotation: str) -> ast.expr:
    return ast.parse(annotation, mode="eval").body


def _alternatives(kind: ast.expr) -> list[ast.expr]:
    if isinstance(kind, ast.BinOp):
        return [*_alternatives(kind.left), *_alternatives(kind.right)]
    return [kind]


def _name(kind: ast.expr) -> str:
    return ast.unparse(kind.value if isinstance(kind, ast.Subscript) else kind)


def _arguments(kind: ast.expr) -> list[ast.expr]:
    if not isinstance(kind, ast.Subscript):
        return []
    return kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]


def _literals(kind: ast.expr) -> list[Any]:
    return [ast.literal_eval(choice) for choice in _arguments(kind)]


def _fits(value: Any, annotation: ast.expr) -> bool:
    return any(_fits_one(value, kind) for kind in _alternatives(annotation))


def _fits_one(value: Any, kind: ast.expr) -> bool:
    name, arguments = _name(kind), _arguments(kind)
    if name == "None":
        return value is None
    if name in SCALARS:
        return isinstance(value, SCALARS[name]) and (name == "bool" or not isinstance(value, bool))
    if name == "Literal":
        return any(value == choice and type(value) is type(choice) for choice in _literals(kind))
    if name in LISTS:
        return isinstance(value, list) and all(_fits(item, arguments[0]) for item in value if arguments)
    if name in MAPPINGS:
        return isinstance(value, Mapping)
    return True


def _words(kind: ast.expr, many: bool) -> list[str]:
    name, arguments = _name(kind), _arguments(kind)
    if name == "None":
        return ["null"]
    if name in WORDS:
        return [WORDS[name][many]]
    if name == "Literal":
        return [str(choice) for choice in _literals(kind)]
    if name in LISTS:
        inner = _inner(arguments[:1])
        return [("lists" if many else "a list") + (f" of {inner}" if inner else "")]
    if name in MAPPINGS:
        to = f" from {_inner(arguments[:1])} to {_inner(arguments[1:])}" if arguments else ""
        return [("mappings" if many else "a mapping") + to]
    return [name]


def _inner(arguments: list[ast.expr]) -> str:
    return _any_of([word for item in arguments for kind in _alternatives(item) for word in _words(kind, many=True)])


def _any_of(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
