"""Where the figures of every epoch go: always to a CSV file in the run's folder, and to a tracker beside it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from seqclf.errors import UserError
from seqclf.run.epoch_table import EpochTable
from seqclf.run.tracker import Tracker


def csv_logger(folder: Path) -> list[Logger]:
    """Figures of every epoch in `folder/history/metrics.csv`.

    Args:
        folder: the run's folder.
    """
    return [EpochTable(folder / "history" / "metrics.csv")]


def tensorboard_logger(folder: Path) -> list[Logger]:
    """The same, and for TensorBoard in `folder/tensorboard`.

    Args:
        folder: the run's folder.
    """

    def make() -> Logger:
        return TensorBoardLogger(save_dir=str(folder), name="tensorboard", version="", default_hp_metric=False)

    return [*csv_logger(folder), Tracker("TensorBoard", make)]


def wandb_logger(
    folder: Path,
    project: str = "seqclf",
    entity: str | None = None,
    name: str | None = None,
    tags: list[str] | None = None,
    offline: bool = True,
    timeout: float = 30.0,
) -> list[Logger]:
    """The same as `csv_logger`, and for Weights & Biases in `folder/wandb`.

    Args:
        folder: the run's folder.
        project: where the run belongs.
        entity: whose project it is; None for the user's own.
        name: of the run; None for that of its folder.
        tags: of the run.
        offline: write files only, for `wandb sync` later; False sends everything at once.
        timeout: how many seconds to wait for the server.

    Raises:
        UserError: where wandb is not installed.
    """
    _installed("wandb")

    def make() -> Logger:
        import wandb

        settings = wandb.Settings(
            init_timeout=timeout, login_timeout=int(timeout), silent=True, console="off", reinit="create_new"
        )
        run = wandb.init(
            dir=str(folder),
            project=project,
            entity=entity,
            name=name or folder.name,
            tags=tags,
            mode="offline" if offline else "online",
            settings=settings,
        )
        return WandbLogger(experiment=run, log_model=False)

    return [*csv_logger(folder), Tracker("Weights & Biases", make, _finish)]


def mlflow_logger(
    folder: Path,
    experiment: str = "seqclf",
    name: str | None = None,
    tracking_uri: str = "sqlite:///mlflow.db",
    timeout: int = 10,
) -> list[Logger]:
    """The same as `csv_logger`, and for MLflow.

    Args:
        folder: the run's folder.
        experiment: where the run belongs.
        name: of the run; None for that of its folder.
        tracking_uri: a database (`sqlite:///FILE`; a relative FILE lies where the command was typed) or a server.
        timeout: how many seconds to wait for an answer of a server, which is asked once again.

    Raises:
        UserError: where MLflow is not installed.
    """
    _installed("mlflow")

    def make() -> Logger:
        # Otherwise a server that is down would be asked for several minutes at every call.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout))
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        return MLFlowLogger(experiment_name=experiment, run_name=name or folder.name, tracking_uri=tracking_uri)

    return [*csv_logger(folder), Tracker("MLflow", make)]


def _finish(logger: Logger) -> None:
    assert isinstance(logger, WandbLogger)
    logger.experiment.finish()


def _installed(package: str) -> None:
    if find_spec(package) is None:
        raise UserError(f"{package} is not installed: pip install 'seqclf[{package}]'.")
