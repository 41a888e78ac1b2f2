"""A vocabulary that grows: what it knows keeps its number, what is new comes behind."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tokenizers import Tokenizer, models

from seqclf.batch import SPECIAL_TOKENS
from seqclf.text.tokenization import frequent


def grow(tokenizer: Tokenizer, words: Mapping[str, int], min_count: int = 1, max_size: int | None = None) -> Tokenizer:
    """A tokenizer that knows more words, and cuts text as the given one does.

    New words are numbered behind the known ones, the most frequent first. A tokenizer of pieces of words has pieces for
    any text and stays as it is.

    Args:
        tokenizer: what is known so far; it is not changed.
        words: as `Cutter` gives them, and how often the new texts hold each.
        min_count: new words that the texts hold less often than this stay unknown.
        max_size: how many words there are at the end at most; None for no such bound. Known words always stay.
    """
    if not isinstance(tokenizer.model, models.WordLevel):
        return tokenizer
    known = tokenizer.get_vocab(with_added_tokens=False)
    new = [word for word in frequent(words, min_count) if word not in known]
    if max_size is not None:
        new = new[: max(0, max_size + len(SPECIAL_TOKENS) - len(known))]
    plain = json.loads(tokenizer.to_str())
    plain["model"]["vocab"].update({word: len(known) + place for place, word in enumerate(new)})
    return Tokenizer.from_str(json.dumps(plain))
