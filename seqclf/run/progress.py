"""The bar that shows how far a run is; it reads the numbers four times a second, however fast the steps are."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ProgressBar
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from seqclf.batch import RecordBatch
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.run.beside import job_label
from seqclf.run.live_chart import LiveChart, in_notebook

INTERVAL = 0.25  # seconds between two looks
TOLD = ("train/loss", "train/accuracy", "validation/loss", "validation/accuracy")  # of every epoch


def make_progress(console: Console) -> Progress:
    """A bar with a description, a count and what remains."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[figures]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )


@contextmanager
def watching() -> Iterator[Callable[[str, int], None]]:
    """A count of rows for work that tells how far it is; silent where nobody looks at the terminal.

    Yields:
        To be called as `progress(what, rows)` with how many rows of it were done.
    """
    console = Console(stderr=True)
    if not console.is_terminal or job_label():
        yield lambda what, rows: None
        return
    with make_progress(console) as progress:
        tasks: dict[str, TaskID] = {}
        shown = 0.0

        def tell(what: str, rows: int) -> None:
            nonlocal shown
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=None, figures="")
            progress.update(tasks[what], completed=rows, figures=f"{rows:,} rows")
            if time.monotonic() - shown > INTERVAL:
                shown = time.monotonic()
                progress.refresh()

        yield tell


class RunProgress(ProgressBar):
    """Epoch, loss, accuracy and records per second while training; a line per epoch where there is no terminal.

    In a notebook a chart stands in the place of the lines. It also measures what `train/records_per_second` reports:
    records over seconds from the first to the last batch of an epoch, without validation and saving.

    Args:
        visible: False measures without showing anything.
    """

    def __init__(self, visible: bool = True) -> None:
        super().__init__()
        self.console = Console(stderr=True)
        self.visible = visible
        self.label = job_label()  # of a job beside others: bars of several would braid, whole lines do not
        self.rates: list[float] = []
        self._progress: Progress | None = None
        self._chart: LiveChart | None = None
        self._records = 0
        self._began = self._shown = 0.0

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """An epoch that was stopped in its middle begins there."""
        self._begin(trainer)

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Start the bar of the epoch."""
        self._begin(trainer)

    def _begin(self, trainer: pl.Trainer) -> None:
        self._stop()
        self._records, self._began, self._shown = 0, time.perf_counter(), time.perf_counter()
        if self.visible and self.console.is_terminal and not self.label and trainer.is_global_zero:
            self._progress = make_progress(self.console)
            total = int(trainer.num_training_batches)
            self._task = self._progress.add_task(self._epoch(trainer), total=total, figures="")
            self._progress.start()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: RecordBatch, batch_idx: int
    ) -> None:
        """The time of an epoch begins when the epoch before it has been saved."""
        if not self._records:
            self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: RecordBatch, batch_idx: int
    ) -> None:
        """Count; look at the figures when it is time to."""
        self._records += len(batch) * trainer.world_size  # every rank has as many
        now = time.perf_counter()
        if self._progress is None or now - self._shown < INTERVAL:
            return
        self._shown = now
        assert isinstance(pl_module, SequenceClassifier)
        accuracy = pl_module.metrics_of("train").running_accuracy()
        figures = f"loss {float(outputs['loss']):.3f}  accuracy {accuracy:.3f}  {self._rate():,.0f} records/s"
        self._progress.update(self._task, completed=batch_idx + 1, figures=figures, refresh=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the bar down and say what the epoch came to."""
        self._stop()
        assert isinstance(pl_module, SequenceClassifier)
        # Lightning's own copy comes after the callbacks; and all ranks compute, or none
        train = pl_module.metrics_of("train").compute()
        if not self.visible or not trainer.is_global_zero:
            return
        figures = trainer.callback_metrics | {f"train/{name}": value for name, value in train.items()}
        if self._chart is None and in_notebook():
            self._chart = LiveChart(pl_module.monitor)
        if self._chart is not None:
            self._chart.add(trainer.current_epoch + 1, self._epoch(trainer), figures)
            return
        shown = [f"{name} {float(figures[name]):.4f}" for name in TOLD if name in figures]
        rate = f"{self.rates[-1]:,.0f} records/s" if self.rates else ""
        self.console.print(
            self.label + "  ".join([self._epoch(trainer), *shown, rate]), highlight=False, soft_wrap=True
        )

    def on_validation_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """An epoch's last batch is done: take its time."""
        if not trainer.sanity_checking and self._records:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.rates.append(self._rate())
            self._records = 0

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the records per second of the epochs so far."""
        return {"rates": list(self.rates)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on behind these epochs."""
        self.rates = list(state_dict["rates"])

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Leave a clean terminal."""
        self._stop()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        sys.stderr.flush()

    def _rate(self) -> float:
        return self._records / max(time.perf_counter() - self._began, 1e-9)

    @staticmethod
    def _epoch(trainer: pl.Trainer) -> str:
        return f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"

    def disable(self) -> None:
        """Lightning asks ranks other than the first to be silent."""
        self.visible = False
