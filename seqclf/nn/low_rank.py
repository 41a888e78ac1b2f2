"""Low-rank adaptation of a pretrained model, by the library `peft`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from seqclf.errors import UserError

ADAPTER = "default"


def add_low_rank(backbone: nn.Module, rank: int, alpha: float, dropout: float, targets: Sequence[str] | None) -> None:
    """Put low-rank layers beside the linear ones, in place; nothing but these is trained any more.

    LoRA (Hu et al. 2022, https://arxiv.org/abs/2106.09685).

    Args:
        backbone: a model of transformers.
        rank: of the added matrices.
        alpha: their product is scaled by `alpha / rank`.
        dropout: on what they read.
        targets: ends of the names of the layers; None for all linear layers.

    Raises:
        UserError: where `peft` is not installed, or no layer is called as `targets` say.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise UserError(f"embedder.lora_rank needs {error.name}: pip install 'seqclf[lora]'.") from error
    linear = [name for name, module in backbone.named_modules() if isinstance(module, nn.Linear)]
    named = list(targets) if targets else sorted({name.rpartition(".")[2] for name in linear})
    lost = [target for target in named if not any(name == target or name.endswith(f".{target}") for name in linear)]
    if lost:
        ends = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
        raise UserError(f"`lora_targets`: no linear layer is called {lost[0]!r}; there are: {ends}.")
    options = {"r": rank, "lora_alpha": alpha, "lora_dropout": dropout, "target_modules": named}
    inject_adapter_in_model(LoraConfig(**options), backbone, adapter_name=ADAPTER)


def merge_low_rank(backbone: nn.Module) -> None:
    """Add the low-rank layers to those that they stand beside, in place; the model is an ordinary one then."""
    for name, module in list(backbone.named_modules()):
        if not hasattr(module, "lora_A") or not hasattr(module, "get_delta_weight"):
            continue
        layer: Any = module.base_layer
        with torch.no_grad():
            layer.weight += module.get_delta_weight(ADAPTER)
        parent, _, child = name.rpartition(".")
        setattr(backbone.get_submodule(parent), child, layer)
    backbone.requires_grad_(True)
