"""The training itself: a trainer with its callbacks, from the start or from where it was stopped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.utilities import rank_zero_only

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.datamodule import DataModule
from seqclf.parts import RUN_ROOMS, is_part, make
from seqclf.run.callbacks import StepSeed
from seqclf.run.checkpoints import CHECKPOINTS
from seqclf.run.finite import FiniteNumbers
from seqclf.run.history import History
from seqclf.run.position import batches_of, rescaled
from seqclf.run.progress import RunProgress
from seqclf.run.pruning import pruning
from seqclf.run.resume import Saved
from seqclf.run.run_folder import prepare_folder
from seqclf.run.saver import Saver
from seqclf.run.signals import Signals, handed_on

OURS = ("threads", "progress_bar", "save_every", "tf32")  # what of `trainer` is not the Trainer's


class Training(NamedTuple):
    """What trains, what it writes down, and what may stop it."""

    trainer: pl.Trainer
    history: History
    progress: RunProgress
    signals: Signals


def make_training(
    config: Mapping[str, Any], model: SequenceClassifier, folder: Path, record: Mapping[str, Any]
) -> Training:
    """Make a trainer with its callbacks.

    Args:
        config: plain containers.
        model: what will be trained.
        folder: the run's.
        record: what every checkpoint says of the run.
    """
    history, signals = History(model.monitor, model.monitor_mode), Signals()
    progress = RunProgress(visible=config["trainer"]["progress_bar"])
    saver = Saver(folder / CHECKPOINTS, history, signals, record, float(config["trainer"]["save_every"]))
    make_here = partial(make, rooms=RUN_ROOMS, folder=folder, monitor=model.monitor, mode=model.monitor_mode)
    callbacks = [saver, history, progress, StepSeed(int(config["seed"])), FiniteNumbers(folder)]
    callbacks += pruning(model.monitor, model.monitor_mode, int(config["trainer"]["max_epochs"]))
    if is_part(config["callbacks"]):
        callbacks += make_here(config["callbacks"], "callbacks")
    logger = make_here(config["logger"], "logger") if is_part(config["logger"]) else []
    node = {name: value for name, value in config["trainer"].items() if name not in OURS}
    trainer: pl.Trainer = make_here(node, "trainer", callbacks=callbacks, logger=logger)
    return Training(trainer, history, progress, signals)


def fit(training: Training, model: SequenceClassifier, data: DataModule, folder: Path, saved: Saved | None) -> None:
    """Train a model; a signal has it saved, and takes its usual way then.

    Args:
        training: made for it.
        model: changed.
        data: its loaders.
        folder: the run's; its `checkpoints` are begun anew, or gone on with.
        saved: where a run was stopped; None to begin.
    """
    rank_zero_only(prepare_folder)(folder, saved)
    with handed_on(training.signals):
        if saved is not None:
            _go_to(saved, data, training.trainer)
        training.trainer.fit(model, data, ckpt_path=None if saved is None else saved.file, weights_only=True)


def _go_to(saved: Saved, data: DataModule, trainer: pl.Trainer) -> None:
    """Have the loaders begin where the run was stopped, before any is made."""
    data.trainer = trainer
    whole = batches_of(trainer, data.train_dataloader())
    data.start_at(saved.epoch, rescaled(saved.done, saved.whole, saved.ranks, whole, trainer.world_size))
