"""The columns of records that stand two by two in a table."""

from __future__ import annotations

from collections.abc import Sequence

from seqclf.errors import UserError

SIDES = ("left", "right")


def pair_fields(left: Sequence[str], right: Sequence[str]) -> tuple[str, ...]:
    """The names of the fields of both records: the i-th column of either side is the same field.

    A field is called by what its two columns have in common, `title` for `left_title` and `right_title` or for
    `title_left` and `title_right`; where that is nothing, as its left column.

    Args:
        left: the columns of the first record.
        right: those of the second, as many.

    Raises:
        UserError: where a side has no column, or the two do not have as many.
    """
    for side, columns in zip(SIDES, (left, right), strict=True):
        if isinstance(columns, str):
            raise UserError(f"data.{side} must be a list of columns: data.{side}=[{columns}]")
        if not columns:
            raise UserError(f"data.{side} names no column; a pair needs one or more on either side.")
    if len(left) != len(right):
        raise UserError(
            f"data.left has {len(left)} columns and data.right {len(right)}, but the i-th of each are the same field: "
            f"left is {_listed(left)}, right is {_listed(right)}."
        )
    names = tuple(_common_name(one, other) for one, other in zip(left, right, strict=True))
    return names if len(set(names)) == len(names) else tuple(left)


def _common_name(left: str, right: str) -> str:
    for one, other in (
        (left.removeprefix("left_"), right.removeprefix("right_")),
        (left.removesuffix("_left"), right.removesuffix("_right")),
    ):
        if one == other and one:
            return one
    return left


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(names)}]"
