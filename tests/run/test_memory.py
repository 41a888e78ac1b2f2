from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.classifiers.halving import Halving, is_out_of_memory
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import RunError, UserError
from seqclf.nn.record_encoder import RecordEncoder
from seqclf.run.compose import compose
from seqclf.run.train import train

QUICK = (
    "data=synthetic", "data.records=120", "data.batch_size=32", "trainer.max_epochs=1", "trainer.limit_train_batches=3",
    "trainer.progress_bar=false", "baselines=false", "dropout=0", "multifield_dropout=0",
    "optimizer=sgd", "optimizer.lr=0.1",
)  # fmt: skip
ROOM = 150  # tokens that fit


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def on_a_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ...")


def on_the_cpu() -> None:
    torch.empty(1 << 52)


class TooMuch(torch.autograd.Function):
    """Memory runs out on the way back."""

    @staticmethod
    def forward(context: Any, vectors: Tensor) -> Tensor:
        return vectors.clone()

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        on_a_gpu()
        return gradients[0]


def make_scarce(monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None], backward: bool = False) -> list[int]:
    """Let memory run out for more than so many tokens in training; returns the tokens that are read."""
    real = RecordEncoder.forward
    read: list[int] = []

    def forward(self: RecordEncoder, batch: RecordBatch) -> Tensor:
        if not self.training or not torch.is_grad_enabled():
            return real(self, batch)
        read.append(batch.num_tokens)
        if batch.num_tokens <= ROOM:
            return real(self, batch)
        if not backward:
            fail()
        vectors: Tensor = TooMuch.apply(real(self, batch))
        return vectors

    monkeypatch.setattr(RecordEncoder, "forward", forward)
    return read


@pytest.mark.parametrize(("fail", "words"), [(on_a_gpu, "CUDA out of memory"), (on_the_cpu, "can't allocate memory")])
def test_what_did_not_fit_is_said_with_what_to_change(
    monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None], words: str
) -> None:
    make_scarce(monkeypatch, fail)
    with pytest.raises(RunError) as caught:
        train(compose(*QUICK))
    said = str(caught.value)
    assert said.startswith("Out of memory in training, step 0 (epoch 1, batch 1): the batch has 32 records and ")
    assert "its longest row has " in said
    assert (
        "trainer.on_out_of_memory=halve (in parts, the same step), a smaller data.batch_size, or data.max_tok" in said
    )
    assert words in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("backward", "options"),
    [
        (False, ["encoder=bag"]),  # sparse gradients, and the wide term
        (True, ["encoder=bag", "wide=none", "step=mixup"]),
        (True, ["encoder=lstm", "encoder.hidden_size=8", "multifield=attention", "loss.weights=balanced"]),
        (False, ["encoder=cnn", "embedder=characters", "trainer.accumulate_grad_batches=2"]),
    ],
)
def test_read_in_parts_the_step_is_that_of_the_whole_batch(
    monkeypatch: pytest.MonkeyPatch, backward: bool, options: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    whole = train(compose(*QUICK, *options))
    with monkeypatch.context() as patch:
        read = make_scarce(patch, on_a_gpu, backward)
        parts = train(compose(*QUICK, *options, "trainer.on_out_of_memory=halve"))
    assert max(read) > ROOM >= min(read)
    assert sum("Out of memory with" in message for message in caplog.messages) >= 1
    first, second = (SequenceClassifier.from_pretrained(run.model_dir).state_dict() for run in (whole, parts))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=1e-6, rtol=1e-5, msg=name)
    for name in ("train/loss", "train/accuracy", "train/records"):  # each record is counted once
        assert parts.metrics[name] == pytest.approx(whole.metrics[name], rel=1e-5), name


def test_a_single_record_that_does_not_fit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOM", 1)
    make_scarce(monkeypatch, on_a_gpu)
    with pytest.raises(RunError, match=r"What helps: a smaller data\.batch_size"):
        train(compose(*QUICK, "trainer.on_out_of_memory=halve"))


def test_dropout_draws_the_same_noise_when_a_part_is_read_again() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.ones(8, dtype=torch.float64))
    batch = RecordBatch.from_padded({"tokens": torch.arange(1, 25).view(8, 3)}, torch.arange(8))
    seen: list[Tensor] = []

    def encode(part: RecordBatch) -> Tensor:
        seen.append(torch.rand(len(part), dtype=torch.float64))
        return seen[-1] * weight[part.labels]

    halving = Halving()
    halving.most = 6
    loss = halving.step(lambda whole: halving.encode(encode, whole).square().sum(), batch, [weight])
    loss.backward()
    noise = torch.cat(seen[:4])
    assert [len(part) for part in seen] == [2] * 8
    torch.testing.assert_close(weight.grad, 2 * noise.square())


def test_fsdp_and_halving_are_refused_together() -> None:
    with pytest.raises(UserError, match="cannot be had with"):
        train(compose(*QUICK, "trainer.on_out_of_memory=halve", "trainer.strategy=fsdp"))


def test_other_errors_are_not_taken_for_it() -> None:
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
