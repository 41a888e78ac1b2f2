"""A bag of word counts, or of TF-IDF, one token at a time."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from seqclf.batch import SPECIAL_TOKENS
from seqclf.errors import UserError
from seqclf.nn.arguments import choose, positive, probability
from seqclf.nn.embedder import TokenEmbedder
from seqclf.nn.occurrences import occurrences
from seqclf.nn.segments import row_sum
from seqclf.padded import Padded
from seqclf.ragged import Ragged


class WordCountsEmbedder(TokenEmbedder):
    """Each token's share of what a linear layer makes of the word counts of its row.

    TF-IDF (Salton and Buckley 1988, https://doi.org/10.1016/0306-4573(88)90021-0). The sum of a row's vectors
    (`encoder=bag encoder.mode=sum`) is the linear layer on scikit-learn's `TfidfVectorizer`, with its options and
    defaults, or `CountVectorizer` (`use_idf=false norm=null`). Rows, the fields of records, are its documents. Unknown
    words and special tokens do not count.

    Args:
        vocab_size: how many words there are.
        embedding_dim: width of the linear layer.
        use_idf: whether words that are in few of the training rows weigh more: of `n` rows, `m` of them with the word,
            `ln((1 + n) / (1 + m)) + 1`.
        sublinear_tf: whether a count `c` becomes `1 + ln(c)`.
        binary: whether any count becomes 1.
        norm: `l2` scales the counts of each row to length 1, `l1` to sum 1; None leaves them.
        std: standard deviation of the layer's weights at the start.
        dropout: share of the vectors' entries left out in training.
        sparse: whether the weights get sparse gradients: quicker, but not every optimiser takes them.

    Raises:
        UserError: for an argument out of its range.
    """

    document_frequency: Tensor
    documents: Tensor

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 100,
        use_idf: bool = True,
        sublinear_tf: bool = False,
        binary: bool = False,
        norm: Literal["l1", "l2"] | None = "l2",
        std: float = 0.1,
        dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        positive(embedding_dim=embedding_dim)
        probability(dropout=dropout)
        if std < 0:
            raise UserError(f"`std` must be at least 0, but is {std}.")
        self.power = None if norm is None else choose("norm", norm, {"l1": 1, "l2": 2})
        self.use_idf, self.sublinear_tf, self.binary = use_idf, sublinear_tf, binary
        self.embedding = nn.Embedding(vocab_size, embedding_dim, sparse=sparse)
        nn.init.normal_(self.embedding.weight, std=std)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = embedding_dim
        if use_idf:
            self.register_buffer("document_frequency", torch.zeros(vocab_size))
            self.register_buffer("documents", torch.zeros(()))

    def forward(self, ids: Ragged) -> Ragged:
        """Embed the ids `(N,)`; returns vectors `(N, output_dim)` over the same rows."""
        return ids.with_values(self.dropout(self.embedding(ids.values) * self._shares(ids).unsqueeze(1)))

    @torch.no_grad()
    def count(self, sequences: Iterable[Ragged]) -> None:
        """Count in how many rows of the training texts each word is, anew; before, every word weighs the same.

        Args:
            sequences: rows of ids `(N,)`.
        """
        self.document_frequency.zero_()
        self.documents.zero_()
        size = len(self.document_frequency)
        for ids in sequences:
            once = torch.unique(ids.rows.row_of_value(ids.device) * size + ids.values) % size
            self.document_frequency += torch.bincount(once, minlength=size)
            self.documents += len(ids)

    def _shares(self, ids: Ragged) -> Tensor:
        """What each occurrence adds of its word's value in its row, `(N,)`; equal words of a row share it equally."""
        count = self._counts(ids).to(self.embedding.weight.dtype)
        value = torch.ones_like(count) if self.binary else (1 + count.log() if self.sublinear_tf else count)
        value = value * (ids.values >= len(SPECIAL_TOKENS))
        if self.use_idf:
            value = value * self._idf().index_select(0, ids.values)
        share = value / count
        if self.power is None:
            return share
        # Every occurrence adds the same share of its word's power.
        total = row_sum(ids.with_values(value**self.power / count))
        length = (total if self.power == 1 else total.sqrt()).clamp_min(torch.finfo(total.dtype).tiny)
        return share / length.index_select(0, ids.rows.row_of_value(ids.device))

    def _counts(self, ids: Ragged) -> Tensor:
        """How often each token's word stands in its row, `(N,)`; no size depends on the values, for a GPU's sake."""
        if isinstance(ids, Padded):
            return occurrences(ids.rectangle()).flatten()
        keys = ids.rows.row_of_value(ids.device) * self.embedding.num_embeddings + ids.values
        ordered, order = keys.sort()
        first = torch.ones_like(ordered)
        first[1:] = ordered[1:] != ordered[:-1]
        word = first.cumsum(0) - 1  # which word of which row, in the order of the keys
        counts = torch.zeros_like(word).index_add_(0, word, torch.ones_like(word)).index_select(0, word)
        return torch.empty_like(counts).index_copy_(0, order, counts)

    def _idf(self) -> Tensor:
        seen = self.document_frequency
        idf = ((1 + self.documents) / (1 + seen)).log() + 1
        return torch.where(self.documents > 0, torch.where(seen > 0, idf, 0), 1).to(self.embedding.weight.dtype)
