"""Jobs of a sweep, handed to Hydra's launcher, and what became of them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from seqclf.run.beside import AT_ONCE
from seqclf.run.job_ends import JobFailed

SUBMITIT = ("SlurmLauncher", "LocalLauncher")


def launch(launcher: Launcher, jobs: Sequence[Sequence[str]], numbers: Sequence[int], sweep: Path) -> list[JobReturn]:
    """Run jobs, each in the folder of its number.

    Where a process is killed its launcher may give up all jobs that it has. Those that were not done are run again
    then, one after another, so that the one that brings down its process harms no other.

    Args:
        launcher: Hydra's.
        jobs: the overrides of each.
        numbers: of the jobs.
        sweep: hydra.sweep.dir.
    """
    numbered = [[*job, f"hydra.sweep.subdir={number}"] for job, number in zip(jobs, numbers, strict=True)]
    if not numbered:
        return []
    os.environ[AT_ONCE] = str(len(numbered))
    _say_where(launcher, len(numbered), sweep)
    try:
        return list(launcher.launch(numbered, initial_job_idx=numbers[0]))
    except Exception as error:  # of the launcher: what a job raises is in its return
        if len(numbered) > 1:
            return [
                ended_in(sweep / str(number)) or launch(launcher, [job], [number], sweep)[0]
                for job, number in zip(jobs, numbers, strict=True)
            ]
        folder = sweep / str(numbers[0])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "error.txt").write_text(f"Its process came to an end: {error}\n", encoding="utf-8")
        return [_returned(JobFailed(1), JobStatus.FAILED)]


def _say_where(launcher: Launcher, jobs: int, sweep: Path) -> None:
    """Jobs of one after another say so themselves; those of a cluster are not heard at all."""
    name = type(launcher).__name__
    if name != "BasicLauncher":
        of_submitit = f"; what they print lies in {sweep / '.submitit'}" if name in SUBMITIT else ""
        print(f"{jobs} job{'s' if jobs > 1 else ''} to {name}{of_submitit}", flush=True)


def ended_in(folder: Path) -> JobReturn | None:
    """How the job of a folder ended, by what it wrote; None where it did not."""
    score = score_of(folder)
    if score is not None:
        return _returned(score, JobStatus.COMPLETED)
    if (folder / "pruned.txt").is_file():
        return _returned(None, JobStatus.COMPLETED)
    return _returned(JobFailed(1), JobStatus.FAILED) if (folder / "error.txt").is_file() else None


def score_of(folder: Path) -> float | None:
    """The score of a run that was done; None of any other."""
    try:
        score = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["score"]
    except (OSError, ValueError, KeyError):
        return None
    return None if score is None else float(score)


def was_done(folder: Path, job: Sequence[str]) -> bool:
    """Whether the same job was done in this folder before."""
    overrides = folder / ".hydra" / "overrides.yaml"
    if score_of(folder) is None or not overrides.is_file():
        return False
    return list(yaml.safe_load(overrides.read_text(encoding="utf-8"))) == list(job)


def exit_code(returns: Sequence[JobReturn]) -> int:
    """0 where every job was done; else 1, or 2 where nothing but the user's input was at fault."""
    failed = [job for job in returns if job.status == JobStatus.FAILED]
    codes = {job._return_value.exit_code if isinstance(job._return_value, JobFailed) else 1 for job in failed}
    return min(codes, default=0)


def _returned(value: Any, status: JobStatus) -> JobReturn:
    job = JobReturn(status=status)
    job.return_value = value
    return job
