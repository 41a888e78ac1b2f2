"""What a pretrained model's tokenizer puts around texts, and where it cuts long ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from seqclf.errors import UserError, nearest

Truncation = Literal["head", "tail", "head_tail"]
TRUNCATIONS: tuple[str, ...] = get_args(Truncation)


@dataclass(frozen=True)
class Frame:
    """The tokens around texts, by the tokenizer's own ids, and the longest sequence.

    Attributes:
        before: what stands before the first text of a sequence (`[CLS]`).
        between: what stands between two of its texts (`[SEP]`, or `</s></s>`).
        after: what stands behind the last one (`[SEP]`).
        padding: the id of padding.
        unknown: the id of what the tokenizer has no piece for; None where it has pieces for everything.
        max_length: how many tokens a sequence has at most, those around its texts among them.
        truncation: what is kept of a longer one: its `head`, its `tail`, or half of each (`head_tail`, Sun et al. 2019,
            https://arxiv.org/abs/1905.05583).
        overlap: how many tokens two windows share, where a long text is cut into windows.
    """

    before: tuple[int, ...]
    between: tuple[int, ...]
    after: tuple[int, ...]
    padding: int
    unknown: int | None
    max_length: int
    truncation: Truncation = "head"
    overlap: int = 0

    @property
    def special_ids(self) -> list[int]:
        """The tokenizer's ids of padding, an unknown token, an empty text and a separator of texts."""
        first = next(iter((*self.before, *self.after)), self.padding)
        unknown = self.padding if self.unknown is None else self.unknown
        return [self.padding, unknown, first, self.between[-1] if self.between else first]

    @property
    def room(self) -> int:
        """How many tokens of a text fit into a sequence of its own."""
        return self.max_length - len(self.before) - len(self.after)


def frame_to_plain(frame: Frame | None) -> dict[str, Any] | None:
    """A frame as it is written down."""
    if frame is None:
        return None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(frame).items()}


def frame_from_plain(plain: Any) -> Frame | None:
    """Read what `frame_to_plain` gave.

    Raises:
        ValueError: for anything else.
    """
    if plain is None:
        return None
    names = [field.name for field in fields(Frame)]
    if not isinstance(plain, Mapping) or set(plain) != set(names):
        raise ValueError(f"it must be a mapping with {', '.join(names)}")
    rows = {name: plain[name] for name in ("before", "between", "after")}
    numbers = [plain["padding"], plain["max_length"], plain["overlap"], *([plain["unknown"]] * _known(plain))]
    if not all(isinstance(row, list) for row in rows.values()):
        raise ValueError("`before`, `between` and `after` must be lists of ids")
    if not all(_is_id(number) for number in [*numbers, *(each for row in rows.values() for each in row)]):
        raise ValueError("ids and lengths must be whole numbers of at least 0")
    frame = Frame(**{**plain, **{name: tuple(row) for name, row in rows.items()}})
    check_frame(frame)
    return frame


def check_frame(frame: Frame) -> None:
    """See that texts fit into a frame.

    Raises:
        UserError: for a bound that leaves no room, an overlap as long as it, and a truncation that there is not.
    """
    if frame.room < 1:
        raise UserError(
            f"tokens.max_length={frame.max_length} leaves no room for a text: its tokenizer adds "
            f"{frame.max_length - frame.room} tokens to each."
        )
    if not 0 <= frame.overlap < frame.room:
        raise UserError(f"tokens.overlap must be at least 0 and below {frame.room}, but is {frame.overlap}.")
    if frame.truncation not in TRUNCATIONS:
        raise UserError(f"There is no tokens.truncation={frame.truncation!r}. {nearest(frame.truncation, TRUNCATIONS)}")


def _known(plain: Mapping[str, Any]) -> bool:
    return plain["unknown"] is not None


def _is_id(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0
