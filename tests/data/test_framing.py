"""Cutting, framing and joining against plain loops over lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclf.data.framing import FIRST, framed, joined, truncate, windows
from seqclf.text.frame import Frame, frame_from_plain, frame_to_plain

TEXTS = st.lists(st.lists(st.integers(50, 90), max_size=9), min_size=1, max_size=6)
CLS, SEP = 40 + FIRST, 41 + FIRST
BOUNDARY = 3  # [SEP] of seqclf: what is behind it is another segment


def frame(max_length: int = 6, truncation: str = "head", overlap: int = 0) -> Frame:
    plain = {"before": [40], "between": [41], "after": [41], "padding": 0, "unknown": None}
    made = frame_from_plain({**plain, "max_length": max_length, "truncation": truncation, "overlap": overlap})
    assert made is not None
    return made


def flat(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([each for text in texts for each in text], dtype=np.int32), np.array([len(text) for text in texts])


def lists(ids: np.ndarray, lengths: np.ndarray) -> list[list[int]]:
    return [piece.tolist() for piece in np.split(ids, np.cumsum(lengths)[:-1])]


@given(TEXTS, st.sampled_from(["head", "tail", "head_tail"]), st.integers(1, 8))
def test_texts_are_cut_at_their_ends(texts: list[list[int]], truncation: str, room: int) -> None:
    def expected(text: list[int]) -> list[int]:
        if len(text) <= room:
            return text
        tail = {"head": 0, "tail": room, "head_tail": room // 2}[truncation]
        return text[: room - tail] + text[len(text) - tail :]

    ids, lengths = flat(texts)
    cut = truncate(ids, lengths, np.full(len(texts), room), frame(truncation=truncation))
    assert lists(*cut) == [expected(text) for text in texts]


@given(TEXTS, st.integers(3, 8), st.integers(0, 3))
def test_windows_overlap_and_hold_everything(texts: list[list[int]], max_length: int, overlap: int) -> None:
    room = max_length - 2
    if overlap >= room:
        overlap = 0
    ids, sizes, counts = windows(*flat(texts), frame(max_length, overlap=overlap))
    pieces = iter(lists(ids, sizes))
    for text, count in zip(texts, counts, strict=True):
        mine = [next(pieces) for _ in range(count)]
        assert [*mine[0], *(each for piece in mine[1:] for each in piece[overlap:])] == text
        assert all(len(piece) == room for piece in mine[:-1])
        assert all(len(piece) > overlap for piece in mine[1:])


@given(TEXTS)
def test_every_text_that_has_a_token_is_framed(texts: list[list[int]]) -> None:
    assert lists(*framed(*flat(texts), frame())) == [[CLS, *text, SEP] if text else [] for text in texts]


@given(st.lists(st.lists(st.lists(st.integers(50, 90), max_size=9), min_size=4, max_size=4), min_size=1, max_size=4))
def test_records_are_joined_within_the_bound(records: list[list[list[int]]]) -> None:
    ids, lengths = flat([text for record in records for text in record])
    for sides, long in ((1, 60), (2, 60), (1, 11), (2, 11)):
        out, table, cut = joined(ids, lengths.reshape(-1, 4), frame(long), sides)
        assert cut == sum(sum(map(len, record)) + sum(map(bool, record)) + 1 > long for record in records)
        for record, found in zip(records, lists(out, table.ravel()), strict=True):
            assert len(found) <= long
            if long == 60:
                assert found == expected_join(record, sides)


def expected_join(record: list[list[int]], sides: int) -> list[int]:
    there = [(place // (4 // sides), text) for place, text in enumerate(record) if text]
    out: list[int] = []
    for number, (side, text) in enumerate(there):
        if number:
            out.append(BOUNDARY if sides == 1 or side != there[number - 1][0] else SEP)
        out += text
    return [CLS, *out, SEP] if out else []


def test_the_longest_text_of_a_record_is_cut_first() -> None:
    ids, lengths = flat([[50] * 2, [60] * 9, [70] * 8])
    out, _, _ = joined(ids, lengths.reshape(1, 3), frame(16))
    kept = out.tolist()
    assert [kept.count(number) for number in (50, 60, 70)] == [2, 5, 5]


@pytest.mark.parametrize("change", [{"before": 1}, {"max_length": -1}, {"padding": True}, {"more": 1}])
def test_a_frame_that_was_written_otherwise_is_refused(change: dict[str, object]) -> None:
    plain = frame_to_plain(frame())
    assert plain is not None
    assert frame_from_plain(plain) == frame()
    with pytest.raises(ValueError, match="must"):
        frame_from_plain({**plain, **change})
