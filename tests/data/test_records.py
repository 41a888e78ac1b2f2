from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.batch import EMPTY, SEPARATOR, RecordBatch
from seqclf.data import indexing as module
from seqclf.data.indexing import index_records
from seqclf.data.records import IndexedRecords
from seqclf.ragged import Rows
from seqclf.text.characters import Characters
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TOKENIZER = Tokenization().train(["a b c d e f"])
CELLS = st.lists(st.sampled_from(["a", "b", "zz", "c d", ""]), max_size=3).map(" ".join)
RECORDS = st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8)


def vocabulary_of(num_fields: int = 3, join_fields: bool = False) -> Vocabulary:
    return Vocabulary(TOKENIZER, ["x", "y"], [f"field{place}" for place in range(num_fields)], join_fields)


def by_hand(record: tuple[str, ...], join_fields: bool) -> list[tuple[int, list[int]]]:
    """The sequences of one record as (field, ids), one text at a time."""
    ids = [TOKENIZER.encode(text).ids for text in record]
    present = [(field, row) for field, row in enumerate(ids) if row] or [(0, [EMPTY])]
    if not join_fields:
        return present
    joined = present[0][1]
    for _, row in present[1:]:
        joined = [*joined, SEPARATOR, *row]
    return [(0, joined)]


def sequences_of(batch: RecordBatch) -> list[list[tuple[int, list[int]]]]:
    """The same of every record of a batch."""
    ids, rows, records = batch.tokens["tokens"].values, batch.tokens["tokens"].rows, batch.records
    found = []
    for first, last in zip(records.offsets, records.offsets[1:], strict=False):
        places = range(first, last)
        spans = [slice(rows.offsets[place], rows.offsets[place + 1]) for place in places]
        found.append([(records.positions[at], ids[span].tolist()) for at, span in zip(places, spans, strict=True)])
    return found


