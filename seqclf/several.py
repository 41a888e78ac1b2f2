"""Several parts of one group in one node of the configuration: a chain of encoders, a row of embedders.

Such a node holds every other choice of its group under its own name, and `names` says which of them are built, in
that order: `seq2seq=chain 'seq2seq.names=[lstm,transformer]' seq2seq.lstm.hidden_size=64`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqclf.errors import UserError, nearest

Node = Mapping[str, Any]
NAMES = "names"


def is_several(node: Any) -> bool:
    """Whether a node of the configuration holds parts and names some of them."""
    return isinstance(node, Mapping) and NAMES in node and bool(parts_in(node))


def parts_in(node: Node) -> dict[str, Node]:
    """The parts inside of a node, by name."""
    return {
        str(name): part for name, part in node.items() if isinstance(part, Mapping) and part.get("_target_") is not None
    }


def named(node: Node, key: str) -> list[tuple[str, Node]]:
    """The parts that a node names, in the order of the names; one may be there more than once.

    Args:
        node: parts by name, and `names`.
        key: where it stands in the configuration, for the message.

    Raises:
        UserError: for no name at all, or for one that there is not; it says which is the nearest.
    """
    known, names = parts_in(node), node[NAMES]
    if not isinstance(names, list) or not names:
        raise UserError(f"{key}.names must be a list of at least one name. {nearest('', known)}")
    for name in names:
        if name not in known:
            raise UserError(f"{key}.names: there is no {name!r}. {nearest(str(name), known)}")
    return [(name, known[name]) for name in names]


def settings(node: Node) -> dict[str, Any]:
    """A node's own arguments, without the parts and their names."""
    inside = parts_in(node)
    return {name: value for name, value in node.items() if name != NAMES and name not in inside}


def only_named(node: Any) -> Any:
    """A node of several parts without those that it does not name; any other value as it is."""
    if not is_several(node):
        return node
    unused = parts_in(node).keys() - set(node[NAMES])
    return {name: value for name, value in node.items() if name not in unused}
