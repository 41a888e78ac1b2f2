"""The processes that train one model together: how they are started, and how they find each other.

Each is a rank. `trainer=ddp` starts them here; `torchrun` and SLURM start them elsewhere, each with the whole
command; for `trainer=ray` Ray does.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment, find_free_network_port
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning.accelerators import CPUAccelerator, CUDAAccelerator
from pytorch_lightning.utilities import rank_zero_only
from torch.multiprocessing.spawn import ProcessContext, ProcessException, start_processes

from seqclf.errors import RunError, UserError
from seqclf.run.beside import jobs_beside, share_of_cores
from seqclf.run.ray_ranks import ray_environment, start_with_ray
from seqclf.run.results import RunResult

Launcher = Literal["here", "torchrun", "slurm", "ray"]
GRACE = 60.0  # seconds in which the other ranks may end by themselves when one has
STARTED_BY = {
    "torchrun": "torchrun --nnodes=2 --nproc-per-node=8 --rdzv-endpoint=HOST:29500 train.py trainer=multi_node ...",
    "slurm": "srun python train.py trainer=slurm ..., inside of a job (docs/scale.md)",
}
Work = Callable[[Mapping[str, Any], Sequence[type], Path], RunResult]


def local_ranks(trainer: Mapping[str, Any]) -> int:
    """How many processes of a run a machine has."""
    devices = trainer["devices"]
    kind = CUDAAccelerator if on_gpu(trainer) else CPUAccelerator
    parsed = kind.parse_devices(kind.auto_device_count() if devices == "auto" else devices)
    return parsed if isinstance(parsed, int) else len(parsed or [0])


def on_gpu(trainer: Mapping[str, Any]) -> bool:
    """Whether a run is to use a GPU by CUDA."""
    return trainer["accelerator"] in ("gpu", "cuda", "auto") and CUDAAccelerator.is_available()


def cluster(launcher: Launcher) -> ClusterEnvironment:
    """Where a rank learns which it is, and where the others are."""
    if launcher == "ray":
        environment: ClusterEnvironment = ray_environment()
        return environment
    if launcher == "slurm":
        return SLURMEnvironment(auto_requeue=False)
    return TorchElasticEnvironment() if TorchElasticEnvironment.detect() else LightningEnvironment()


def to_be_started(trainer: Mapping[str, Any]) -> bool:
    """Whether this process is to start the ranks of the run, because nobody has.

    Raises:
        UserError: where somebody else was to start them.
    """
    launcher = trainer["launcher"]
    if launcher == "slurm" and not SLURMEnvironment.detect():
        raise UserError(f"trainer.launcher=slurm: this is no step of a SLURM job. Start it by {STARTED_BY['slurm']}")
    if launcher == "torchrun" and not TorchElasticEnvironment.detect():
        raise UserError(f"trainer.launcher=torchrun: start it by {STARTED_BY['torchrun']}")
    if launcher == "ray":
        return True
    if launcher != "here" or "LOCAL_RANK" in os.environ:
        return False
    nodes = int(trainer["num_nodes"])
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK") if name not in os.environ]
    if nodes > 1 and missing:
        raise UserError(
            f"trainer.num_nodes={nodes}: type the same command on each of the {nodes} machines, with "
            f"{' and '.join(missing)} set there (NODE_RANK from 0 to {nodes - 1}), or start it by "
            f"{STARTED_BY['torchrun']}"
        )
    return nodes * local_ranks(trainer) > 1


def start_ranks(work: Work, config: Mapping[str, Any], parts: Sequence[type], folder: Path) -> RunResult:
    """Start the ranks of this machine and wait for them.

    When one ends otherwise than well the others are ended too, and when this process is ended they are.

    Args:
        work: what each rank does.
        config: of the run.
        parts: classes of the user's own.
        folder: of the run.

    Returns:
        What rank 0 returned; on machines without it, what the first of theirs did.

    Raises:
        UserError: what a rank has raised.
    """
    trainer = config["trainer"]
    if trainer["launcher"] == "ray":
        gpu = on_gpu(trainer) or trainer["accelerator"] in ("gpu", "cuda")  # those of the cluster, perhaps not here
        return start_with_ray(work, config, parts, folder, int(trainer["num_nodes"]) * local_ranks(trainer), gpu)
    count, port = local_ranks(trainer), os.environ.get("MASTER_PORT") or str(find_free_network_port())
    levels = {name: logging.getLogger(name).level for name in (None, "seqclf")}
    with tempfile.TemporaryDirectory(prefix="seqclf-ranks-") as name:
        arguments = (work, dict(config), list(parts), folder, port, levels, Path(name))
        context = start_processes(_rank, arguments, count, join=False)  # type: ignore[no-untyped-call]
        assert context is not None
        try:
            while not context.join(grace_period=GRACE):
                pass
        except ProcessException as error:
            raise _why(context, error, Path(name)) from None
        except BaseException:  # this process is to end: so are they, each in its own way
            for process in context.processes:
                process.terminate()
            for process in context.processes:
                process.join(GRACE)
                process.kill()
            raise
        told = json.loads((Path(name) / "result.json").read_text(encoding="utf-8"))
    return RunResult(told["score"], told["metrics"], Path(told["run_dir"]), Path(told["model_dir"]))


def _rank(
    local_rank: int,
    work: Work,
    config: Mapping[str, Any],
    parts: Sequence[type],
    folder: Path,
    port: str,
    levels: Mapping[str | None, int],
    told: Path,
) -> None:
    """What a started process does; how it ended is told in a file."""
    os.environ |= {"LOCAL_RANK": str(local_rank), "MASTER_PORT": port}
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    logging.basicConfig(format="%(message)s")
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    try:
        result = work(config, parts, folder)
    except Exception as error:
        with suppress(Exception):  # an error that cannot be sent is told by its traceback
            (told / f"error-{local_rank}.pickle").write_bytes(pickle.dumps(error))
        raise
    if local_rank == 0:
        named = {"run_dir": str(result.run_dir), "model_dir": str(result.model_dir)}
        text = json.dumps({"score": result.score, "metrics": result.metrics, **named})
        (told / "result.json").write_text(text, encoding="utf-8")


def _why(context: ProcessContext, first: ProcessException, told: Path) -> BaseException:
    """What the first rank to end has raised, or how it ended."""
    for rank, process in enumerate(context.processes):
        code = process.exitcode
        if code is not None and code < 0 and -code != signal.SIGTERM:  # that is how the others were ended
            return RunError(
                f"Rank {rank} was killed ({signal.Signals(-code).name}), and the others were ended. SIGKILL is often "
                "the system's answer to a machine without memory left. The checkpoints are intact."
            )
    file = told / f"error-{first.error_index}.pickle"
    if not file.exists():
        return SystemExit(context.processes[first.error_index].exitcode or 1)
    error = pickle.loads(file.read_bytes())  # of a process of our own, from a folder of our own
    assert isinstance(error, BaseException)
    error.__cause__ = first  # with the traceback
    return error


@contextmanager
def joined(trainer: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Be one of the ranks of a run, if it has several, and leave them at the end.

    Args:
        trainer: its configuration.
        folder: what this process would call the run's folder.

    Yields:
        The run's folder: what rank 0 calls so.
    """
    if trainer["launcher"] == "ray":  # they have been joined, and will be parted
        _be_rank(dist.get_rank())
        yield folder
        return
    count = local_ranks(trainer)
    world = int(trainer["num_nodes"]) * count
    if world == 1:
        yield folder
        return
    environment = cluster(trainer["launcher"])
    if not isinstance(environment, LightningEnvironment) and environment.world_size() != world:
        raise UserError(
            f"{environment.world_size()} processes were started, but trainer.num_nodes={trainer['num_nodes']} times "
            f"trainer.devices={trainer['devices']} are {world}: type as many as there are."
        )
    rank = environment.node_rank() * count + environment.local_rank()
    os.environ |= {"MASTER_ADDR": environment.main_address, "MASTER_PORT": str(environment.main_port)}
    device = None
    if on_gpu(trainer):
        device = torch.device("cuda", environment.local_rank())
        torch.cuda.set_device(device)
    dist.init_process_group("gloo" if device is None else "nccl", rank=rank, world_size=world, device_id=device)
    _be_rank(rank)
    try:
        shared = [str(folder)]
        dist.broadcast_object_list(shared, 0)
        yield Path(shared[0])
    finally:
        dist.destroy_process_group()


def _be_rank(rank: int) -> None:
    rank_zero_only.rank = rank  # type: ignore[attr-defined]
    if rank > 0:
        logging.getLogger("seqclf").setLevel(logging.ERROR)


def threads_of(trainer: Mapping[str, Any]) -> int | None:
    """The threads of torch in each process: what was typed, else the cores, divided among all ranks of all jobs."""
    if trainer["threads"] is not None:
        return int(trainer["threads"])
    count = local_ranks(trainer)
    if count * jobs_beside() == 1:
        return None
    return min(torch.get_num_threads(), share_of_cores(count)) if count == 1 else share_of_cores(count)
