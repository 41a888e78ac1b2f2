"""How much each token adds to the logit of a class."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.inference.classifier import Classifier
from seqclf.ragged import Ragged

Method = Literal["integrated_gradients", "gradient_x_input", "leave_one_out"]


class Differentiable(Classifier, Protocol):
    """A classifier whose logits can be taken apart: a function of the tokens' vectors, and a linear term beside it."""

    def word_vectors(self, batch: RecordBatch) -> Ragged:
        """The vectors of the tokens before any context `(N, D)`."""

    def logits_from(self, vectors: Ragged, batch: RecordBatch) -> Tensor:
        """Logits `(B, C)` of the neural part alone, from the vectors of the tokens."""

    def linear_term(self, batch: RecordBatch) -> tuple[Tensor, Tensor] | None:
        """What each token adds to the logits beside that `(N, C)`, and what no token adds `(C,)`; None for nothing."""

    def field_weights(self, batch: RecordBatch) -> Ragged | None:
        """How far each field goes into its record's vector `(S,)`; None for a model that does not weigh them."""


class Attribution(NamedTuple):
    """What the tokens of a batch add to the logits of one class of each example.

    Attributes:
        values: `(N,)`.
        logits: of these classes `(B,)`.
        baselines: the same logits where the vector of every token is zero `(B,)`, but of those that stand for no text.
    """

    values: Tensor
    logits: Tensor
    baselines: Tensor


def attribute(
    model: Differentiable, batch: RecordBatch, classes: Tensor, method: Method, steps: int, kept: Tensor | None = None
) -> Attribution:
    """Attribute the logits of classes to the tokens, by gradients.

    `integrated_gradients` (Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365) sums the gradients on the way
    from vectors of zero to those of the tokens, at the points of the Gauss-Legendre rule: up to the error of that sum
    the attributions of an example add up to its logit less its baseline. `gradient_x_input` (Shrikumar et al. 2016,
    https://arxiv.org/abs/1605.01713) takes the gradient at the end alone. The linear term beside is exact in both.

    Args:
        model: the classifier.
        batch: `B` examples on its device.
        classes: the class of each `(B,)`.
        method: one of the two.
        steps: points on the way.
        kept: whether each token keeps its vector all the way `(N,)`, as those around texts do that a pretrained
            model's tokenizer puts there; it adds nothing then. None where no token does.
    """
    training = model.training
    model.eval()
    try:
        # cuDNN refuses gradients of recurrent layers outside of training
        with torch.inference_mode(False), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            vectors = model.word_vectors(batch)
            values = vectors.values.detach()
            start = torch.zeros_like(values) if kept is None else values * kept.unsqueeze(1)
            points, weights = _rule(steps) if method == "integrated_gradients" else ([1.0], [1.0])
            gradient = torch.zeros_like(values)
            for point, weight in zip(points, weights, strict=True):
                at = torch.lerp(start, values, point).requires_grad_()
                logits = _chosen(model.logits_from(vectors.with_values(at), batch), classes)
                gradient += weight * torch.autograd.grad(logits.sum(), at)[0]
        with torch.no_grad():
            shares = ((values - start) * gradient).sum(dim=1)
            ends = [vectors.with_values(values), vectors.with_values(start)]
            logits, baselines = (_chosen(model.logits_from(end, batch), classes) for end in ends)
            linear = model.linear_term(batch)
            if linear is None:
                return Attribution(shares, logits, baselines)
            example = _example_of_token(batch)
            added = linear[0].gather(1, classes[example].unsqueeze(1)).squeeze(1)
            always = torch.zeros_like(added) if kept is None else added * kept
            logits = (logits + linear[1][classes]).index_add(0, example, added)
            baselines = (baselines + linear[1][classes]).index_add(0, example, always)
            return Attribution(shares + added - always, logits, baselines)
    finally:
        model.train(training)


def completeness_errors(found: Attribution, batch: RecordBatch) -> Tensor:
    """What the attributions of each example lack to the difference between logit and baseline `(B,)`."""
    total = torch.zeros_like(found.logits).index_add(0, _example_of_token(batch), found.values)
    return found.logits - found.baselines - total


def _rule(steps: int) -> tuple[list[float], list[float]]:
    """Points and weights of the Gauss-Legendre rule on the way from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(steps)
    return ((points + 1) / 2).tolist(), (weights / 2).tolist()


def _chosen(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes.unsqueeze(1)).squeeze(1)


def _example_of_token(batch: RecordBatch) -> Tensor:
    """Which example each token is of `(N,)`."""
    rows = next(iter(batch.tokens.values())).rows
    record_of_sequence = batch.records.row_of_value(batch.device)
    return record_of_sequence[rows.row_of_value(batch.device)].div(batch.num_inputs, rounding_mode="floor")
