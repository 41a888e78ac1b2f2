"""Jobs of a sweep that run beside each other on one machine: they share its cores and its terminal."""

from __future__ import annotations

import os
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

AT_ONCE = "SEQCLF_JOBS_AT_ONCE"  # how many jobs a launcher was given; jobs inherit it


def jobs_beside() -> int:
    """How many jobs run at a time on this machine, this one among them; 1 of a run that is no job of a sweep.

    Those of hydra/launcher=joblib and ray do, and those of submitit_local, which starts all at once. On a cluster of
    SLURM each job has cores of its own.
    """
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return 1
    hydra = HydraConfig.get()
    launcher, sweeper = str(hydra.launcher.get("_target_")), _n_jobs(hydra.sweeper)
    if launcher.endswith("joblib_launcher.JoblibLauncher"):
        at_once = _n_jobs(hydra.launcher) or 1
        return min(at_once, sweeper or at_once)
    if launcher.endswith("submitit_launcher.LocalLauncher"):
        return int(os.environ.get(AT_ONCE, 1))
    if launcher.endswith("ray_launcher.RayLauncher"):  # it starts as many as have the cores that each asks for
        return max(1, _cores() // int(hydra.launcher.ray.remote.get("num_cpus") or 1))
    return 1


def share_of_cores(processes: int) -> int:
    """How many cores each process of a job has, where the jobs beside it have as many.

    Args:
        processes: of the job.
    """
    return max(1, _cores() // (processes * jobs_beside()))


def job_label() -> str:
    """`#3  `, to stand before each line of a job that writes to the same terminal as others; else nothing."""
    return f"#{HydraConfig.get().job.num}  " if jobs_beside() > 1 else ""


def announce_job() -> None:
    """Say what a job beside others is; of one after another Hydra does."""
    if label := job_label():
        print(label + " ".join(HydraConfig.get().overrides.task), flush=True)


def _n_jobs(node: Any) -> int | None:
    """As joblib reads it: -1 is one for each core."""
    number = node.get("n_jobs")
    if number is None:
        return None
    if int(number) >= 0:
        return int(number)
    return max(1, _cores() + 1 + int(number))


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
