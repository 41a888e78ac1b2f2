"""Numbered records of any shape, made without text, and models that read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer, models
from torch import Tensor
from torch.nn.functional import cross_entropy

from seqclf import compose
from seqclf.batch import SPECIAL_TOKENS
from seqclf.build import build_classifier
from seqclf.classifiers.clipping import clip_gradients
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.records import IndexedRecords
from seqclf.ragged import IntArray, Rows
from seqclf.run.compose import plain
from seqclf.text.vocabulary import Vocabulary


def vocabulary(words: int, classes: int = 4, fields: int = 1) -> Vocabulary:
    """So many words, classes and fields."""
    numbered = [*SPECIAL_TOKENS, *(f"w{number}" for number in range(words - len(SPECIAL_TOKENS)))]
    known = Tokenizer(models.WordLevel({word: number for number, word in enumerate(numbered)}, unk_token="[UNK]"))
    return Vocabulary(known, [f"c{number}" for number in range(classes)], [f"f{number}" for number in range(fields)])


def records(table: IntArray, words: int, classes: int = 4, seed: int = 1) -> IndexedRecords:
    """Records whose fields have so many tokens `(R, F)`, 0 where one is missing; no record lacks all of them."""
    rng = np.random.default_rng(seed)
    present = table > 0
    lengths = table[present]
    return IndexedRecords(
        rng.integers(len(SPECIAL_TOKENS), words, size=int(lengths.sum()), dtype=np.int32),
        Rows.from_lengths(lengths).offsets,
        np.nonzero(present)[1].astype(np.int32),
        Rows.from_lengths(present.sum(axis=1)).offsets,
        labels=rng.integers(classes, size=len(table), dtype=np.int32),
    )


def classifier(vocab: Vocabulary, *overrides: str) -> SequenceClassifier:
    """A model as `train.py` with these overrides builds it; its fields' mean is the record."""
    config = plain(compose("data=synthetic", "multifield=bag", "multifield.mode=mean", *overrides))
    model: SequenceClassifier = build_classifier(config, vocab)
    return model


class Steps:
    """Whole steps of training around ready logits: loss, gradient, clipping, optimiser.

    Args:
        model: what is trained.
    """

    def __init__(self, model: SequenceClassifier) -> None:
        self.model = model.train()
        self.parameters = list(model.parameters())
        apart = set() if model.wide is None else set(model.wide.parameters())
        self.optimizer = model.optimizer([(name, each) for name, each in model.named_parameters() if each not in apart])

    def take(self, logits: Sequence[Callable[[], Tensor]], labels: Sequence[Tensor | None]) -> None:
        """A step for each batch, whose logits `(B, C)` are computed when it is its turn."""
        for compute, gold in zip(logits, labels, strict=True):
            assert gold is not None
            self.optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(compute(), gold))
            clip_gradients(self.parameters, 5.0)
            self.optimizer.step()
