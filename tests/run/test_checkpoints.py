import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.run.checkpoints import AtomicCheckpointIO, remove_stale
from seqclf.run.compose import compose
from seqclf.run.run_folder import prepare_folder
from seqclf.run.train import train


def test_last_is_of_the_last_epoch_and_best_of_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("data=synthetic", "data.records=100", "baselines=false", "embedder.buckets=100", "data.batch_size=16")
    still = ("optimizer=sgd", "optimizer.lr=0")  # the first of equal epochs is the best
    result = train(compose(*small, *still, "trainer.max_epochs=3", "trainer.progress_bar=false"))
    assert result.metrics["best_epoch"] == 1
    folder = result.run_dir / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}
    epochs = {name: torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert epochs == {"best": 0, "last": 2}


def test_no_rank_goes_on_before_the_best_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there: dict[str, bool] = {}

    def barrier(_: object, name: str = "") -> None:
        there[name] = (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()

    monkeypatch.setattr("pytorch_lightning.strategies.SingleDeviceStrategy.barrier", barrier)
    small = ("data=synthetic", "data.records=100", "baselines=false", "embedder.buckets=100", "trainer.max_epochs=1")
    train(compose(*small, "trainer.progress_bar=false"), folder=tmp_path / "run")
    assert there["best.ckpt"]


# One process that forks: each child saves and saves until it is killed, and then what is there is read.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from seqclf.run.checkpoints import AtomicCheckpointIO, LAST, PREVIOUS, newest, put_link, remove_stale

folder, rounds = Path(sys.argv[1]) / "checkpoints", int(sys.argv[2])
folder.mkdir()
generator, writer, outcomes = random.Random(1), AtomicCheckpointIO(), []
for number in range(rounds):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for turn in range(10_000):
            if (folder / LAST).exists():
                put_link(folder / LAST, folder / PREVIOUS)
            weights = torch.full((500_000,), float(turn))
            writer.save_checkpoint({"turn": (number, turn), "weights": weights}, folder / LAST)
            os.write(writing, turn.to_bytes(4, "little"))
    first = os.read(reading, 4)  # one is there
    time.sleep(generator.random() * 0.2)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(writing)
    done = int.from_bytes((first + os.read(reading, 65536))[-4:], "little")
    saved = torch.load(newest(folder), weights_only=True)
    assert saved["turn"] in ((number, done), (number, done + 1)), (saved["turn"], number, done)
    assert bool((saved["weights"] == saved["turn"][1]).all())
    outcomes.append(len(list(folder.iterdir())))
    remove_stale(folder.parent)
    assert {file.name for file in folder.iterdir()} <= {LAST, PREVIOUS}
print(max(outcomes))
"""


@pytest.mark.parametrize("rounds", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_kill_9_leaves_the_newest_or_the_one_before(rounds: int, tmp_path: Path) -> None:
    """P3; the folder for temporary files lies on another file system where there is one."""
    elsewhere = "/dev/shm" if Path("/dev/shm").is_dir() else str(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": elsewhere}
    command = [sys.executable, "-W", "ignore", "-c", KILLER, str(tmp_path), str(rounds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stderr


@contextmanager
def room(limit: int) -> Iterator[None]:
    """No file can be longer, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_message_and_leaves_the_old_file(tmp_path: Path) -> None:
    """P4."""
    writer, file = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint({"weights": torch.ones(1000)}, file)
    kept = file.read_bytes()
    with room(100_000), pytest.raises(UserError, match=rf"{file} cannot be written: .* bytes are free.* is intact"):
        writer.save_checkpoint({"weights": torch.ones(1_000_000)}, file)
    assert file.read_bytes() == kept
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_disk_that_is_full_ends_a_run_with_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("data=synthetic", "data.records=100", "baselines=false", "data.batch_size=16", "logger=csv")
    options = (*small, "encoder=attention", "trainer.progress_bar=false", "embedder.embedding_dim=512")
    with room(400_000), pytest.raises(UserError, match=r"checkpoints/last\.ckpt cannot be written"):
        train(compose(*options), folder=tmp_path / "run")
    assert [file.name for file in (tmp_path / "run" / "checkpoints").iterdir()] == ["unfinished"]


def test_a_folder_that_cannot_be_written_to_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file.* cannot be written: Not a directory"):
        prepare_folder(tmp_path / "file" / "run", None)
    with pytest.raises(UserError, match=r"file.* cannot be written"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "file" / "run" / "last.ckpt")


def test_a_checkpoint_holds_nothing_but_tensors_and_plain_containers(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"checkpoint\['a'\]\[1\] is of .*float64"):
        AtomicCheckpointIO().save_checkpoint({"a": [1, np.float64(2)]}, tmp_path / "last.ckpt")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_was_about_to_write_is_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".last.ckpt.abc.tmp").touch()
    (tmp_path / ".model.abc.tmp").mkdir()
    (tmp_path / ".model.abc.old").mkdir()
    (tmp_path / ".model.abc.old" / "config.yaml").touch()
    (tmp_path / ".hydra").mkdir()
    remove_stale(tmp_path)
    assert {path.name for path in tmp_path.rglob("*")} == {"checkpoints", ".hydra", "model", "config.yaml"}
