"""A vector per word out of its characters."""

from collections.abc import Callable

from torch import Tensor, nn

from seqclf.nn.arguments import positive, probability
from seqclf.nn.embedder import WordPartsEmbedder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged


class CharacterEmbedder(WordPartsEmbedder):
    """Any seq2vec encoder over the characters of each word (Kim et al. 2016, https://arxiv.org/abs/1508.06615).

    A word is encoded once, however often it stands in the batch. Words that training never met have a vector too.

    Args:
        vocab_size: how many characters there are.
        encoder: makes the encoder of a word when it is called with `input_dim`.
        embedding_dim: width of a character's vector.
        dropout: share of the words' vectors' entries left out in training.

    Raises:
        UserError: for an argument out of its range.
    """

    indexer = "characters"

    def __init__(
        self,
        vocab_size: int,
        encoder: Callable[..., Seq2VecEncoder],
        embedding_dim: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        positive(embedding_dim=embedding_dim)
        probability(dropout=dropout)
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.encoder = encoder(input_dim=embedding_dim)
        self.dropout = nn.Dropout(dropout)
        self.output_dim = self.encoder.output_dim

    def embed_words(self, parts: Ragged) -> Tensor:
        """Encode words as rows of characters; returns `(W, output_dim)`."""
        vectors: Tensor = self.dropout(self.encoder(parts.with_values(self.embedding(parts.values))))
        return vectors
