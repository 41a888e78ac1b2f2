import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.run.compose import compose, plain
from seqclf.run.results import RunResult
from seqclf.run.train import train

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

SMALL = (
    "data=synthetic",
    "data.records=120",
    "data.batch_size=16",
    "baselines=false",
    "trainer.progress_bar=false",
    "trainer.max_epochs=3",
    "embedder.buckets=50",
    "embedder.embedding_dim=12",
)
ENCODERS = {
    "bag": ("encoder=bag", "wide.buckets=64"),
    "lstm": ("encoder=lstm", "encoder.hidden_size=8", "dropout=0.3"),
    "cnn": ("encoder=cnn", "encoder.num_filters=8", "dropout=0.3"),
    "transformer": ("encoder=transformer", "encoder.hidden_size=16", "encoder.num_heads=2", "dropout=0.3"),
}
BATCHES = 7  # of an epoch: 108 training records
ACCUMULATED = "trainer.accumulate_grad_batches"
WALL_TIMES = ("train/records_per_second", "seconds")


class Left(SystemExit):
    """What the command line does at a signal."""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)

    def leave(number: int, _: Any) -> None:
        raise Left(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.signal(number, leave) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(*overrides: str) -> RunResult:
    return train(compose(*SMALL, *overrides))


def interrupted(
    step: int,
    *overrides: str,
    where: str = "training_step",
    number: int = signal.SIGTERM,
    small: tuple[str, ...] = SMALL,
) -> Path:
    """The folder of a run that a signal meets in its so manyth step (counted from 1) of training or validation."""
    seen = 0
    real = getattr(SequenceClassifier, where)

    def with_signal(self: SequenceClassifier, *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), number)
        return real(self, *arguments)

    before = set(Path().glob("outputs/*/*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SequenceClassifier, where, with_signal)
        with pytest.raises(Left) as left:
            train(compose(*small, *overrides))
    assert left.value.code == 128 + number
    whole = int(dict(word.split("=", 1) for word in overrides).get(ACCUMULATED, 1))  # batches of a step
    assert (seen - 1) // whole == (step - 1) // whole, "it went on after the step that the signal met"
    (folder,) = set(Path().glob("outputs/*/*")) - before
    return folder.absolute()


def digest(value: Any) -> str:
    """SHA-256 of tensors and plain containers."""
    made = hashlib.sha256()

    def feed(value: Any) -> None:
        if isinstance(value, Tensor):
            made.update(f"{value.dtype} {tuple(value.shape)}".encode())
            made.update(value.contiguous().view(torch.uint8).numpy().tobytes() if value.dim() else repr(value).encode())
        elif isinstance(value, dict):
            for key in value:
                made.update(repr(key).encode())
                feed(value[key])
        elif isinstance(value, list | tuple):
            made.update(f"{len(value)}".encode())
            for item in value:
                feed(item)
        else:
            made.update(repr(value).encode())

    feed(value)
    return made.hexdigest()


def outcome(folder: Path) -> dict[str, str]:
    """The hash of everything a run came to."""
    found = {}
    for name in ("best", "last"):
        saved = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
        for part in ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers", "loops"):
            found[f"{name}: {part}"] = digest(saved.get(part))
        callbacks = {key: value for key, value in saved["callbacks"].items() if key != "RunProgress"}
        found[f"{name}: callbacks"] = digest(callbacks)
    for name in ("model/model.safetensors", "model/config.yaml", "predictions.csv", "history/metrics.csv"):
        found[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    metrics = json.loads((folder / "metrics.json").read_text())
    found |= {name: repr(value) for name, value in metrics.items() if name not in WALL_TIMES}
    return found


WHOLE: dict[tuple[str, ...], dict[str, str]] = {}


def uninterrupted(*overrides: str) -> dict[str, str]:
    if overrides not in WHOLE:
        WHOLE[overrides] = outcome(run(*overrides).run_dir)
    return WHOLE[overrides]


def assert_equal_to_the_uninterrupted(step: int, *overrides: str, where: str = "training_step") -> None:
    folder = interrupted(step, *overrides, where=where)
    assert not (folder / "metrics.json").exists()
    result = train(compose(f"resume={folder}"))
    assert result.run_dir == folder
    assert {file.name for file in (folder / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    expected, found = uninterrupted(*overrides), outcome(folder)
    assert {name for name in expected if found[name] != expected[name]} == set()


# Of 3 epochs of 7 batches: the first steps, the middle, the first, last but one and last step of an epoch, the end.
STOPS = (1, 2, 6, 7, 8, 11, 14, 21)
SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("encoder", "step", "workers"),
    [
        pytest.param(encoder, step, workers, marks=[] if (encoder, workers) == quick.get(step) else SLOW)
        for quick in [{1: ("bag", 0), 7: ("lstm", 0), 8: ("cnn", 0), 11: ("bag", 2), 21: ("transformer", 0)}]
        for encoder in ENCODERS
        for step in STOPS
        for workers in (0, 2)
    ],
)
def test_a_run_that_goes_on_is_the_uninterrupted_one(encoder: str, step: int, workers: int) -> None:
    """P5."""
    assert_equal_to_the_uninterrupted(step, *ENCODERS[encoder], f"data.num_workers={workers}")


MANY_VALIDATION_BATCHES = ("data.max_tokens=250",)  # 3 of training's sizes


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 2, 8])
def test_a_validation_that_was_stopped_is_done_from_its_start(step: int) -> None:
    """The averaged weights are in the model then, and its own are what is saved."""
    options = (*ENCODERS["bag"], *MANY_VALIDATION_BATCHES, "callbacks=ema", "callbacks.average_every=3")
    assert_equal_to_the_uninterrupted(step, *options, where="validation_step")


@pytest.mark.parametrize(
    "options",
    [
        # the plateau's schedule, the early stop and what is frozen hang on epochs that are over
        ("scheduler=plateau", "scheduler.patience=0", "callbacks.patience=1", "callbacks.gradual_unfreezing=true"),
        pytest.param(("callbacks=swa", "callbacks.average_from=1", "scheduler=constant"), marks=SLOW),
        pytest.param(("callbacks=ema", "optimizer=adamw", "scheduler=cosine_restarts"), marks=SLOW),
        pytest.param(("trainer.accumulate_grad_batches=3", "optimizer=sgd", "optimizer.momentum=0.9"), marks=SLOW),
        pytest.param(("data.sampler=balanced", "step=r_drop"), marks=SLOW),
        pytest.param(("trainer.limit_train_batches=5", "step=mixup", "data.max_tokens=300"), marks=SLOW),
    ],
)
@pytest.mark.parametrize("step", [pytest.param(5, marks=SLOW), 10])
def test_schedules_averages_and_stops_go_on_too(options: tuple[str, ...], step: int) -> None:
    assert_equal_to_the_uninterrupted(step, *ENCODERS["bag"], *options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_a_signal_before_the_first_step_loses_nothing(number: int) -> None:
    """P7; the optimiser is made when the training has begun, and no step is done."""
    options = ENCODERS["bag"]
    folder = interrupted(1, *options, where="configure_optimizers", number=number)
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert (saved["global_step"], saved["seqclf"]["epoch"], saved["seqclf"]["done"]) == (0, 0, 0)
    train(compose(f"resume={folder}"))
    assert outcome(folder) == uninterrupted(*options)


@pytest.mark.slow
def test_a_run_may_be_stopped_again_and_again() -> None:
    folder = interrupted(4, *ENCODERS["bag"])
    for step in (2, 6):  # of the steps that are left
        seen = interrupted_again(step, folder)
        assert seen == step
    train(compose(f"resume={folder}"))
    assert outcome(folder) == uninterrupted(*ENCODERS["bag"])


def interrupted_again(step: int, folder: Path) -> int:
    seen, real = 0, SequenceClassifier.training_step

    def with_signal(self: SequenceClassifier, *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGUSR1)
        return real(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SequenceClassifier, "training_step", with_signal)
        with pytest.raises(Left):
            train(compose(f"resume={folder}"))
    return seen


@pytest.mark.slow
def test_a_run_goes_on_from_a_checkpoint_in_another_folder_and_further(tmp_path: Path) -> None:
    folder = interrupted(11, *ENCODERS["bag"])
    kept = (folder / "checkpoints" / "last.ckpt").read_bytes()
    config = compose(f"resume={folder / 'checkpoints' / 'last.ckpt'}", "trainer.max_epochs=4", "logger=none")
    assert config.wide.buckets == 64
    result = train(config, folder=tmp_path / "other")
    assert result.metrics["epochs"] == 4
    assert (folder / "checkpoints" / "last.ckpt").read_bytes() == kept
    assert {file.name for file in (tmp_path / "other" / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    further = train(compose(f"resume={tmp_path / 'other'}", "trainer.max_epochs=5"))  # a finished run
    assert further.metrics["epochs"] == 5
    assert further.metrics["steps"] == 5 * BATCHES
    again = train(compose(f"resume={tmp_path / 'other'}"))  # nothing is left to train
    assert again.metrics["steps"] == 5 * BATCHES
    assert again.score == further.score


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    return interrupted(3, *ENCODERS["bag"])


def test_a_run_keeps_its_data_model_and_seed(stopped: Path) -> None:
    refused = {
        "seed=2": "seed",
        "encoder=lstm": "encoder",
        "encoder.mode=sum": "encoder.mode",
        "data.batch_size=8": "data.batch_size",
        "optimizer=sgd": "optimizer",
        "callbacks.patience=3": "callbacks.patience",
        "trainer.limit_train_batches=2": "trainer.limit_train_batches",
    }
    for typed, key in refused.items():
        with pytest.raises(UserError, match=rf"^{key} cannot change in a run that goes on"):
            compose(f"resume={stopped}", typed)
    allowed = ("trainer.max_epochs=9", "trainer=cpu", "logger=none", "baselines=true", "data.num_workers=1", "seed=1")
    config = compose(f"resume={stopped}", *allowed)
    assert config.trainer.max_epochs == 9
    assert config.trainer.accelerator == "cpu"
    assert config.baselines
    assert config.data.records == 120
    mine = {**plain(config), "seed": 2}
    with pytest.raises(UserError, match="seed is 2, but 1 in the run"):
        train(mine)


def test_what_a_run_cannot_go_on_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no checkpoint"):
        compose(f"resume={tmp_path}")
    file = tmp_path / "some.ckpt"
    file.write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="no checkpoint that a run can go on from"):
        compose(f"resume={file}")
    torch.save({"seqclf": {"format": 99}}, file)
    with pytest.raises(UserError, match="another version"):
        compose(f"resume={file}")


def test_changed_data_is_refused_unless_forced(tmp_path: Path) -> None:
    def write(rows: int) -> None:
        lines = [f"{'good' if row % 3 else 'bad'} thing,{'p' if row % 3 else 'n'}" for row in range(rows)]
        (tmp_path / "train.csv").write_text("\n".join(["text,label", *lines]))

    write(120)
    others = [option for option in SMALL if not option.startswith("data")]
    folder = interrupted(3, *others, "data=files", "data.train=train.csv", "data.batch_size=16", small=())
    write(121)
    with pytest.raises(UserError, match=r"data\.train has changed .* force=true"):
        train(compose(f"resume={folder}"))
    assert train(compose(f"resume={folder}", "force=true")).metrics["epochs"] == 3
    (tmp_path / "train.csv").write_text((tmp_path / "train.csv").read_text().replace("thing", "word"))
    with pytest.raises(UserError, match="words or labels"):
        train(compose(f"resume={folder}", "force=true"))


def test_the_same_command_goes_on_in_its_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = interrupted(11, *ENCODERS["bag"])
    config = compose(*SMALL, *ENCODERS["bag"])
    with pytest.raises(UserError, match=r"seed is 2, but 1 .* resume=never"):
        train(compose(*SMALL, *ENCODERS["bag"], "seed=2"), folder=folder)
    with caplog.at_level("INFO", logger="seqclf"):
        train(config, folder=folder)
    assert "in epoch 2, after batch 4" in caplog.text
    assert outcome(folder) == uninterrupted(*ENCODERS["bag"])
    caplog.clear()
    with caplog.at_level("INFO", logger="seqclf"):
        train(compose(*SMALL, *ENCODERS["bag"], "seed=2"), folder=folder)  # done: begun anew
    assert "Going on" not in caplog.text


def test_a_damaged_checkpoint_falls_back_to_the_one_before(caplog: pytest.LogCaptureFixture) -> None:
    folder = interrupted(11, *ENCODERS["bag"])  # the last is of batch 4, the one before of the first epoch's end
    last = folder / "checkpoints" / "last.ckpt"
    damaged = bytearray(last.read_bytes())
    damaged[len(damaged) // 2] ^= 1  # one bit, which torch itself would read over
    last.unlink()
    last.write_bytes(damaged)
    with caplog.at_level("WARNING", logger="seqclf"):
        train(compose(f"resume={folder}"))
    assert "last.ckpt is damaged" in caplog.text
    assert "previous.ckpt, the one before it" in caplog.text
    assert outcome(folder) == uninterrupted(*ENCODERS["bag"])


def test_no_variable_of_the_environment_is_in_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "validation/loss")
    folder = interrupted(2, *ENCODERS["bag"], "monitor=${oc.env:A_SECRET}")
    entry = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["seqclf"]
    assert entry["config"]["monitor"] == "${oc.env:A_SECRET}"


@pytest.mark.slow
def test_two_ranks_stop_at_the_same_step_and_go_on_with_the_same_records(tmp_path: Path) -> None:
    """The signal meets the process that started them; the order of the records and the noise are the uninterrupted."""
    options = (*SMALL, "data.records=1500", *ENCODERS["lstm"], "trainer=ddp", "trainer.devices=2", "trainer.threads=1")
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def command(folder: str) -> list[str]:
        return [sys.executable, str(root / "train.py"), *options, "trainer.accelerator=cpu", f"hydra.run.dir={folder}"]

    process = subprocess.Popen(command("stopped"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "stopped" / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 143, said
    entry = torch.load(tmp_path / "stopped" / "checkpoints" / "last.ckpt", weights_only=True)["seqclf"]
    assert entry["ranks"] == 2
    assert 0 < entry["done"] <= entry["whole"]
    for folder in ("stopped", "whole"):
        done = subprocess.run(command(folder), env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    ours, theirs = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("stopped", "whole"))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    figures = [json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("stopped", "whole")]
    assert figures[0]["train/records"] == figures[1]["train/records"]
    assert figures[0]["train/loss"] == pytest.approx(figures[1]["train/loss"], rel=1e-5)
