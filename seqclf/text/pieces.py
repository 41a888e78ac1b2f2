"""The pieces of words, beside the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Self

from tokenizers import Tokenizer

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.text.subwords import Subwords
from seqclf.text.word_indexer import WordIndexer

MAX_PIECES = 8000


class Pieces(WordIndexer):
    """Numbers what byte pair encoding cuts a word into (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909).

    Args:
        tokenizer: cuts a word into numbered pieces.
    """

    file = "pieces.json"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._special = {token: [place] for place, token in enumerate(SPECIAL_TOKENS)}

    @classmethod
    def fit(cls, words: Mapping[str, int]) -> Self:
        """Find at most `MAX_PIECES` pieces of these words, by how often each word stands in the training split."""
        subwords = Subwords("bpe", lowercase=False, max_size=MAX_PIECES)
        counts: Counter[str] = Counter()
        for word, count in words.items():
            for run in subwords.cut(word):
                counts[run] += count
        return cls(subwords.train_on(counts))

    def grow(self, words: Mapping[str, int]) -> Self:
        """The same: known pieces spell new words too."""
        return type(self)(self.tokenizer)

    @property
    def size(self) -> int:
        """How many ids there are."""
        return int(self.tokenizer.get_vocab_size())

    def parts(self, word: str) -> list[int]:
        """The ids of a word's pieces, from its beginning to its end."""
        if word in self._special:
            return self._special[word]
        return list(self.tokenizer.encode(word, add_special_tokens=False).ids) or [UNKNOWN]

    def to_text(self) -> str:
        """The tokenizer's own JSON."""
        return str(self.tokenizer.to_str())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` gave.

        Raises:
            ValueError: for any other text.
        """
        try:
            return cls(Tokenizer.from_str(text))
        except Exception as error:  # tokenizers raises bare Exception
            raise ValueError(str(error)) from error
