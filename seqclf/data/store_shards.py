"""A store that is filled by several processes: each reads shards of its own, and what they found is joined in order."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from seqclf.data.record_files import RecordsWriter, open_records
from seqclf.data.scan import MISSING, Scan, scan
from seqclf.data.store_reading import Reading, count_words, number_rows
from seqclf.data.store_settings import Settings
from seqclf.data.table import Table
from seqclf.data.word_table import WordTable
from seqclf.text.cutter import Cutter
from seqclf.text.vocabulary import Vocabulary

Item = TypeVar("Item")
Result = TypeVar("Result")


class Each(Protocol):
    """Calls a function for each of many items, wherever; what it gave comes back in the order of the items."""

    def __call__(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterable[Result]:
        """Call the function for each item; a `UserError` that it raises is raised when its turn comes."""


@dataclass(frozen=True)
class _Shard:
    """A table that one process reads, some rows of the split's table.

    Args:
        table: the shard.
        split: that it is of.
        found: its first reading.
        first: the place of its first row in the table of the split.
        marked: which of its rows the reading is about `(R,)`; None where it is about all.
        folder: where its numbered records go, until they are joined.
    """

    table: Table
    split: str
    found: Scan
    first: int
    marked: npt.NDArray[np.bool_] | None
    folder: Path


@dataclass(frozen=True)
class _Numbered:
    """What is known of numbered records beside their files: how many texts were cut, and the distinct words."""

    cut: int
    words: list[str]


class ReadingByShards(Reading):
    """Each shard is read by a process of its own, three times; the store is the same to the byte.

    Columns of categories and of numbers are read by this process, and the records put together by it.

    Args:
        settings: what to read, and how.
        progress: told what is done.
        each: has other processes do it. They see the files of the tables, and the folder of the store.
    """

    def __init__(self, settings: Settings, progress: Callable[[str, int], None], each: Each) -> None:
        super().__init__(settings, progress)
        self._each = each
        self._found: dict[str, list[Scan]] = {}

    def scan(self, split: str) -> Scan:
        """Have every shard read for its labels, and join what was found."""
        settings, table = self.settings, self.settings.named_tables()[split]
        label, text = settings.label_of(split), settings.tables.text
        read = partial(_scan, text=text, label=label, required=split != "test", separator=settings.label_separator)
        self._found[split] = list(self._each(read, table.shards()))
        joined = _join_scans(self._found[split])
        self.progress(f"reading {table.name}", len(joined))
        return joined

    def count(
        self, chosen: npt.NDArray[np.bool_], cutter: Cutter, longest: int | None
    ) -> tuple[Counter[str], Counter[str]]:
        """Have the words of every shard counted, and add them up."""
        settings = self.settings
        count = partial(_count, settings=settings.without_tables(), cutter=cutter, longest=longest)
        words, inside = Counter[str](), Counter[str]()
        for all_words, first_words in self._each(count, self._shards("train", chosen, Path())):
            words.update(all_words)
            inside.update(first_words)
        self.progress(f"counting the words of {settings.named_tables()['train'].name}", len(chosen))
        return words, inside

    def number(
        self,
        folder: Path,
        scans: Mapping[str, Scan],
        in_validation: npt.NDArray[np.bool_],
        vocabulary: Vocabulary,
    ) -> dict[str, RecordsWriter]:
        """Have the records of every shard written into a folder of its own, and join these."""
        written: dict[str, RecordsWriter] = {}
        number = partial(_number, text=self.settings.tables.text, vocabulary=vocabulary)
        for split, found in scans.items():
            cut_off = in_validation if split == "train" and in_validation.any() else None
            shards = self._shards(split, cut_off, folder / "shards")
            told = list(self._each(number, shards))
            for name in told[0]:
                labelled = found.labels is not None
                written[name] = _join_records(folder, name, shards, [each[name] for each in told], vocabulary, labelled)
            shutil.rmtree(folder / "shards")
            self.progress(f"numbering {self.settings.named_tables()[split].name}", len(found))
        return written

    def _shards(self, split: str, marked: npt.NDArray[np.bool_] | None, folder: Path) -> list[_Shard]:
        tables, found = self.settings.named_tables()[split].shards(), self._found[split]
        ends = np.cumsum([len(each) for each in found]).tolist()
        return [
            _Shard(
                table,
                split,
                own,
                end - len(own),
                None if marked is None else marked[end - len(own) : end],
                folder.resolve() / str(number),
            )
            for number, (table, own, end) in enumerate(zip(tables, found, ends, strict=True))
        ]


def _scan(table: Table, text: Sequence[str], label: str | None, required: bool, separator: str | None) -> Scan:
    return scan(table, text, label, required, lambda *_: None, separator)


def _join_scans(found: Sequence[Scan]) -> Scan:
    """The scan of the tables one after another."""
    sets: dict[tuple[str, ...], int] = {}
    labels = []
    for each in found:
        places = [sets.setdefault(names, len(sets)) for names in each.sets]
        if each.labels is not None:
            labels.append(np.array([*places, MISSING], dtype=np.int32)[each.labels])  # the last serves what is missing
    hashes = np.concatenate([each.hashes for each in found])
    return Scan(list(sets), np.concatenate(labels) if labels else None, hashes)


def _count(shard: _Shard, settings: Settings, cutter: Cutter, longest: int | None) -> tuple[Counter[str], Counter[str]]:
    """The words of the marked records of a shard."""
    assert shard.marked is not None
    rows = shard.table.select(settings.tables.text)
    chosen = (row.values for row, marked in zip(rows, shard.marked, strict=True) if marked)
    return count_words(chosen, settings, cutter, longest)


def _number(shard: _Shard, text: Sequence[str], vocabulary: Vocabulary) -> dict[str, _Numbered]:
    """Write the records of a shard, those that are marked apart as validation records."""
    rows = (row.values for row in shard.table.select(text))
    parts = number_rows(shard.folder, shard.split, rows, shard.found, vocabulary, shard.marked)
    return {name: _Numbered(part.writer.cut, part.words) for name, part in parts.items()}


def _join_records(
    folder: Path,
    split: str,
    shards: Sequence[_Shard],
    numbered: Sequence[_Numbered],
    vocabulary: Vocabulary,
    labelled: bool,
) -> RecordsWriter:
    """Write the records of all shards one after another; distinct words are met in the same order as in one table."""
    table = WordTable(vocabulary) if vocabulary.word_indexers else None
    multilabel = vocabulary.label_separator is not None
    with closing(RecordsWriter(folder / split, labelled, table, multilabel)) as writer:
        for shard, told in zip(shards, numbered, strict=True):
            piece = open_records(shard.folder / split, vocabulary)
            piece.cut = told.cut
            if table is not None and piece.words is not None:
                piece.words = table.numbers(told.words)[piece.words]
            assert piece.rows is not None
            counts = None if piece.label_offsets is None else np.diff(piece.label_offsets)
            writer.append(piece, piece.labels, piece.rows + shard.first, counts)
            shutil.rmtree(shard.folder / split)
        writer.finish()
    return writer
