"""What a model would say if a word, or a field, were not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from seqclf.inference.classifier import Classifier
from seqclf.inference.predict import outputs
from seqclf.inference.spans import Span
from seqclf.text.label_sets import is_list

TOGETHER = 4096  # texts that are read at once


def leave_one_out(
    model: Classifier, texts: Sequence[Sequence[str]], spans: Sequence[Sequence[Span]], classes: Sequence[int]
) -> tuple[list[list[float]], list[list[float]], list[float]]:
    """How much lower the logit of a class is without each token, and without each column (Li et al. 2016).

    https://arxiv.org/abs/1612.08220. A space takes a token's place in the text, which is then read anew. The effort
    grows with the square of a text's length.

    Args:
        model: the classifier.
        texts: one text per column for each example.
        spans: its tokens.
        classes: the class of each example.

    Returns:
        A number for each token of each example, and one for each of its columns; 0 for what stands for no text. And
        the logit of each whole example.
    """
    of_tokens = [[0.0] * len(own) for own in spans]
    of_columns = [[0.0] * len(own) for own in texts]
    whole = _logits(model, list(texts), classes)
    waiting: list[tuple[int, int | None, int, list[str]]] = []

    def settle() -> None:
        found = _logits(model, [words for *_, words in waiting], [classes[example] for example, *_ in waiting])
        for (example, token, column, _), logit in zip(waiting, found, strict=True):
            if token is None:
                of_columns[example][column] = whole[example] - logit
            else:
                of_tokens[example][token] = whole[example] - logit
        waiting.clear()

    for example, (own, tokens) in enumerate(zip(texts, spans, strict=True)):
        for token, column, words in _without(own, tokens):
            waiting.append((example, token, column, words))
            if len(waiting) == TOGETHER:
                settle()
    if waiting:
        settle()
    return of_tokens, of_columns, whole


def _without(texts: Sequence[str], spans: Sequence[Span]) -> Iterator[tuple[int | None, int, list[str]]]:
    """The texts without each token, and without each column that has one: token (None), column, texts."""
    for at, span in enumerate(spans):
        if span.end > span.start:
            cell = texts[span.column]
            shift = int(is_list(cell))  # a list has a mark before each text, in place of the line's end between them
            yield at, span.column, _with(texts, span.column, _blanked(cell, span.start + shift, span.end + shift))
    for column in sorted({span.column for span in spans if span.end > span.start}):
        yield None, column, _with(texts, column, "")


def _blanked(cell: str, start: int, end: int) -> str:
    return f"{cell[:start]} {cell[end:]}"


def _with(texts: Sequence[str], column: int, cell: str) -> list[str]:
    return [*texts[:column], cell, *texts[column + 1 :]]


def _logits(model: Classifier, texts: Sequence[Sequence[str]], classes: Sequence[int]) -> list[float]:
    found = torch.zeros(len(texts))
    for rows, output in outputs(model, texts):
        at = torch.from_numpy(rows)
        chosen = torch.tensor([classes[row] for row in rows.tolist()]).unsqueeze(1)
        found[at] = output["logits"].float().cpu().gather(1, chosen).squeeze(1)
    numbers: list[float] = found.tolist()
    return numbers
