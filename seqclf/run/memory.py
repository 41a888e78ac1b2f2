"""What is said, and done, when memory runs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from seqclf.batch import RecordBatch
from seqclf.classifiers.halving import Halving, is_out_of_memory
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import RunError


class MemoryWatch(Callback):
    """Knows which batch is being read, for the message when it does not fit into memory.

    Args:
        halve: read such a batch in parts.
    """

    def __init__(self, halve: bool = False) -> None:
        self.halving = Halving() if halve else None
        self._what = ""
        self._batch: RecordBatch | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Have the model read in parts what does not fit, if it shall."""
        assert isinstance(pl_module, SequenceClassifier)
        pl_module.halving = self.halving

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Remember the batch."""
        place = f"step {trainer.global_step} (epoch {trainer.current_epoch + 1}, batch {batch_idx + 1})"
        self._what, self._batch = f"training, {place}", batch

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Remember the batch."""
        self._what, self._batch = f"validation, batch {batch_idx + 1}", batch

    def on_test_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Remember the batch."""
        self._what, self._batch = f"testing, batch {batch_idx + 1}", batch

    def explain(self, error: BaseException) -> RunError:
        """What did not fit, and what to change."""
        said = (str(error).splitlines() or [type(error).__name__])[0]
        if self._batch is None:
            return RunError(f"Out of memory before the first batch ({said}). A smaller model or vocabulary needs less.")
        rows = next(iter(self._batch.tokens.values())).rows
        halve = "" if self.halving else "trainer.on_out_of_memory=halve (in parts, the same step), "
        return RunError(
            f"Out of memory in {self._what}: the batch has {len(self._batch):,} records and "
            f"{self._batch.num_tokens:,} tokens, its longest row has {int(rows.lengths.max(initial=0)):,}. What helps: "
            f"{halve}a smaller data.batch_size, or data.max_tokens={max(self._batch.num_tokens // 2, 1)} (a bound for "
            f"the tokens of a batch). Checkpoints of before are as they were. ({said})"
        )


@contextmanager
def explaining(trainer: pl.Trainer) -> Iterator[None]:
    """Say which batch it was when memory runs out.

    Raises:
        RunError: in place of what torch says of it.
    """
    try:
        yield
    except Exception as error:
        watch = next((callback for callback in _callbacks(trainer) if isinstance(callback, MemoryWatch)), None)
        if watch is None or not is_out_of_memory(error):
            raise
        raise watch.explain(error) from error


def _callbacks(trainer: pl.Trainer) -> list[Callback]:
    found: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return found
