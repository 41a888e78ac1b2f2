"""How fast is seqclf? Ratios within one run; a busy machine says so by a wide spread.

    python scripts/benchmark.py                              start-up, training and prediction on synthetic records
    python scripts/benchmark.py data=../shared/data          training and prediction on trec6 and ag_news
    python scripts/benchmark.py data=DIR sets=trec6 models=lstm rounds=5 threads=1 what=prediction

Training: `train.py` with everything on (loss, accuracy, bar, clipping, schedule), against a loop of ten lines around
the very same model, batches and optimiser, in turn; records per second over epochs after the first.

Prediction: the model over batches that lie ready, sorted by length, which is all that a forward pass can be; against
the way of `predict` from numbered records to probabilities in their order, from texts, and from a file to a file.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from omegaconf import DictConfig
from pyarrow.parquet import write_table

from seqclf import compose, train
from seqclf.batch import RecordBatch
from seqclf.build import build_classifier
from seqclf.classifiers.clipping import clip_gradients
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.data.indexing import index_records
from seqclf.data.sampler import BatchSampler
from seqclf.inference.predict import outputs_of, probabilities
from seqclf.inference.predict_table import write_predictions
from seqclf.run.compose import plain
from seqclf.run.train import open_data

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 3
RECORDS = 4000  # that are predicted
SIZES = (64, 256, 512)  # of the batches that lie ready; the fastest counts


def main() -> None:
    """Print every figure."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    torch.set_num_threads(int(typed.get("threads", "1")))
    rounds = int(typed.get("rounds", "3"))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), medians of {rounds} rounds\n")
    what = typed.get("what", "start_up,training,prediction").split(",")
    models = typed.get("models", "lstm,cnn").split(",")
    if "start_up" in what:
        print_start_up(rounds)
    for kind, heads, show in (
        ("training", ("train.py", "plain loop", "ratio"), print_ratio),
        ("prediction", ("forward", "numbered", "texts", "file", "ratio"), print_prediction),
    ):
        if kind in what:
            print(f"\n{'data':<10} {'model':<12} " + " ".join(f"{head:>10}" for head in heads) + "  (each round)")
            for data, overrides in data_sets(typed).items():
                for model in models:
                    typed_for = (*overrides, f"encoder={model}", "data.batch_size=64", "baselines=false")
                    show(data, model, compose(*typed_for, f"trainer.max_epochs={EPOCHS}"), rounds)


def print_start_up(rounds: int) -> None:
    """Seconds until something is there."""
    for name, command in {
        "import seqclf": ["-c", "import seqclf"],
        "python": ["-c", "pass"],
        "train.py --help": [str(ROOT / "train.py"), "--help"],
    }.items():
        print(f"{name:<20} {start_up(command, rounds):.2f} s")


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
        f"{statistics.median(ratios):>10.2f}  ({each})",
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


def print_prediction(data: str, model: str, cfg: DictConfig, rounds: int) -> None:
    """Four ways in turn; the ratio is that of numbered records and of texts to the fastest forward pass."""
    source, store = open_data(plain(cfg))
    network = build_classifier(plain(cfg), store.vocabulary).eval()
    table = source.tables().train
    assert table is not None
    texts = [row.values for row in islice(table.select(network.vocab.columns), RECORDS)]
    records = index_records(network.vocab, texts)
    order = np.argsort(-records.lengths, kind="stable")
    ready = {size: [records.batch(order[at : at + size]) for at in range(0, len(order), size)] for size in SIZES}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "records.parquet"
        write_table(pa.table(dict(zip(network.vocab.columns, zip(*texts, strict=True), strict=True))), file)
        ways: list[Callable[[], float]] = [
            lambda: min(taken_by(forward, network, batches) for batches in ready.values()),
            lambda: taken_by(deque, outputs_of(network, records), 0),
            lambda: taken_by(probabilities, network, texts),
            lambda: taken_by(write_predictions, network, open_table(file), Path(folder) / "predictions.csv"),
        ]
        taken = np.array([[way() for way in ways] for _ in range(rounds + 1)])[1:]  # the first warms up
    rates = " ".join(f"{len(texts) / own:>10,.0f}" for own in np.median(taken, axis=0))
    numbered, whole = (np.median(taken[:, 0] / taken[:, at]) for at in (1, 2))
    each = " ".join(f"{first / own:.2f}" for first, own in zip(taken[:, 0], taken[:, 1], strict=True))
    print(f"{data:<10} {model:<12} {rates} {numbered:>5.2f} {whole:.2f}  ({each})", flush=True)


@torch.inference_mode()
def forward(model: SequenceClassifier, batches: list[RecordBatch]) -> None:
    """The bare forward pass."""
    for batch in batches:
        model(batch)["class_probabilities"]


def taken_by(function: Callable[..., Any], *arguments: Any) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
