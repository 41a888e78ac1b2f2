"""Texts to numbers, by the quicker of two ways that give the same."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Literal

from tokenizers import Tokenizer, models

from seqclf.text.tokenization import Tokenization, well_formed

# What `PATTERNS` of seqclf.text.tokenization cut out of ASCII. With `re.ASCII` a separator, "\x1c", is no space.
ASCII_PATTERNS: dict[Literal["words", "characters"], str] = {"words": r"\w+|[^\w\s]", "characters": r"\S"}
MANY_CORES = 6  # with more of them `tokenizers`, which uses them all, is the quicker way

Cut = tuple[Callable[[str], list[str]], bool]  # what cuts a text, and whether it is in lower case


class Numbering:
    """The ids of texts.

    `tokenizers` keeps for every word where it stood in the text; of words in ASCII, which need no normalisation but
    lower case, Python's own regular expressions give the ids alone, five times as fast on one core.

    Args:
        tokenizer: cuts and numbers. Texts in ASCII go the short way where it is one that `Tokenization` makes of words
            or characters.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""
        if self._cut is None or (os.cpu_count() or 1) > MANY_CORES:
            return self._encode(texts)
        cut, lowercase = self._cut
        known, unknown, longest = *self._known, (self._tokenizer.truncation or {}).get("max_length")
        found: list[list[int]] = []
        others: list[str] = []
        for text in texts:
            if text.isascii():
                words = cut(text.lower() if lowercase else text)
                found.append([known.get(word, unknown) for word in (words if longest is None else words[:longest])])
            else:
                found.append([])
                others.append(text)
        if others:
            rest = iter(self._encode(others))
            found = [own if text.isascii() else next(rest) for own, text in zip(found, texts, strict=True)]
        return found

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        encode_batch = getattr(self._tokenizer, "encode_batch_fast", self._tokenizer.encode_batch)
        encodings = encode_batch([well_formed(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    @cached_property
    def _cut(self) -> Cut | None:
        """How `Tokenization` cuts, if it made the tokenizer."""
        if not isinstance(self._tokenizer.model, models.WordLevel):
            return None
        for split, pattern in ASCII_PATTERNS.items():
            for lowercase in (True, False):
                if _steps(Tokenization(split, lowercase).cutter) == _steps(self._tokenizer):
                    return re.compile(pattern, re.ASCII).findall, lowercase
        return None

    @cached_property
    def _known(self) -> tuple[dict[str, int], int]:
        """The ids of words, and that of all others."""
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        return known, known[self._tokenizer.model.unk_token]


def _steps(tokenizer: Tokenizer) -> list[object]:
    """What a tokenizer does before it numbers."""
    return [each and each.__getstate__() for each in (tokenizer.normalizer, tokenizer.pre_tokenizer)]
