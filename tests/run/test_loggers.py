"""Trackers get every epoch's figures, and what they do never stops a run."""

import csv
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning.loggers import Logger
from pytorch_lightning.loggers.logger import DummyLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from seqclf.errors import UserError
from seqclf.run import loggers
from seqclf.run.compose import compose
from seqclf.run.tracker import Tracker
from seqclf.run.train import train

SMALL = (
    "data=synthetic",
    "data.records=100",
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "baselines=false",
    "embedder.buckets=100",
    "data.batch_size=32",
)
CALLS = ("log_hyperparams", "log_metrics", "save", "finalize")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Recorder(DummyLogger):
    """Keeps what it is given; raises where it is told to."""

    def __init__(self, failing: str | None = None) -> None:
        super().__init__()
        self.failing = failing
        self.calls: list[tuple[str, Any]] = []

    def _take(self, what: str, value: Any) -> None:
        self.calls.append((what, value))
        if what == self.failing:
            raise ConnectionError("the server is down\nand more")

    def log_hyperparams(self, params: Any) -> None:  # type: ignore[override]
        self._take("log_hyperparams", params)

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:  # type: ignore[override]
        self._take("log_metrics", metrics)

    def save(self) -> None:
        self._take("save", None)

    def finalize(self, status: str) -> None:
        self._take("finalize", status)


def with_tracker(monkeypatch: pytest.MonkeyPatch, tracker: Tracker) -> None:
    monkeypatch.setattr(loggers, "csv_logger", lambda folder, real=loggers.csv_logger: [*real(folder), tracker])
    monkeypatch.setattr(loggers.csv_logger, "__module__", "seqclf.run.loggers")


def test_by_default_every_epoch_is_in_a_csv_file_and_in_tensorboard() -> None:
    result = train(compose(*SMALL))
    with (result.run_dir / "history" / "metrics.csv").open() as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    assert len(losses) == 2
    events = []
    for file in (result.run_dir / "tensorboard").iterdir():
        read = EventAccumulator(str(file)).Reload()
        events += [
            event.value for event in (read.Scalars("train/loss") if "train/loss" in read.Tags()["scalars"] else ())
        ]
    assert events == pytest.approx(losses, rel=1e-5)


def test_a_tracker_gets_the_configuration_the_figures_and_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, closed = Recorder(), list[Logger]()
    with_tracker(monkeypatch, Tracker("Recorder", lambda: recorder, closed.append))
    metrics = train(compose(*SMALL, "logger=csv")).metrics
    assert next(value for what, value in recorder.calls if what == "log_hyperparams")["data"]["records"] == 100
    given = [value for what, value in recorder.calls if what == "log_metrics"]
    assert sum("train/loss" in figures for figures in given) == 2
    assert given[-1]["test/accuracy"] == pytest.approx(metrics["test/accuracy"])
    assert closed == [recorder]


@pytest.mark.parametrize("failing", [None, *CALLS, "close"])
def test_a_tracker_that_raises_in_any_call_does_not_stop_a_run(
    failing: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(failing)

    def make() -> Logger:
        if failing is None:
            raise OSError("no such host")
        return recorder

    def close(_: Logger) -> None:
        if failing == "close":
            raise RuntimeError("it would not close")

    with_tracker(monkeypatch, Tracker("Recorder", make, close))
    result = train(compose(*SMALL, "logger=csv", "trainer.max_epochs=1"))
    assert result.metrics["epochs"] == 1
    assert (result.run_dir / "history" / "metrics.csv").is_file()
    said = [message for message in caplog.messages if "Recorder failed and is left out" in message]
    assert len(said) == 1
    assert "\n" not in said[0]
    if failing in CALLS:
        assert recorder.calls[-1][0] == failing  # and nothing after it


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
def test_a_tracker_that_is_not_installed_is_said_before_training(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=rf"logger: {name} is not installed: pip install 'seqclf\[{name}\]'"):
        train(compose(*SMALL, f"logger={name}"))


@pytest.mark.filterwarnings("default")  # those of MLflow's own libraries
def test_mlflow_has_every_epoch_in_its_database(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    train(compose(*SMALL, "logger=mlflow", f"logger.tracking_uri={uri}", "logger.name=first"))
    client = mlflow.MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("seqclf").experiment_id])
    assert run.info.run_name == "first"
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 2
    assert run.data.params["data/records"] == "100"


@pytest.mark.filterwarnings("default")
def test_wandb_writes_a_run_of_its_own_for_each_of_two(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    for _ in range(2):
        folder = train(compose(*SMALL, "logger=wandb")).run_dir
        assert len(list((folder / "wandb").glob("offline-run-*/run-*.wandb"))) == 1