@given(RECORDS, st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_batch_equals_its_records_one_by_one(
    records: list[tuple[str, ...]], join_fields: bool, data: st.DataObject
) -> None:
    indexed = index_records(vocabulary_of(join_fields=join_fields), records)
    assert len(indexed) == len(records)
    places = st.lists(st.integers(0, max(len(records) - 1, 0)), max_size=8 if records else 0)
    indices = np.array(data.draw(places), dtype=np.int64)
    assert sequences_of(indexed.batch(indices)) == [by_hand(records[place], join_fields) for place in indices]
    assert indexed.lengths.tolist() == [sum(len(ids) for _, ids in by_hand(each, join_fields)) for each in records]


@given(RECORDS, st.booleans())
@settings(max_examples=30, deadline=None)
def test_numbering_in_pieces_changes_nothing(records: list[tuple[str, ...]], join_fields: bool) -> None:
    vocabulary = vocabulary_of(join_fields=join_fields)
    whole = index_records(vocabulary, records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE", 2)
        pieces = index_records(vocabulary, records)
    for name in ("ids", "sequence_offsets", "fields", "record_offsets", "rows"):
        np.testing.assert_array_equal(getattr(pieces, name), getattr(whole, name))


def test_empty_fields_are_dropped_and_the_others_keep_their_places() -> None:
    indexed = index_records(vocabulary_of(), [("", "a b", ""), (" ", "", "\n"), ("c", "", "d")])
    assert sequences_of(indexed.batch(np.arange(3))) == [[(1, [4, 5])], [(0, [EMPTY])], [(0, [6]), (2, [7])]]


def test_joined_fields_stand_in_one_sequence() -> None:
    indexed = index_records(vocabulary_of(join_fields=True), [("a", "b", "c"), ("", "b", ""), ("", "", "")])
    expected = [[(0, [4, SEPARATOR, 5, SEPARATOR, 6])], [(0, [5])], [(0, [EMPTY])]]
    assert sequences_of(indexed.batch(np.arange(3))) == expected


def test_labels_and_ids_of_a_batch_are_torch_integers() -> None:
    indexed = index_records(vocabulary_of(1), [("a",), ("b",), ("c",)])
    assert indexed.batch(np.array([1])).labels is None
    labels = np.array([1, -1, 0], dtype=np.int32)
    indexed = IndexedRecords(
        indexed.ids, indexed.sequence_offsets, indexed.fields, indexed.record_offsets, labels, rows=np.array([5, 7, 9])
    )
    batch = indexed.batch(np.array([2, 0, 1]))
    assert batch.labels.dtype == torch.int64
    assert batch.labels.tolist() == [0, 1, -1]
    assert batch.tokens["tokens"].values.dtype == torch.int64
    assert indexed.rows.tolist() == [5, 7, 9]


def test_no_records_make_an_empty_batch() -> None:
    indexed = index_records(vocabulary_of(), [])
    assert len(indexed) == len(indexed.batch(np.zeros(0, dtype=np.int64))) == 0


def test_a_record_with_a_text_too_many_is_refused() -> None:
    with pytest.raises(ValueError, match="one text for each of"):
        index_records(vocabulary_of(2), [("a", "b"), ("a", "b", "c")])


def test_a_memory_map_is_read_as_a_plain_array(tmp_path: Path) -> None:
    np.save(tmp_path / "ids.npy", np.arange(4, dtype=np.int32))
    offsets = Rows.from_lengths([2, 2]).offsets
    ids = np.load(tmp_path / "ids.npy", mmap_mode="r")
    indexed = IndexedRecords(ids, offsets, np.zeros(2, dtype=np.int16), np.arange(3))
    assert type(indexed.ids) is np.ndarray
    assert np.shares_memory(indexed.ids, ids)
    assert indexed.batch(np.array([1])).tokens["tokens"].values.tolist() == [2, 3]


def looking_inside(num_fields: int = 3, join_fields: bool = False) -> Vocabulary:
    fields = [f"field{place}" for place in range(num_fields)]
    indexers = {"characters": Characters.fit(dict.fromkeys("abcdef", 1))}
    return Vocabulary(TOKENIZER, ["x", "y"], fields, join_fields, word_indexers=indexers)


def characters_by_hand(record: tuple[str, ...], join_fields: bool) -> list[list[int]]:
    """The characters of every token of a record, one text at a time."""
    indexer = Characters.fit(dict.fromkeys("abcdef", 1))
    words = [text.lower().split() for text in record if text.split()] or [["[EMPTY]"]]
    between: list[str] = ["[SEP]"] if join_fields else []
    flat = words[0] + [word for row in words[1:] for word in (*between, *row)]
    return [indexer.parts(word) for word in flat]


@given(RECORDS, st.booleans(), st.data())
@settings(max_examples=50, deadline=None)
def test_every_token_comes_with_what_is_inside_of_it(
    records: list[tuple[str, ...]], join_fields: bool, data: st.DataObject
) -> None:
    vocabulary = looking_inside(join_fields=join_fields)
    indexed = index_records(vocabulary, records)
    np.testing.assert_array_equal(indexed.ids, index_records(vocabulary_of(join_fields=join_fields), records).ids)
    places = st.lists(st.integers(0, max(len(records) - 1, 0)), max_size=8 if records else 0)
    indices = np.array(data.draw(places), dtype=np.int64)
    batch = indexed.batch(indices)
    inside = batch.tokens["characters"]
    assert inside.rows is batch.tokens["tokens"].rows
    parts = list(inside.parts.values.split(inside.parts.rows.lengths.tolist()))
    assert len({tuple(part.tolist()) for part in parts}) <= len(parts) == len(inside.values.unique())
    found = [parts[number].tolist() for number in inside.values]
    assert found == [row for place in indices for row in characters_by_hand(records[place], join_fields)]


@given(st.lists(st.text(max_size=20), max_size=6), st.sampled_from(["words", "whitespace", "characters"]))
@settings(max_examples=100, deadline=None)
def test_ids_are_the_same_whether_words_are_looked_into_or_not(texts: list[str], split: str) -> None:
    tokenizer = Tokenization(split=split, max_length=5).train(texts[::2])
    indexers = {"characters": Characters.fit({"a": 1})}
    records = [(text,) for text in texts]
    plain = index_records(Vocabulary(tokenizer, ["x"], ["text"]), records)
    inside = index_records(Vocabulary(tokenizer, ["x"], ["text"], word_indexers=indexers), records)
    np.testing.assert_array_equal(inside.ids, plain.ids)
    np.testing.assert_array_equal(inside.sequence_offsets, plain.sequence_offsets)
