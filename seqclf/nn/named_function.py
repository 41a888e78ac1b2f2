"""How a user names a function and its options: `normal`, or `{name: normal, std: 0.1}`."""

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from seqclf.errors import UserError, nearest
from seqclf.nn.arguments import choose

T = TypeVar("T")


def read_function(
    spec: str | Mapping[str, Any], functions: Mapping[str, Callable[..., T]], key: str, added: Collection[str] = ()
) -> functools.partial[T]:
    """Find a function by its name and give it its options.

    Args:
        spec: a name, or a mapping with the key `name` and the function's options.
        functions: name to function; its first parameter is no option.
        key: the config key that holds `spec`, for the messages.
        added: options without a default that the caller adds.

    Returns:
        The function of its first parameter.

    Raises:
        UserError: for a name or an option that there is not, and for an option that is missing.
    """
    options = {"name": spec} if isinstance(spec, str) else dict(spec) if isinstance(spec, Mapping) else {}
    if "name" not in options:
        raise UserError(f"`{key}` must be a name or a mapping with a `name`, but is {spec!r}.")
    name = str(options.pop("name"))
    function = choose(key, name, functions)
    signature = inspect.signature(function).parameters.values()
    takes = {parameter.name: parameter.default for parameter in list(signature)[1:] if parameter.name != "generator"}
    for option in options:
        if option not in takes:
            raise UserError(f"`{key}`: {name} has no option {option!r}. {nearest(option, takes)}")
    for option, default in takes.items():
        if default is inspect.Parameter.empty and option not in options and option not in added:
            raise UserError(f"`{key}`: {name} needs {option!r}: {{name: {name}, {option}: ...}}.")
    return functools.partial(function, **options)
