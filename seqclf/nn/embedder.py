"""What an embedder is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqclf.backbone import BACKBONE
from seqclf.errors import UserError, nearest
from seqclf.nn.arguments import choose, positive
from seqclf.ragged import Ragged, WordParts

COMPUTED = "computed"  # the vectors of tokens, where they were computed before


class TokenEmbedder(nn.Module, ABC):
    """One indexer's ids to one vector per token.

    Attributes:
        indexer: the name of the indexer whose ids it reads: `tokens` for the words, `characters` for what is in them.
        indexer_options: which of its own arguments are for that indexer.
        output_dim: width of the vectors.
        files: the texts of the files that a pretrained model is known by, by name.
    """

    indexer: ClassVar[str] = "tokens"
    indexer_options: ClassVar[tuple[str, ...]] = ()
    output_dim: int
    files: Mapping[str, str] = {}

    @abstractmethod
    def forward(self, ids: Ragged) -> Ragged:
        """Embed the ids `(N,)`; returns vectors `(N, output_dim)` over the same rows."""

    def word_vectors(self, ids: Ragged) -> Ragged:
        """The tokens' vectors before any context `(N, D)`, which explanations vary; by default those that it gives."""
        out: Ragged = self(ids)
        return out

    def in_context(self, vectors: Ragged, ids: Ragged) -> Ragged:
        """What it gives `(N, output_dim)` if its `word_vectors` of these ids `(N,)` were these `(N, D)`."""
        return vectors

    def counted(self) -> tuple[int, int]:
        """How many tokens training computed since it was asked last, and how many of them are no padding."""
        return 0, 0


class WordPartsEmbedder(TokenEmbedder):
    """An embedder that looks inside of words: each distinct word of the batch is embedded once."""

    @abstractmethod
    def embed_words(self, parts: Ragged) -> Tensor:
        """Embed words given as rows of parts; returns `(W, output_dim)`."""

    def forward(self, ids: Ragged) -> Ragged:
        """Embed the tokens `(N,)`, which point at words; returns vectors `(N, output_dim)` over the same rows.

        Raises:
            UserError: for ids that do not come with what is inside of the words.
        """
        if not isinstance(ids, WordParts):
            raise UserError(
                f"{type(self).__name__} looks inside of words, which padded ids do not show. Give the model a "
                "RecordBatch, or records to `predict`."
            )
        return ids.with_values(self.embed_words(ids.parts).index_select(0, ids.values))


class TextFieldEmbedder(nn.Module):
    """All indexers' ids to one vector per token: what several token embedders give, combined.

    Args:
        token_embedders: its name to each embedder; it reads the ids of this name, or else those of its own indexer.
        combine: `concat` puts the vectors side by side; `project` brings that to another width by a linear layer; `mix`
            adds them up by learned weights (Peters et al. 2018, https://arxiv.org/abs/1802.05365), of equal width.
        output_dim: the width that `project` brings to; None for that of the widest embedder.

    Raises:
        UserError: for vectors that cannot be mixed, and for an `output_dim` that nothing would read.
    """

    def __init__(
        self,
        token_embedders: Mapping[str, TokenEmbedder],
        combine: Literal["concat", "project", "mix"] = "concat",
        output_dim: int | None = None,
    ) -> None:
        super().__init__()
        widths = [embedder.output_dim for embedder in token_embedders.values()]
        self.combine = choose("combine", combine, {"concat": _concat, "project": _concat, "mix": self._mixed})
        if output_dim is not None and combine != "project":
            raise UserError(f"`output_dim` is for `combine=project`, but `combine` is {combine!r}.")
        if combine == "mix" and len(set(widths)) > 1:
            listed = ", ".join(f"{name} {width}" for name, width in zip(token_embedders, widths, strict=True))
            raise UserError(f"`combine=mix` adds vectors up, which must be equally wide, but are: {listed}.")
        self.token_embedders = nn.ModuleDict(dict(token_embedders))
        self.output_dim = widths[0] if combine == "mix" else sum(widths)
        self.projection: nn.Module = nn.Identity()
        if combine == "project":
            width = max(widths) if output_dim is None else output_dim
            positive(output_dim=width)
            self.projection = nn.Linear(self.output_dim, width)
            self.output_dim = width
        if combine == "mix":
            self.mix_weights = nn.Parameter(torch.zeros(len(widths)))
            self.mix_scale = nn.Parameter(torch.ones(()))

    def forward(self, tokens: Mapping[str, Ragged]) -> Ragged:
        """Embed every indexer's ids `(N,)`; returns vectors `(N, output_dim)` over their common rows.

        Raises:
            UserError: where the ids of an indexer are missing.
        """
        if COMPUTED in tokens:
            return tokens[COMPUTED]
        embedded = [embedder(self._ids(tokens, name)) for name, embedder in self.token_embedders.items()]
        out: Ragged = embedded[0].with_values(self.projection(self.combine([each.values for each in embedded])))
        return out

    def word_vectors(self, tokens: Mapping[str, Ragged]) -> Ragged:
        """The tokens' vectors before any context `(N, D)`; those of several embedders combined."""
        if len(self.token_embedders) > 1:
            return self.forward(tokens)
        [(name, embedder)] = self.token_embedders.items()
        assert isinstance(embedder, TokenEmbedder)
        return embedder.word_vectors(self._ids(tokens, name))

    def in_context(self, vectors: Ragged, tokens: Mapping[str, Ragged]) -> Ragged:
        """The vectors `(N, output_dim)` of tokens whose `word_vectors` were these `(N, D)`."""
        if len(self.token_embedders) > 1:
            return vectors
        [(name, embedder)] = self.token_embedders.items()
        assert isinstance(embedder, TokenEmbedder)
        own = embedder.in_context(vectors, self._ids(tokens, name))
        out: Ragged = own.with_values(self.projection(self.combine([own.values])))
        return out

    def padding(self) -> float | None:
        """Padding over real tokens since it was asked last, in training; None where nothing pads."""
        counted = [part.counted() for part in self.token_embedders.values() if isinstance(part, TokenEmbedder)]
        cells, tokens = (sum(each) for each in zip(*counted, strict=True))
        return (cells - tokens) / tokens if tokens else None

    def backbone_files(self) -> dict[str, str]:
        """The texts of the files that a pretrained model is known by, by their names in a model folder."""
        return {
            f"{BACKBONE}/{name}": text
            for part in self.token_embedders.values()
            if isinstance(part, TokenEmbedder)
            for name, text in part.files.items()
        }

    def _ids(self, tokens: Mapping[str, Ragged], name: str) -> Ragged:
        indexer = name if name in tokens else str(self.token_embedders[name].indexer)
        if indexer not in tokens:
            raise UserError(f"The model reads {indexer!r} of each token, which is missing. {nearest(indexer, tokens)}")
        return tokens[indexer]

    def _mixed(self, vectors: list[Tensor]) -> Tensor:
        weights = self.mix_weights.softmax(dim=0)
        mixed: Tensor = self.mix_scale * sum(weight * each for weight, each in zip(weights, vectors, strict=True))
        return mixed


def _concat(vectors: list[Tensor]) -> Tensor:
    return vectors[0] if len(vectors) == 1 else torch.cat(vectors, dim=-1)
