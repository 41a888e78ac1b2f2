"""Pieces of words as tokens: frequent words stay whole, rare ones fall into parts that were met before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError, nearest
from seqclf.text.tokenization import Tokenization

UNKNOWN_TOKEN = SPECIAL_TOKENS[UNKNOWN]
INSIDE = "##"  # begins a piece that begins no word
MODELS = ("bpe", "wordpiece", "unigram")


class Subwords(Tokenization):
    """Pieces of words, trained on the training texts; words are cut out first, so that no piece spans two of them.

    Byte pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909) joins the most frequent pairs; WordPiece
    (Wu et al. 2016, https://arxiv.org/abs/1609.08144) reads the longest piece that fits; Unigram (Kudo 2018,
    https://arxiv.org/abs/1804.10959) the likeliest row of pieces.

    Args:
        model: one of the three.
        lowercase: whether "Word" and "word" are one.
        max_size: how many pieces there are at most.
        max_length: how many pieces of a field (or of a sentence) are read, from its beginning; None reads all.
        segment: "sentences" makes each sentence of a field a sequence of its own, and reads a list of texts as such
            sentences; None makes each field one.

    Raises:
        UserError: for another model, or a bound below 1.
    """

    of_words: ClassVar[bool] = False

    def __init__(
        self,
        model: Literal["bpe", "wordpiece", "unigram"] = "bpe",
        lowercase: bool = True,
        max_size: int = 8000,
        max_length: int | None = None,
        segment: Literal["sentences"] | None = None,
    ) -> None:
        super().__init__("words", lowercase, max_size=max_size, max_length=max_length, segment=segment)
        if model not in MODELS:
            raise UserError(f"There is no tokens.model={model!r}. {nearest(model, MODELS)}")
        self.max_size: int = max_size
        self.model = model

    def train_on(self, words: Mapping[str, int]) -> Tokenizer:
        """Find the pieces of words and number them behind the special tokens.

        Args:
            words: as `cutter` gives them, and how often the training texts hold each.

        Returns:
            A tokenizer that knows these pieces. No text can spell one of its special tokens.

        Raises:
            UserError: for words that pieces cannot be found in.
        """
        model, trainer = self._untrained(sorted({INSIDE + character for word in words for character in word}))
        tokenizer = self._tokenizer(model)
        if self.model == "unigram":  # it marks the first piece of a word, where the others mark those behind it
            marked = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
            tokenizer.pre_tokenizer = pre_tokenizers.Sequence([tokenizer.pre_tokenizer, marked])
        try:
            tokenizer.train_from_iterator((word for word in sorted(words) for _ in range(words[word])), trainer)
        except Exception as error:  # tokenizers raises bare Exception
            message = (
                f"tokens.model={self.model} cannot find tokens.max_size={self.max_size} pieces in the training texts"
            )
            raise UserError(f"{message}: {error}.") from error
        plain = _settled(tokenizer)
        if self.max_length is not None:
            plain.enable_truncation(self.max_length)
        return plain

    def _untrained(self, inside: list[str]) -> tuple[Any, Any]:
        special = list(SPECIAL_TOKENS)
        same: dict[str, Any] = {"vocab_size": self.max_size + len(SPECIAL_TOKENS), "show_progress": False}
        if self.model == "unigram":
            return models.Unigram(), trainers.UnigramTrainer(**same, special_tokens=special, unk_token=UNKNOWN_TOKEN)
        # Single characters would else be numbered in an order that is another one every time, and ties go by numbers.
        same |= {"special_tokens": [*special, *inside], "min_frequency": 2, "continuing_subword_prefix": INSIDE}
        if self.model == "wordpiece":
            return models.WordPiece(unk_token=UNKNOWN_TOKEN), trainers.WordPieceTrainer(**same)
        bpe = models.BPE(unk_token=UNKNOWN_TOKEN, continuing_subword_prefix=INSIDE, fuse_unk=True)
        return bpe, trainers.BpeTrainer(**same)


def _settled(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer without what training left to chance, and with special tokens that no text can spell."""
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = []  # strings to be found in any text
    if state["model"]["type"] == "Unigram":
        special, pieces = state["model"]["vocab"][: len(SPECIAL_TOKENS)], state["model"]["vocab"][len(SPECIAL_TOKENS) :]
        state["model"]["vocab"] = [*special, *_in_order(pieces)]
    return Tokenizer.from_str(json.dumps(state))


def _in_order(pieces: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Unigram's pieces and scores, the same every time.

    Its sums are added up in an order that is another one every time. And characters that no piece was left for get the
    last scores, each 0.0001 below the one before, in such an order.
    """
    ordered = sorted(((piece, round(score, 6)) for piece, score in pieces), key=lambda item: (-item[1], item[0]))
    begin = len(ordered) - 1
    while begin > 0 and round(ordered[begin - 1][1] - ordered[begin][1], 6) in (0.0, 0.0001):
        begin -= 1
    left_over = [place for place in range(max(begin, 0), len(ordered)) if len(ordered[place][0]) == 1]
    for place, character in zip(left_over, sorted(ordered[place][0] for place in left_over), strict=True):
        ordered[place] = (character, ordered[place][1])
    return ordered
