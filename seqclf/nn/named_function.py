"""How a user names a function and its options: `normal`, or `{name: normal, std: 0.1}`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from seqclf.errors import UserError, nearest
from seqclf.nn.arguments import choose

T = TypeVar("T")


def read_function(
    spec: str | Mapping[str, Any], functions: Mapping[str, Callable[..., T]], key: str
) -> Callable[..., T]:
    """Find a function by its name and give it its options.

    Args:
        spec: a name, or a mapping with the key `name` and the function's options.
        functions: name to function; its first parameter is no option.
        key: the config key that holds `spec`, for the messages.

    Returns:
        The function of its first parameter.

    Raises:
        UserError: for a name or an option that there is not.
    """
    options = {"name": spec} if isinstance(spec, str) else dict(spec) if isinstance(spec, Mapping) else {}
    if "name" not in options:
        raise UserError(f"`{key}` must be a name or a mapping with a `name`, but is {spec!r}.")
    name = str(options.pop("name"))
    function = choose(key, name, functions)
    known = [parameter for parameter in list(inspect.signature(function).parameters)[1:] if parameter != "generator"]
    for option in options:
        if option not in known:
            raise UserError(f"`{key}`: {name} has no option {option!r}. {nearest(option, known)}")
    return functools.partial(function, **options)
