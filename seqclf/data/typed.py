"""Typed values as text: the one rule by which parquet, spreadsheets and hubs lose their types."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal

from seqclf.text.label_sets import text_cell


def as_text(value: object) -> str:
    """One value as text: dates as ISO 8601, `true` and `false`, numbers as Python writes them, None as nothing.

    Raises:
        TypeError: for a value that is more than one text: a list, a struct, bytes.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, int | float | Decimal | timedelta):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not one text")
