"""Sweeps whose jobs submitit starts, here and on a cluster: in processes of their own that may be queued again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from seqclf.run.study import read_study
from seqclf.run.sweep_jobs import read_jobs

ROOT = Path(__file__).parents[2]
SMALL = ("data=synthetic", "data.records=400", "baselines=false", "wide=none", "logger=csv", "trainer.threads=1")
LONG = ("data.records=2000", "data.batch_size=8", "encoder=cnn", "encoder.num_filters=8", "trainer.max_epochs=3")
# What submitit asks of SLURM, as far as it asks here: each task of an array is a process, and may be started again.
SLURM = {
    "sbatch": """
script="${@: -1}"
cp "$script" "$(dirname "$0")/$$.sh"
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
if [ -z "$last" ]; then scontrol requeue $$; else for at in $(seq 0 "$last"); do scontrol requeue $$_$at; done; fi
echo "Submitted batch job $$"
""",
    "scontrol": """
export SLURM_JOB_ID=$2 SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0 SLURM_LOCALID=0
if [[ $2 == *_* ]]; then export SLURM_ARRAY_JOB_ID=${2%_*} SLURM_ARRAY_TASK_ID=${2#*_}; fi
bash "$(dirname "$0")/${2%_*}.sh" >> "$(dirname "$0")/log" 2>&1 < /dev/null &
""",
    "srun": """
while [[ $1 == --* ]]; do case $1 in --output | --error) shift 2 ;; *) shift ;; esac; done
exec "$@"
""",
    "sacct": "echo 'JobID|State|NodeList'\n",
}
pytestmark = pytest.mark.slow


def start(folder: Path, launcher: str, *arguments: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, str(ROOT / "train.py"), "-m", *SMALL, f"hydra/launcher={launcher}", *arguments]
    command.append("hydra.sweep.dir=SWEEP")
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def stop_in_training(sweep: Path, process: "subprocess.Popen[str]") -> None:
    """Tell the first job that its time is over, as submitit has itself told."""
    began = time.monotonic()
    while not (sweep / "0" / "checkpoints" / "unfinished").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < 300
        time.sleep(0.05)
    time.sleep(1)
    for job in psutil.process_iter(["cmdline", "cwd"]):
        if "submitit.core._submit" in (job.info["cmdline"] or ()) and job.info["cwd"] == str(sweep.parent):
            job.send_signal(signal.SIGUSR2)


def test_a_search_two_at_a_time(tmp_path: Path) -> None:
    counts = ["hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "trainer.max_epochs=1"]
    process = start(tmp_path, "submitit_local", "sweep=optuna", "encoder=bag", *counts)
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    study = read_study(tmp_path / "SWEEP")
    assert study is not None
    assert [trial.state.name for trial in study.get_trials()] == ["COMPLETE"] * 4
    assert [job.status for job in read_jobs(tmp_path / "SWEEP")] == ["done"] * 4


def test_a_job_whose_time_is_over_is_saved_queued_again_and_goes_on(tmp_path: Path) -> None:
    process = start(tmp_path, "submitit_local", *LONG, "seed=1")
    stop_in_training(tmp_path / "SWEEP", process)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    assert out.startswith("1 job to LocalLauncher; what they print lies in SWEEP/.submitit\n")
    said = "".join(log.read_text() for log in (tmp_path / "SWEEP" / ".submitit").glob("*/*_log.*"))
    assert "Requeued job" in said
    assert "Going on from" in said
    (done,) = read_jobs(tmp_path / "SWEEP")
    assert (done.status, len(done.curve)) == ("done", 3)


def test_jobs_of_slurm_have_what_was_typed_and_are_queued_again(tmp_path: Path) -> None:
    for name, lines in SLURM.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{lines}")
        (tmp_path / name).chmod(0o755)
    typed = ["hydra.launcher.cpus_per_task=4", "hydra.launcher.gpus_per_node=1", "hydra.launcher.max_num_timeout=2"]
    process = start(tmp_path, "submitit_slurm", *LONG, "seed=1,2", *typed)
    stop_in_training(tmp_path / "SWEEP", process)
    _, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    (script,) = tmp_path.glob("*.sh")
    options = {"--cpus-per-task=4", "--gpus-per-node=1", "--signal=USR2@120", "--array=0-1%2"}
    assert options <= {line.removeprefix("#SBATCH ") for line in script.read_text().splitlines()}
    assert "Going on from" in (tmp_path / "log").read_text()
    assert [(job.status, len(job.curve)) for job in read_jobs(tmp_path / "SWEEP")] == [("done", 3)] * 2
