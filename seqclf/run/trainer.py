"""Lightning's Trainer, lean: nothing in a step that its loss does not need."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger

from seqclf.errors import UserError
from seqclf.run.checkpoints import AtomicCheckpointIO
from seqclf.run.memory import MemoryWatch
from seqclf.run.no_profiler import NoProfiler
from seqclf.run.precision import precision_settings
from seqclf.run.ranks import Launcher, cluster, local_ranks, on_gpu
from seqclf.run.ray_ranks import prepared, ray_strategy
from seqclf.run.strategies import Strategy, make_strategy

LEAN: dict[str, Any] = {
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 100,
    "enable_model_summary": False,
    "use_distributed_sampler": False,
    "enable_checkpointing": False,  # the Saver does it
    "profiler": NoProfiler(),
}


def make_trainer(
    folder: Path,
    callbacks: list[Callback],
    logger: list[Logger],
    max_epochs: int = 10,
    devices: int | str = 1,
    num_nodes: int = 1,
    precision: int | str = "32",
    accelerator: str = "auto",
    gradient_clip_val: float | None = None,
    accumulate_grad_batches: int = 1,
    limit_train_batches: int | None = None,
    limit_val_batches: int | None = None,
    deterministic: bool = True,
    strategy: Literal["ddp", "fsdp"] = "ddp",
    launcher: Literal["here", "torchrun", "slurm", "ray"] = "here",
    on_out_of_memory: Literal["raise", "halve"] = "raise",
) -> pl.Trainer:
    """Make the Trainer of a run.

    Args:
        folder: the run's folder.
        callbacks: what happens beside training; the progress bar and the checkpoints among them.
        logger: where the figures of an epoch go; none for nowhere.
        max_epochs: how often the training records are read.
        devices: how many processes each machine has, one for each device; "auto" for every GPU, but one CPU.
        num_nodes: how many machines.
        precision: 32, "16-mixed", "bf16-mixed", "bf16-true" or 64; "auto" trains in "bf16-mixed" where the hardware
            multiplies bfloat16, and evaluates in 32.
        accelerator: "auto", "cpu" or "gpu".
        gradient_clip_val: largest norm of all gradients together.
        accumulate_grad_batches: batches per optimiser step.
        limit_train_batches: batches of an epoch that are used.
        limit_val_batches: batches of the validation that are used.
        deterministic: refuse operations whose result differs from run to run.
        strategy: of several processes: "ddp", each with the whole model, or "fsdp", each with a part of it.
        launcher: who starts several processes: this one ("here"), torchrun, SLURM, or Ray.
        on_out_of_memory: "raise" says which batch did not fit and what helps; "halve" reads such a batch in halves,
            quarters, ..., in the same step (not with fsdp).

    Raises:
        UserError: for a device that this machine does not have.
    """
    settings = LEAN | _of_ranks(devices, num_nodes, accelerator, strategy, launcher, precision)
    try:
        trainer = pl.Trainer(
            default_root_dir=folder,
            callbacks=[*callbacks, _memory_watch(on_out_of_memory, strategy)],
            logger=logger or False,
            max_epochs=max_epochs,
            gradient_clip_val=gradient_clip_val,
            accumulate_grad_batches=accumulate_grad_batches,
            limit_train_batches=limit_train_batches,
            limit_val_batches=limit_val_batches,
            deterministic=deterministic,
            **settings,
        )
        return prepared(trainer) if launcher == "ray" else trainer
    except (ValueError, pl.utilities.exceptions.MisconfigurationException) as error:  # type: ignore[attr-defined]
        raise UserError(f"trainer: {error}") from error


def _memory_watch(on_out_of_memory: str, strategy: Strategy) -> MemoryWatch:
    if on_out_of_memory == "halve" and strategy == "fsdp":
        raise UserError("trainer.on_out_of_memory=halve cannot be had with trainer.strategy=fsdp.")
    return MemoryWatch(on_out_of_memory == "halve")


def _of_ranks(
    devices: int | str,
    num_nodes: int,
    accelerator: str,
    strategy: Strategy,
    launcher: Launcher,
    precision: int | str,
) -> dict[str, Any]:
    """What Lightning's Trainer has to know of processes, and of the numbers in which they compute."""
    numbers, plugins = precision_settings(precision, "cuda" if on_gpu({"accelerator": accelerator}) else "cpu")
    alone = num_nodes * local_ranks({"devices": devices, "accelerator": accelerator}) == 1
    return {
        "devices": devices,
        "num_nodes": num_nodes,
        "accelerator": accelerator,
        "strategy": _strategy(strategy, launcher, alone),
        "plugins": [AtomicCheckpointIO(), cluster(launcher), *plugins],
        **numbers,
    }


def _strategy(strategy: Strategy, launcher: Launcher, alone: bool) -> Any:
    if launcher == "ray":
        return ray_strategy(strategy)
    return "auto" if alone else make_strategy(strategy)
