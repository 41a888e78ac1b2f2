"""How fast is seqclf? Ratios within one run; a busy machine says so by a wide spread.

    python scripts/benchmark.py                              start-up, and training on synthetic records
    python scripts/benchmark.py data=../shared/data          training on trec6 and ag_news
    python scripts/benchmark.py data=DIR sets=trec6 models=lstm rounds=5 threads=1

Training: `train.py` with everything on (loss, accuracy, bar, clipping, schedule), against a loop of ten lines around
the very same model, batches and optimiser, in turn; records per second over epochs after the first.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from seqclf import compose, train
from seqclf.build import build_classifier
from seqclf.classifiers.clipping import clip_gradients
from seqclf.data.sampler import BatchSampler
from seqclf.run.compose import plain
from seqclf.run.train import open_data

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 3


def main() -> None:
    """Print every figure."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    torch.set_num_threads(int(typed.get("threads", "1")))
    rounds = int(typed.get("rounds", "3"))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), medians of {rounds} rounds\n")
    for name, command in {
        "import seqclf": ["-c", "import seqclf"],
        "python": ["-c", "pass"],
        "train.py --help": [str(ROOT / "train.py"), "--help"],
    }.items():
        print(f"{name:<20} {start_up(command, rounds):.2f} s")
    print(f"\n{'data':<10} {'model':<12} {'train.py':>10} {'plain loop':>10} {'ratio':>6}  (each round)")
    for data, overrides in data_sets(typed).items():
        for model in typed.get("models", "lstm,cnn").split(","):
            cfg = compose(
                *overrides, f"encoder={model}", "data.batch_size=64", f"trainer.max_epochs={EPOCHS}", "baselines=false"
            )
            print_ratio(data, model, cfg, rounds)


def data_sets(typed: dict[str, str]) -> dict[str, list[str]]:
    """What to type for each data set."""
    if "data" not in typed:
        return {"synthetic": ["data=synthetic", "data.records=5000"]}
    folder = Path(typed["data"])
    names = typed.get("sets", "trec6,ag_news").split(",")
    return {name: ["data=files", f"data.train={folder / name / 'train.csv'}"] for name in names}


def start_up(arguments: list[str], rounds: int) -> float:
    """Seconds of a whole process, the first of them not counted."""
    seconds = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def print_ratio(data: str, model: str, cfg: DictConfig, rounds: int) -> None:
    """Both arms in turn."""
    whole, loop = [], []
    for _ in range(rounds):
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            whole.append(float(train(cfg).metrics["train/records_per_second"]))
        loop.append(plain_loop(plain(cfg)))
    ratios = [first / second for first, second in zip(whole, loop, strict=True)]
    each = " ".join(f"{ratio:.2f}" for ratio in ratios)
    print(
        f"{data:<10} {model:<12} {statistics.median(whole):>10,.0f} {statistics.median(loop):>10,.0f} "
        f"{statistics.median(ratios):>6.2f}  ({each})",
        flush=True,
    )


def plain_loop(config: dict[str, Any]) -> float:
    """Records per second of a hand-written loop: the same model, batches, optimiser and clipping, and nothing else."""
    _, store = open_data(config)
    model = build_classifier(config, store.vocabulary)
    apart = set() if model.wide is None else set(model.wide.parameters())
    optimizer = model.optimizer([(name, each) for name, each in model.named_parameters() if each not in apart])
    sampler = BatchSampler(store.train.lengths, config["data"]["batch_size"], seed=1)
    rates = []
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        records, began = 0, time.perf_counter()
        for indices in sampler:
            batch = store.train.batch(indices)
            with model.unrecorded():
                loss = model(batch, label=batch.labels)["loss"]
            optimizer.zero_grad()
            loss.backward()
            clip_gradients(list(model.parameters()), config["trainer"]["gradient_clip_val"])
            if model.wide is not None:
                model.wide.descend(len(batch), 1.0)
            optimizer.step()
            records += len(batch)
        rates.append(records / (time.perf_counter() - began))
    return statistics.median(rates[1:])


if __name__ == "__main__":
    main()
