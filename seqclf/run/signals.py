"""Signals that end a training: remembered until it is saved, and then handed to whoever would have had them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2")  # before a job's time is over: USR1 of SLURM, USR2 of submitit
STOPPING = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


class Interrupted(BaseException):
    """The training was saved because of a signal, and ends here.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"saved and stopped by {signal.Signals(number).name}")
        self.number = number


class Signals:
    """Which signal came last; nothing else happens when one comes, but at the second SIGINT.

    Attributes:
        received: the number of the signal; 0 before there is one.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """Remember signals from here on; those that this process ignores stay ignored."""
        if threading.current_thread() is not threading.main_thread():
            return  # Python gives signals to the main thread alone
        for number in STOPPING:
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_IGN, None, self._remember):
                self._before.setdefault(number, handler)
                signal.signal(number, self._remember)

    def restore(self) -> None:
        """Whatever was done with signals before is done again."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number == self.received == signal.SIGINT:  # a second Ctrl-C: somebody does not want to wait
            self.restore()
            signal.raise_signal(number)
        self.received = number


@contextmanager
def handed_on(signals: Signals) -> Iterator[None]:
    """Signals that only stop the training inside, between two steps, and take their usual way when it has stopped.

    The usual way is that of whoever handled them before: the command line leaves with 128 + the signal's number, a
    notebook raises KeyboardInterrupt, a cluster's launcher queues the job again.

    Args:
        signals: to be asked whether one came; who has saved raises `Interrupted`.
    """
    signals.install()
    try:
        yield
    except Interrupted as stopped:
        signals.restore()
        _hand_on(stopped.number)
    finally:
        signals.restore()
    if signals.received:  # when everything was done but this
        _hand_on(signals.received)


def _hand_on(number: int) -> None:
    if threading.current_thread() is threading.main_thread():
        signal.raise_signal(number)
    sys.exit(128 + number)


def exit_on_signals() -> None:
    """What stops a training ends the process like any exception, so that everything on the way out is done."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    for number in STOPPING:
        signal.signal(number, leave)
