"""Which token of a record's text stands at each place of what a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from seqclf.data.framing import framed, joined, truncate, windows
from seqclf.inference.spans import Span
from seqclf.ragged import IntArray
from seqclf.text.vocabulary import Vocabulary

MARK = -1  # stands for a token that a pretrained model's tokenizer puts around texts


def places_of(vocab: Vocabulary, spans: Sequence[Span]) -> IntArray:
    """The place among `spans` of each token that a batch has of an example `(N,)`, or `MARK`.

    Without a pretrained model that is one after another. With one, long texts are cut, windows read a token twice, and
    there are marks around the texts.

    Args:
        vocab: numbers the tokens.
        spans: of one example, as `spans_of` gives them.
    """
    if vocab.frame is None:
        return np.arange(len(spans))
    found = []
    for record in range(vocab.num_inputs):
        first = record * vocab.width
        own = [(at, span) for at, span in enumerate(spans) if first <= span.column < first + vocab.width]
        places = np.array([at for at, span in own if not span.mark], dtype=np.int64)
        if not len(places):
            found.append(np.array([MARK]))
            continue
        read = _framed(vocab, [span for _, span in own if not span.mark], first)
        found.append(np.append(places, MARK)[np.minimum(read, len(places))])
    return np.concatenate(found)


def _framed(vocab: Vocabulary, spans: Sequence[Span], first: int) -> IntArray:
    """The places of a record's spans as a batch has them, cut as their tokens are; the length and more for marks."""
    assert vocab.frame is not None
    lengths = np.zeros(vocab.width, dtype=np.int64)
    np.add.at(lengths, [span.column - first for span in spans], 1)
    # What is cut and framed are numbers below those of any mark.
    numbers = np.arange(len(spans), dtype=np.int32) - len(spans)
    if vocab.segment == "windows":
        pieces, sizes, _ = windows(numbers, lengths, vocab.frame)
        ids = framed(pieces, sizes, vocab.frame)[0]
    elif vocab.segment is None and vocab.join_fields:
        ids = joined(numbers, lengths.reshape(1, -1), vocab.frame, vocab.num_sides // vocab.num_inputs)[0]
    else:
        if vocab.segment is not None:
            sentences = groupby(spans, key=lambda span: (span.column, span.segment))
            lengths = np.array([len(list(own)) for _, own in sentences])
        ids = framed(*truncate(numbers, lengths, np.full_like(lengths, vocab.frame.room), vocab.frame), vocab.frame)[0]
    return ids.astype(np.int64) + len(spans)
