"""Where the tokens of a record stand in its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from seqclf.batch import EMPTY, SEPARATOR, SPECIAL_TOKENS
from seqclf.text.cutter import well_formed
from seqclf.text.label_sets import is_list, list_texts
from seqclf.text.sentences import segments
from seqclf.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Span:
    """A token as the user wrote it.

    Attributes:
        column: the place of its column among those of the model.
        start: the first of its characters in the text of that column; of a list of texts, in these with a line's end
            between them.
        end: the character behind its last one; `start` for a token that stands for no text, as `[SEP]`.
        text: these characters, or the name of such a token.
        segment: which sentence of the column it stands in; 0 where a field is not cut into sentences.
        mark: whether it stands for no text, as `[SEP]`.
    """

    column: int
    start: int
    end: int
    text: str
    segment: int = 0
    mark: bool = False


def spans_of(vocab: Vocabulary, texts: Sequence[str]) -> list[Span]:
    """The tokens of one example, in the order in which a batch has them.

    Args:
        vocab: numbers the tokens.
        texts: one text per column, "" where it is missing.

    Returns:
        One span per token of the example, of all its records.
    """
    width = vocab.width
    found: list[Span] = []
    for first in range(0, len(texts), width):
        record = [span for at in range(first, first + width) for span in _of_cell(vocab, texts[at], at)]
        if not record:
            record = [Span(first, 0, 0, SPECIAL_TOKENS[EMPTY], mark=True)]
        found += _joined(record) if vocab.join_fields and vocab.segment is None else record
    return found


def readable(cell: str) -> str:
    """The text of a cell in which offsets count: of a list, its texts with a line's end between them."""
    return "\n".join(list_texts(cell)) if is_list(cell) else cell


def _of_cell(vocab: Vocabulary, cell: str, column: int) -> list[Span]:
    kind = vocab.kinds.get(vocab.fields[column % len(vocab.fields)])
    if kind is not None:
        if kind.token(cell) is None:
            return []
        start = len(cell) - len(cell.lstrip())
        return [Span(column, start, start + len(cell.strip()), cell.strip())]
    whole = readable(cell)
    if vocab.segment != "sentences":
        return _of_text(vocab, whole, 0, column, 0)
    found: list[Span] = []
    at = 0
    for number, segment in enumerate(segments(cell)):
        at = whole.index(segment, at)
        found += _of_text(vocab, segment, at, column, number)
        at += len(segment)
    return found


def _of_text(vocab: Vocabulary, text: str, shift: int, column: int, segment: int) -> list[Span]:
    encoding = vocab.tokenizer.encode(well_formed(text), add_special_tokens=False)
    return [Span(column, start + shift, end + shift, text[start:end], segment) for start, end in encoding.offsets]


def _joined(record: list[Span]) -> list[Span]:
    """With what stands between the fields of one sequence."""
    found: list[Span] = []
    for column, own in groupby(record, key=lambda span: span.column):
        if found:
            end = found[-1].end
            found.append(Span(found[-1].column, end, end, SPECIAL_TOKENS[SEPARATOR], mark=True))
        found += own
        del column
    return found
