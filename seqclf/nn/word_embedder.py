"""One learned vector per word."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError
from seqclf.nn.arguments import choose, positive, probability
from seqclf.nn.embedder import TokenEmbedder
from seqclf.nn.hashed_ngrams import HashedNgrams
from seqclf.ragged import Ragged
from seqclf.word_vectors import VectorFile


class WordEmbedder(TokenEmbedder):
    """A table of word vectors, and beside it one of hashed word n-grams (as in fastText, Joulin et al. 2016).

    Args:
        vocab_size: how many words there are.
        embedding_dim: width of a word's vector.
        std: standard deviation of the word vectors at the start; torch's own 1 costs ten points of accuracy. Those of
            the special tokens start at zero.
        ngrams: the longest n-grams that have vectors too; 1 for words alone.
        buckets: how many vectors all n-grams share.
        combine: `sum` adds a token's n-grams to its word; `concat` puts them beside it, twice as wide.
        dropout: share of the vectors' entries left out in training.
        word_dropout: share of the words that are read as `[UNK]` in training.
        sparse: whether the tables get sparse gradients: quicker, but not every optimiser takes them.
        vectors: a text file of word vectors to start with, of GloVe (Pennington et al. 2014,
            https://aclanthology.org/D14-1162), word2vec or fastText, `.gz` too;
            words that it lacks start as without it.
        freeze: whether the word vectors stay as they start.
        words: the words in the order of their ids, to be looked up in `vectors`.

    Raises:
        UserError: for an argument out of its range, and for a file of vectors that is broken or of another width.
    """

    def __init__(
        self,
        vocab_size: int,
        embedding_dim: int = 100,
        std: float = 0.1,
        ngrams: int = 1,
        buckets: int = 262_144,
        combine: Literal["sum", "concat"] = "sum",
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        sparse: bool = False,
        vectors: str | None = None,
        freeze: bool = False,
        words: Sequence[str] = (),
    ) -> None:
        super().__init__()
        positive(embedding_dim=embedding_dim, ngrams=ngrams, buckets=buckets)
        probability(dropout=dropout, word_dropout=word_dropout)
        if std < 0:
            raise UserError(f"`std` must be at least 0, but is {std}.")
        self.concat = choose("combine", combine, {"sum": False, "concat": True})
        self.embedding = nn.Embedding(vocab_size, embedding_dim, sparse=sparse)
        nn.init.normal_(self.embedding.weight, std=std)
        # At zero, an unknown word that training never met says nothing, rather than anything.
        nn.init.zeros_(self.embedding.weight[: len(SPECIAL_TOKENS)])
        if vectors is not None:
            self._start_with(vectors, words)
        self.embedding.weight.requires_grad_(not freeze)
        self.ngrams = HashedNgrams(embedding_dim, ngrams, buckets, sparse) if ngrams > 1 else None
        self.dropout = nn.Dropout(dropout)
        self.word_dropout = word_dropout
        self.output_dim = embedding_dim * (2 if self.ngrams is not None and self.concat else 1)

    def forward(self, ids: Ragged) -> Ragged:
        """Embed the ids `(N,)`; returns vectors `(N, output_dim)` over the same rows."""
        if self.training and self.word_dropout > 0:
            dropped = torch.rand(ids.values.shape, device=ids.device) < self.word_dropout
            ids = ids.with_values(ids.values.masked_fill(dropped, UNKNOWN))
        vectors = self.embedding(ids.values)
        if self.ngrams is not None:
            if self.concat:
                vectors = torch.cat([vectors, self.ngrams(ids, torch.zeros_like(vectors))], dim=1)
            else:
                vectors = self.ngrams(ids, vectors)
        return ids.with_values(self.dropout(vectors))

    def _start_with(self, path: str, words: Sequence[str]) -> None:
        file, width = VectorFile(path), self.embedding.embedding_dim
        if file.dim != width:
            raise UserError(
                f"`vectors`: the vectors of {path} have {file.dim} numbers, but `embedding_dim` is {width}. Set it to "
                f"{file.dim}."
            )
        table, found = file.read(words, skip=len(SPECIAL_TOKENS))
        with torch.no_grad():
            self.embedding.weight[torch.from_numpy(found)] = torch.from_numpy(table[found])
