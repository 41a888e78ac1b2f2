"""A training step with everything on, against a loop of ten lines around the same model, batches and optimiser."""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from omegaconf import DictConfig
from pytorch_lightning import Trainer

from bench.measure import Bench, ratios
from seqclf import compose, train
from seqclf.batch import RecordBatch
from seqclf.build import build_classifier
from seqclf.classifiers.clipping import clip_gradients
from seqclf.data.sampler import BatchSampler
from seqclf.ragged import IntArray
from seqclf.run.compose import plain
from seqclf.run.open_data import open_data
from seqclf.run.progress import RunProgress
from seqclf.token_features import count_documents

AIMS = {"trec6": 0.95, "ag_news": 0.99}
BAG_AIM = 0.86
STEPS = 30  # of an epoch, at most


def settings(model: str, overrides: Sequence[str], epochs: int, steps: int) -> DictConfig:
    """A run of this many epochs of this many steps; validation is short, since it is not measured."""
    batch = "data.batch_size=512" if model == "bag" else "data.batch_size=64"
    length = [f"trainer.max_epochs={epochs}", f"trainer.limit_train_batches={steps}", "trainer.limit_val_batches=2"]
    return compose(*overrides, f"encoder={model}", batch, *length, "data.validation_size=200", "baselines=false")


def measure(bench: Bench) -> None:
    """A step of the loop behind every step of a run: both meet the same neighbours.

    The loop takes the batches of an epoch from the last to the first. A kernel for a batch of a new shape is made once:
    a loop that always came behind would have them for nothing, which is 4 percent of a step of a CNN.
    """
    for data, overrides in bench.sets().items():
        for model in bench.models:
            cfg = settings(model, overrides, bench.rounds + 1, int(bench.typed.get("steps", STEPS)))
            records, whole, loop = both(cfg)
            aim = BAG_AIM if model == "bag" else AIMS.get(data)
            own, theirs = (statistics.median(ratios(records, seconds)) for seconds in (whole, loop))
            beside = f"{own:,.0f} records/s, the loop {theirs:,.0f}"
            bench.keep("training", f"{model}, {data}", ratios(loop, whole), aim, beside)


def both(cfg: DictConfig) -> tuple[list[float], list[float], list[float]]:
    """Records, and the seconds of `train.py` and of the loop, in each epoch but the first, without its first batch."""
    loop = PlainLoop(plain(cfg))
    records, whole, by_loop = ([0.0] * cfg.trainer.max_epochs for _ in range(3))
    end, ended = RunProgress.on_train_batch_end, 0.0

    def with_loop(
        bar: RunProgress, trainer: Trainer, module: Any, outputs: Any, batch: RecordBatch, number: int
    ) -> None:
        nonlocal ended
        end(bar, trainer, module, outputs, batch, number)
        epoch, taken = trainer.current_epoch, time.perf_counter() - ended
        by_itself = loop.step(epoch)
        if number > 0:  # before an epoch's first step there is more than a step
            records[epoch] += len(batch)
            whole[epoch] += taken
        if loop.left:  # the last one is the first batch
            by_loop[epoch] += by_itself
        ended = time.perf_counter()

    hooked = patch.object(RunProgress, "on_train_batch_end", with_loop)
    silent = redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, hooked, silent[0], silent[1]:
        train(cfg, folder=Path(folder))
    return records[1:], whole[1:], by_loop[1:]


class PlainLoop:
    """A hand-written loop: the same model, batches, optimiser and clipping, and nothing else.

    Args:
        config: of a run.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        _, self.store = open_data(config)
        self.model = model = build_classifier(config, self.store.vocabulary)
        count_documents(model.text_field_embedder, self.store.train.batches)
        if model.wide is not None:
            model.wide.count(self.store.train.batches())
        apart = set() if model.wide is None else set(model.wide.parameters())
        self.optimizer = model.optimizer([(name, each) for name, each in model.named_parameters() if each not in apart])
        self.parameters = list(model.parameters())
        self.sampler = BatchSampler(self.store.train.lengths, config["data"]["batch_size"], seed=1)
        self.epoch = -1
        self.left: list[IntArray] = []

    def step(self, epoch: int) -> float:
        """Seconds of the next step of an epoch."""
        if epoch != self.epoch:
            self.epoch = epoch
            self.sampler.set_epoch(epoch)
            self.left = list(islice(self.sampler, self.config["trainer"]["limit_train_batches"]))
        model, began = self.model, time.perf_counter()
        batch = self.store.train.batch(self.left.pop())
        with model.unrecorded():
            loss = model(batch, label=batch.labels)["loss"]
        self.optimizer.zero_grad()
        loss.backward()
        clip_gradients(self.parameters, self.config["trainer"]["gradient_clip_val"])
        if model.wide is not None:
            model.wide.descend(len(batch), 1.0)
        self.optimizer.step()
        return time.perf_counter() - began
