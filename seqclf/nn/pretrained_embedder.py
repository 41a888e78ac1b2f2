"""The vectors of a pretrained transformer, one per token of its own tokenizer."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from seqclf.backbone import CONFIG, find_backbone, tokenizer_files
from seqclf.batch import SEPARATOR, SPECIAL_TOKENS
from seqclf.chunks import Overhead, plan, to_ragged
from seqclf.errors import UserError
from seqclf.nn.arguments import positive, probability
from seqclf.nn.backbone_layers import Layers
from seqclf.nn.backbone_loading import checkpoint_layers, config_text, load_backbone
from seqclf.nn.embedder import TokenEmbedder
from seqclf.nn.low_rank import add_low_rank, merge_low_rank
from seqclf.nn.row_attention import first_position, row_plan, use_padded_attention, use_row_attention
from seqclf.nn.scalar_mix import ScalarMix
from seqclf.ragged import Ragged, host_to_device

FIRST = len(SPECIAL_TOKENS)  # the number of the tokenizer's id 0


class PretrainedEmbedder(TokenEmbedder):
    """Any encoder of transformers (Wolf et al. 2020, https://aclanthology.org/2020.emnlp-demos.6), tuned or frozen.

    Args:
        vocab_size: how many tokens there are, the special ones of seqclf before those of the tokenizer.
        special_ids: the tokenizer's ids of padding, an unknown token, an empty text and a separator.
        model: a folder, or an id of the Hugging Face hub.
        from_scratch: whether it starts with fresh weights; only its configuration is read then.
        trust_remote_code: whether the code that comes with the model may be run.
        freeze: whether it stays as it is, without dropout: then its vectors are computed once.
        freeze_layers: how many layers from the bottom stay as they are, the embeddings below them too; 0 trains all.
        lr: the rate of its top layer; None for the optimiser's.
        layer_decay: each layer's rate is that of the layer above it times this (Howard and Ruder 2018,
            https://arxiv.org/abs/1801.06146).
        reinit_layers: how many layers from the top start fresh (Zhang et al. 2021, https://arxiv.org/abs/2006.05987).
        mix_layers: how many layers from the top are mixed by learned weights; 1 for the last alone.
        dropout: inside of its layers; None for what its configuration says.
        gradient_checkpointing: whether layers are computed again for the gradient: less memory, a third more time.
        lora_rank: of low-rank layers that are trained in place of its own (Hu et al. 2022,
            https://arxiv.org/abs/2106.09685); 0 for none.
        lora_alpha: what these are scaled by, over the rank.
        lora_dropout: share of what they read that is left out.
        lora_targets: ends of the names of the layers that have them; None for all linear layers.
        lora_merge: whether they are added to its own layers at the end of training.

    Raises:
        UserError: for an argument out of its range, and for a model that is not there or cannot be loaded.
    """

    def __init__(
        self,
        vocab_size: int,
        special_ids: Sequence[int] = (),
        model: str | None = None,
        from_scratch: bool = False,
        trust_remote_code: bool = False,
        freeze: bool = False,
        freeze_layers: int = 0,
        lr: float | None = None,
        layer_decay: float = 1.0,
        reinit_layers: int = 0,
        mix_layers: int = 1,
        dropout: float | None = None,
        gradient_checkpointing: bool = False,
        lora_rank: int = 0,
        lora_alpha: float = 16.0,
        lora_dropout: float = 0.0,
        lora_targets: list[str] | None = None,
        lora_merge: bool = True,
    ) -> None:
        super().__init__()
        positive(mix_layers=mix_layers)
        probability(dropout=dropout or 0.0, lora_dropout=lora_dropout)
        _check_rates(lr, layer_decay, lora_rank)
        self.backbone = load_backbone(model, from_scratch, trust_remote_code, dropout)
        config: Any = self.backbone.config
        self._check_tokens(vocab_size, special_ids)
        self.layers = Layers(self.backbone)
        self.layers.check(mix_layers=mix_layers, freeze_layers=freeze_layers, reinit_layers=reinit_layers)
        if reinit_layers:
            self.layers.start_fresh(load_backbone(model, True, trust_remote_code, dropout), reinit_layers)
        self.files = {CONFIG: config_text(self.backbone), **tokenizer_files(find_backbone(model), trust_remote_code)}
        self.output_dim = int(config.hidden_size)
        self.lr, self.layer_decay, self.lora_merge = lr, layer_decay, lora_merge
        self.frozen = freeze
        self.layers.freeze(len(self.layers) + 1 if freeze else freeze_layers)
        if lora_rank:
            add_low_rank(self.backbone, lora_rank, lora_alpha, lora_dropout, lora_targets)
        if gradient_checkpointing:
            checkpoint_layers(self.backbone)
        self.mix = ScalarMix(mix_layers) if mix_layers > 1 else None
        self.in_rows = use_row_attention(self.backbone)
        takes = inspect.signature(self.backbone.forward).parameters
        self.segments = getattr(config, "type_vocab_size", 0) if "token_type_ids" in takes else 0
        self.register_buffer("special", torch.tensor(special_ids), persistent=False)
        self.cells = self.tokens = 0  # that were computed in training, to see what padding costs
        self.train()  # transformers loads models for evaluation, and Lightning leaves each part as it is

    def train(self, mode: bool = True) -> PretrainedEmbedder:
        """Switch dropout on or off; a frozen model has none."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, ids: Ragged) -> Ragged:
        """Embed the ids `(N,)`; returns vectors `(N, output_dim)` over the same rows."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self._embed(ids)

    overhead = Overhead(cells=30)

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor, words: Tensor | None = None) -> Tensor:
        """Embed a rectangle of ids and segments `(S, L, 2)` of rows of these lengths `(S,)`; returns `(S, L, H)`.

        With `words (N, D)` each token's vector is one of these: `(S, L, 3)`, its place among them comes last.
        """
        mask = torch.arange(x.shape[1], device=x.device) < lengths.unsqueeze(1)
        return self._run(x, words, attention_mask=mask.long())

    def word_vectors(self, ids: Ragged) -> Ragged:
        """What the model looks up for each token before its first layer `(N, D)`."""
        table = self._table()
        return ids.with_values(table(self._own(ids)))

    def in_context(self, vectors: Ragged, ids: Ragged) -> Ragged:
        """What it gives `(N, output_dim)` where the model looks up these vectors `(N, D)`."""
        return self._embed(ids, vectors.values)

    def compile_kernel(self) -> None:
        """Compile the model, in place: as one graph for padded rectangles of all sizes."""
        if self.in_rows:
            use_padded_attention(self.backbone)
            self.in_rows = False
        self.dense = torch.compile(self.dense, dynamic=True)  # type: ignore[method-assign]

    def counted(self) -> tuple[int, int]:
        """How many tokens were computed in training since it was asked last, with padding and without."""
        cells, tokens, self.cells, self.tokens = self.cells, self.tokens, 0, 0
        return cells, tokens

    def merge(self) -> None:
        """Add the low-rank layers to the model's own; it is an ordinary one then."""
        merge_low_rank(self.backbone)

    def _table(self) -> nn.Module:
        """What the model looks its tokens up in."""
        backbone: Any = self.backbone
        table: nn.Module = backbone.get_input_embeddings()
        return table

    def _own(self, ids: Ragged) -> Tensor:
        """The tokenizer's own ids `(N,)`."""
        special: Any = self.special
        return torch.where(ids.values < FIRST, special[ids.values.clamp(max=FIRST - 1)], ids.values - FIRST)

    def _embed(self, ids: Ragged, words: Tensor | None = None) -> Ragged:
        columns = [self._own(ids), self._segments(ids)]
        if words is not None:
            columns.append(torch.arange(len(words), device=words.device))
        cells = torch.stack(columns, dim=1)  # (N, 2 or 3)
        if self.in_rows:
            return ids.with_values(self._rows(cells, ids, words))
        self._count(len(cells), sum(plan(ids.rows, ids.device, self.overhead).sizes))
        return to_ragged(partial(self.dense, words=words), ids.with_values(cells), self.overhead)

    def _rows(self, cells: Tensor, ids: Ragged, words: Tensor | None) -> Tensor:
        rows = row_plan(ids.rows, ids.device)
        positions = host_to_device(ids.rows.places(), ids.device) + first_position(self.backbone.config)
        self._count(ids.rows.num_values, ids.rows.num_values)
        return self._run(cells.unsqueeze(0), words, position_ids=positions.unsqueeze(0), rows=rows).squeeze(0)

    def _run(self, x: Tensor, words: Tensor | None, **options: Any) -> Tensor:
        if self.segments > 1:
            options["token_type_ids"] = x[..., 1]
        table = self._table()
        put = None if words is None else table.register_forward_hook(lambda *_: words[x[..., 2]])
        try:
            out = self.backbone(input_ids=x[..., 0], output_hidden_states=self.mix is not None, **options)
        finally:
            if put is not None:
                put.remove()
        if self.mix is None:
            last: Tensor = out.last_hidden_state
            return last
        mixed: Tensor = self.mix(out.hidden_states[-len(self.mix.weights) :])
        return mixed

    def _segments(self, ids: Ragged) -> Tensor:
        """Which text of its row each token is in `(N,)`, as far as the model tells them apart."""
        if self.segments < 2:
            return torch.zeros_like(ids.values)
        ends = (ids.values == SEPARATOR).long()
        before = ends.cumsum(0) - ends
        starts = host_to_device(ids.rows.offsets[:-1], ids.device)
        return (before - before[starts][ids.rows.row_of_value(ids.device)]).clamp(max=self.segments - 1)

    def _count(self, tokens: int, cells: int) -> None:
        if self.training:
            self.tokens += tokens
            self.cells += cells

    def _check_tokens(self, vocab_size: int, special_ids: Sequence[int]) -> None:
        config: Any = self.backbone.config
        if len(special_ids) != FIRST:
            raise UserError(
                "a pretrained model reads the pieces of its own tokenizer: leave tokens=... out, or type "
                "tokens=pretrained."
            )
        if vocab_size - FIRST > config.vocab_size:
            raise UserError(
                f"the tokenizer has {vocab_size - FIRST} tokens, but the model knows {config.vocab_size}: tokens.model "
                "and embedder.model do not belong together."
            )


def _check_rates(lr: float | None, layer_decay: float, lora_rank: int) -> None:
    if lr is not None and lr < 0:
        raise UserError(f"`lr` must be at least 0, but is {lr}.")
    if not 0 < layer_decay <= 1:
        raise UserError(f"`layer_decay` must be above 0 and at most 1, but is {layer_decay}.")
    if lora_rank < 0:
        raise UserError(f"`lora_rank` must be at least 0, but is {lora_rank}.")
