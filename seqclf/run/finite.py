"""Numbers that are not finite end a run, before they are in a checkpoint."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.datamodule import Batches
from seqclf.data.sampler import BatchSampler
from seqclf.errors import RunError
from seqclf.inference.atomic import replacing
from seqclf.ragged import IntArray

NOTE = "not_finite.json"
AHEAD = 16  # steps that a GPU's answer may be behind
SKIPPED = 24  # steps in a row that the scaler of 16-mixed may skip: it halves its scale each time, from 65,536
NAMED = 20  # rows that the message names


@dataclass(frozen=True)
class Look:
    """One number that was looked at, and whether it is finite, as soon as the device has said so.

    Args:
        what: "loss" or "gradient".
        epoch: where it was, counted from 0 like the others.
        batch: of the epoch.
        step: of the optimiser.
        finite: the answer, on the host, to be read when it is known.
        said: the GPU's event behind the answer; None where it is known at once.
    """

    what: str
    epoch: int
    batch: int
    step: int
    finite: Tensor | bool
    said: Any = None

    def is_known(self) -> bool:
        """Whether reading the answer waits for nothing."""
        return self.said is None or bool(self.said.query())


class FiniteNumbers(Callback):
    """Stops a run whose loss or gradient is NaN or infinite, and keeps such numbers out of every checkpoint.

    On the CPU the run stops before the optimiser takes the step, and the records whose loss (or gradient) alone is not
    finite are found. On a GPU nothing waits: whether the number is finite is copied to the host behind the step's other
    work and read a few steps later, at the latest before a checkpoint is written; the step's records are named. With
    `16-mixed`, whose scaler tries scales and skips steps with infinite gradients, only 24 of these in a row count.

    Args:
        folder: the run's folder; which step and which records it was is written there, as `not_finite.json`.

    Attributes:
        looks: what has not been read yet, the oldest first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.looks: deque[Look] = deque()
        self._skipped = 0
        self._at = 0
        self._error: RunError | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Ask the model to tell the norm of its gradients."""
        assert isinstance(pl_module, SequenceClassifier)
        pl_module.watch_norm = lambda norm: self._look(trainer, pl_module, "gradient", norm)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the model as it was."""
        assert isinstance(pl_module, SequenceClassifier)
        pl_module.watch_norm = None

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember which batch it is."""
        self._at = batch_idx

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: Tensor) -> None:
        """Look at the loss."""
        self._look(trainer, pl_module, "loss", loss.detach())

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Wait for what the device has not said yet."""
        self.judge(trainer, pl_module, ahead=0)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse a checkpoint that would hold numbers that are not finite.

        Raises:
            RunError: before anything of it is written.
        """
        self.judge(trainer, pl_module, ahead=0)
        for name, tensor in _tensors({key: checkpoint.get(key) for key in ("state_dict", "optimizer_states")}):
            if tensor.is_floating_point() and tensor.numel() and not _is_finite(tensor):
                raise RunError(
                    f"Step {trainer.global_step}: {name} holds numbers that are not finite, so no checkpoint was "
                    f"written; those of before are as they were. {_ADVICE}"
                )

    def _look(self, trainer: pl.Trainer, model: pl.LightningModule, what: str, number: Tensor) -> None:
        finite: Tensor | bool
        if number.is_cuda:
            event: Any = torch.cuda.Event  # its methods have no types
            host, said = torch.empty((), dtype=torch.bool, pin_memory=True), event()
            finite = host.copy_(torch.isfinite(number), non_blocking=True)
            said.record()
        else:
            finite, said = math.isfinite(number.item()), None
        self.looks.append(Look(what, trainer.current_epoch, self._at, trainer.global_step, finite, said))
        self.judge(trainer, model, ahead=2 * AHEAD)

    def judge(self, trainer: pl.Trainer, model: pl.LightningModule | None, ahead: int) -> None:
        """Read what is known, and wait for what is more than `ahead` looks behind.

        Raises:
            RunError: for a number that is not finite.
        """
        if self._error is not None:  # what is saved on the way out
            raise self._error
        while self.looks and (len(self.looks) > ahead or self.looks[0].is_known()):
            look = self.looks.popleft()
            if look.said is not None:
                look.said.synchronize()
            scaled = look.what == "gradient" and getattr(trainer.precision_plugin, "scaler", None) is not None
            if look.finite:
                self._skipped = 0 if look.what == "gradient" else self._skipped
            elif scaled and self._skipped < SKIPPED:
                self._skipped += 1
            else:
                self._error = self._say(trainer, model, look)
                raise self._error

    def _say(self, trainer: pl.Trainer, model: pl.LightningModule | None, look: Look) -> RunError:
        rows, alone = _rows(trainer, model, look)
        note = {"step": look.step, "epoch": look.epoch, "batch": look.batch, "what": look.what}
        note |= {"rows": rows, "rows_not_finite_alone": alone}
        with replacing(self.folder / NOTE) as temporary:
            temporary.write_text(json.dumps(note) + "\n", encoding="utf-8")
        named, which = (alone, "whose own is not finite") if alone else (rows, "of the batch")
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        return RunError(
            f"Step {look.step} (epoch {look.epoch + 1}, batch {look.batch + 1}): the {look.what} is not a finite "
            f"number, so the run was stopped. The records {which} are the rows {', '.join(map(str, named[:NAMED]))}"
            f"{more} of the training table, counted from 0 ({self.folder / NOTE} has all). Checkpoints of before are "
            f"as they were. {_ADVICE}"
        )


_ADVICE = "What may help: a smaller optimizer.lr, a smaller trainer.gradient_clip_val, trainer.precision=32."


def _rows(trainer: pl.Trainer, model: pl.LightningModule | None, look: Look) -> tuple[list[int], list[int]]:
    """The rows of the batch in the training table, and those of them whose loss or gradient alone is not finite."""
    loader: Any = trainer.train_dataloader
    if not isinstance(getattr(loader, "sampler", None), BatchSampler) or not isinstance(loader.dataset, Batches):
        return [], []
    first = look.batch - look.batch % trainer.accumulate_grad_batches if look.what == "gradient" else look.batch
    batches = [loader.sampler.batch(number) for number in range(first, look.batch + 1)]
    records, indices = loader.dataset.records, np.concatenate(batches)
    bad = []
    if look.said is None:  # else the optimiser has taken the step
        with trainer.precision_plugin.forward_context():
            bad = [at for at in range(len(indices)) if not _alone(model, loader.dataset, indices[[at]], look.what)]
    rows = records.rows[indices]
    return rows.tolist(), rows[bad].tolist() if len(bad) < len(rows) else []


def _alone(model: Any, batches: Batches, index: IntArray, what: str) -> bool:
    """Whether the loss of one record is finite, and its gradient where that is asked for."""
    batch = batches[index].to(model.device)
    training = model.training
    model.eval()
    try:
        with model.unrecorded(), torch.set_grad_enabled(what == "gradient"):
            loss = model(batch, label=batch.labels)["loss"]
        if what == "loss" or not torch.isfinite(loss):
            return bool(torch.isfinite(loss))
        wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        there = [gradient for gradient in gradients if gradient is not None]
        dense = [gradient.coalesce().values() if gradient.is_sparse else gradient for gradient in there]
        return all(_is_finite(gradient) for gradient in dense if gradient.numel())
    finally:
        model.train(training)


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(torch.linalg.vector_norm(tensor.detach(), float("inf"))))  # one pass, no copy


def _tensors(node: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    if isinstance(node, Tensor):
        yield name, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _tensors(value, f"{name}.{key}" if name else str(key))
    elif isinstance(node, list | tuple):
        for place, value in enumerate(node):
            yield from _tensors(value, f"{name}[{place}]")
