"""Fine-tuning from the top of the stack down."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import nn
from torch.optim import Optimizer

from seqclf.classifiers.depth import depths
from seqclf.nn.pretrained_embedder import PretrainedEmbedder


class GradualUnfreezing(Callback):
    """Trains the head alone in the first epoch, and one part of the stack more in each epoch after it.

    Howard and Ruder 2018, https://arxiv.org/abs/1801.06146. Of use where the lower parts were trained before: with
    `init_from`, or pretrained vectors. Each layer of a pretrained transformer is a part of its own, the top one first
    and its embeddings last. A part that is frozen has no gradient when the optimiser steps: it is neither moved nor
    decayed.
    """

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Take the gradients of frozen parameters away, before they are clipped."""
        # Not by `requires_grad`: processes that train together agree at the start on who has gradients.
        parameters = dict(pl_module.named_parameters())
        for name, epoch in first_epochs(pl_module).items():
            if epoch > trainer.current_epoch:
                parameters[name].grad = None


def first_epochs(model: nn.Module) -> dict[str, int]:
    """The epoch, counted from 0, from which on each parameter that is trained is trained.

    Args:
        model: a classifier.
    """
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    epochs = depths(trained)
    for prefix, part in model.named_modules():
        if isinstance(part, PretrainedEmbedder):
            start = f"{prefix}.backbone."
            inside = [name for name in trained if name.startswith(start)]
            epochs |= {name: epochs[name] + part.layers.depth(name.removeprefix(start)) for name in inside}
    return epochs
