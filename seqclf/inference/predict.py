"""Records in, labels and probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from seqclf.data.indexing import index_records
from seqclf.data.records import IndexedRecords
from seqclf.data.typed import as_text
from seqclf.errors import UserError, nearest
from seqclf.inference.classifier import Classifier
from seqclf.inference.decision import Decision
from seqclf.text.columns import Column
from seqclf.text.label_sets import list_cell, text_cell
from seqclf.text.vocabulary import Vocabulary

Text = (
    str | float | Sequence[str]
)  # a category or a number may be a number; where a model reads sentences, a field may be a list of them
Record = Text | Sequence[Text | None] | Mapping[str, Text | None]
Example = Record | Sequence[Record]  # a pair is its columns by name, or two records

MAX_ROWS, MAX_TOKENS = 512, 32768  # of a batch


@dataclass(frozen=True)
class Prediction:
    """What the model says of one record.

    Attributes:
        label: the likeliest class; or, where a record may have several labels, those that it is given, with the
            model's separator between them.
        probability: that this is right; of several labels as if each stood for itself.
        probabilities: every class's, by name.
        labels: the labels that it was given: one, or any number where it may have several.
        abstained: whether it was given none because nothing was sure enough; `label` is empty then.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    labels: tuple[str, ...]
    abstained: bool = False


def told(model: Classifier, rows: Sequence[Sequence[float]], decision: Decision | None = None) -> Iterator[Prediction]:
    """What is said of records of these probabilities `(R, C)`.

    Args:
        model: knows the labels, and how they are given.
        rows: probabilities of every class.
        decision: how labels are given; None for the model's own way.
    """
    decision = decision or Decision()
    separator = model.vocab.label_separator or ""
    for row, (given, chance) in zip(rows, decision.given(model, rows), strict=True):
        chances = decision.told(dict(zip(model.vocab.labels, row, strict=True)))
        yield Prediction(separator.join(given or ()), chance, chances, tuple(given or ()), given is None)


def probabilities(model: Classifier, texts: Sequence[Sequence[str]]) -> npt.NDArray[np.float32]:
    """Probability of every class for records given as one text per field, `(R, C)`, in their order."""
    out = np.empty((len(texts), model.vocab.num_labels), dtype=np.float32)
    for rows, output in outputs(model, texts):
        out[rows] = output["class_probabilities"].float().cpu().numpy()
    return out


def outputs(
    model: Classifier, texts: Sequence[Sequence[str]], labels: Tensor | None = None
) -> Iterator[tuple[npt.NDArray[np.int64], Mapping[str, Tensor]]]:
    """What the model says of records given as one text per field: rows of like length together, longest first.

    Args:
        model: the classifier.
        texts: the records.
        labels: their labels `(R, *)`, if the model is to be told them.

    Yields:
        The numbers of the records of a batch `(B,)`, and the model's output for them.
    """
    yield from outputs_of(model, index_records(model.vocab, texts), labels)


def outputs_of(
    model: Classifier, records: IndexedRecords, labels: Tensor | None = None
) -> Iterator[tuple[npt.NDArray[np.int64], Mapping[str, Tensor]]]:
    """The same of numbered records."""
    training = model.training
    model.eval()
    try:
        for rows in _batches(records):
            with torch.inference_mode():
                gold = None if labels is None else labels[torch.from_numpy(rows)].to(model.device)
                output = model(records.batch(rows).to(model.device), label=gold)
            yield rows, output
    finally:
        model.train(training)


def _batches(records: IndexedRecords) -> Iterator[npt.NDArray[np.int64]]:
    """Rows of like length together, longest first; a batch has at most MAX_ROWS rows and about MAX_TOKENS tokens."""
    lengths = records.lengths
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        rows = max(1, min(MAX_ROWS, MAX_TOKENS // int(lengths[order[at]])))
        yield order[at : at + rows]
        at += rows


def texts_of(vocab: Vocabulary, records: Sequence[Example]) -> list[list[str]]:
    """One text per column for each record or pair, "" where it is missing.

    Raises:
        UserError: for a record that names no field of the model, or holds something that is not text.
    """
    if vocab.num_sides == 1:
        return [_texts(record, vocab, vocab.fields, at) for at, record in enumerate(records)]
    return [_pair_texts(pair, vocab, at) for at, pair in enumerate(records)]


def _pair_texts(pair: Any, vocab: Vocabulary, at: int) -> list[str]:
    if isinstance(pair, Mapping):
        return _texts(pair, vocab, vocab.columns, at)
    if isinstance(pair, str) or len(pair) != vocab.num_sides:
        raise UserError(
            f"Record {at} must be a pair: two records, or a dict of its columns ({', '.join(vocab.columns)})."
        )
    return [text for record in pair for text in _texts(record, vocab, vocab.fields, at)]


def _texts(record: Any, vocab: Vocabulary, fields: Sequence[str], at: int) -> list[str]:
    if isinstance(record, str) or (vocab.reads_lists and len(fields) == 1 and not isinstance(record, Mapping)):
        record = [record]
    if isinstance(record, Mapping):
        if record and not any(name in fields for name in record):
            name = str(next(iter(record)))
            raise UserError(f"Record {at} has no field that the model knows ({name!r}). {nearest(name, fields)}")
        values = [record.get(name) for name in fields]
    else:
        values = list(record)
        if len(values) != len(fields):
            raise UserError(f"Record {at} has {len(values)} texts; the model wants {len(fields)}: {', '.join(fields)}.")
    return [_cell(value, vocab, name, at) for name, value in zip(fields, values, strict=True)]


def _cell(value: Any, vocab: Vocabulary, name: str, at: int) -> str:
    place = f"Record {at}: {name!r}"
    if name in vocab.kinds:
        return _checked(value, vocab.kinds[name], place)
    if vocab.reads_lists and isinstance(value, Sequence) and all(isinstance(text, str) for text in value):
        return text_cell(value) if isinstance(value, str) else list_cell(value)
    if value is not None and not isinstance(value, str):
        raise UserError(f"{place} must be text, but is {value!r}.")
    return text_cell(value or "")


def _checked(value: Any, column: Column, place: str) -> str:
    """A category or a number as a cell of a table would have it."""
    try:
        cell = as_text(value)
        column.token(cell)
    except (TypeError, ValueError):
        raise UserError(f"{place} must be a {column.singular}, but is {value!r}.") from None
    return cell
