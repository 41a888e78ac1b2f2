"""The folder of a run: made ready to begin or to go on, and left when the run is done."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from seqclf.errors import UserError
from seqclf.run.checkpoints import BEST, CHECKPOINTS, LAST, PREVIOUS, UNFINISHED, put_link, remove_stale
from seqclf.run.resume import NEVER, Saved, find_saved


def run_folder(resume: str | None = None) -> Path:
    """Hydra's folder of this job; where there is none, that of the run to go on with, or a new one under outputs/."""
    if HydraConfig.initialized():
        return Path(HydraConfig.get().runtime.output_dir)
    if resume not in (None, NEVER) and (folder := find_saved(str(resume)).folder) is not None:
        return folder
    now = datetime.now()
    folder = Path("outputs") / now.strftime("%Y-%m-%d") / now.strftime("%H-%M-%S-%f")
    return folder.resolve()


def prepare_folder(folder: Path, saved: Saved | None) -> None:
    """Make a folder ready: nothing of another run is left in it, or the best epoch so far lies there.

    Args:
        folder: the run's.
        saved: where it was stopped; None to begin.

    Raises:
        UserError: when the folder cannot be written to, and for a checkpoint without its best epoch.
    """
    checkpoints = folder / CHECKPOINTS
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        remove_stale(folder)
        if saved is None:
            for file in (checkpoints / LAST, checkpoints / PREVIOUS, checkpoints / BEST, folder / "metrics.json"):
                file.unlink(missing_ok=True)
        (checkpoints / UNFINISHED).touch()
    except OSError as error:
        raise UserError(f"{error.filename or checkpoints} cannot be written: {error.strerror}.") from error
    if saved is None or saved.best is None:
        return
    best = saved.file.with_name(BEST)
    if saved.done == 0 and saved.best == saved.epoch - 1:
        best = saved.file  # this very checkpoint; the process may have been killed before it had both names
    if not best.exists():
        raise UserError(f"{best} is missing: the best epoch so far, which must lie beside {saved.file.name}.")
    if best != checkpoints / BEST:
        put_link(best, checkpoints / BEST)


def finish(folder: Path) -> None:
    """Say that the run in this folder is done: what was only of use to go on with goes."""
    for name in (PREVIOUS, UNFINISHED):
        (folder / CHECKPOINTS / name).unlink(missing_ok=True)
