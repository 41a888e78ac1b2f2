"""The arguments of a script, KEY=VALUE each, as the parameters of the function that does its work."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from seqclf.errors import UserError, nearest
from seqclf.run.annotation import fits
from seqclf.run.compose import compose, plain
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.schema import check_node, check_value
from seqclf.run.signature import Parameter, signature_of


def script_arguments(arguments: Sequence[str], target: str) -> dict[str, Any]:
    """The arguments of a script for the function behind it.

    A parameter `data` is composed as in training: `data=files data.test=other.csv`; `data=files` may be left out.

    Args:
        arguments: as they were typed.
        target: dotted name of the function.

    Raises:
        UserError: for a mistake in the arguments.
    """
    known = signature_of(target)
    of_data = [argument for argument in arguments if "data" in known and _key(argument).partition(".")[0] == "data"]
    values: dict[str, Any] = {"data": _source(of_data)} if of_data else {}
    others = {name: parameter for name, parameter in known.items() if name not in values}
    return values | parse_key_values([argument for argument in arguments if argument not in of_data], others)


def with_folders(arguments: Sequence[str], name: str) -> list[str]:
    """The arguments with the folders among them, those without a key, as the list `name`."""
    folders = [argument for argument in arguments if "=" not in argument or Path(argument).is_dir()]
    others = [argument for argument in arguments if argument not in folders]
    return [f"{name}={json.dumps(folders)}", *others] if folders else others


def with_rest(arguments: Sequence[str], target: str, name: str) -> list[str]:
    """The arguments with those that the function does not know, which are typed for training, as the list `name`."""
    known = signature_of(target)
    own = [argument for argument in arguments if _key(argument) in known and _key(argument) != name]
    others = [argument for argument in arguments if argument not in own]
    return [*own, f"{name}={json.dumps(others)}"]


def _source(overrides: Sequence[str]) -> dict[str, Any]:
    """The node of a source, without what only training asks of it."""
    beside: Mapping[str, Any] = read_yaml(conf_path() / "config.yaml")["data"]
    for override in overrides:
        if _key(override).partition(".")[2] in beside:
            raise UserError(f"{_key(override)} says nothing here; it is for training.")
    chosen = [] if any(_key(override) == "data" for override in overrides) else ["data=files"]
    node = plain(compose(*chosen, *overrides))["data"]
    source = {key: value for key, value in node.items() if key not in beside}
    check_node(source, "data")
    return source


def _key(argument: str) -> str:
    return argument.partition("=")[0].lstrip("+")


def parse_key_values(arguments: Sequence[str], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """Read `KEY=VALUE` arguments.

    A value is read as yaml where the parameter takes what that gives, else as the text that it is.

    Args:
        arguments: as they were typed.
        known: the parameters that may be given, by name.

    Returns:
        The values that were given, by name.

    Raises:
        UserError: for what is not KEY=VALUE, a key that is unknown, twice there or missing, or a value of another type.
    """
    values: dict[str, Any] = {}
    for argument in arguments:
        key, equals, text = argument.partition("=")
        if not equals:
            raise UserError(f"{argument!r} is not KEY=VALUE. {nearest(argument.lstrip('-'), known)}")
        if key not in known:
            raise UserError(f"There is no {key!r}. {nearest(key, known)}")
        if key in values:
            raise UserError(f"{key!r} is given twice.")
        values[key] = _value(text, known[key].annotation or "str")
        check_value(values[key], known[key], key)
    for key, parameter in known.items():
        if parameter.required and key not in values:
            raise UserError(f"{key!r} is missing: give {key}=...")
    return values


def _value(text: str, annotation: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    takes_text = fits("", annotation)
    if value is None and text != "null" and takes_text:
        return text
    return value if fits(value, annotation) or not takes_text else text
