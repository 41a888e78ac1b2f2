"""The distinct words of records, and what is inside of each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqclf.batch import SPECIAL_TOKENS
from seqclf.ragged import IntArray
from seqclf.text.vocabulary import Vocabulary

Parts = tuple[npt.NDArray[np.int32], IntArray]  # the parts of all words, and where each word's begin and end `(W + 1,)`


class WordTable:
    """Words as they are met, each kept once: its id and its parts. It grows with the distinct words alone.

    The special tokens come first, each at the place of its id.

    Args:
        vocabulary: cuts texts and numbers words and parts.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._numbers: dict[str, int] = {}
        self._ids = array("i")
        self._parts = {name: array("i") for name in vocabulary.word_indexers}
        self._ends = {name: array("q", [0]) for name in vocabulary.word_indexers}
        for token in SPECIAL_TOKENS:
            self._number(token)

    @property
    def words(self) -> list[str]:
        """The words, each at its place."""
        return list(self._numbers)

    def encode(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Number the words of many texts by their place in this table.

        Returns:
            The places of all texts' words, one after another `(N,)`, and how many each text has `(texts,)`.
        """
        words = [self._vocabulary.cut(text) for text in texts]
        numbers = [self._number(word) for row in words for word in row]
        return np.array(numbers, dtype=np.int32), np.array([len(row) for row in words], dtype=np.int64)

    def numbers(self, tokens: Iterable[str]) -> npt.NDArray[np.int32]:
        """The places of tokens that are no words of a text `(tokens,)`."""
        return np.fromiter(map(self._number, tokens), dtype=np.int32)

    def _number(self, word: str) -> int:
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self._numbers)
            self._ids.append(self._vocabulary.word_id(word))
            for name, indexer in self._vocabulary.word_indexers.items():
                self._parts[name].extend(indexer.parts(word))
                self._ends[name].append(len(self._parts[name]))
        return number

    def ids(self, numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The vocabulary's ids of words `(N,)` given by their place in this table."""
        return np.array(self._ids, dtype=np.int32)[numbers]

    def parts(self) -> dict[str, Parts]:
        """The parts of every word, by indexer."""
        return {
            name: (np.array(parts, dtype=np.int32), np.array(self._ends[name], dtype=np.int64))
            for name, parts in self._parts.items()
        }


def part_files(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of an indexer's parts and of where each word's end."""
    return folder / f"{name}.npy", folder / f"{name}_offsets.npy"
