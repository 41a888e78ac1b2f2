import csv
import json
import random
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import MixedPrecision
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import RunError
from seqclf.run.compose import compose
from seqclf.run.finite import AHEAD, NOTE, FiniteNumbers, Look
from seqclf.run.train import train

ROWS = 200
MARKED = (37, 151)  # the rows that hold the word
QUICK = (
    "data.text=[text]",
    "data.batch_size=16",
    "data.validation_size=0.2",
    "trainer.max_epochs=3",
    "baselines=false",
)
QUIET = ("trainer.progress_bar=false", "embedder.buckets=100", "wide=none")


class Bad(torch.autograd.Function):
    """The same numbers, and a gradient of NaN for some rows."""

    @staticmethod
    def forward(context: Any, vectors: Tensor, marked: Tensor) -> Tensor:
        context.save_for_backward(marked)
        return vectors.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (marked,) = context.saved_tensors
        return gradients[0].masked_fill(marked[:, None], float("nan")), None


def in_the_loss(vectors: Tensor, marked: Tensor) -> Tensor:
    return vectors.masked_fill(marked[:, None], float("inf"))


def in_the_gradient(vectors: Tensor, marked: Tensor) -> Tensor:
    return Bad.apply(vectors, marked) if vectors.requires_grad else vectors


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    generator = random.Random(0)
    with (tmp_path / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(ROWS):
            words = generator.choices(["one", "two", "three", "four"], k=4)
            writer.writerow([" ".join([*words, *["poison"] * (row in MARKED)]), words[0]])
    return "data=files data.train=train.csv"


def poison(monkeypatch: pytest.MonkeyPatch, harm: Callable[[Tensor, Tensor], Tensor], epoch: int = 1) -> None:
    """From this epoch on, records with the word are harmed while the model learns."""
    real = SequenceClassifier.forward_tokens

    def forward_tokens(self: SequenceClassifier, batch: RecordBatch) -> Tensor:
        vectors = real(self, batch)
        if not self.trainer.training or self.trainer.current_epoch < epoch:
            return vectors
        tokens = batch.tokens["tokens"]
        there = np.flatnonzero((tokens.values == self.vocab.words().index("poison")).numpy())
        marked = torch.zeros(len(vectors), dtype=torch.bool)
        marked[np.searchsorted(tokens.rows.offsets, there, side="right") - 1] = True  # one field: a row is a record
        return harm(vectors, marked)

    monkeypatch.setattr(SequenceClassifier, "forward_tokens", forward_tokens)


def weights_of(folder: Path) -> dict[str, Any]:
    return {file.name: torch.load(file, weights_only=True) for file in sorted((folder / "checkpoints").glob("*.ckpt"))}


@pytest.mark.parametrize("harm", [in_the_loss, in_the_gradient])
@pytest.mark.parametrize("options", [(), ("encoder=lstm", "trainer.gradient_clip_val=null")])
def test_a_number_that_is_not_finite_stops_the_run_in_its_step_and_names_the_records(
    data: str, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Tensor, Tensor], Tensor], options: tuple[str, ...]
) -> None:
    poison(monkeypatch, harm)
    with pytest.raises(RunError) as caught:
        train(compose(*data.split(), *QUICK, *QUIET, *options))
    what = "gradient" if harm is in_the_gradient else "loss"
    (note,) = Path("outputs").glob(f"*/*/{NOTE}")
    said = json.loads(note.read_text())
    assert said["epoch"] == 1
    assert said["step"] == 10 + said["batch"]  # ten batches an epoch
    assert set(said["rows_not_finite_alone"]) == set(said["rows"]) & set(MARKED) != set()
    assert f"Step {said['step']} (epoch 2, batch {said['batch'] + 1}): the {what} is not" in str(caught.value)
    assert f"are the rows {', '.join(map(str, said['rows_not_finite_alone']))} of" in str(caught.value)
    kept = weights_of(note.parent)
    assert set(kept) == {"best.ckpt", "last.ckpt"}
    for checkpoint in kept.values():
        assert checkpoint["epoch"] == 0
        assert all(torch.isfinite(tensor).all() for tensor in checkpoint["state_dict"].values())


