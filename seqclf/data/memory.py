"""Tables in memory: data frames of pandas, and data sets of `datasets`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from seqclf.data.data_frame import FrameTable
from seqclf.data.source import Source
from seqclf.data.table import Table
from seqclf.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame

    InMemory: TypeAlias = DataFrame | Dataset
else:
    InMemory = Any

KINDS = "a pandas.DataFrame or a datasets.Dataset"

_given: ContextVar[Mapping[str, Table] | None] = ContextVar("tables in memory", default=None)


class Memory(Source):
    """The tables that are given in Python, `train(cfg, train=..., validation=..., test=...)`.

    Args:
        text: the text columns, in the order of the record's fields; None for every column but the label.
        label: the label column; None where there are no labels.
        left: for pairs, the columns of the first record, in the order of its fields; None where there are no pairs.
        right: for pairs, the columns of the second record, the same fields in the same order.
        label_separator: between the labels of a record that may have several; None for `|`.
        categorical: columns whose cells are categories, each a field of its own behind those of text.
        numeric: columns whose cells are numbers, likewise.
    """

    def __init__(
        self,
        text: list[str] | None = None,
        label: str | None = "label",
        left: list[str] | None = None,
        right: list[str] | None = None,
        label_separator: str | None = None,
        categorical: list[str] | None = None,
        numeric: list[str] | None = None,
    ) -> None:
        super().__init__(text, label, left, right, label_separator, categorical, numeric)

    def splits(self) -> dict[str, Table]:
        """The tables that were given."""
        tables = _given.get()
        if not tables:
            raise UserError(
                "data=memory: there are no tables in memory. They are given in Python, train(cfg, train=DataFrame), "
                "and are gone with that call: such a run cannot be repeated, started from a command line or spread "
                "over several processes, and is resumed by train(cfg, train=...) with the same tables alone. Save "
                "them to files (to_parquet) and take data=files for that."
            )
        return dict(tables)


@contextmanager
def given(tables: Mapping[str, Any]) -> Iterator[None]:
    """Have these tables in memory for as long as this lasts.

    Args:
        tables: a data frame or a data set by the name of its split, `train`, `validation`, `test`.

    Raises:
        UserError: for anything else.
    """
    known = {}
    for split, data in tables.items():
        table = table_in_memory(split, data)
        if table is None:
            raise UserError(f"{split} must be {KINDS}, not {_said(data)}.")
        known[split] = table
    token = _given.set(known)
    try:
        yield
    finally:
        _given.reset(token)


def table_in_memory(name: str, data: Any) -> Table | None:
    """A table of a data frame or a data set; None for anything else.

    Args:
        name: what messages call it.
        data: anything; the libraries are not imported to look at it.

    Raises:
        UserError: as `FrameTable`; for a data set without rows.
    """
    if _is_a(data, "pandas", "DataFrame"):
        return FrameTable(f"{name} (DataFrame)", data)
    if not _is_a(data, "datasets", "Dataset"):
        return None
    from seqclf.data.hub import DatasetInMemory

    if not len(data):
        raise UserError(f"{name} (Dataset) has no row. Give a data set that holds records.")
    return DatasetInMemory(f"{name} (Dataset)", data)


def _is_a(data: Any, library: str, name: str) -> bool:
    """Whether data is an instance of a library's class; where there is one, the library is imported."""
    kind = getattr(sys.modules.get(library), name, None)
    return kind is not None and isinstance(data, kind)


def _said(data: Any) -> str:
    """What was given instead, and what to give."""
    kind = type(data).__name__
    if isinstance(data, Mapping) and _is_a(data, "datasets", "DatasetDict"):
        return f"a DatasetDict: give its splits, train=data[{next(iter(data), 'train')!r}]"
    return f"a {kind}" + (": name files on the configuration, data=files data.train=FILE" if kind == "str" else "")
