"""A vector per word out of its character n-grams."""

import numpy as np
import torch
from torch import Tensor, nn

from seqclf.errors import UserError
from seqclf.nn.arguments import positive, probability
from seqclf.nn.embedder import WordPartsEmbedder
from seqclf.nn.hashed_ngrams import ngram_hashes
from seqclf.ragged import Ragged, Rows, host_to_device


class CharNgramEmbedder(WordPartsEmbedder):
    """The mean of the vectors of a word's character n-grams (Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606).

    The n-grams are those of the word between two marks for its ends. They are hashed into a table of fixed size, so
    that words that training never met have a vector too.

    Args:
        embedding_dim: width of the vectors.
        shortest: characters of the shortest n-grams, the marks among them.
        longest: characters of the longest n-grams.
        buckets: how many vectors all n-grams share.
        std: standard deviation of the vectors at the start.
        dropout: share of the words' vectors' entries left out in training.
        sparse: whether the table gets sparse gradients: quicker, but not every optimiser takes them.

    Raises:
        UserError: for an argument out of its range.
    """

    indexer = "characters"

    def __init__(
        self,
        embedding_dim: int = 100,
        shortest: int = 3,
        longest: int = 6,
        buckets: int = 262_144,
        std: float = 0.1,
        dropout: float = 0.0,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        positive(embedding_dim=embedding_dim, shortest=shortest, buckets=buckets)
        probability(dropout=dropout)
        if longest < shortest:
            raise UserError(f"`longest` must be at least `shortest`, {shortest}, but is {longest}.")
        if std < 0:
            raise UserError(f"`std` must be at least 0, but is {std}.")
        self.shortest, self.longest = shortest, longest
        self.embedding = nn.Embedding(buckets, embedding_dim, sparse=sparse)
        nn.init.normal_(self.embedding.weight, std=std)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = embedding_dim

    def embed_words(self, parts: Ragged) -> Tensor:
        """The mean of each word's n-grams; returns `(W, output_dim)`, zero for a word that is too short for any."""
        hashes, ends = ngram_hashes(parts, self.longest, self.shortest)
        word = parts.rows.row_of_value(parts.device).index_select(0, ends)
        vectors = self.embedding(hashes % self.embedding.num_embeddings)
        total = vectors.new_zeros(len(parts), self.output_dim).index_add_(0, word, vectors)
        mean: Tensor = self.dropout(total / self._counts(parts.rows, parts.device).unsqueeze(1))
        return mean

    def _counts(self, rows: Rows, device: torch.device) -> Tensor:
        """How many n-grams each word has, at least 1, `(W,)`."""
        sizes = np.arange(self.shortest, self.longest + 1)
        counts = (rows.lengths[:, None] - sizes + 1).clip(min=0).sum(axis=1)
        return host_to_device(counts.clip(min=1), device)
