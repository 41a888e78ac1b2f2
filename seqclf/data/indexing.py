"""From the cells of records to numbered records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from seqclf.batch import EMPTY, SEPARATOR
from seqclf.data.framing import framed, joined, truncate, windows
from seqclf.data.records import PIECE, IndexedRecords
from seqclf.data.word_table import Parts, WordTable
from seqclf.ragged import IntArray, Rows
from seqclf.text.sentences import segments
from seqclf.text.vocabulary import Vocabulary


def index_records(
    vocabulary: Vocabulary, records: Sequence[Sequence[str]], table: WordTable | None = None
) -> IndexedRecords:
    """Number the tokens of records, in the very way the store does.

    A field without a token is dropped; the others keep their places. A record without any gets `[EMPTY]` in field 0.

    Args:
        vocabulary: numbers the words, and says which fields there are and whether they are joined.
        records: one text per field for each record, "" where a field is missing; of a pair those of its first record,
            then those of its second.
        table: the words of earlier records, where these are to be numbered with them; it grows, and what is inside of
            the words is left to it. None for a table of their own.

    Returns:
        The records, without labels.

    Raises:
        ValueError: for a record that does not have one text per column.
    """
    own = WordTable(vocabulary) if table is None and vocabulary.word_indexers else None
    pieces = [_index(vocabulary, records[at : at + PIECE], table or own) for at in range(0, len(records), PIECE)]
    return _concatenate(pieces, vocabulary, {} if own is None else own.parts())


def _index(vocabulary: Vocabulary, records: Sequence[Sequence[str]], words: WordTable | None) -> IndexedRecords:
    for record in records:
        if len(record) != len(vocabulary.columns):
            raise ValueError(f"a record must have one text for each of {vocabulary.columns}, but has {len(record)}")
    if vocabulary.segment is not None:
        return _index_segments(vocabulary, records, words)
    cells, cut = list(chain.from_iterable(records)), 0
    ids, lengths = _encode(vocabulary, cells, np.arange(len(cells)) % len(vocabulary.fields), words)
    table = lengths.reshape(-1, vocabulary.width)  # (R, F) tokens of each field
    if vocabulary.frame is not None:
        ids, table, cut = _framed(vocabulary, ids, table)
    nothing = ~table.any(axis=1)
    starts = np.cumsum(table.sum(axis=1)) - table.sum(axis=1)
    ids = np.insert(ids, starts[nothing], EMPTY)
    table[nothing, 0] = 1
    if vocabulary.join_fields and vocabulary.frame is None:
        ids, table = _join(ids, table)
    present = table > 0
    return IndexedRecords(
        ids if words is None else words.ids(ids),
        Rows.from_lengths(table[present]).offsets,
        np.nonzero(present)[1].astype(np.int32),
        Rows.from_lengths(present.sum(axis=1)).offsets,
        num_inputs=vocabulary.num_inputs,
        words=None if words is None else ids,
        cut=cut,
    )


def _framed(
    vocabulary: Vocabulary, ids: npt.NDArray[np.int32], table: IntArray
) -> tuple[npt.NDArray[np.int32], IntArray, int]:
    """The texts as a pretrained model reads them, how many tokens each has `(R, F)`, and how many were cut."""
    assert vocabulary.frame is not None
    if vocabulary.join_fields:
        return joined(ids, table, vocabulary.frame, vocabulary.num_sides // vocabulary.num_inputs)
    ids, lengths, cut = _fitted(vocabulary, ids, table.ravel())
    return ids, lengths.reshape(table.shape), cut


def _fitted(
    vocabulary: Vocabulary, ids: npt.NDArray[np.int32], lengths: IntArray
) -> tuple[npt.NDArray[np.int32], IntArray, int]:
    """Texts, each a sequence of its own, cut and framed; and how many were cut."""
    frame = vocabulary.frame
    assert frame is not None
    cut = int(np.count_nonzero(lengths > frame.room))
    return *framed(*truncate(ids, lengths, np.full_like(lengths, frame.room), frame), frame), cut


def _encode(
    vocabulary: Vocabulary, cells: list[str], fields: IntArray, words: WordTable | None
) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Number the tokens of cells; a category or a number is one token, and none where the cell is empty.

    Args:
        vocabulary: numbers tokens.
        cells: a text, a category or a number each.
        fields: which field each is `(cells,)`.
        words: numbers tokens too where something looks inside of words; it has the same numbers for special tokens.

    Returns:
        The ids of all cells, one after another `(N,)`, and how many each has `(cells,)`.
    """
    numbering = vocabulary if words is None else words
    if not vocabulary.kinds:
        return numbering.encode(cells)
    kinds = [vocabulary.kinds.get(name) for name in vocabulary.fields]
    columns = [kinds[field] for field in fields.tolist()]
    ids, lengths = numbering.encode(
        [cell if column is None else "" for cell, column in zip(cells, columns, strict=True)]
    )
    tokens = {
        place: token
        for place, (cell, column) in enumerate(zip(cells, columns, strict=True))
        if column is not None and (token := column.token(cell)) is not None
    }
    places = np.fromiter(tokens, dtype=np.int64, count=len(tokens))
    starts = (np.cumsum(lengths) - lengths)[places]
    lengths[places] = 1
    return np.insert(ids, starts, numbering.numbers(tokens.values())), lengths


