"""Several processes train, count and predict as one does."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.results import RunResult
from seqclf.run.train import train

QUICK = (
    "trainer.accelerator=cpu",
    "trainer.threads=1",
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "trainer.gradient_clip_val=0.5",  # clips
    "baselines=false",
    "embedder.embedding_dim=16",
    "dropout=0",
)
BAG = (*QUICK, "embedder.buckets=500", "embedder.dropout=0", "wide.buckets=500")
WORDS = {"n": "bad awful poor", "p": "good fine great", "q": "red green blue"}
TRAIN, VALIDATION, TEST = 96, 31, 53  # the last two are prime


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: Path, rows: int, seed: int, multilabel: bool = False) -> str:
    generator = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "body", "label"])
        for _ in range(rows):
            labels = generator.choices("npq", weights=[6, 3, 1], k=generator.randrange(3) if multilabel else 1)
            words = [word for label in labels for word in WORDS[label].split()] + ["the", "a", "one", "it", "so"]
            text = " ".join(generator.choice(words) for _ in range(generator.randint(1, 30)))
            title = generator.choice(words) if generator.random() < 0.5 else ""
            writer.writerow([title, text, "|".join(sorted(set(labels)))])
    return str(path)


def files(folder: Path, multilabel: bool = False) -> tuple[str, ...]:
    sizes = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    typed = [
        f"data.{name}={write(folder / f'{name}.csv', rows, seed, multilabel)}"
        for seed, (name, rows) in enumerate(sizes.items())
    ]
    return ("data=files", *typed, "data.text=[title,body]", *(["task=multilabel"] if multilabel else []))


def run(*overrides: str) -> RunResult:
    return train(compose(*overrides))


def same(several: RunResult, one: RunResult, tolerance: float = 1e-6) -> None:
    """The same weights, figures and predictions."""
    ours, theirs = (load_file(result.model_dir / "model.safetensors") for result in (several, one))
    for name, tensor in theirs.items():
        torch.testing.assert_close(
            ours[name], tensor, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )
    figures = {name: value for name, value in one.metrics.items() if isinstance(value, float)}
    figures = {name: value for name, value in figures.items() if "second" not in name}
    assert {name: several.metrics[name] for name in figures} == pytest.approx(figures, rel=tolerance, abs=tolerance)
    same_predictions(several, one)


def same_predictions(several: RunResult, one: RunResult) -> None:
    rows = []
    for result in (several, one):
        with (result.run_dir / "predictions.csv").open(newline="", encoding="utf-8") as file:
            rows.append(list(csv.DictReader(file)))
    assert [row["row"] for row in rows[0]] == [str(number) for number in range(TEST)]
    for ours, theirs in zip(*rows, strict=True):
        assert ours.keys() == theirs.keys()
        for name, cell in ours.items():
            if name.startswith("probability"):
                assert float(cell) == pytest.approx(float(theirs[name]), abs=1e-6)
            else:
                assert cell == theirs[name]


@pytest.mark.slow
def test_two_ranks_with_half_the_batch_are_one_with_the_whole(tmp_path: Path) -> None:
    """Law 9, with all that adds up otherwise: sparse tables, clipping, the wide term, classes of other weights."""
    options = (*BAG, *files(tmp_path), "loss.weights=balanced")
    several = run(*options, "trainer=ddp", "trainer.devices=2", "data.batch_size=8")
    assert several.metrics["test/records"] == TEST
    same(several, run(*options, "data.batch_size=16"))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [2, 3])
@pytest.mark.parametrize("multilabel", [False, True])
def test_every_record_is_counted_once_and_predicted_in_order(tmp_path: Path, devices: int, multilabel: bool) -> None:
    """P11: the figures and predictions of one and the same model, made by one process and by several."""
    options = (*BAG, *files(tmp_path, multilabel), "optimizer.lr=0", "wide.lr=0", "trainer.max_epochs=1")
    several = run(*options, "trainer=ddp", f"trainer.devices={devices}")
    one = run(*options)
    assert several.metrics["validation/records"] == VALIDATION
    assert several.metrics["train/records"] == TRAIN // devices * devices
    same(several, one)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("encoder=lstm", "multifield=bag", "multifield.separate_encoders=true", "loss.weights=balanced"),
        ("encoder=cnn", "callbacks=ema", "callbacks.average_every=2", "trainer.accumulate_grad_batches=2"),
        ("encoder=attention", "seq2seq=gru", "regularizer.patterns={projection.*weight: {name: l2, alpha: 0.1}}"),
    ],
)
def test_two_ranks_are_one_with_any_model(tmp_path: Path, options: tuple[str, ...]) -> None:
    # in float64: Adam makes steps of the rounding errors of gradients that are nearly 0
    options = (*QUICK, *files(tmp_path), *options, "multifield_dropout=0", "trainer.precision=64")
    several = run(*options, "trainer=ddp", "trainer.devices=2", "data.batch_size=4")
    same(several, run(*options, "data.batch_size=8"))


@pytest.mark.parametrize("weights", ["null", "balanced"])
def test_batches_that_are_accumulated_are_one_batch(tmp_path: Path, weights: str) -> None:
    options = (*BAG, *files(tmp_path), f"loss.weights={weights}", "data.sampler=length", "trainer.max_epochs=1")
    whole = run(*options, f"data.batch_size={TRAIN}")
    parts = run(*options, f"data.batch_size={TRAIN // 3 + 1}", "trainer.accumulate_grad_batches=3")
    same(parts, whole)


COMMAND = (sys.executable, str(Path(__file__).parents[2] / "train.py"))


def command(folder: Path, *overrides: str) -> list[str]:
    return [*COMMAND, *BAG, *files(folder), "data.batch_size=8", *overrides]


@pytest.mark.slow
def test_a_sweep_of_two_ranks_leaves_one_folder_for_each_job(tmp_path: Path) -> None:
    words = command(tmp_path, "trainer=ddp", "trainer.devices=2", "seed=1,2", "-m", "hydra.sweep.dir=sweep")
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "sweep").iterdir() if path.is_dir()} == {"0", "1"}
    for job in "01":
        metrics = json.loads((tmp_path / "sweep" / job / "metrics.json").read_text())
        assert metrics["test/records"] == TEST
        assert metrics["seed"] == int(job) + 1
    assert not (tmp_path / "outputs").exists()


@pytest.mark.slow
def test_torchrun_starts_the_ranks_of_one_run(tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    words = [*torchrun, *command(tmp_path, "trainer=multi_node")[1:]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs").glob("*/*")
    assert {"metrics.json", "predictions.csv", ".hydra"} <= {path.name for path in folder.iterdir()}
    assert not (tmp_path / ".hydra").exists()
    with (folder / "predictions.csv").open(newline="", encoding="utf-8") as file:
        assert [row["row"] for row in csv.DictReader(file)] == [str(number) for number in range(TEST)]


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_others_and_the_run(tmp_path: Path) -> None:
    words = command(tmp_path, "trainer=ddp", "trainer.devices=2", "trainer.max_epochs=100000", "hydra.run.dir=run")
    run = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
        assert run.poll() is None
        time.sleep(0.2)
    ranks = sorted(psutil.Process(run.pid).children(), key=lambda process: process.create_time())
    ranks = [rank for rank in ranks if "spawn_main" in " ".join(rank.cmdline())]
    assert len(ranks) == 2
    os.kill(ranks[1].pid, signal.SIGKILL)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 1
    assert "Rank 1 was killed (SIGKILL)" in said
    assert not any(rank.is_running() for rank in ranks)
    assert "state_dict" in torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ranks_that_ray_starts_come_to_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    options = (*BAG, *files(tmp_path), "loss.weights=balanced", "data.batch_size=8")
    several = run(*options, "trainer=ray", "trainer.devices=2")
    same(several, run(*options, "trainer=ddp", "trainer.devices=2"))
    left = {path.name for path in several.run_dir.iterdir()}
    assert {"metrics.json", "predictions.csv", "report.html", "model", "checkpoints"} <= left
    assert ".ray" not in left


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_what_a_rank_of_ray_refuses_is_one_message(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    with pytest.raises(UserError, match="monitor: there is no figure"):
        run(*BAG, *files(tmp_path), "trainer=ray", "monitor=validation/acuracy")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ctrl_c_ends_the_ranks_of_ray_and_the_same_command_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = command(tmp_path, "trainer=ray", "trainer.max_epochs=100000", "hydra.run.dir=run")
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None
        time.sleep(0.2)
    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=300)
    assert process.returncode == 130
    assert psutil.wait_procs(started, timeout=60)[1] == []
    reached = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["epoch"]
    done = run("resume=run", "trainer=ray", f"trainer.max_epochs={reached + 3}")
    assert done.metrics["epochs"] == reached + 3


def test_who_starts_the_processes_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_JOB_ID", "SLURM_NTASKS", "MASTER_ADDR", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="torchrun"):
        run("trainer=multi_node")
    with pytest.raises(UserError, match="srun"):
        run("trainer=slurm")
    with pytest.raises(UserError, match="NODE_RANK from 0 to 3"):
        run("trainer=ddp", "trainer.num_nodes=4", "trainer.devices=8", "trainer.accelerator=cpu")
