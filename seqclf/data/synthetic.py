"""Made-up records of any number and shape, for tests of scale and of laws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import cycle, islice, pairwise

import numpy as np
import numpy.typing as npt

from seqclf.data.source import Source
from seqclf.data.table import Row, Table
from seqclf.errors import UserError

TOPICAL = 0.2  # share of the words of a field that only its class uses
PIECE_WORDS = 2**18  # words that are in memory at once, about
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwxyz", "aeiou"


class Synthetic(Source):
    """Records of made-up words: half of the vocabulary is common to all classes, the rest belongs to one class each.

    A fifth of each field's words are of the record's class, so that a bag of words can learn the label. The same
    settings give the same records, which are made as they are read: their number is bounded by patience only.

    Args:
        records: how many to learn from; a fifth as many are there to test on.
        fields: how many texts a record has, called `field_0`, `field_1`, ...
        lengths: typical number of words of each field, from the first on and over again; real ones spread around it.
        classes: how many classes.
        imbalance: how many times as frequent as the rarest class the most frequent one is.
        noise: share of the records whose label is drawn at random.
        missing: share of the fields that are empty.
        vocabulary: how many distinct words.
        seed: of the generator.
        text: the fields to read; None for all.

    Raises:
        UserError: for a setting that is out of range.
    """

    def __init__(
        self,
        records: int = 10000,
        fields: int = 2,
        lengths: Sequence[int] = (6, 40),
        classes: int = 4,
        imbalance: float = 1.0,
        noise: float = 0.0,
        missing: float = 0.0,
        vocabulary: int = 5000,
        seed: int = 13,
        text: list[str] | None = None,
    ) -> None:
        super().__init__(text, "label")
        self.records = records
        self.lengths = list(islice(cycle(lengths), fields))
        self.classes = classes
        self.imbalance = imbalance
        self.noise = noise
        self.missing = missing
        self.vocabulary = vocabulary
        self.seed = seed
        _check("records", records >= 1, "at least 1")
        _check("fields", fields >= 1, "at least 1")
        _check("lengths", len(lengths) >= 1 and min(lengths) >= 1, "one number or more, each at least 1")
        _check("classes", classes >= 2, "at least 2")
        _check("imbalance", imbalance >= 1, "at least 1")
        _check("noise", 0 <= noise <= 1, "between 0 and 1")
        _check("missing", 0 <= missing <= 1, "between 0 and 1")
        _check("vocabulary", vocabulary >= 2 * classes, f"at least {2 * classes}, two words per class")

    def splits(self) -> dict[str, Table]:
        """A table to learn from and one to test on."""
        return {
            "train": SyntheticTable(self, "train", self.records),
            "test": SyntheticTable(self, "test", max(1, self.records // 5)),
        }


class SyntheticTable(Table):
    """One split of made-up records.

    Args:
        source: the settings.
        split: its name; no two splits draw the same records.
        records: how many.
    """

    unit = "record"

    def __init__(self, source: Synthetic, split: str, records: int) -> None:
        super().__init__(f"synthetic ({split})", [*(f"field_{place}" for place in range(len(source.lengths))), "label"])
        self._source = source
        self._split = split
        self._records = records

    def rows(self) -> Iterator[Row]:
        """The records, made piece by piece, each piece from a generator of its own."""
        words = _words(self._source.vocabulary)
        labels = [f"class_{place}" for place in range(self._source.classes)]
        size = max(1, PIECE_WORDS // sum(self._source.lengths))
        for start in range(0, self._records, size):
            generator = np.random.default_rng([self._source.seed, *self._split.encode(), start])
            count = min(size, self._records - start)
            classes = self._draw_classes(generator, count)
            columns = [self._draw_field(generator, classes, length, words) for length in self._source.lengths]
            is_noise = generator.random(count) < self._source.noise
            shown = np.where(is_noise, generator.integers(len(labels), size=count), classes)
            columns.append([labels[place] for place in shown.tolist()])
            for number, values in enumerate(zip(*columns, strict=True), start=start + 1):
                yield Row(number, values)

    def fingerprint(self) -> str:
        """SHA-256 of the settings, which say all there is to know."""
        settings = {name: value for name, value in vars(self._source).items() if name != "text"}
        return hashlib.sha256(repr((self.name, self._records, sorted(settings.items()))).encode()).hexdigest()

    def _draw_classes(self, generator: np.random.Generator, count: int) -> npt.NDArray[np.int64]:
        """A class for each record, `(count,)`; frequencies fall evenly, on a logarithmic scale, to the rarest."""
        shares = self._source.imbalance ** -np.linspace(0, 1, self._source.classes)
        return generator.choice(self._source.classes, size=count, p=shares / shares.sum())

    def _draw_field(
        self,
        generator: np.random.Generator,
        classes: npt.NDArray[np.int64],
        length: int,
        words: npt.NDArray[np.object_],
    ) -> list[str]:
        """One field of each record: common words with a long tail of rare ones, and words of the record's class."""
        lengths = np.clip(np.rint(length * generator.lognormal(0, 0.5, len(classes))), 1, 10 * length).astype(np.int64)
        lengths[generator.random(len(classes)) < self._source.missing] = 0
        total = int(lengths.sum())
        common = len(words) // 2
        own = (len(words) - common) // self._source.classes  # words that belong to one class
        topical = common + np.repeat(classes, lengths) * own + generator.integers(own, size=total)
        places = np.where(
            generator.random(total) < TOPICAL, topical, (common * generator.random(total) ** 3).astype(np.int64)
        )
        texts = words[places].tolist()
        ends = np.concatenate([[0], np.cumsum(lengths)]).tolist()
        return [" ".join(texts[start:end]) for start, end in pairwise(ends)]


def _words(count: int) -> npt.NDArray[np.object_]:
    """Distinct words of syllables, `(count,)`, all of one length."""
    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
    words = [""]
    while len(words) < count or len(words[0]) < 4:
        words = [word + syllable for word in words for syllable in syllables]
    return np.array(words[:count], dtype=object)


def _check(setting: str, is_fine: bool, rule: str) -> None:
    if not is_fine:
        raise UserError(f"data.{setting} must be {rule}.")
