"""Records that are any number of sentences: which parts of a model they cannot have."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from seqclf.errors import UserError
from seqclf.parts import Parts, is_part, resolve

OF_FIELDS = ("field_embeddings", "separate_encoders")  # options of the multifield parts that count the fields


def refuse_places(config: Mapping[str, Any], parts: Parts = ()) -> None:
    """Refuse parts that have a place for each field.

    Args:
        config: group name to part.
        parts: classes of the caller's own that the configuration may name.

    Raises:
        UserError: for the first such part or option.
    """
    several = "with tokens.segment a record is any number of sequences"
    for option in OF_FIELDS:
        if (config.get("multifield") or {}).get(option):
            raise UserError(f"multifield.{option}=true: {several}, which are no fields. Leave it out.")
    for key in ("multifield_seq2seq", "multifield"):
        node = config.get(key) or {}
        target = str(node.get("_target_"))
        if is_part(node) and "num_fields" in signature(resolve(target, key, parts)).parameters:
            raise UserError(
                f"{key}: {target.rpartition('.')[2]} has a place for each field, but {several}. Choose one that has no "
                f"places: {key}=bag, attention, lstm, ..."
            )
