"""How text is normalised and cut into words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Literal

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from seqclf.batch import SPECIAL_TOKENS

Split = Literal["words", "whitespace", "characters", "characters_and_spaces"]

# Scripts that put no spaces between words: each of their characters is a token, with the marks above and below it.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
# What is cut out as a token; all between is dropped.
PATTERNS: dict[Split, str] = {
    "words": rf"{UNSPACED}\p{{M}}*|(?:(?!{UNSPACED})\w)+|[^\w\s]",
    "whitespace": r"\S+",
    "characters": r"\S",
    "characters_and_spaces": r"\S|(?<=\S)\s(?=\s*\S)",
}
# The same of ASCII, for Python. With `re.ASCII` a separator, "\x1c", is no space.
ASCII_PATTERNS: dict[Split, str] = {"words": r"\w+|[^\w\s]", "characters": r"\S"}
MANY_RUNS, MANY_CHARACTERS = 2**17, 2**25  # that are counted before their words are

_SURROGATE = re.compile("[\ud800-\udfff]")
_SEPARATOR = re.compile("[\x1c-\x1f]")  # white space to `str.split`, and to nobody else
_SPACE = re.compile(r"[^\S\x1c-\x1f]+")


class Cutter:
    """Cuts texts into words as a tokenizer does, whether it knows them or not.

    Texts in ASCII need no normalisation but lower case, and Python's own regular expressions are the quicker way.

    Args:
        tokenizer: normalises and cuts; what it is truncated to is of no account.

    Attributes:
        by_runs: whether a text's words are those of its `runs` one after another.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._normalizer, self._pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
        split, self._lowercase = _known().get(_state(tokenizer), (None, False))
        self.by_runs = split not in (None, "characters_and_spaces")
        pattern = None if split is None else ASCII_PATTERNS.get(split)
        self._ascii = None if pattern is None else re.compile(pattern, re.ASCII)

    def __call__(self, text: str) -> list[str]:
        """The words of a text, normalised."""
        if self._ascii is not None and text.isascii():
            return self._ascii.findall(text.lower() if self._lowercase else text)
        normal = self._normalizer.normalize_str(well_formed(text))
        return [word for word, _ in self._pre_tokenizer.pre_tokenize_str(normal)]

    def count(self, texts: Iterable[str]) -> Counter[str]:
        """The words of texts, and how often each is there; `texts` are read once."""
        words: Counter[str] = Counter()
        if not self.by_runs:
            for text in texts:
                words.update(self(text))
            return words
        counts, characters = Counter[str](), 0  # texts are made of much the same runs: each is cut once
        for text in texts:
            counts.update(runs(text))
            characters += len(text)
            if len(counts) > MANY_RUNS or characters > MANY_CHARACTERS:
                self._add(counts, words)
                characters = 0
        self._add(counts, words)
        return words

    def _add(self, counts: Counter[str], words: Counter[str]) -> None:
        """Add the words of runs, and forget the runs."""
        for run, count in counts.items():
            for word in self(run):
                words[word] += count
        counts.clear()


def runs(text: str) -> list[str]:
    """What stands between white space."""
    if text.isprintable() or not _SEPARATOR.search(text):
        return text.split()
    return [run for run in _SPACE.split(text) if run]


def steps(tokenizer: Tokenizer, split: Split, lowercase: bool) -> Tokenizer:
    """Have a tokenizer normalise and cut texts in one of the ways of `PATTERNS`."""
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), *([normalizers.Lowercase()] if lowercase else [])])
    cut = pre_tokenizers.Split(Regex(PATTERNS[split]), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, _apart()]) if split == "whitespace" else cut
    return tokenizer


def well_formed(text: str) -> str:
    """The text with U+FFFD for every lone surrogate, which UTF-8 cannot hold and `tokenizers` refuses."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


@cache
def _known() -> dict[tuple[bytes, bytes], tuple[Split, bool]]:
    """The ways to cut, by what a tokenizer says of itself."""
    ways: list[tuple[Split, bool]] = [(split, lowercase) for split in PATTERNS for lowercase in (True, False)]
    return {_state(steps(Tokenizer(models.WordLevel()), *way)): way for way in ways}


def _state(tokenizer: Tokenizer) -> tuple[bytes, bytes]:
    parts = (tokenizer.normalizer, tokenizer.pre_tokenizer)
    normalizer, pre_tokenizer = (b"" if part is None else bytes(part.__getstate__()) for part in parts)
    return normalizer, pre_tokenizer


def _apart() -> pre_tokenizers.Split:
    """Cut a word of the text that looks like a special token behind its bracket, so that it is none."""
    names = "|".join(token.strip("[]") for token in SPECIAL_TOKENS)
    return pre_tokenizers.Split(Regex(rf"^\[(?=(?:{names})\]$)"), behavior="isolated")
