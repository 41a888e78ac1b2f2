"""The characters of words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Self

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.text.word_indexer import WordIndexer

BEGIN, END = len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + 1  # stand at a word's two ends
FIRST = END + 1


class Characters(WordIndexer):
    """A number for every character of the training words.

    Args:
        characters: they follow the special tokens and the two that stand at a word's ends, in this order.
    """

    file = "characters.json"

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = list(characters)
        self._ids = {character: place for place, character in enumerate(self.characters, start=FIRST)}
        self._special = {token: [place] for place, token in enumerate(SPECIAL_TOKENS)}

    @classmethod
    def fit(cls, words: Mapping[str, int]) -> Self:
        """Number the characters of these words, in the order of their code points."""
        return cls(sorted(set().union(*words)))

    def grow(self, words: Mapping[str, int]) -> Self:
        """The same with the characters of more words behind the known ones."""
        return type(self)([*self.characters, *sorted(set().union(*words).difference(self.characters))])

    @property
    def size(self) -> int:
        """How many ids there are."""
        return FIRST + len(self.characters)

    def parts(self, word: str) -> list[int]:
        """The ids of a word's characters, between one for its begin and one for its end."""
        if word in self._special:
            return self._special[word]
        return [BEGIN, *(self._ids.get(character, UNKNOWN) for character in word), END]

    def to_text(self) -> str:
        """The characters, as a JSON list."""
        return json.dumps(self.characters) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` gave.

        Raises:
            ValueError: for any other text.
        """
        characters = json.loads(text)
        if not isinstance(characters, list) or not all(isinstance(each, str) and len(each) == 1 for each in characters):
            raise ValueError("it must hold a list of characters")
        return cls(characters)
