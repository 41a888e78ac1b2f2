"""The three readings of the tables that fill a store: for labels, for words, for numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from seqclf.data.record_files import RecordsWriter
from seqclf.data.scan import Progress, Scan, scan
from seqclf.data.store_part import Part
from seqclf.data.store_settings import Settings
from seqclf.text.growth import grow
from seqclf.text.sentences import segments
from seqclf.text.vocabulary import Vocabulary


class Reading(ABC):
    """Who reads the tables.

    Args:
        settings: what to read, and how.
        progress: told now and then how far it is.
    """

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress

    @abstractmethod
    def scan(self, split: str) -> Scan:
        """The labels of a table and which of its records are alike.

        Raises:
            UserError: for a label that is missing where every record must have one.
        """

    @abstractmethod
    def learn(self, chosen: npt.NDArray[np.bool_]) -> tuple[Tokenizer, Counter[str]]:
        """The tokenizer of the chosen training records `(R,)`; and their words if something looks inside of words."""

    @abstractmethod
    def number(
        self,
        folder: Path,
        scans: Mapping[str, Scan],
        in_validation: npt.NDArray[np.bool_],
        vocabulary: Vocabulary,
    ) -> dict[str, RecordsWriter]:
        """Write the records of every table into a folder.

        Args:
            folder: gets a folder for each split.
            scans: what `scan` gave.
            in_validation: which training records are the validation part `(R,)`.
            vocabulary: numbers words and labels.

        Returns:
            What was written, by split.
        """


class ReadingHere(Reading):
    """This process reads every table from its beginning to its end, in bounded memory."""

    def scan(self, split: str) -> Scan:
        """Read a table for its labels."""
        settings, table = self.settings, self.settings.named_tables()[split]
        label, required = settings.label_of(split), split != "test"
        return scan(table, settings.tables.text, label, required, self.progress, settings.label_separator)

    def learn(self, chosen: npt.NDArray[np.bool_]) -> tuple[Tokenizer, Counter[str]]:
        """Read the training table for its words; the order of its rows is of no account."""
        settings, words = self.settings, Counter[str]()
        rows = settings.records("train", "counting the words of", self.progress)
        texts = texts_of((values for number, values in enumerate(rows) if chosen[number]), settings)
        cutting, start = settings.tokenization, settings.start
        if settings.word_indexers:
            texts = _counting(texts, cutting.cut if start is None else start.cut, words)
        if start is not None:
            return grow(start.tokenizer, texts, cutting.min_count, cutting.max_size), words
        return cutting.train(texts), words

    def number(
        self,
        folder: Path,
        scans: Mapping[str, Scan],
        in_validation: npt.NDArray[np.bool_],
        vocabulary: Vocabulary,
    ) -> dict[str, RecordsWriter]:
        """Read every table once more, and write its records."""
        parts: dict[str, Part] = {}
        for split, found in scans.items():
            rows = self.settings.records(split, "numbering", self.progress)
            cut_off = in_validation if split == "train" and in_validation.any() else None
            parts |= number_rows(folder, split, rows, found, vocabulary, cut_off)
        return {split: part.writer for split, part in parts.items()}


def number_rows(
    folder: Path,
    split: str,
    rows: Iterable[tuple[str, ...]],
    found: Scan,
    vocabulary: Vocabulary,
    cut_off: npt.NDArray[np.bool_] | None,
) -> dict[str, Part]:
    """Write records into the folder of their split, and those that are `cut_off` `(R,)` into that of the validation."""
    with ExitStack() as files:
        rest = files.enter_context(Part(folder / split, vocabulary, found))
        parts = {split: rest}
        if cut_off is not None:
            parts["validation"] = files.enter_context(Part(folder / "validation", vocabulary, found))
        for row, values in enumerate(rows):
            (rest if cut_off is None or not cut_off[row] else parts["validation"]).add(row, values)
    return parts


def texts_of(rows: Iterable[tuple[str, ...]], settings: Settings) -> Iterator[str]:
    """The texts of records in which words are counted: no categories and numbers, and those of each segment alone."""
    width = len(settings.tables.text) - len(settings.tables.kinds)
    texts = chain.from_iterable(values[:width] for values in rows)
    return texts if settings.segment is None else chain.from_iterable(map(segments, texts))


def _counting(texts: Iterator[str], cut: Callable[[str], list[str]], words: Counter[str]) -> Iterator[str]:
    """Pass the texts on and count their words on the way."""
    for text in texts:
        words.update(cut(text))
        yield text
