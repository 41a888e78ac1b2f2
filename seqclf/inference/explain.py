"""Why a model gives a record its label: what each token and each field adds to the logit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch

from seqclf.data.indexing import index_records
from seqclf.errors import UserError, nearest
from seqclf.inference.attribution import Differentiable, Method, attribute, completeness_errors
from seqclf.inference.explanation_html import fragment, fragments
from seqclf.inference.leave_one_out import leave_one_out
from seqclf.inference.places import places_of
from seqclf.inference.predict import Prediction, probabilities, told
from seqclf.inference.spans import Span, readable, spans_of
from seqclf.ragged import IntArray, Ragged

MAX_EXAMPLES, MAX_TOKENS = 128, 8192  # of a batch; gradients need several times the memory of a prediction
MAX_FRAMED_TOKENS = 1024  # of a pretrained model, whose layers are many and wide
STEPS = 32


@dataclass(frozen=True)
class TokenAttribution:
    """What a token adds to the logit of the class that is explained.

    Attributes:
        field: the field (of a pair: the column) that it stands in.
        start: its first character in the text of that field.
        end: the character behind its last; `start` for a token that stands for no text.
        text: the token as it is written there.
        attribution: above 0 it speaks for the class, below 0 against it.
    """

    field: str
    start: int
    end: int
    text: str
    attribution: float


@dataclass(frozen=True)
class Explanation:
    """Why a record is, or is not, of a class.

    Attributes:
        label: the class that is explained.
        prediction: what the model says of the record.
        texts: the text of each field, in which the offsets of `tokens` count.
        tokens: every token in its order, but those that a pretrained model's tokenizer puts around texts; one behind
            the end of what the model reads adds 0.
        fields: what each field that is there adds; by gradients the sum over its tokens, else its own leaving out.
        logit: of the class, at temperature 1.
        baseline: the logit where no token says anything; None for `leave_one_out`.
        completeness_error: `logit - baseline` less the sum of all attributions; None for `leave_one_out`.
        field_weights: how far each sequence goes into the record's vector, where the model weighs them (attention,
            gates): name and weight; empty otherwise.
        method: `integrated_gradients`, `gradient_x_input` or `leave_one_out`.
    """

    label: str
    prediction: Prediction
    texts: dict[str, str]
    tokens: tuple[TokenAttribution, ...]
    fields: dict[str, float]
    logit: float
    baseline: float | None
    completeness_error: float | None
    field_weights: tuple[tuple[str, float], ...]
    method: Method

    def _repr_html_(self) -> str:
        return fragment(self)


class Explanations(list[Explanation]):
    """Explanations in the order of the records; a notebook shows the first of them."""

    def _repr_html_(self) -> str:
        return fragments(self)


def explain(
    model: Differentiable,
    texts: Sequence[Sequence[str]],
    labels: Sequence[str] | str | None = None,
    method: Method = "integrated_gradients",
    steps: int = STEPS,
) -> Explanations:
    """Explain predictions.

    Args:
        model: the classifier.
        texts: one text per column for each example, "" where it is missing.
        labels: the class to explain, of all or of each; None for that which is predicted (of several labels, or none,
            the likeliest).
        method: `integrated_gradients`; `gradient_x_input`, which is cheaper and less exact; or `leave_one_out`, which
            asks the model again without each token.
        steps: points of integrated gradients; more make the completeness error smaller.

    Returns:
        One explanation per example, in order.

    Raises:
        UserError: for a class or a method that there is not, and another number of labels than of records.
    """
    if method not in get_args(Method):
        raise UserError(f"There is no method {method!r}. {nearest(str(method), get_args(Method))}")
    if steps < 1:
        raise UserError(f"`steps` must be at least 1, but is {steps}.")
    predictions = list(told(model, probabilities(model, texts).tolist()))
    classes = _classes(model, predictions, labels)
    spans = [spans_of(model.vocab, own) for own in texts]
    if method == "leave_one_out":
        return Explanations(_left_out(model, texts, spans, classes, predictions))
    found: list[Explanation | None] = [None] * len(texts)
    for rows, explained in _by_gradients(model, texts, spans, classes, predictions, method, steps):
        for row, each in zip(rows.tolist(), explained, strict=True):
            found[row] = each
    return Explanations(each for each in found if each is not None)


def _classes(model: Differentiable, predictions: Sequence[Prediction], labels: Sequence[str] | str | None) -> list[int]:
    if labels is None:
        labels = [max(one.probabilities, key=one.probabilities.__getitem__) for one in predictions]
    elif isinstance(labels, str):
        labels = [labels] * len(predictions)
    if len(labels) != len(predictions):
        raise UserError(f"There are {len(predictions)} records, but {len(labels)} labels to explain.")
    return [model.vocab.label_index(label) for label in labels]


def _by_gradients(
    model: Differentiable,
    texts: Sequence[Sequence[str]],
    spans: Sequence[Sequence[Span]],
    classes: Sequence[int],
    predictions: Sequence[Prediction],
    method: Method,
    steps: int,
) -> Iterator[tuple[IntArray, list[Explanation]]]:
    records = index_records(model.vocab, texts)
    most = MAX_TOKENS if model.vocab.frame is None else MAX_FRAMED_TOKENS
    for rows in _batches(records.lengths, most):
        batch = records.batch(rows).to(model.device)
        chosen = torch.tensor([classes[row] for row in rows.tolist()], device=model.device)
        places = [places_of(model.vocab, spans[row]) for row in rows.tolist()]
        kept = torch.from_numpy(np.concatenate(places) < 0).to(model.device)
        found = attribute(model, batch, chosen, method, steps, kept)
        errors = completeness_errors(found, batch).tolist()
        with torch.no_grad():
            weights = _field_weights(model, model.field_weights(batch), batch.num_inputs)
        values, logits, baselines = (tensor.tolist() for tensor in found)
        explained, at = [], 0
        for place, row in enumerate(rows.tolist()):
            read = places[place]
            own = np.bincount(read + 1, values[at : at + len(read)], minlength=len(spans[row]) + 1)[1:].tolist()
            at += len(read)
            tokens = _tokens(model, spans[row], own)
            fields = dict.fromkeys((token.field for token in tokens), 0.0)
            for token in tokens:
                fields[token.field] += token.attribution
            ends = (logits[place], baselines[place], errors[place], weights[place] if weights else ())
            explained.append(
                _explanation(model, texts[row], classes[row], predictions[row], tokens, fields, ends, method)
            )
        assert at == len(values)  # the spans are the tokens of the batch
        yield rows, explained


def _left_out(
    model: Differentiable,
    texts: Sequence[Sequence[str]],
    spans: Sequence[Sequence[Span]],
    classes: Sequence[int],
    predictions: Sequence[Prediction],
) -> list[Explanation]:
    of_tokens, of_columns, logits = leave_one_out(model, texts, spans, classes)
    explained = []
    for row, own in enumerate(spans):
        tokens = _tokens(model, own, of_tokens[row])
        columns = dict.fromkeys(span.column for span in own)
        fields = {model.vocab.columns[column]: of_columns[row][column] for column in columns}
        ends = (logits[row], None, None, ())
        explained.append(
            _explanation(model, texts[row], classes[row], predictions[row], tokens, fields, ends, "leave_one_out")
        )
    return explained


def _tokens(model: Differentiable, spans: Sequence[Span], values: Sequence[float]) -> tuple[TokenAttribution, ...]:
    names = model.vocab.columns
    return tuple(
        TokenAttribution(names[span.column], span.start, span.end, span.text, value)
        for span, value in zip(spans, values, strict=True)
    )


def _explanation(
    model: Differentiable,
    texts: Sequence[str],
    index: int,
    prediction: Prediction,
    tokens: tuple[TokenAttribution, ...],
    fields: dict[str, float],
    ends: tuple[float, float | None, float | None, tuple[tuple[str, float], ...]],
    method: Method,
) -> Explanation:
    readable_texts = {name: readable(text) for name, text in zip(model.vocab.columns, texts, strict=True)}
    return Explanation(model.vocab.labels[index], prediction, readable_texts, tokens, fields, *ends, method)


def _field_weights(
    model: Differentiable, weights: Ragged | None, num_inputs: int
) -> list[tuple[tuple[str, float], ...]]:
    """The sequences of each example and their weights; nothing for a model that does not weigh them."""
    if weights is None:
        return []
    rows, values = weights.rows, weights.values.tolist()
    places = (rows.places() if rows.positions is None else rows.positions).tolist()
    width, names = len(model.vocab.fields), model.vocab.columns
    found: list[list[tuple[str, float]]] = [[] for _ in range(len(rows) // num_inputs)]
    for record in range(len(rows)):
        for at in range(int(rows.offsets[record]), int(rows.offsets[record + 1])):
            side = record % num_inputs
            if model.vocab.segment is not None:
                name = f"{model.vocab.segment.removesuffix('s')} {places[at] + 1}"
                name += f" of {side + 1}" if num_inputs > 1 else ""
            else:
                name = names[side * width + places[at]]
            found[record // num_inputs].append((name, values[at]))
    return [tuple(own) for own in found]


def _batches(lengths: npt.NDArray[np.int32], most: int) -> Iterator[IntArray]:
    """Rows of like length together, longest first."""
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        size = max(1, min(MAX_EXAMPLES, most // int(lengths[order[at]])))
        yield order[at : at + size]
        at += size
