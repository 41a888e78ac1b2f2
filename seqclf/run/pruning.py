"""A trial of a search tells its figures epoch by epoch, and is stopped where it is behind the others."""

from __future__ import annotations

from pathlib import Path

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from pytorch_lightning.callbacks import Callback

from seqclf.run.job_ends import JobPruned
from seqclf.run.search_settings import SearchSettings
from seqclf.run.study import open_study


def pruning(monitor: str, mode: str, max_epochs: int) -> list[Callback]:
    """What stops this run where it is a trial of a search; nothing in any other run.

    Args:
        monitor: the figure that is optimised.
        mode: whether it is better "min" or "max".
        max_epochs: how long the run is at most.
    """
    if not HydraConfig.initialized():
        return []
    hydra = HydraConfig.get()
    settings = SearchSettings.of(hydra.sweeper)
    if settings is None:
        return []
    return [Pruning(settings, Path(hydra.sweep.dir), monitor, mode, max_epochs)]


class Pruning(Callback):
    """Reports the monitored figure of every epoch, and ends the run where the search has seen enough.

    Args:
        settings: of the search; they name the trial.
        sweep: the folder of the search.
        monitor: the figure that is optimised.
        mode: whether it is better "min" or "max".
        max_epochs: how long the run is at most.
    """

    def __init__(self, settings: SearchSettings, sweep: Path, monitor: str, mode: str, max_epochs: int) -> None:
        from optuna.trial import Trial

        study = open_study(settings, sweep, monitor, "minimize" if mode == "min" else "maximize", max_epochs)
        (number,) = (trial._trial_id for trial in study.get_trials(deepcopy=False) if trial.number == settings.trial)
        self.trial = Trial(study, number)
        self.monitor = monitor

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the epoch. A run of several processes goes on: the others are no trials, and would wait for this one.

        Raises:
            JobPruned: where the run is to stop.
        """
        epoch, figure = trainer.current_epoch + 1, float(trainer.callback_metrics[self.monitor])
        self.trial.report(figure, epoch)
        if trainer.world_size == 1 and self.trial.should_prune():
            raise JobPruned(f"after epoch {epoch}, {self.monitor} {figure:.4f}")
