"""Where the figures of every epoch go."""

from pathlib import Path

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from seqclf.errors import UserError


def csv_logger(folder: Path) -> Logger:
    """Figures of every epoch in `folder/history/metrics.csv`."""
    return CSVLogger(save_dir=str(folder), name="history", version="")


def tensorboard_logger(folder: Path) -> Logger:
    """Figures of every epoch for TensorBoard, in `folder/tensorboard`.

    Raises:
        UserError: where TensorBoard is not installed.
    """
    try:
        return TensorBoardLogger(save_dir=str(folder), name="tensorboard", version="")
    except ModuleNotFoundError as error:
        raise UserError("logger=tensorboard needs TensorBoard: pip install 'seqclf[tensorboard]'.") from error
