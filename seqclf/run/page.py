"""What pages about runs are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #8884; vertical-align: top; }
th:first-child, td:first-child, .text, .words { text-align: left; } .text { overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
small, .note { opacity: .75; } .wide { overflow-x: auto; } .legend .key { margin-right: 1rem; white-space: nowrap; }
.pair { display: flex; flex-wrap: wrap; gap: 1.5rem; } .pair > div { flex: 1 1 22rem; min-width: 0; }
.heat td, .heat th { padding: .1rem .2rem; font-size: 12px; } .heat td { border: 1px solid #8882; min-width: 1.2rem; }
.few td { min-width: 2.6rem; } .few td, .few th { font-size: 13px; padding: .2rem .4rem; }
.heat th.up { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
.bar { display: inline-block; height: .65rem; background: #2f6db5; border-radius: 2px; vertical-align: baseline; }
.share { display: inline-block; width: 4rem; text-align: left; margin-left: .4rem; } td small { white-space: nowrap; }
.bar, .heat td { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } .wide { overflow: visible; }
.heat td, .heat th { padding: 0 .1rem; font-size: 8px; min-width: 0; } h2, h3, .note { break-after: avoid; }
tr, svg { break-inside: avoid; } }
"""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], kind: str = "") -> Html:
    """A table; a cell that is not `Html` is written as it is read. Columns of words stand at their left."""
    lines = list(rows)
    sorts = [' class="words"' if any(map(_is_words, own)) else "" for own in zip(*lines, strict=True)]
    sorts = sorts or [""] * len(header)
    named = zip(header, sorts, strict=True)
    head = "".join(f"<th{sort}>{escape(name.replace('_', ' '))}</th>" for name, sort in named)
    body = "".join(
        "<tr>" + "".join(f"<td{sort}>{cell(value)}</td>" for value, sort in zip(row, sorts, strict=True)) + "</tr>\n"
        for row in lines
    )
    start = f'<table class="{kind}">' if kind else "<table>"
    return Html(f'<div class="wide">{start}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>')


def _is_words(value: Any) -> bool:
    if isinstance(value, Html):
        return value.startswith("<div")
    return isinstance(value, str | Mapping) and bool(value)


def facts(pairs: Iterable[tuple[str, Any]]) -> Html:
    """Names with what they are, those left out of which nothing is to be said."""
    rows = [(name.replace("_", " "), value) for name, value in pairs if value is not None and value != {}]
    return table(("", ""), rows) if rows else Html("")


def section(title: str, *parts: str, note: str = "") -> Html:
    """A heading, what is to be known about it, and what stands below; nothing where nothing does."""
    if not any(parts):
        return Html("")
    said = f'<p class="note">{escape(note)}</p>\n' if note else ""
    return Html(f"<h2>{escape(title)}</h2>\n{said}" + "\n".join(parts))


def side_by_side(*parts: str) -> Html:
    """Parts beside each other where there is room."""
    return Html('<div class="pair">' + "".join(f"<div>{part}</div>" for part in parts if part) + "</div>")


def bar(share: float) -> Html:
    """A share from 0 to 1 as a number and a bar."""
    width = 4 * max(0.0, min(1.0, share))
    return Html(f'{share:.3f}<span class="share"><span class="bar" style="width:{width:.2f}rem"></span></span>')


def cell(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, Html):
        return str(value)
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{escape(str(name))} {cell(count)}" for name, count in value.items())
    return escape(str(value))


def cut(text: str, longest: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
