"""A source whose tables are parts of those of another."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

from seqclf.data.source import Source
from seqclf.data.table import Table


class Subset(Source):
    """The columns of another source; a subclass says which of its rows are which split.

    Args:
        source: the other source.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(
            source.text,
            source.label,
            source.left,
            source.right,
            source.label_separator,
            source.categorical,
            source.numeric,
        )
        self.source = source

    def allow_lists(self) -> None:
        """Let text columns hold lists of texts, in the other source too."""
        super().allow_lists()
        self.source.allow_lists()

    def splits(self) -> dict[str, Table]:
        """The parts, which are chosen once."""
        return self._chosen

    @cached_property
    def _chosen(self) -> dict[str, Table]:
        return self.choose()

    @abstractmethod
    def choose(self) -> dict[str, Table]:
        """The tables by the name of their split: `train`, `validation`, `test`."""
