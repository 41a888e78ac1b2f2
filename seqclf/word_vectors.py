"""Word vectors that others have trained, in the text files of GloVe, word2vec and fastText."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqclf.errors import UserError

logger = logging.getLogger("seqclf")

FIRST_LINES = 100  # that tell how many numbers a vector has
NAMED = 10  # words without a vector that the report names


class VectorFile:
    """A text file of one word and its numbers a line, apart by spaces; `.gz` is unpacked on the way.

    A first line of two whole numbers, how many words and numbers there are, is a header. A word may hold spaces: the
    numbers are the last of the line.

    Args:
        path: the file.

    Attributes:
        dim: how many numbers a vector has.

    Raises:
        UserError: for a file that is missing, damaged, or no such file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise UserError(f"{path}: there is no such file of word vectors.")
        first = list(islice(self._lines(), FIRST_LINES))
        if not first:
            raise UserError(f"{path}: the file is empty; one word and its numbers a line were expected.")
        self.header = _is_header(first[0][1])
        # A word with spaces is rare: nearly every line has one space per number.
        spaces = Counter(line.count(b" ") for _, line in first[self.header :])
        self.dim = int(first[0][1].split()[1]) if self.header else spaces.most_common(1)[0][0]
        if self.dim < 1:
            raise UserError(f"{path}, line 1: a word and its numbers, apart by spaces, were expected.")

    def words(self) -> Iterator[bytes]:
        """The words of the file, in its order, in UTF-8."""
        return (word for word, _, _ in self._split())

    def read(self, words: Sequence[str], skip: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """The vectors of these words; what the file has none for is logged.

        Args:
            words: `V` words, the most frequent first.
            skip: how many of them, from the beginning, are no words of a text.

        Returns:
            The vectors `(V, dim)`, zero for a word that the file lacks, and which ones it has `(V,)`.

        Raises:
            UserError: for a line that is broken, with its number.
        """
        places = {word.encode("utf-8", "replace"): place for place, word in enumerate(words) if place >= skip}
        table = np.zeros((len(words), self.dim), dtype=np.float32)
        found = np.zeros(len(words), dtype=np.bool_)
        for word, number, line in self._split():
            place = places.get(word)
            if place is not None and not found[place]:  # the first counts
                table[place], found[place] = self._numbers(line, number), True
        self._report(words, found, skip)
        return table, found

    def _split(self) -> Iterator[tuple[bytes, int, bytes]]:
        """Word, line number and line."""
        for number, line in islice(self._lines(), int(self.header), None):
            spaces = line.count(b" ")
            if spaces < self.dim:
                raise UserError(
                    f"{self.path}, line {number}: a word and {self.dim} numbers were expected, but there are only "
                    f"{spaces} numbers. Is the file damaged or cut short?"
                )
            yield line.partition(b" ")[0] if spaces == self.dim else line.rsplit(b" ", self.dim)[0], number, line

    def _numbers(self, line: bytes, number: int) -> npt.NDArray[np.float32]:
        values = line.rsplit(b" ", self.dim)[1:]
        try:
            vector = np.array(values).astype(np.float32)
        except ValueError:
            vector = np.full(self.dim, np.nan, dtype=np.float32)
        if not np.isfinite(vector).all():
            raise UserError(f"{self.path}, line {number}: {self.dim} finite numbers were expected behind the word.")
        return vector

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        number = 0
        try:
            with gzip.open(self.path) if self.path.suffix == ".gz" else self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if text := line.rstrip(b" \r\n"):
                        yield number, text
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise UserError(f"{self.path}, after line {number}: the gzip file is damaged ({error}).") from error

    def _report(self, words: Sequence[str], found: npt.NDArray[np.bool_], skip: int) -> None:
        total, known = len(words) - skip, int(found.sum())
        missing = [repr(words[place]) for place in skip + np.flatnonzero(~found[skip:])[:NAMED]]
        named = f"; without one, the most frequent first: {', '.join(missing)}" if missing else ""
        logger.info(
            "%s has vectors for %d of %d words (%.1f %%)%s.", self.path, known, total, _share(known, total), named
        )


def _is_header(line: bytes) -> bool:
    fields = line.split()
    return len(fields) == 2 and all(field.isdigit() for field in fields)


def _share(part: int, whole: int) -> float:
    return 100 * part / max(whole, 1)
