"""Explanations as a page: every token on a ground that says what it adds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqclf.inference.explain import Explanation, TokenAttribution

SHOWN = 4000  # characters of a field
ROWS = 20  # explanations in a notebook

STYLE = """
.sq { font: 14px/1.6 system-ui, sans-serif; margin: 0 0 1.2rem; break-inside: avoid; overflow-wrap: anywhere; }
.sq b { font-weight: 600; } .sq small { opacity: .75; } .sq dl { margin: .3rem 0; }
.sq dt { font-size: 12px; opacity: .75; } .sq dd { margin: 0 0 .3rem; }
.sq mark { color: inherit; background: rgb(38 132 255 / var(--a)); border-radius: 2px;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.sq mark.no { background: rgb(232 93 4 / var(--a)); text-decoration: underline dotted; }
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Explanations</title>
<style>:root { color-scheme: light dark; } body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font: 600 20px system-ui, sans-serif; }
"""
LEGEND = (
    '<p class="sq"><mark style="--a:.5">for</mark> and <mark class="no" style="--a:.5">against</mark> the class; the '
    "stronger the colour, the more a token adds to the logit.</p>"
)


def page(explanations: Iterable[Explanation]) -> Iterator[str]:
    """A whole page, piece by piece; it needs no network."""
    yield f"{PAGE}{STYLE}</style></head><body><h1>Explanations</h1>{LEGEND}\n"
    for number, explanation in enumerate(explanations):
        yield f'<section id="row{number}"><small class="sq">row {number}</small>{_body(explanation)}</section>\n'
    yield "</body></html>\n"


def fragment(explanation: Explanation) -> str:
    """One explanation, as a notebook shows it."""
    return f"<style>{STYLE}</style>{_body(explanation)}"


def fragments(explanations: Sequence[Explanation], shown: int = ROWS) -> str:
    """The first of many explanations, as a notebook shows them."""
    more = (
        f'<p class="sq"><small>and {len(explanations) - shown:,} more</small></p>' if len(explanations) > shown else ""
    )
    return f"<style>{STYLE}</style>{LEGEND}" + "".join(map(_body, explanations[:shown])) + more


def marked(text: str, tokens: Iterable[TokenAttribution], strongest: float, shown: int = SHOWN) -> str:
    """A text in HTML with its tokens marked.

    Args:
        text: what was read.
        tokens: of this text, in their order.
        strongest: the attribution of full colour.
        shown: how many characters are shown at most.
    """
    out, at = [], 0
    for token in tokens:
        if token.start < at or token.end > shown or token.start == token.end:
            continue
        out.append(escape(text[at : token.start]))
        strength = min(1.0, abs(token.attribution) / strongest) if strongest else 0.0
        word = escape(text[token.start : token.end])
        if strength < 0.02:
            out.append(word)
        else:
            kind = "" if token.attribution > 0 else ' class="no"'
            out.append(f'<mark{kind} style="--a:{0.65 * strength:.2f}" title="{token.attribution:+.3f}">{word}</mark>')
        at = token.end
    rest = text[at:shown]
    return "".join(out) + escape(rest) + ("…" if len(text) > shown else "")


def _body(explanation: Explanation) -> str:
    strongest = max((abs(token.attribution) for token in explanation.tokens), default=0.0)
    by_field = {name: list(own) for name, own in groupby(explanation.tokens, key=lambda token: token.field)}
    fields = "".join(
        f"<dt>{escape(name)} {explanation.fields[name]:+.2f}</dt><dd>{marked(text, by_field[name], strongest)}</dd>"
        for name, text in explanation.texts.items()
        if name in by_field
    )
    chance = explanation.prediction.probabilities[explanation.label]
    given = explanation.prediction.label or "no label"
    end = "" if given == explanation.label else f"; predicted: {escape(given)}"
    error = explanation.completeness_error
    told = "" if error is None else f", completeness error {error:+.4f}"
    weights = ", ".join(f"{escape(name)} {weight:.2f}" for name, weight in explanation.field_weights)
    return (
        f'<div class="sq"><b>{escape(explanation.label)}</b> {chance:.3f}{end} '
        f"<small>logit {explanation.logit:.2f}{told}</small><dl>{fields}</dl>"
        + (f"<small>weights of the fields: {weights}</small>" if weights else "")
        + "</div>"
    )
