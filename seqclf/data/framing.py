"""From the pieces of texts to the sequences that a pretrained model reads: cut, framed, and joined where asked for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqclf.batch import SEPARATOR, SPECIAL_TOKENS
from seqclf.ragged import IntArray
from seqclf.text.frame import Frame

Ids = npt.NDArray[np.int32]
FIRST = len(SPECIAL_TOKENS)  # the number of a tokenizer's id 0


def truncate(ids: Ids, lengths: IntArray, room: IntArray, frame: Frame) -> tuple[Ids, IntArray]:
    """Cut texts that are too long.

    Args:
        ids: the tokens of all texts, one after another `(N,)`.
        lengths: how many each has `(texts,)`.
        room: how many of each stay at most `(texts,)`.
        frame: says which of them: the head, the tail, or half of each.

    Returns:
        The ids and lengths that are left.
    """
    if (lengths <= room).all():
        return ids, lengths
    head = {"head": room, "tail": np.zeros_like(room), "head_tail": (room + 1) // 2}[frame.truncation]
    tail = room - head
    first = np.where(lengths <= room, lengths, head)
    last = np.where(lengths <= room, 0, tail)
    places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    kept = (places < np.repeat(first, lengths)) | (places >= np.repeat(lengths - last, lengths))
    return ids[kept], np.minimum(lengths, room)


def windows(ids: Ids, lengths: IntArray, frame: Frame) -> tuple[Ids, IntArray, IntArray]:
    """Cut texts into overlapping windows; one that fits is its own only window.

    Args:
        ids: the tokens of all texts, one after another `(N,)`.
        lengths: how many each has `(texts,)`.
        frame: says how long a window is, and how much two of them share.

    Returns:
        The ids of all windows, how many each has `(windows,)`, and how many windows each text has `(texts,)`; one that
        has no token has one window of none.
    """
    step = frame.room - frame.overlap
    counts = np.maximum(1, -(-(lengths - frame.overlap) // step))
    text = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(text)) - np.repeat(np.cumsum(counts) - counts, counts)
    sizes = np.minimum(frame.room, lengths[text] - number * step)
    starts = (np.cumsum(lengths) - lengths)[text] + number * step
    return ids[_spread(starts, sizes)], sizes, counts


def framed(ids: Ids, lengths: IntArray, frame: Frame) -> tuple[Ids, IntArray]:
    """Put the frame around each text that has a token; the other texts stay without any."""
    present = lengths > 0
    return _placed(ids, lengths, [(present, _numbers(frame.before))], [(present, _numbers(frame.after))])


def joined(ids: Ids, table: IntArray, frame: Frame, sides: int = 1) -> tuple[Ids, IntArray, int]:
    """Make one framed sequence of the texts of each record; of those that are too long together, the longest are cut.

    A boundary that the model shall see ends with `[SEP]`, so that what is behind it is another segment: between the
    fields of a record, and where a sequence is two records, between these alone.

    Args:
        ids: the tokens of all texts, one after another `(N,)`.
        table: how many each text of each record has `(R, F)`.
        frame: what stands around and between them.
        sides: how many records a sequence holds.

    Returns:
        The ids, how many each record has `(R, 1)`, 0 for one without any token, and how many records were cut.
    """
    columns = table.shape[1]
    marks = len(frame.before) + len(frame.after) - len(frame.between)
    budget = frame.max_length - marks - (table > 0).sum(axis=1) * len(frame.between)
    room = table.copy()
    over = np.flatnonzero(table.sum(axis=1) > budget)
    for record in over.tolist():
        room[record] = _shares(table[record], int(budget[record]))
    ids, flat = truncate(ids, table.ravel(), room.ravel(), frame)
    table = flat.reshape(-1, columns)
    present, place = table > 0, np.arange(columns)
    first = present & (np.cumsum(present, axis=1) == 1)
    last = present & (np.cumsum(present[:, ::-1], axis=1)[:, ::-1] == 1)
    width = columns // sides
    # The last text before this one, to see whether a boundary between two records lies between them.
    before = np.maximum.accumulate(np.where(present, place, -1), axis=1)
    before = np.concatenate([np.full((len(table), 1), -1), before[:, :-1]], axis=1)
    seen = (place // width != before // width) if sides > 1 else np.ones_like(present)
    inside, between = _numbers(frame.between), _numbers(frame.between)
    between[-1] = SEPARATOR
    rest = present & ~first
    leads = [(first, _numbers(frame.before)), (rest & seen, between), (rest & ~seen, inside)]
    flat_leads = [(where.ravel(), marks) for where, marks in leads]
    ids, lengths = _placed(ids, flat, flat_leads, [(last.ravel(), _numbers(frame.after))])
    return ids, lengths.reshape(-1, columns).sum(axis=1, keepdims=True), len(over)


def _shares(lengths: IntArray, budget: int) -> IntArray:
    """How many tokens each text keeps: short ones all, the long ones equally many, together no more than the budget."""
    shares, left = np.zeros_like(lengths), max(budget, 1)
    order = np.argsort(lengths, kind="stable")
    for done, text in enumerate(order.tolist()):
        shares[text] = min(int(lengths[text]), left // (len(order) - done))
        left -= int(shares[text])
    if not shares.any():  # more texts than tokens
        shares[order[-1]] = 1
    return shares


def _numbers(ids: tuple[int, ...]) -> Ids:
    return np.array(ids, dtype=np.int32) + FIRST


Marks = list[tuple[npt.NDArray[np.bool_], Ids]]


def _placed(ids: Ids, lengths: IntArray, leads: Marks, trails: Marks) -> tuple[Ids, IntArray]:
    """Put marks before and behind the texts that each mask `(texts,)` says; returns the ids, and the new lengths."""
    lead, trail = (sum((where * len(marks) for where, marks in each), 0 * lengths) for each in (leads, trails))
    out_lengths = lead + lengths + trail
    starts = np.cumsum(out_lengths) - out_lengths
    out = np.empty(int(out_lengths.sum()), dtype=np.int32)
    out[_spread(starts + lead, lengths)] = ids
    for each, begin in ((leads, starts), (trails, starts + lead + lengths)):
        for where, marks in each:
            for place, mark in enumerate(marks.tolist()):
                out[begin[where] + place] = mark
    return out, out_lengths


def _spread(starts: IntArray, lengths: IntArray) -> IntArray:
    ends = np.cumsum(lengths)
    spread: IntArray = np.repeat(starts - ends + lengths, lengths) + np.arange(int(ends[-1]) if len(ends) else 0)
    return spread
