"""A vector per word out of its pieces."""

from collections.abc import Callable
from typing import Literal

from seqclf.nn.arguments import choose, positive
from seqclf.nn.character_embedder import CharacterEmbedder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder


class PieceEmbedder(CharacterEmbedder):
    """Any seq2vec encoder over the pieces of each word (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909).

    The tokens are words, whatever they fall into. A word is encoded once, however often it stands in the batch.

    Args:
        vocab_size: how many pieces there are.
        encoder: makes the encoder of a word when it is called with `input_dim`.
        embedding_dim: width of a piece's vector.
        dropout: share of the words' vectors' entries left out in training.
        model: how the indexer finds the pieces: `bpe`, `wordpiece` or `unigram` (see `Subwords`).
        max_size: how many pieces it finds at most.

    Raises:
        UserError: for an argument out of its range.
    """

    indexer = "pieces"
    indexer_options = ("model", "max_size")

    def __init__(
        self,
        vocab_size: int,
        encoder: Callable[..., Seq2VecEncoder],
        embedding_dim: int = 100,
        dropout: float = 0.0,
        model: Literal["bpe", "wordpiece", "unigram"] = "bpe",
        max_size: int = 8000,
    ) -> None:
        choose("model", model, dict.fromkeys(("bpe", "wordpiece", "unigram")))
        positive(max_size=max_size)
        super().__init__(vocab_size, encoder, embedding_dim, dropout)
