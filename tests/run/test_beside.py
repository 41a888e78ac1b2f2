import os
from collections.abc import Iterator
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from seqclf.run.beside import AT_ONCE, job_label, jobs_beside, share_of_cores

JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
LOCAL = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher"
RAY = "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"
SLURM = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
CORES = len(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def no_job() -> Iterator[None]:
    before = HydraConfig.instance().cfg
    yield
    HydraConfig.instance().cfg = before


def job(launcher: dict[str, Any], sweeper: dict[str, Any], mode: RunMode = RunMode.MULTIRUN) -> None:
    node = {"hydra": {"mode": mode, "job": {"num": 3}, "launcher": launcher, "sweeper": sweeper}}
    HydraConfig.instance().cfg = OmegaConf.create(node)


@pytest.mark.parametrize(
    ("launcher", "sweeper", "expected"),
    [
        ({"_target_": JOBLIB, "n_jobs": 2}, {}, 2),
        ({"_target_": JOBLIB, "n_jobs": -1}, {}, CORES),
        ({"_target_": JOBLIB, "n_jobs": 8}, {"n_jobs": 4}, 4),
        ({"_target_": LOCAL}, {"n_jobs": 9}, 3),
        ({"_target_": SLURM}, {"n_jobs": 3}, 1),
        ({"_target_": RAY, "ray": {"remote": {}}}, {}, CORES),
        ({"_target_": RAY, "ray": {"remote": {"num_cpus": CORES}}}, {}, 1),
        ({"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}, {}, 1),
    ],
)
def test_jobs_of_one_machine_share_its_cores(
    launcher: dict[str, Any], sweeper: dict[str, Any], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AT_ONCE, "3")
    job(launcher, sweeper)
    assert jobs_beside() == expected
    assert share_of_cores(1) == max(1, CORES // expected)
    assert share_of_cores(2) == max(1, CORES // (2 * expected))
    assert job_label() == ("#3  " if expected > 1 else "")


def test_a_run_of_its_own_has_all_cores_and_the_terminal() -> None:
    HydraConfig.instance().cfg = None
    assert (jobs_beside(), job_label()) == (1, "")
    job({"_target_": JOBLIB, "n_jobs": 2}, {}, RunMode.RUN)
    assert (jobs_beside(), job_label()) == (1, "")
