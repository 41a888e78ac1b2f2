"""Ranks that Ray has started, on one machine or on a cluster (extra: ray)."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqclf.errors import RunError, UserError
from seqclf.run.ray_cluster import cluster, ray_module
from seqclf.run.results import RunResult, show
from seqclf.run.strategies import Strategy, WholeModels

Work = Callable[[Mapping[str, Any], Sequence[type], Path], RunResult]
PLACE = ".ray"  # what Ray writes down of a run lies there, in the run's folder, until it is over


def start_with_ray(
    work: Work, config: Mapping[str, Any], parts: Sequence[type], folder: Path, world: int, on_gpu: bool
) -> RunResult:
    """Have Ray Train start the ranks of a run, and wait for them.

    Args:
        work: what each rank does.
        config: of the run.
        parts: classes of the user's own.
        folder: of the run; every machine of the cluster must see it.
        world: how many ranks.
        on_gpu: whether each has a GPU.

    Returns:
        What rank 0 returned.

    Raises:
        UserError: what a rank has raised.
        RunError: when a rank was lost.
    """
    train, torch = ray_module("ray.train"), ray_module("ray.train.torch")
    os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "600")  # torch is slow to import on a busy machine
    here, folder = os.getcwd(), folder.resolve()
    level = logging.getLogger("seqclf").level

    def rank(_: object) -> dict[str, Any]:
        os.chdir(here)
        logging.getLogger("seqclf").setLevel(level)
        result = work(config, parts, folder)
        return {**vars(result), "run_dir": str(result.run_dir), "model_dir": str(result.model_dir)}

    storage = train.RunConfig(name=PLACE, storage_path=str(folder))
    with cluster(world):
        scaling = train.ScalingConfig(num_workers=world, use_gpu=on_gpu)
        trainer = torch.TorchTrainer(rank, train_loop_config={}, scaling_config=scaling, run_config=storage)
        try:
            told = _fit(trainer)
        finally:
            shutil.rmtree(folder / PLACE, ignore_errors=True)
    result = RunResult(told["score"], told["metrics"], Path(told["run_dir"]), Path(told["model_dir"]))
    show(result.metrics, {"run": result.run_dir, "model": result.model_dir})
    return result


def _fit(trainer: Any) -> dict[str, Any]:
    """What rank 0 has returned.

    Ray waits in a thread of its own: in the main one it would take SIGINT for itself, and end with exit code 0.
    """
    came: list[Any] = []

    def wait() -> None:
        try:
            came.append(trainer.fit().return_value)
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.2)
    if isinstance(came[0], BaseException):
        raise _why(came[0]) from came[0]
    return dict(came[0])


def _why(error: BaseException) -> BaseException:
    """The mistake of the user's that a rank has met, or what is known of the end of the first that was lost."""
    failures = {rank: getattr(each, "_base_exc", each) for rank, each in getattr(error, "worker_failures", {}).items()}
    for cause in failures.values():
        if isinstance(cause, UserError | RunError):
            return type(cause)(str(cause))
    for rank, cause in sorted(failures.items()):
        if type(cause).__module__.startswith("ray."):
            return RunError(f"Rank {rank} was lost, and Ray ended the others. The checkpoints are intact. {cause}")
    return error


def ray_strategy(strategy: Strategy) -> Any:
    """The strategy of a rank that Ray has started: ours, on the device that Ray gave it.

    Raises:
        UserError: for any but "ddp".
    """
    if strategy != "ddp":
        raise UserError(f"trainer.strategy={strategy} cannot be had with trainer=ray: take trainer=fsdp with torchrun.")
    lightning = ray_module("ray.train.lightning")

    class RayWholeModels(WholeModels, lightning.RayDDPStrategy):  # type: ignore[misc, name-defined]
        """Ray's strategy, with what is ours of `WholeModels`."""

    return RayWholeModels()


def ray_environment() -> Any:
    """Where a rank that Ray has started learns which it is."""
    return ray_module("ray.train.lightning").RayLightningEnvironment()


def prepared(trainer: Any) -> Any:
    """Lightning's Trainer, checked by Ray."""
    return ray_module("ray.train.lightning").prepare_trainer(trainer)
