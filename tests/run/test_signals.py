import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from seqclf.run.signals import Interrupted, Signals, handed_on

ROOT = Path(__file__).parents[2]
NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class Left(SystemExit):
    """What the usual way of a signal is here."""


@pytest.fixture(autouse=True)
def leaving(monkeypatch: pytest.MonkeyPatch) -> Any:
    def leave(number: int, _: Any) -> None:
        raise Left(number)

    before = {number: signal.signal(number, leave) for number in NUMBERS}
    yield leave
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_is_remembered_and_takes_its_usual_way_afterwards(number: signal.Signals, leaving: Any) -> None:
    signals, reached = Signals(), []

    def train() -> None:
        with handed_on(signals):
            os.kill(os.getpid(), number)
            reached.append(signals.received)
            raise Interrupted(signals.received)

    with pytest.raises(Left) as left:
        train()
    assert left.value.code == number
    assert reached == [number]
    assert signal.getsignal(number) is leaving


def test_a_signal_behind_the_last_step_is_not_lost() -> None:
    with pytest.raises(Left), handed_on(Signals()):
        os.kill(os.getpid(), signal.SIGTERM)


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as nohup and a shell's background jobs do
    signals = Signals()
    with handed_on(signals):
        os.kill(os.getpid(), signal.SIGINT)
    assert signals.received == 0


def test_a_second_interrupt_does_not_wait() -> None:
    reached = []

    def train() -> None:
        with handed_on(Signals()):
            for turn in ("first", "second"):
                os.kill(os.getpid(), signal.SIGINT)
                reached.append(turn)

    with pytest.raises(Left):
        train()
    assert reached == ["first"]


def test_nothing_is_changed_where_no_signal_comes(leaving: Any) -> None:
    with handed_on(Signals()):
        assert signal.getsignal(signal.SIGTERM) is not leaving
    assert signal.getsignal(signal.SIGTERM) is leaving


SMALL = (
    "data=synthetic",
    "data.records=2000",
    "data.batch_size=8",
    "encoder=cnn",
    "encoder.num_filters=8",
    "baselines=false",
    "logger=csv",
    "trainer.max_epochs=3",
    "hydra.run.dir=RUN",
)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_command_ends_with_the_code_of_its_signal_and_the_same_command_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    """P7, at a random moment of the training."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "train.py"), *SMALL]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    began = time.monotonic()
    while not (tmp_path / "RUN" / "checkpoints" / "unfinished").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < 300
        time.sleep(0.05)
    time.sleep(3 * random.Random(int(number)).random())
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    assert (tmp_path / "RUN" / "checkpoints" / "last.ckpt").exists()
    assert not (tmp_path / "RUN" / "metrics.json").exists()
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "Going on from" in again.stdout
    assert (tmp_path / "RUN" / "metrics.json").exists()
