"""A linear model of words and word n-grams, beside a neural one."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor, nn

from seqclf.batch import RecordBatch
from seqclf.errors import UserError
from seqclf.nn.arguments import positive
from seqclf.nn.hashed_ngrams import ngram_hashes

POWER_STEPS = 20


class WideNgrams(nn.Module):
    """A linear support vector machine on TF-IDF of words and hashed word n-grams, learned with the rest of a model.

    The wide part of a wide and deep model (Cheng et al. 2016, https://arxiv.org/abs/1606.07792). Its features are those
    of a linear baseline: sub-linear TF-IDF, each record of length 1. It minimises the squared hinge of each class
    against the rest, by plain gradient descent of its own: Adagrad takes a long step at the first sight of a rare word
    pair, and is up to three points worse.

    Args:
        vocab_size: how many words there are.
        num_classes: how many classes, `C`.
        ngrams: the longest n-grams that are features; 1 for words alone.
        buckets: how many weights of a class all n-grams share.
        lr: rate of the descent for each record of a batch; it falls as the optimiser's falls. Steps that would be too
            long to converge (few features make up all records, or batches are large) are shortened.
        scale: what its margins are multiplied with before they are added to the other logits.
        sparse: whether the table of weights gets sparse gradients.

    Raises:
        UserError: for an argument out of its range.
    """

    document_frequency: Tensor
    documents: Tensor
    curvature: Tensor

    def __init__(
        self,
        vocab_size: int,
        num_classes: int,
        ngrams: int = 2,
        buckets: int = 262_144,
        lr: float = 0.3,
        scale: float = 2.0,
        sparse: bool = True,
    ) -> None:
        super().__init__()
        positive(ngrams=ngrams, buckets=buckets)
        if lr < 0 or scale < 0:
            raise UserError(f"`lr` and `scale` must be at least 0, but are {lr} and {scale}.")
        self.ngrams, self.lr, self.scale, self.sparse = ngrams, lr, scale, sparse
        self.buckets = buckets if ngrams > 1 else 0
        # The n-grams come first, so that a vocabulary that grows appends its words.
        self.weight = nn.Parameter(torch.zeros(self.buckets + vocab_size, num_classes))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.register_buffer("document_frequency", torch.zeros(self.buckets + vocab_size))
        self.register_buffer("documents", torch.zeros(()))
        self.register_buffer("curvature", torch.zeros(()))  # the largest of the mean squared hinge, where it is steep

    def forward(self, batch: RecordBatch) -> Tensor:
        """Margins of the classes `(R, C)`: above 0 for, below 0 against."""
        features, values, record = self._tf_idf(batch)
        weighted = F.embedding(features, self.weight, sparse=self.sparse) * values.unsqueeze(1)
        return weighted.new_zeros((len(batch.records), weighted.shape[1])).index_add_(0, record, weighted) + self.bias

    def mean_hinge(self, margins: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """Squared hinge of each class against the rest, on average over the records; a negative label adds nothing.

        Args:
            margins: `(B, C)`.
            labels: class indices `(B,)`; or, where a record may have any number of labels, `(B, C)` as in a
                `RecordBatch`.
            weight: what the records of each class count, beside those of the class that counts most, `(C,)`; of any
                number of labels, what having each counts beside not having it; None for the same.

        Returns:
            A scalar.
        """
        if labels.dim() == 2:
            has = labels.remainder(2)  # (B, C); those of a record with unknown labels besides are lowered by 2
            losses = F.relu(1 - (2 * has - 1) * margins).square()
            if weight is not None:
                losses = losses * torch.where(has == 1, weight, 1.0) / weight.clamp(min=1.0)
            return losses.sum() / max(len(labels), 1)
        targets = labels.clamp(min=0)
        sides = 2 * F.one_hot(targets, margins.shape[1]) - 1  # (B, C), 1 for the class and -1 for the rest
        known = labels >= 0
        losses = F.relu(1 - sides * margins).square().sum(dim=1) * known
        if weight is not None:
            losses = losses * weight[targets] / weight.max()
        return losses.sum() / known.sum().clamp(min=1)

    @torch.no_grad()
    def count(self, batches: Iterable[RecordBatch]) -> None:
        """Count how many of the training records have each feature; a feature that was never counted says nothing."""
        size, first = len(self.document_frequency), None
        for batch in batches:
            first = batch if first is None else first
            features, record = self._features(batch)
            once = torch.unique(record * size + features) % size
            self.document_frequency += torch.bincount(once, minlength=size)
            self.documents += len(batch.records)
        if first is not None:
            self.curvature.fill_(self._curvature(first))

    @torch.no_grad()
    def descend(self, records: int, share: float = 1.0) -> None:
        """A step along the gradients that the parameters have, which are used up.

        Args:
            records: how many the gradients are the mean of.
            share: of the rate that is due now.
        """
        longest = 1 / self.curvature.clamp_min(1e-30)  # longer steps need not go down
        rate = share * (self.lr * records * torch.ones_like(longest)).minimum(longest)
        for parameter, own in ((self.weight, rate), (self.bias, 0.5 * share)):  # 2 is the curvature of a bias
            if parameter.grad is not None:
                parameter.sub_(parameter.grad * own)
                parameter.grad = None

    def _curvature(self, batch: RecordBatch) -> Tensor:
        """Twice the largest eigenvalue of the features' second moments, by the power method."""
        features, values, record = self._tf_idf(batch)
        vector = torch.ones_like(self.document_frequency)
        length: Tensor = vector.norm()
        for _ in range(POWER_STEPS):
            margins = values.new_zeros(len(batch.records)).index_add_(0, record, values * vector[features])
            vector = torch.zeros_like(vector).index_add_(0, features, values * margins[record]) / len(batch.records)
            length = vector.norm()
            vector /= length.clamp_min(1e-30)
        return 2 * length

    def extend(self, num_classes: int) -> None:
        """Append classes, about which nothing is known yet."""
        more = num_classes - len(self.bias)
        self.weight = nn.Parameter(F.pad(self.weight.detach(), (0, more)))
        self.bias = nn.Parameter(F.pad(self.bias.detach(), (0, more)))

    def _features(self, batch: RecordBatch) -> tuple[Tensor, Tensor]:
        """The features of all records `(M,)`, and whose they are `(M,)`."""
        ids = batch.tokens["tokens"]
        record_of_sequence = batch.records.row_of_value(ids.device)
        record = record_of_sequence.index_select(0, ids.rows.row_of_value(ids.device))  # (N,)
        features = ids.values.long() + self.buckets
        if self.ngrams > 1:
            hashes, ends = ngram_hashes(ids, self.ngrams)
            features = torch.cat([features, hashes % self.buckets])
            record = torch.cat([record, record.index_select(0, ends)])
        return features, record

    def _tf_idf(self, batch: RecordBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Features and their values, one entry per occurrence: those of one feature in one record add up to its value.

        No size depends on the data but that of the tokens, so nothing waits for a GPU.
        """
        features, record = self._features(batch)
        keys, order = (record * len(self.document_frequency) + features).sort()
        features, record = features.index_select(0, order), record.index_select(0, order)
        first = torch.ones_like(keys)
        first[1:] = keys[1:] != keys[:-1]
        run = first.cumsum(0) - 1  # which pair of record and feature each occurrence belongs to
        count = torch.zeros_like(run).index_add_(0, run, torch.ones_like(run)).index_select(0, run).to(self.documents)
        seen = self.document_frequency.index_select(0, features)
        idf = torch.where(seen > 0, ((1 + self.documents) / (1 + seen)).log() + 1, 0)
        value = (1 + count.log()) * idf / count  # of one occurrence
        squares = torch.zeros(len(batch.records), dtype=value.dtype, device=value.device)
        squares.index_add_(0, record, value.square() * count)
        length = squares.sqrt().clamp_min(torch.finfo(value.dtype).tiny)
        return features, value / length.index_select(0, record), record
