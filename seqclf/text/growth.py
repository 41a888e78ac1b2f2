"""A vocabulary that grows: what it knows keeps its number, what is new comes behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from tokenizers import Tokenizer, models, trainers

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.text.tokenization import frequent, well_formed


def grow(tokenizer: Tokenizer, texts: Iterable[str], min_count: int = 1, max_size: int | None = None) -> Tokenizer:
    """A tokenizer that knows the words of more texts, and cuts text as the given one does.

    New words are numbered behind the known ones, the most frequent first. A tokenizer of pieces of words has pieces for
    any text and stays as it is.

    Args:
        tokenizer: what is known so far; it is not changed.
        texts: the texts that new words are taken from; read once.
        min_count: new words that the texts hold less often than this stay unknown.
        max_size: how many words there are at the end at most; None for no such bound. Known words always stay.
    """
    if not isinstance(tokenizer.model, models.WordLevel):
        return tokenizer
    counted = _count(tokenizer, texts, min_count)
    return _grown(tokenizer, sorted(counted, key=counted.__getitem__), max_size)


def grow_on(
    tokenizer: Tokenizer, words: Mapping[str, int], min_count: int = 1, max_size: int | None = None
) -> Tokenizer:
    """The same from words, and how often the texts hold each."""
    if not isinstance(tokenizer.model, models.WordLevel):
        return tokenizer
    return _grown(tokenizer, frequent(words, min_count), max_size)


def _grown(tokenizer: Tokenizer, words: Iterable[str], max_size: int | None) -> Tokenizer:
    """The tokenizer with those of these words that are new, in this order."""
    known = tokenizer.get_vocab(with_added_tokens=False)
    new = [word for word in words if word not in known]
    if max_size is not None:
        new = new[: max(0, max_size + len(SPECIAL_TOKENS) - len(known))]
    plain = json.loads(tokenizer.to_str())
    plain["model"]["vocab"].update({word: len(known) + place for place, word in enumerate(new)})
    return Tokenizer.from_str(json.dumps(plain))


def _count(tokenizer: Tokenizer, texts: Iterable[str], min_count: int) -> dict[str, int]:
    """The words of the texts and their rank by frequency, cut as the tokenizer cuts them."""
    counting = Tokenizer(models.WordLevel(unk_token=SPECIAL_TOKENS[UNKNOWN]))
    counting.normalizer, counting.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    trainer = trainers.WordLevelTrainer(
        vocab_size=2**40, min_frequency=min_count, show_progress=False, special_tokens=list(SPECIAL_TOKENS)
    )
    counting.train_from_iterator(map(well_formed, texts), trainer)
    return dict(counting.get_vocab(with_added_tokens=False))
