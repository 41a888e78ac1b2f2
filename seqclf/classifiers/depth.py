"""How deep a parameter lies in the stack: what gradual unfreezing and discriminative rates go by."""

from collections.abc import Iterable

# The parts below the head by the names of the constructor, with which the names of their parameters begin.
STACK = (
    "feed_forward",
    "multifield_seq2vec_encoder",
    "multifield_seq2seq_encoder",
    "seq2vec_encoder",
    "seq2seq_encoder",
    "text_field_embedder",
)


def depths(names: Iterable[str]) -> dict[str, int]:
    """How many parts with parameters lie above that of each parameter.

    Args:
        names: of all parameters that are trained.

    Returns:
        Name to depth: 0 for the head, and for whatever is no part of the stack.
    """
    part_of = {name: name.partition(".")[0] for name in names}
    there = [part for part in STACK if part in part_of.values()]
    depth = {part: place + 1 for place, part in enumerate(there)}
    return {name: depth.get(part, 0) for name, part in part_of.items()}
