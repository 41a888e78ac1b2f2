"""A logger that may fail without the run failing with it."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

log = logging.getLogger("seqclf")
Answer = TypeVar("Answer")


class Tracker(Logger):
    """Hands everything on to a logger that is made when it is first needed, by rank 0 alone.

    The first time that the logger raises is said; from then on it is left alone and the run goes on without it.

    Args:
        title: what messages call it.
        make: makes the logger.
        close: what is done with the logger when the run is over; None for nothing.
    """

    def __init__(self, title: str, make: Callable[[], Logger], close: Callable[[Logger], object] | None = None) -> None:
        super().__init__()
        self.title = title
        self._make = make
        self._close = close
        self._logger: Logger | None = None
        self._failed = False

    @property
    def name(self) -> str | None:
        """The name that the logger gives the experiment."""
        return self.title

    @property
    def version(self) -> int | str | None:
        """No version: Lightning names folders by it, and the run has one already."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Hand figures on."""
        self._ask(lambda logger: logger.log_metrics(metrics, step))

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Hand the configuration on."""
        self._ask(lambda logger: logger.log_hyperparams(params))

    @rank_zero_only
    def save(self) -> None:
        """Have everything written."""
        self._ask(lambda logger: logger.save())

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Say that a stage of the run is over, and how it ended."""
        self._ask(lambda logger: logger.finalize(status))

    @rank_zero_only
    def close(self) -> None:
        """Say that the run is over; nothing where the logger was never needed."""
        close = self._close
        if self._logger is not None and close is not None:
            self._ask(close)
        self._logger = None

    def _ask(self, what: Callable[[Logger], Answer]) -> Answer | None:
        if self._failed:
            return None
        try:
            if self._logger is None:
                self._logger = self._make()
            return what(self._logger)
        except Exception as error:  # whatever a tracker does, the run is worth more
            self._failed = True
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("%s failed and is left out from here on: %s", self.title, reason)
            return None


@contextmanager
def tracking(trainer: pl.Trainer, config: Mapping[str, Any]) -> Iterator[None]:
    """Tell the trackers of a trainer the configuration of the run, and when the run is over.

    Args:
        trainer: whose loggers they are.
        config: plain containers.
    """
    trackers = [logger for logger in trainer.loggers if isinstance(logger, Tracker)]
    for tracker in trackers:
        tracker.log_hyperparams(dict(config))
    try:
        yield
    finally:
        for tracker in trackers:
            tracker.close()
