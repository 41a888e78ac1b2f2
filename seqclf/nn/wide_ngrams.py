"""A linear model of words, word n-grams and the n-grams of their characters, beside a neural one."""

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone calls it
from torch import Tensor, nn

from seqclf.batch import PADDING, RecordBatch
from seqclf.errors import UserError
from seqclf.nn.arguments import positive
from seqclf.nn.hashed_ngrams import ngram_hashes, padded_ngrams
from seqclf.nn.occurrences import occurrences
from seqclf.padded import Padded
from seqclf.ragged import Ragged, WordParts

POWER_STEPS = 20


class WideNgrams(nn.Module):
    """A linear support vector machine on TF-IDF of words and hashed n-grams, learned with the rest of a model.

    The wide part of a wide and deep model (Cheng et al. 2016, https://arxiv.org/abs/1606.07792). Its features are those
    of a linear baseline: sub-linear TF-IDF, each record of length 1; beside them, where they are asked for, those of
    the character n-grams inside of words (Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606), which know a word
    that training never met by its parts. It minimises the squared hinge of each class
    against the rest, by plain gradient descent of its own: Adagrad takes a long step at the first sight of a rare word
    pair, and is up to three points worse.

    Args:
        vocab_size: how many words there are.
        num_classes: how many classes, `C`.
        ngrams: the longest n-grams that are features; 1 for words alone.
        buckets: how many weights of a class all word n-grams share, and all character n-grams.
        char_weight: length of a record's character n-grams beside that of its words, which is 1; 0 for none of them.
        shortest: characters of the shortest, the marks at a word's ends among them.
        longest: characters of the longest.
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
        char_weight: float = 0.0,
        shortest: int = 3,
        longest: int = 6,
        lr: float = 0.3,
        scale: float = 2.0,
        sparse: bool = True,
    ) -> None:
        super().__init__()
        positive(ngrams=ngrams, buckets=buckets, shortest=shortest)
        if lr < 0 or scale < 0 or char_weight < 0:
            raise UserError(
                f"`lr`, `scale` and `char_weight` must be at least 0, but are {lr}, {scale} and {char_weight}."
            )
        if longest < shortest:
            raise UserError(f"`longest` must be at least `shortest`, {shortest}, but is {longest}.")
        self.ngrams, self.lr, self.scale, self.sparse = ngrams, lr, scale, sparse
        self.char_weight, self.shortest, self.longest = char_weight, shortest, longest
        self.buckets = buckets
        # The n-grams come first, so that a vocabulary that grows appends its words.
        self.first_character_ngram = buckets if ngrams > 1 else 0
        self.first_word = self.first_character_ngram + (buckets if char_weight else 0)
        size = self.first_word + vocab_size
        self.weight = nn.Parameter(torch.zeros(size, num_classes))
        self.bias = nn.Parameter(torch.zeros(num_classes))
        self.register_buffer("document_frequency", torch.zeros(size))
        self.register_buffer("documents", torch.zeros(()))
        self.register_buffer("curvature", torch.zeros(()))  # the largest of the mean squared hinge, where it is steep

    def forward(self, batch: RecordBatch) -> Tensor:
        """Margins of the classes `(R, C)`: above 0 for, below 0 against."""
        features, values, record = self._tf_idf(batch)
        weighted = F.embedding(features, self.weight, sparse=self.sparse) * values.unsqueeze(1)
        return weighted.new_zeros((len(batch.records), weighted.shape[1])).index_add_(0, record, weighted) + self.bias

    def padded_margins(self, ids: Padded, num_records: int) -> Tensor:
        """The same of a rectangle: `(R, C)` for `num_records` records, each of equally many rows of `ids`."""
        words = ids.rectangle().long()
        found = [(words + self.first_word, words != PADDING)]  # the row of a missing field is one cell of padding
        if self.ngrams > 1:
            found += [(hashes % self.buckets, there) for hashes, there in padded_ngrams(ids, self.ngrams)]
        real = torch.cat([there for _, there in found], dim=1).view(num_records, -1)  # (R, M)
        features = torch.cat([each for each, _ in found], dim=1).view(num_records, -1)
        count = occurrences(features.masked_fill(~real, -1)).to(self.documents.dtype)
        seen = self.document_frequency[features]
        idf = torch.where(seen > 0, ((1 + self.documents) / (1 + seen)).log() + 1, 0)
        value = ((1 + count.log()) * idf / count).masked_fill(~real, 0.0)  # of one occurrence
        length = (value.square() * count).sum(dim=1).sqrt().clamp_min(torch.finfo(value.dtype).tiny)
        weighted = self.weight[features] * value.unsqueeze(2)
        return weighted.sum(dim=1) / length.unsqueeze(1) + self.bias

    def mean_hinge(self, margins: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
        """Squared hinge of each class against the rest, its mean over the records; a negative label adds nothing.

        Args:
            margins: `(B, C)`.
            labels: class indices `(B,)`; or, where a record may have any number of labels, `(B, C)` as in a
                `RecordBatch`.
            weight: what the records of each class count, `(C,)`; of any number of labels, what having each counts
                beside not having it; None for the same.

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
        losses = F.relu(1 - sides * margins).square().sum(dim=1)
        each = known if weight is None else weight[targets] * known
        return (losses * each).sum() / each.sum().clamp(min=1e-30)

    @torch.no_grad()
    def count(self, batches: Iterable[RecordBatch]) -> None:
        """Count how many of the training records have each feature; a feature that was never counted says nothing."""
        size, first = len(self.document_frequency), None
        for batch in batches:
            first = batch if first is None else first
            features, record = (torch.cat(both) for both in zip(*self.blocks(batch), strict=True))
            once = torch.unique(record * size + features) % size
            self.document_frequency += torch.bincount(once, minlength=size)
            self.documents += len(batch.records)
        if first is not None:
            self.curvature.fill_(self._curvature(first))

    @torch.no_grad()
    def descend(self, records: float | Tensor, share: float | Tensor = 1.0) -> None:
        """A step along the gradients that the parameters have, which are used up.

        Args:
            records: how many the gradients are the mean of.
            share: of the rate that is due now; where records differ in weight, times what they weigh on average beside
                one that weighs most: the curvature is that of records which all weigh the same.
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

    def blocks(self, batch: RecordBatch) -> list[tuple[Tensor, Tensor]]:
        """The features of all records `(M,)` and whose they are `(M,)`: those of words, then those of characters."""
        ids = batch.tokens["tokens"]
        record_of_sequence = batch.records.row_of_value(ids.device)
        record = record_of_sequence.index_select(0, ids.rows.row_of_value(ids.device))  # (N,)
        features, owner = ids.values.long() + self.first_word, record
        if self.ngrams > 1:
            hashes, ends = ngram_hashes(ids, self.ngrams)
            features = torch.cat([features, hashes % self.buckets])
            owner = torch.cat([owner, record.index_select(0, ends)])
        if not self.char_weight:
            return [(features, owner)]
        hashes, token = self.character_ngrams(batch.tokens)
        return [(features, owner), (hashes % self.buckets + self.first_character_ngram, record.index_select(0, token))]

    def character_ngrams(self, tokens: Mapping[str, Ragged]) -> tuple[Tensor, Tensor]:
        """The hashes of all character n-grams `(M,)`, and the token that each is inside of `(M,)`."""
        words = tokens.get("characters")
        if not isinstance(words, WordParts):
            raise UserError("`wide.char_weight` is for the characters of words, which these records do not bring.")
        parts = words.parts
        hashes, ends = ngram_hashes(parts, self.longest, self.shortest)
        word = parts.rows.row_of_value(parts.device).index_select(0, ends)
        hashes = hashes.index_select(0, word.argsort())  # those of a word side by side
        counts = torch.bincount(word, minlength=len(parts))  # (W,)
        of_token = counts.index_select(0, words.values.long())  # (N,)
        token = torch.repeat_interleave(of_token)  # (M,); its size is the one thing that a GPU is asked for
        inside = torch.arange(len(token), device=token.device) - (of_token.cumsum(0) - of_token).index_select(0, token)
        first = (counts.cumsum(0) - counts).index_select(0, words.values.long())
        return hashes.index_select(0, first.index_select(0, token) + inside), token

    def _tf_idf(self, batch: RecordBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Features, their values and whose they are; entries of one feature in one record add up to its value."""
        blocks = [self.weigh(*block, len(batch.records)) for block in self.blocks(batch)]
        if len(blocks) == 1:
            return blocks[0]
        (features, values, record), (more, of_these, owner) = blocks
        values = torch.cat([values, self.char_weight * of_these])
        return torch.cat([features, more]), values, torch.cat([record, owner])

    def weigh(self, features: Tensor, record: Tensor, records: int) -> tuple[Tensor, Tensor, Tensor]:
        """The same with their values, of length 1 for each record.

        No size depends on the data but that of the features, so nothing waits for a GPU.
        """
        keys, order = (record * len(self.document_frequency) + features).sort()
        features, record = features.index_select(0, order), record.index_select(0, order)
        first = torch.ones_like(keys)
        first[1:] = keys[1:] != keys[:-1]
        run = first.cumsum(0) - 1  # which pair of record and feature each occurrence belongs to
        count = torch.zeros_like(run).index_add_(0, run, torch.ones_like(run)).index_select(0, run).to(self.documents)
        seen = self.document_frequency.index_select(0, features)
        idf = torch.where(seen > 0, ((1 + self.documents) / (1 + seen)).log() + 1, 0)
        value = (1 + count.log()) * idf / count  # of one occurrence
        squares = torch.zeros(records, dtype=value.dtype, device=value.device)
        squares.index_add_(0, record, value.square() * count)
        length = squares.sqrt().clamp_min(torch.finfo(value.dtype).tiny)
        return features, value / length.index_select(0, record), record
