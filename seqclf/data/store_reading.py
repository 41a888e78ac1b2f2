"""The three readings of the tables that fill a store: for labels, for words, for numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
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
from seqclf.text.cutter import Cutter
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
    def count(
        self, chosen: npt.NDArray[np.bool_], cutter: Cutter, longest: int | None
    ) -> tuple[Counter[str], Counter[str]]:
        """How often the chosen training records `(R,)` hold each word.

        Args:
            chosen: the order of the rows is of no account.
            cutter: cuts words.
            longest: how many words of a text are read.

        Returns:
            The words of whole texts, in which pieces are found and words that are known; and those that are read, in
            which the inside of words is found, if something looks there.
        """

    def learn(self, chosen: npt.NDArray[np.bool_]) -> tuple[Tokenizer, Counter[str]]:
        """The tokenizer of the chosen training records `(R,)`; and their words if something looks inside of words."""
        cutting, start = self.settings.tokenization, self.settings.start
        cuts = cutting if start is None else start
        if cuts.frame is not None:  # a pretrained model's tokenizer is what it is
            return (cutting.train(()) if start is None else start.tokenizer), Counter()
        words, inside = self.count(chosen, cuts.cutter, cuts.max_length)
        if start is None:
            return cutting.train_on(words), inside
        return grow(start.tokenizer, words, cutting.min_count, cutting.max_size), inside

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

    def count(
        self, chosen: npt.NDArray[np.bool_], cutter: Cutter, longest: int | None
    ) -> tuple[Counter[str], Counter[str]]:
        """Read the training table for its words."""
        rows = self.settings.records("train", "counting the words of", self.progress)
        return count_words(
            (values for number, values in enumerate(rows) if chosen[number]), self.settings, cutter, longest
        )

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


def count_words(
    rows: Iterable[tuple[str, ...]], settings: Settings, cutter: Cutter, longest: int | None
) -> tuple[Counter[str], Counter[str]]:
    """How often records hold each word, and how often among the first `longest` of a text, if anything asks for it."""
    texts, first = texts_of(rows, settings), Counter[str]()
    if not settings.word_indexers:
        return cutter.count(texts), first
    if longest is None:
        words = cutter.count(texts)
        return words, words
    words = Counter[str]()
    for text in texts:
        found = cutter(text)
        words.update(found)
        first.update(found[:longest])
    return words, first
