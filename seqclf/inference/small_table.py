"""Small tables in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

STYLE = """
table.sq-table { font: 13px/1.4 system-ui, sans-serif; border-collapse: collapse; font-variant-numeric: tabular-nums; }
table.sq-table th, table.sq-table td { padding: .15rem .7rem; text-align: left; color: inherit; background: none; }
table.sq-table th { white-space: nowrap; }
table.sq-table td, table.sq-table th { border-bottom: 1px solid #8884; overflow-wrap: anywhere; }
table.sq-table small { opacity: .75; }
"""


def small_table(header: Sequence[str], rows: Sequence[Sequence[object]], more: int = 0) -> str:
    """A table as a notebook shows it, by day and by night.

    Args:
        header: the names of its columns.
        rows: what stands in them; numbers that are not whole with four places.
        more: how many rows are not shown.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    rest = f"<tr><td></td><td><small>and {more:,} more</small></td></tr>" if more > 0 else ""
    return (
        f'<style>{STYLE}</style><table class="sq-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}{rest}</tbody></table>"
    )


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))
