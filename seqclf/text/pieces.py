"""The pieces of words, beside the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, Self

from tokenizers import Tokenizer

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError
from seqclf.text.subwords import Subwords
from seqclf.text.word_indexer import WordIndexer


class Pieces(WordIndexer):
    """Numbers the pieces that a word falls into (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909).

    Args:
        tokenizer: cuts a word into numbered pieces.
    """

    file = "pieces.json"

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._special = {token: [place] for place, token in enumerate(SPECIAL_TOKENS)}

    @classmethod
    def fit(
        cls,
        words: Mapping[str, int],
        model: Literal["bpe", "wordpiece", "unigram"] = "bpe",
        max_size: int = 8000,
    ) -> Self:
        """Find the pieces of these words.

        Args:
            words: the words of the training split, and how often each stands there.
            model: how, as `Subwords` says.
            max_size: how many pieces there are at most.

        Raises:
            UserError: for words that so many pieces cannot be found in.
        """
        try:
            subwords = Subwords(model, lowercase=False, max_size=max_size)
            counts: Counter[str] = Counter()
            for word, count in words.items():
                for run in subwords.cutter(word):
                    counts[run] += count
            return cls(subwords.train_on(counts))
        except UserError as error:  # of what is typed for tokens
            raise UserError(str(error).replace("tokens.", "embedder.")) from error

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
