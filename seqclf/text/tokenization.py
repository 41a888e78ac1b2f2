"""How text is normalised and cut into words, and which of them get a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from tokenizers import Tokenizer, models

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError, nearest
from seqclf.text.cutter import PATTERNS, Cutter, Split, runs, steps
from seqclf.text.frame import Frame
from seqclf.word_vectors import VectorFile


class Tokenization:
    """Word-level tokens: normalise, split, and keep the words that the training texts use often enough.

    Args:
        split: "words" takes runs of letters and digits, and every other visible character alone, also those of scripts
            without spaces between words (Chinese, Japanese, Thai); "whitespace" whatever stands between spaces;
            "characters" every visible character; "characters_and_spaces" also one white space between two of them.
        lowercase: whether "Word" and "word" are one.
        min_count: words that the training texts hold less often than this are unknown.
        max_size: how many words are kept, the most frequent ones; None keeps all.
        max_length: how many tokens of a field (or of a sentence) are read, from its beginning; None reads all.
        add_words: a file of word vectors whose words are known too, behind those of the training texts; None for none.
        segment: "sentences" makes each sentence of a field a sequence of its own, and reads a list of texts as such
            sentences; None makes each field one.

    Raises:
        UserError: for a `split` that is not one of the four, or a bound below 1.

    Attributes:
        of_words: whether its tokens are words, with characters inside.
        segment: what each field is cut into: its sentences, or (pretrained models only) windows; None for nothing.
    """

    of_words: ClassVar[bool] = True
    segment: Literal["sentences", "windows"] | None

    def __init__(
        self,
        split: Literal["words", "whitespace", "characters", "characters_and_spaces"] = "words",
        lowercase: bool = True,
        min_count: int = 1,
        max_size: int | None = None,
        max_length: int | None = None,
        add_words: str | None = None,
        segment: Literal["sentences"] | None = None,
    ) -> None:
        if split not in PATTERNS:
            raise UserError(f"There is no tokens.split={split!r}. {nearest(split, PATTERNS)}")
        for name, bound in {"min_count": min_count, "max_size": max_size, "max_length": max_length}.items():
            if bound is not None and bound < 1:
                raise UserError(f"tokens.{name} must be at least 1, but is {bound}.")
        self.split: Split = split
        self.lowercase = lowercase
        self.min_count = min_count
        self.max_size = max_size
        self.max_length = max_length
        self.add_words = add_words
        self.segment = segment

    @property
    def frame(self) -> Frame | None:
        """What a pretrained model's tokenizer puts around texts; None for tokens that are fitted to the texts."""
        return None

    def settings(self) -> dict[str, Any]:
        """All that the tokens depend on beside the texts, in plain values."""
        added = None
        if self.add_words is not None:
            status = VectorFile(self.add_words).path.stat()
            added = [str(Path(self.add_words).resolve()), status.st_size, status.st_mtime_ns]
        options = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {**options, "add_words": added, "pattern": PATTERNS[self.split]}

    def train(self, texts: Iterable[str]) -> Tokenizer:
        """Count the words of the texts and number them, the most frequent first, behind the special tokens.

        Args:
            texts: the training texts; read once, one after another.

        Returns:
            A tokenizer that knows these words. No text can spell one of its special tokens.
        """
        return self.train_on(self.cutter.count(texts))

    def train_on(self, words: Mapping[str, int]) -> Tokenizer:
        """The same from words, as `cutter` gives them, and how often the training texts hold each."""
        known = [*SPECIAL_TOKENS, *frequent(words, self.min_count)]
        bound = None if self.max_size is None else self.max_size + len(SPECIAL_TOKENS)
        return self._knowing({word: place for place, word in enumerate(known[:bound])})

    def _knowing(self, words: dict[str, int]) -> Tokenizer:
        """A tokenizer that numbers these words so, and those of the file behind them."""
        for word in self._added():
            words.setdefault(word, len(words))
        tokenizer = self._tokenizer(models.WordLevel(vocab=words, unk_token=SPECIAL_TOKENS[UNKNOWN]))
        if self.max_length is not None:
            tokenizer.enable_truncation(self.max_length)
        return tokenizer

    @property
    def cutter(self) -> Cutter:
        """Cuts texts into words, and knows none of them."""
        return self._cutter

    @cached_property
    def _cutter(self) -> Cutter:
        return Cutter(self._tokenizer(models.WordLevel()))

    def _added(self) -> Iterator[str]:
        """The words of the file as they stand in a text; a word that a text never gives as one token is none."""
        if self.add_words is None:
            return
        for word in VectorFile(self.add_words).words():
            text = word.decode("utf-8", "replace")
            if runs(text) == [text] and len(found := self.cutter(text)) == 1:
                yield found[0]

    def _tokenizer(self, model: models.WordLevel) -> Tokenizer:
        return steps(Tokenizer(model), self.split, self.lowercase)


def frequent(words: Mapping[str, int], min_count: int) -> list[str]:
    """The words that are there as often as `min_count`, the most frequent first, then in the order of the alphabet."""
    return sorted((word for word, count in words.items() if count >= min_count), key=lambda word: (-words[word], word))
