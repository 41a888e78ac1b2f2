"""The tokens of a pretrained model: its own tokenizer, and what that puts around texts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal

from tokenizers import Tokenizer

from seqclf.backbone import find_backbone, load_tokenizer, longest_sequence, read_backbone_config
from seqclf.errors import UserError
from seqclf.text.frame import Frame, check_frame, frame_to_plain
from seqclf.text.tokenization import Tokenization


class PretrainedTokens(Tokenization):
    """Text is cut as the pretrained model's own tokenizer cuts it.

    Args:
        model: a folder with the tokenizer, or an id of the Hugging Face hub.
        max_length: how many tokens a sequence has at most, those that the tokenizer puts around texts among them; None
            for as many as the model has positions for.
        truncation: what is kept of a longer text: its `head`, its `tail`, or half of each (`head_tail`). Where the
            fields are one sequence, the longest of them are cut.
        segment: `windows` cuts a longer text into overlapping windows instead, each a sequence of its own; `sentences`
            makes each sentence one; None makes each field one.
        overlap: how many tokens two neighbouring windows share.
        trust_remote_code: whether the code that comes with the tokenizer may be run.

    Raises:
        UserError: for an argument out of its range, or a tokenizer that is not there.
    """

    of_words: ClassVar[bool] = False

    def __init__(
        self,
        model: str | None = None,
        max_length: int | None = None,
        truncation: Literal["head", "tail", "head_tail"] = "head",
        segment: Literal["sentences", "windows"] | None = None,
        overlap: int = 32,
        trust_remote_code: bool = False,
    ) -> None:
        super().__init__("words", lowercase=False, max_length=max_length)
        self.segment = segment
        self.model = model
        self.truncation = truncation
        self.overlap = overlap
        self.trust_remote_code = trust_remote_code

    def settings(self) -> dict[str, Any]:
        """All that the tokens depend on beside the texts, in plain values."""
        digest = hashlib.sha256(self._tokenizer_and_frame[0].to_str().encode()).hexdigest()
        return {"tokenizer": digest, "frame": frame_to_plain(self.frame), "segment": self.segment}

    def train(self, texts: Iterable[str]) -> Tokenizer:
        """The pretrained model's tokenizer; the texts teach it nothing and are not read."""
        return self._tokenizer_and_frame[0]

    def train_on(self, words: Mapping[str, int]) -> Tokenizer:
        """The same; words teach it nothing either."""
        return self._tokenizer_and_frame[0]

    @property
    def frame(self) -> Frame:
        """What the tokenizer puts around texts, and where long ones are cut."""
        return self._tokenizer_and_frame[1]

    @cached_property
    def _tokenizer_and_frame(self) -> tuple[Tokenizer, Frame]:
        folder = find_backbone(self.model, self.trust_remote_code)
        loaded = load_tokenizer(folder, self.trust_remote_code)
        tokenizer = Tokenizer.from_str(loaded.backend_tokenizer.to_str())
        tokenizer.no_padding()
        tokenizer.no_truncation()
        bounds = [longest_sequence(read_backbone_config(folder)), int(loaded.model_max_length)]
        longest = min(bound for bound in bounds if bound is not None)
        if self.max_length is not None and self.max_length > longest:
            raise UserError(
                f"tokens.max_length={self.max_length} is more than {self.model} has positions for: {longest}."
            )
        found = frame_of(tokenizer, loaded)
        frame = replace(
            found,
            max_length=self.max_length or longest,
            truncation=self.truncation,
            overlap=self.overlap if self.segment == "windows" else 0,
        )
        check_frame(frame)
        return tokenizer, frame


def frame_of(tokenizer: Tokenizer, loaded: Any) -> Frame:
    """What a tokenizer puts around one text and between two, read off from what it does.

    Args:
        tokenizer: the tokenizer itself.
        loaded: the same as transformers has it, which knows the names of its special tokens.

    Raises:
        UserError: for one that does otherwise than to put tokens before, between and behind texts.
    """
    body = tokenizer.encode("a", add_special_tokens=False).ids
    alone, both = tokenizer.encode("a").ids, tokenizer.encode("a", "a").ids
    before = next((at for at in range(len(alone)) if alone[at : at + len(body)] == body), 0)
    after = len(alone) - before - len(body)
    middle = len(both) - len(alone) - len(body)
    between = both[before + len(body) : before + len(body) + middle]
    expected = [*alone[:before], *body, *between, *body, *alone[len(alone) - after :]]
    if not body or after < 0 or middle < 0 or both != expected:
        raise UserError("The tokenizer puts tokens elsewhere than before, between and behind texts: not known here.")
    if not between:
        marks = (loaded.sep_token_id, loaded.eos_token_id, loaded.unk_token_id)
        between = [next((mark for mark in marks if mark is not None), body[0])]
    padding = loaded.pad_token_id if loaded.pad_token_id is not None else 0
    behind = tuple(alone[len(alone) - after :])
    return Frame(tuple(alone[:before]), tuple(between), behind, int(padding), loaded.unk_token_id, len(alone) + 1)