def _index_segments(
    vocabulary: Vocabulary, records: Sequence[Sequence[str]], words: WordTable | None
) -> IndexedRecords:
    """Every segment of every field is a sequence; a record's are counted from 0, those without a token left out."""
    ids, lengths, cell_of, cut = _segmented(vocabulary, list(chain.from_iterable(records)), words)
    owner = (cell_of // vocabulary.width)[lengths > 0]
    lengths = lengths[lengths > 0]
    counts = np.bincount(owner, minlength=len(records) * vocabulary.num_inputs)  # (R,) segments of each record
    nothing = np.flatnonzero(counts == 0)
    before = np.searchsorted(owner, nothing)
    ids = np.insert(ids, np.append(0, np.cumsum(lengths))[before], EMPTY)
    lengths = np.insert(lengths, before, 1)
    counts[nothing] = 1
    of_records = Rows.from_lengths(counts)
    return IndexedRecords(
        ids if words is None else words.ids(ids),
        Rows.from_lengths(lengths).offsets,
        of_records.places().astype(np.int32),
        of_records.offsets,
        num_inputs=vocabulary.num_inputs,
        words=None if words is None else ids,
        cut=cut,
    )


def _segmented(
    vocabulary: Vocabulary, cells: list[str], words: WordTable | None
) -> tuple[npt.NDArray[np.int32], IntArray, IntArray, int]:
    """The sentences, or the windows, of cells: ids, lengths, the cell of each, and how many were cut."""
    width = vocabulary.width
    if vocabulary.segment == "windows":
        assert vocabulary.frame is not None
        encoded = _encode(vocabulary, cells, np.arange(len(cells)) % width, words)
        ids, lengths, counts = windows(*encoded, vocabulary.frame)
        cell_of = np.repeat(np.arange(len(cells)), counts)
        return *framed(ids, lengths, vocabulary.frame), cell_of, 0
    whole = [name in vocabulary.kinds for name in vocabulary.fields]
    pieces = [[cell] if whole[place % width] else segments(cell) for place, cell in enumerate(cells)]
    cell_of = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    ids, lengths = _encode(vocabulary, list(chain.from_iterable(pieces)), cell_of % width, words)
    if vocabulary.frame is None:
        return ids, lengths, cell_of, 0
    ids, lengths, cut = _fitted(vocabulary, ids, lengths)
    return ids, lengths, cell_of, cut


def _join(ids: npt.NDArray[np.int32], table: IntArray) -> tuple[npt.NDArray[np.int32], IntArray]:
    """Put `[SEP]` between the fields of each record; the lengths `(R, F)` become `(R, 1)`."""
    present = table > 0
    last = np.zeros_like(present)
    last[np.arange(len(table)), table.shape[1] - 1 - present[:, ::-1].argmax(axis=1)] = True
    ends = np.cumsum(table).reshape(table.shape)
    joined = table.sum(axis=1, keepdims=True) + present.sum(axis=1, keepdims=True) - 1
    return np.insert(ids, ends[present & ~last], SEPARATOR), joined


def _concatenate(
    pieces: Sequence[IndexedRecords], vocabulary: Vocabulary, parts: Mapping[str, Parts]
) -> IndexedRecords:
    words = [np.zeros(0, dtype=np.int32), *(piece.words for piece in pieces if piece.words is not None)]
    return IndexedRecords(
        np.concatenate([np.zeros(0, dtype=np.int32), *(piece.ids for piece in pieces)]),
        _offsets(piece.sequence_offsets for piece in pieces),
        np.concatenate([np.zeros(0, dtype=np.int32), *(piece.fields for piece in pieces)]),
        _offsets(piece.record_offsets for piece in pieces),
        num_inputs=vocabulary.num_inputs,
        words=np.concatenate(words) if vocabulary.word_indexers else None,
        parts=parts,
        cut=sum(piece.cut for piece in pieces),
    )


def _offsets(pieces: Iterator[IntArray]) -> IntArray:
    return Rows.from_lengths(np.concatenate([np.zeros(0, dtype=np.int64), *map(np.diff, pieces)])).offsets
