"""What an embedder is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import nn

from seqclf.ragged import Ragged


class TokenEmbedder(nn.Module, ABC):
    """One indexer's ids to one vector per token.

    Attributes:
        output_dim: width of the vectors.
    """

    output_dim: int

    @abstractmethod
    def forward(self, ids: Ragged) -> Ragged:
        """Embed the ids `(N,)`; returns vectors `(N, output_dim)` over the same rows."""


class TextFieldEmbedder(nn.Module):
    """All indexers' ids to one vector per token: the vectors of each token embedder, side by side.

    Args:
        token_embedders: indexer name to its embedder; the names are the keys of `RecordBatch.tokens`.
    """

    def __init__(self, token_embedders: Mapping[str, TokenEmbedder]) -> None:
        super().__init__()
        self.token_embedders = nn.ModuleDict(dict(token_embedders))
        self.output_dim = sum(embedder.output_dim for embedder in token_embedders.values())

    def forward(self, tokens: Mapping[str, Ragged]) -> Ragged:
        """Embed every indexer's ids `(N,)`; returns vectors `(N, output_dim)` over their common rows."""
        embedded = [embedder(tokens[name]) for name, embedder in self.token_embedders.items()]
        if len(embedded) == 1:
            first: Ragged = embedded[0]
            return first
        joined: Ragged = embedded[0].with_values(torch.cat([vectors.values for vectors in embedded], dim=-1))
        return joined
