"""Optuna's study of a search: where it lies, how it chooses values, which runs it stops."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock

from seqclf.errors import UserError
from seqclf.run.search_settings import FOLDER, SearchSettings

if TYPE_CHECKING:
    import optuna

NAME = "search"
Direction = Literal["minimize", "maximize"]
FILES = {"journal": "search.journal", "sqlite": "search.db"}
BUSY = 60.0  # seconds to wait for another process to let go of the database


class JournalLock:
    """Of the journal; the system takes it from a process that ends, which Optuna's own locks wait half a minute for.

    Args:
        path: of the lock's file.
    """

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Wait for it."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Let go of it."""
        self._lock.release()


def open_study(
    settings: SearchSettings, sweep: Path, monitor: str, direction: Direction, max_epochs: int, turn: int = 0
) -> optuna.Study:
    """The study in a sweep's folder, made where there is none.

    Args:
        settings: of the search.
        sweep: hydra.sweep.dir.
        monitor: the figure that is optimised.
        direction: "minimize" or "maximize".
        max_epochs: how long a run is at most, which Hyperband shares out.
        turn: seeds the sampler, beside the seed.

    Raises:
        UserError: without Optuna, for a storage that cannot be read, and for a study of another figure.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise UserError("sweep=optuna needs Optuna: pip install 'seqclf[sweep]'.") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    (sweep / FOLDER).mkdir(parents=True, exist_ok=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is experimental there was tried here
            study = optuna.create_study(
                study_name=NAME,
                storage=_storage(settings.storage, sweep / FOLDER),
                load_if_exists=True,
                direction=direction,
                sampler=make_sampler(settings, turn),
                pruner=_pruner(settings, max_epochs),
            )
    except (ValueError, KeyError, OSError, optuna.exceptions.OptunaError) as error:
        raise UserError(
            f"{sweep / FOLDER}: the search cannot be read ({error}). Give another hydra.sweep.dir."
        ) from error
    known = study.user_attrs.get("monitor", monitor)
    if known != monitor:
        raise UserError(f"monitor={monitor}: the search in {sweep} is for {known}. Give another hydra.sweep.dir.")
    if "monitor" not in study.user_attrs:
        study.set_user_attr("monitor", monitor)
    return study


def make_sampler(settings: SearchSettings, turn: int) -> optuna.samplers.BaseSampler:
    """What chooses values.

    Args:
        settings: of the search.
        turn: how many trials were begun; a sampler keeps no state, so a search that goes on is as one that never ended.
    """
    from optuna.samplers import RandomSampler, TPESampler

    seed = (settings.seed * 1_000_003 + turn) % 2**32
    if settings.sampler == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # constant_liar is experimental
            return TPESampler(seed=seed, constant_liar=True)  # what others are at is not tried beside them
    return RandomSampler(seed=seed)


def _pruner(settings: SearchSettings, max_epochs: int) -> optuna.pruners.BasePruner:
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner

    if settings.pruner == "median":
        return MedianPruner(n_startup_trials=settings.pruner_startup, n_warmup_steps=settings.pruner_warmup + 1)
    if settings.pruner == "hyperband":
        return HyperbandPruner(min_resource=1, max_resource=max(1, max_epochs))
    return NopPruner()


def _storage(kind: str, folder: Path) -> optuna.storages.BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    if kind == "sqlite":
        url = f"sqlite:///{folder.resolve() / FILES[kind]}"
        return RDBStorage(url, engine_kwargs={"connect_args": {"timeout": BUSY}})

    journal, lock = folder / FILES[kind], JournalLock(folder / "journal.lock")
    lock.acquire()
    try:
        _cut_last_line(journal)
    finally:
        lock.release()
    backend = JournalFileBackend(str(journal), lock_obj=lock)  # type: ignore[arg-type]  # its base class is private
    return JournalStorage(backend)


def _cut_last_line(journal: Path) -> None:
    """A process that was killed while it wrote left half a line, which would spoil the next."""
    if journal.exists():
        written = journal.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            with journal.open("r+b") as file:
                file.truncate(whole)


def read_study(sweep: Path) -> optuna.Study | None:
    """The study of a search, to look at; None where the sweep is no search, or without Optuna.

    Args:
        sweep: hydra.sweep.dir.
    """
    try:
        import optuna
    except ModuleNotFoundError:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for kind, name in FILES.items():
        if (sweep / FOLDER / name).is_file():
            return optuna.load_study(study_name=NAME, storage=_storage(kind, sweep / FOLDER))
    return None
