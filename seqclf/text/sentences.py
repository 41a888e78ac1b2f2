"""Where the sentences of a text end: a rule that needs no download and is the same everywhere."""

from __future__ import annotations

import re

from seqclf.text.label_sets import is_list, list_texts

# A full stop, question or exclamation mark (also several), what closes behind it, and then space (in Chinese and
# Japanese no space); or a line's end, for empty lines. Each begins where a run of its characters does: time is linear.
_END = re.compile(
    r"""(?P<mark>(?<![.!?\u2026])[.!?\u2026]+)["'\u201d\u2019\u00bb)\]]*(?P<space>\s+)"""
    r"""|(?P<wide>[\u3002\uff01\uff1f]+["'\u201d\u2019\u300d\u300f\uff09)\]]*\s*)"""
    r"""|(?<!\s)(?P<gap>[^\S\n]*\n\s*)"""
)
_LAST_WORD = re.compile(r"[^\s(\[\"'\u201c\u2018\u00ab]*$")
_LONGEST = 8  # characters of an abbreviation, and more
_OPENING = "\"'([\u201c\u2018\u00ab\u00bf\u00a1"
# Words whose full stop ends no sentence when another word follows.
_WORDS = """
    mr mrs ms dr prof sr jr st rev hon gen col capt lt sgt gov sen rep pres nos vol vols fig figs eq eqs sec ch pp ed
    eds e.g i.e cf viz vs v al approx ca dept univ inc ltd co corp bros jan feb mar apr jun jul aug sep sept oct nov dec
    z.b d.h bzw bsp nr hr fr usw mme mlle
"""
_ABBREVIATIONS = frozenset(_WORDS.split())


def segments(text: str) -> list[str]:
    """What a field is cut into where each sentence is a sequence of its own: its sentences, or the texts of a list."""
    return list_texts(text) if is_list(text) else sentences(text)


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, without the space around them.

    One ends at `.`, `!`, `?` or an ellipsis before a space, unless a lower-case letter follows or, at a full stop, the
    word before it is an abbreviation (`Dr.`, `e.g.`) or a single letter (`J. Smith`); at an empty line; and at the full
    stops of Chinese and Japanese. Nothing but space is ever lost.

    Args:
        text: any text.

    Returns:
        The sentences; none where there is nothing but space.
    """
    found, start, text = [], 0, text.strip()
    for end in _END.finditer(text):
        if _is_end(text, start, end):
            found.append(text[start : end.end()].strip())
            start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def _is_end(text: str, start: int, end: re.Match[str]) -> bool:
    if end["wide"] or (end["gap"] or end["space"]).count("\n") > 1:
        return True
    follows = text[end.end() : end.end() + 2].lstrip(_OPENING)[:1]
    if end["gap"] or follows.islower():
        return False
    if end["mark"] != ".":
        return True
    match = _LAST_WORD.search(text, max(start, end.start() - _LONGEST), end.start())
    word = match[0].lower() if match else ""
    return not (word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"))