def test_of_batches_that_are_summed_the_records_of_all_are_named(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    poison(monkeypatch, in_the_gradient, epoch=0)
    with pytest.raises(RunError, match="the gradient is not"):
        train(compose(*data.split(), *QUICK, *QUIET, "trainer.accumulate_grad_batches=5"))
    (note,) = Path("outputs").glob(f"*/*/{NOTE}")
    said = json.loads(note.read_text())
    assert len(said["rows"]) == 5 * 16
    assert set(said["rows_not_finite_alone"]) == set(said["rows"]) & set(MARKED) != set()


def test_a_checkpoint_with_such_numbers_is_not_written(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = FiniteNumbers.on_train_batch_start

    def harm(self: FiniteNumbers, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        real(self, trainer, pl_module, batch, batch_idx)
        if trainer.global_step == 19:  # a row of the table that no record of the last batch reads
            pl_module.text_field_embedder.token_embedders["tokens"].embedding.weight.data[0] = float("nan")

    monkeypatch.setattr(FiniteNumbers, "on_train_batch_start", harm)
    with pytest.raises(RunError, match=r"state_dict\.text_field_embedder.*not finite, so no checkpoint was written"):
        train(compose(*data.split(), *QUICK, *QUIET))
    (folder,) = Path("outputs").glob("*/*")
    assert {checkpoint["epoch"] for checkpoint in weights_of(folder).values()} == {0}


def test_the_scaler_of_16_mixed_skips_such_steps_until_there_are_too_many(
    data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trainer_with_scaler(plugins: list[Any], precision: str, **options: Any) -> pl.Trainer:
        return pl.Trainer(plugins=[*plugins, MixedPrecision(precision, "cpu")], **options)  # else only on a GPU

    fake = types.SimpleNamespace(Trainer=trainer_with_scaler, utilities=pl.utilities)
    monkeypatch.setattr("seqclf.run.trainer.pl", fake)
    poison(monkeypatch, in_the_gradient, epoch=0)
    quick = (*data.split(), *QUICK, *QUIET, "trainer.precision=16-mixed", "optimizer=sgd", "optimizer.lr=0.01")
    result = train(compose(*quick))  # two batches of an epoch are skipped
    assert result.metrics["epochs"] == 3
    poison(monkeypatch, lambda vectors, marked: in_the_gradient(vectors, torch.ones_like(marked)), epoch=0)
    with pytest.raises(RunError, match=r"^Step \d+ \(epoch 3, batch 5\): the gradient"):
        train(compose(*quick))


class Event:
    """What a GPU says: not yet, unless it is waited for."""

    def __init__(self, device: list[int], number: int) -> None:
        self.device, self.number = device, number

    def query(self) -> bool:
        return self.number <= self.device[0]

    def synchronize(self) -> None:
        self.device[0] = max(self.device[0], self.number)


def test_nothing_waits_for_a_gpu_that_is_a_few_steps_behind(tmp_path: Path) -> None:
    watch, device = FiniteNumbers(tmp_path), [2]
    trainer: Any = types.SimpleNamespace(precision_plugin=None, train_dataloader=None)
    for step in range(2 * AHEAD):
        watch.looks.append(Look("loss", 0, step, step, torch.tensor(step != 5), Event(device, step)))
    watch.judge(trainer, None, ahead=2 * AHEAD)
    assert [look.step for look in watch.looks] == list(range(3, 2 * AHEAD))  # what it has said was read
    assert device == [2]  # and the rest was not waited for
    with pytest.raises(RunError, match="Step 5 "):
        watch.judge(trainer, None, ahead=0)  # a checkpoint is to be written
    assert device == [5]
