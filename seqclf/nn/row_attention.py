"""Attention inside of rows that lie one after another: all layers of a transformer then compute no padding.

Everything else in a transformer looks at one token at a time, so that a batch can be one long row of `N` tokens. Only
its attention must know where the rows are. On a GPU in half precision flash attention does (Dao 2023,
https://arxiv.org/abs/2307.08691), that of the package `flash-attn` or torch's own; elsewhere rows of like length are
computed as rectangles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqclf.chunks import Overhead, Plan, plan
from seqclf.ragged import Rows, host_to_device

NAME = "seqclf_rows"
OVERHEAD = Overhead(cells=100)
# Kinds of models whose layers hand on what the attention is told, and whose attention is nothing but the usual one.
KINDS = {"bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra"}
BEHIND_PADDING = {"roberta", "xlm-roberta", "camembert"}  # their positions count from the padding id on


@dataclass(frozen=True)
class RowPlan:
    """Where the rows are, for every layer of a model."""

    chunks: Plan
    masks: list[Tensor | None]  # of each chunk `(rows, 1, 1, longest)`, True where there is a token
    ends: Tensor  # (rows + 1,) where the rows begin and end
    longest: int


def row_plan(rows: Rows, device: torch.device) -> RowPlan:
    """The plan of a batch, kept beside its rows."""
    key = (NAME, device)
    if key not in rows.kept:
        chunks = plan(rows, device, OVERHEAD)
        masks = [
            None
            if chunk.full
            else (torch.arange(chunk.longest, device=device) < chunk.lengths.unsqueeze(1))[:, None, None, :]
            for chunk in chunks.chunks
        ]
        ends = host_to_device(rows.offsets.astype("int32"), device)
        rows.kept[key] = RowPlan(chunks, masks, ends, int(rows.lengths.max()))
    made: RowPlan = rows.kept[key]
    return made


def use_row_attention(backbone: nn.Module) -> bool:
    """Let a model of transformers attend inside of rows, if its kind can; returns whether it can."""
    config: Any = backbone.config
    if config.model_type not in KINDS or getattr(config, "is_decoder", False):
        return False
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, row_attention)
    config._attn_implementation = NAME
    return True


def use_padded_attention(backbone: nn.Module) -> None:
    """Let a model that attends inside of rows read padded rectangles again."""
    config: Any = backbone.config
    config._attn_implementation = "sdpa"


def first_position(config: Any) -> int:
    """The position id of the first token of a row."""
    return int(config.pad_token_id) + 1 if config.model_type in BEHIND_PADDING else 0


def row_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    rows: RowPlan | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it.

    Args:
        module: the layer that calls.
        query: `(1, heads, N, width)`.
        key: the same of the keys.
        value: the same of the values.
        attention_mask: None; the rows say who sees whom.
        scaling: what the products are multiplied with.
        dropout: share of the weights left out.
        rows: where the rows are.
        **kwargs: what other kinds of attention are told.

    Returns:
        The mixed values `(1, N, heads, width)`, and None for the weights.
    """
    assert rows is not None
    flat = [each[0].transpose(0, 1) for each in (query, key, value)]  # (N, heads, width)
    fused = _fused(query.device.type, query.dtype, dropout > 0)
    if fused is not None:
        return fused(flat, rows, scaling, dropout).unsqueeze(0), None
    return _in_chunks(flat, rows, scaling, dropout).unsqueeze(0), None


def _in_chunks(flat: list[Tensor], rows: RowPlan, scaling: float | None, dropout: float) -> Tensor:
    chosen, (_, heads, width) = rows.chunks, flat[0].shape
    total = sum(chosen.sizes)
    if chosen.cells is not None:
        flat = [each.new_zeros((total, heads, width)).index_copy(0, chosen.cells, each) for each in flat]
    out = []
    pieces = zip(*(torch.split(each, chosen.sizes) for each in flat), strict=True)
    for chunk, mask, piece in zip(chosen.chunks, rows.masks, pieces, strict=True):
        query, key, value = (each.view(chunk.rows, chunk.longest, heads, width).transpose(1, 2) for each in piece)
        mixed = scaled_dot_product_attention(query, key, value, mask, dropout, scale=scaling)
        out.append(mixed.transpose(1, 2).reshape(-1, heads, width))
    cells = out[0] if len(out) == 1 else torch.cat(out)
    return cells if chosen.cells is None else cells.index_select(0, chosen.cells)


Fused = Callable[[list[Tensor], RowPlan, float | None, float], Tensor]


@cache
def _fused(device: str, dtype: torch.dtype, drops: bool) -> Fused | None:
    """Flash attention over rows, where the hardware and what is installed have it."""
    if device != "cuda" or dtype not in (torch.float16, torch.bfloat16):
        return None
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        if drops or torch.cuda.get_device_capability() < (8, 0):  # torch's own has no dropout
            return None
        return _torchs
    return lambda flat, rows, scaling, dropout: flash_attn_varlen_func(
        *flat, rows.ends, rows.ends, rows.longest, rows.longest, dropout, softmax_scale=scaling
    )


def _torchs(flat: list[Tensor], rows: RowPlan, scaling: float | None, dropout: float) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    query, key, value = flat
    mixed = varlen_attn(query, key, value, rows.ends, rows.ends, rows.longest, rows.longest, scale=scaling)
    assert isinstance(mixed, Tensor)
    return mixed
