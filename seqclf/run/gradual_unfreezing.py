"""Fine-tuning from the top of the stack down."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch.optim import Optimizer

from seqclf.classifiers.depth import depths


class GradualUnfreezing(Callback):
    """Trains the head alone in the first epoch, and one part of the stack more in each epoch after it.

    Howard and Ruder 2018, https://arxiv.org/abs/1801.06146. Of use where the lower parts were trained before: with
    `init_from`, or pretrained vectors. A part that is frozen has no gradient when the optimiser steps: it is neither
    moved nor decayed.
    """

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Take the gradients of frozen parameters away, before they are clipped."""
        # Not by `requires_grad`: processes that train together agree at the start on who has gradients.
        parameters = dict(pl_module.named_parameters())
        trained = [name for name, parameter in parameters.items() if parameter.requires_grad]
        for name, depth in depths(trained).items():
            if depth > trainer.current_epoch:
                parameters[name].grad = None
