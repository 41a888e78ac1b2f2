"""Is a configuration right? The constructors' signatures are the schema, and `conf/` itself for what has none.

A wrong key or value is found in milliseconds, before torch is imported or any data is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqclf.errors import UserError, nearest
from seqclf.run.annotation import as_text, choices, expected, fits, kind_of, shown
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.signature import Parameter, signature_of
from seqclf.several import NAMES, is_several, named, parts_in

HYDRAS_KEYS = ("_target_", "_partial_")
# What the builder knows and nobody types.
THREADED = {
    "input_dim",
    "vocab_size",
    "num_classes",
    "num_fields",
    "counts",
    "encoders",
    "words",
    "special_ids",
    "token_embedders",
}
MISSING = "???"
Node = Mapping[str, Any]


def check_config(config: Node) -> None:
    """Check every key and value of a configuration.

    Args:
        config: plain containers, interpolations resolved; without Hydra's own node.

    Raises:
        UserError: for the first key or value that is wrong; it names the nearest that is right.
    """
    root = read_yaml(conf_path() / "config.yaml")
    groups = {folder.name for folder in conf_path().iterdir() if folder.is_dir()} - {"hydra"}
    known = {*root, *groups} - {"defaults"}
    for key, value in config.items():
        if key not in known:
            raise UserError(f"There is no {key!r}. {nearest(key, known)}")
        if key not in groups:
            check_value(value, _like([root[key]]), key)
        elif isinstance(value, Mapping):
            _check_group(value, key, root.get(key) or {})


def check_node(node: Node, path: str, beside: Node | None = None) -> None:
    """Check one part against the signature of its class or function, and the parts inside of it.

    Args:
        node: `_target_` and the arguments.
        path: where the node stands, `encoder`, for the message.
        beside: further keys that the node may have, each with an example of its values.

    Raises:
        UserError: for a target that is not there, a key that is no parameter, or a value of another type.
    """
    target = str(node["_target_"])
    try:
        known = signature_of(target)
    except UserError as error:
        if not target.startswith("seqclf."):
            for key, value in node.items():  # a part of the user's own need not lie in a file; who builds it will say
                check_value(value, Parameter(), f"{path}.{key}")
            return
        raise UserError(f"{path}._target_: {error}") from None
    known = {key: _like([value]) for key, value in (beside or {}).items()} | known
    known = {key: parameter for key, parameter in known.items() if key not in THREADED}
    if is_several(node):
        known |= {NAMES: Parameter("list[str]"), **dict.fromkeys(parts_in(node), Parameter())}
    arguments = {key: value for key, value in node.items() if key not in HYDRAS_KEYS}
    for key in arguments.keys() - known.keys():
        owner = f"{target.rpartition('.')[2]} ({_written(path, target)})"
        raise UserError(f"{path}.{key}: {owner} has no {key!r}. {nearest(key, known)}")
    for key, value in arguments.items():
        check_value(value, known[key], f"{path}.{key}")
    if is_several(node):
        named(node, path)


def check_value(value: Any, parameter: Parameter, path: str) -> None:
    """Check one value, and the parts inside of it.

    Args:
        value: plain containers and scalars.
        parameter: what it is for.
        path: where it stands, `encoder.hidden_size`, for the message.

    Raises:
        UserError: for a value that is missing or of another type.
    """
    if value == MISSING:
        raise UserError(f"{path} has no value yet. Give it one: {path}=...")
    for place, part in _parts(value, path):
        check_node(part, place)
    wanted = parameter.annotation
    if wanted is None or fits(value, wanted):
        return
    message = f"{path} must be {expected(wanted)}, not {shown(value)}."
    if isinstance(value, str) and choices(wanted):
        message += f" {nearest(value, choices(wanted))}"
    if fits([value], wanted):
        message += f" A list of one is '{path}=[{value}]'."
    text = as_text(value)
    if text != value and fits(text, wanted):
        quoted = shown(text).replace("'", '"')
        message += f" To give text, quote it: '{path}={quoted}'."
    raise UserError(message)


def _check_group(node: Node, group: str, beside: Node) -> None:
    if node.get("_target_") is not None:
        check_node(node, group, beside)
        return
    examples: dict[str, list[Any]] = {key: [value] for key, value in beside.items()}
    for path in sorted((conf_path() / group).rglob("*.yaml")):
        for key, value in read_yaml(path).items():
            examples.setdefault(key, []).append(value)
    for key, value in node.items():
        if key not in examples:
            raise UserError(f"{group}.{key}: {group} (conf/{group}) has no {key!r}. {nearest(key, examples)}")
        check_value(value, _like(examples[key]), f"{group}.{key}")


def _parts(value: Any, path: str) -> list[tuple[str, Node]]:
    """The parts that a value is or holds, and where."""
    if isinstance(value, Mapping):
        if value.get("_target_") is not None:
            return [(path, value)]
        inside = [(f"{path}.{key}", item) for key, item in value.items()]
    else:
        inside = [(f"{path}[{place}]", item) for place, item in enumerate(value)] if isinstance(value, list) else []
    return [found for place, item in inside for found in _parts(item, place)]


def _like(examples: list[Any]) -> Parameter:
    """A parameter that takes what is of the kind of one of the examples; null is an example of anything."""
    kinds = [kind_of(_followed(example)) for example in examples]
    return Parameter(None if None in kinds else " | ".join(dict.fromkeys(map(str, kinds))))


def _followed(example: Any) -> Any:
    """What `${recipe.lr}` is in conf/recipe/default.yaml."""
    if not (isinstance(example, str) and example.startswith("${")):
        return example
    group, _, key = example[2:-1].partition(".")
    path = conf_path() / group / "default.yaml"
    return read_yaml(path).get(key) if path.is_file() else None


def _written(path: str, target: str) -> str:
    """Which yaml names the target, `conf/encoder/lstm.yaml`, one of the same group first; else the target itself."""
    files = [file for file in sorted(conf_path().rglob("*.yaml")) if read_yaml(file).get("_target_") == target]
    files.sort(key=lambda file: file.parent.name != path)
    return f"conf/{files[0].relative_to(conf_path()).as_posix()}" if files else target
