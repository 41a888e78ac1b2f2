"""What an indexer of the inside of words is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from seqclf.errors import UserError


class WordIndexer(ABC):
    """Numbers what a word is made of: its characters, its pieces.

    Attributes:
        file: the name of the file that keeps it, in a store and in a model folder.
    """

    file: ClassVar[str]

    @classmethod
    @abstractmethod
    def fit(cls, words: Mapping[str, int]) -> Self:
        """Number what these words are made of.

        Args:
            words: the words of the training split, and how often each stands there.
        """

    @abstractmethod
    def grow(self, words: Mapping[str, int]) -> Self:
        """The same for more words: what is known keeps its number, what is new comes behind."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many ids there are, the special ones among them."""

    @abstractmethod
    def parts(self, word: str) -> list[int]:
        """The ids of a word's parts, at least one; a special token is its own only part."""

    @abstractmethod
    def to_text(self) -> str:
        """All that it knows, as text."""

    @classmethod
    @abstractmethod
    def from_text(cls, text: str) -> Self:
        """What `to_text` gave.

        Raises:
            ValueError: for any other text.
        """

    def save(self, folder: Path) -> None:
        """Write `file` into the folder."""
        (folder / self.file).write_text(self.to_text(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            UserError: for a file that is missing or broken.
        """
        file = folder / cls.file
        try:
            return cls.from_text(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{file} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise UserError(f"{file} is broken: {error}.") from error
