"""What is typed to train differently reaches the training."""

from pathlib import Path

import pytest
import torch

from seqclf.classifiers.focal_loss import FocalLoss
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.balance import balanced_order
from seqclf.errors import UserError
from seqclf.run.checkpoints import read_weights
from seqclf.run.compose import compose
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.results import RunResult
from seqclf.run.signature import signature_of
from seqclf.run.train import train

SMALL = (
    "data=synthetic",
    "data.records=100",
    "trainer=debug",
    "trainer.progress_bar=false",
    "baselines=false",
    "embedder.buckets=100",
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*overrides: str) -> RunResult:
    return train(compose(*SMALL, *overrides))


@pytest.mark.parametrize("name", [path.stem for path in sorted((conf_path() / "scheduler").glob("*.yaml"))])
def test_every_scheduler_trains(name: str) -> None:
    assert run(f"scheduler={name}").metrics["steps"] == 2


def test_a_model_can_start_from_the_parameters_of_another() -> None:
    first = run()
    spec = f"{{projection: {{name: pretrained, folder: {first.model_dir}}}}}"
    second = run(f"initializer.patterns={spec}", "optimizer=sgd", "optimizer.lr=0", "seed=2")
    weights = SequenceClassifier.from_pretrained(second.model_dir).state_dict()
    expected = SequenceClassifier.from_pretrained(first.model_dir).state_dict()
    assert torch.equal(weights["projection.weight"], expected["projection.weight"])


@pytest.mark.parametrize(
    ("overrides", "kind", "weighted"),
    [
        (("loss=focal", "loss.gamma=1"), FocalLoss, False),
        (("loss=focal", "loss.weights=balanced"), FocalLoss, True),
        (("loss.weights=effective", "loss.beta=0.9"), CrossEntropy, True),
    ],
)
def test_every_loss_trains_and_is_saved(overrides: tuple[str, ...], kind: type[CrossEntropy], weighted: bool) -> None:
    model = SequenceClassifier.from_pretrained(run(*overrides).model_dir)
    assert type(model.loss) is kind
    assert (model.loss.weights is not None) == weighted
    if not weighted and isinstance(model.loss, FocalLoss):
        assert model.loss.gamma == 1


def test_a_balanced_sampler_is_what_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(
        "seqclf.data.sampler.balanced_order",
        lambda classes, rng: seen.append(classes) or balanced_order(classes, rng),
    )
    run()
    assert not seen
    run("data.sampler=balanced")
    assert len(seen[0]) == 90  # of 100, without those to validate on
    with pytest.raises(UserError, match=r"data\.sampler cannot be 'balance'\. Did you mean 'balanced'"):
        run("data.sampler=balance")


def weights_after(*overrides: str) -> dict[str, torch.Tensor]:
    common = ("encoder=attention", "multifield=bag", "optimizer=sgd", "optimizer.lr=0.1", "monitor=validation/loss")
    result = run(*common, "feedforward=default", *overrides)
    weights: dict[str, torch.Tensor] = read_weights(result.run_dir / "checkpoints" / "last.ckpt")  # type: ignore[assignment]
    return weights


@pytest.mark.parametrize(("epochs", "moved"), [(1, 1), (2, 2), (3, 3), (4, 4)])
def test_gradual_unfreezing_trains_one_part_more_in_every_epoch(epochs: int, moved: int) -> None:
    start = weights_after("optimizer.lr=0", "trainer.max_epochs=1")
    weights = weights_after(f"trainer.max_epochs={epochs}", "callbacks.gradual_unfreezing=true", "scheduler=constant")
    parts = ["projection", "feed_forward", "seq2vec_encoder", "text_field_embedder"]
    for place, part in enumerate(parts):
        same = all(torch.equal(start[name], weights[name]) for name in start if name.startswith(part))
        assert same == (place >= moved), part


def test_discriminative_rates_fall_with_the_depth() -> None:
    start, plain, slowed = (
        weights_after(*overrides, "trainer.max_epochs=1", "scheduler=constant")
        for overrides in (("optimizer.lr=0",), (), ("optimizer.discriminative=2",))
    )
    for part, factor in {"projection": 1, "feed_forward": 2, "seq2vec_encoder": 4, "text_field_embedder": 8}.items():
        for name in start:
            if name.startswith(part):
                expected = (plain[name] - start[name]) / factor
                torch.testing.assert_close(slowed[name] - start[name], expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("overrides", [("callbacks=ema",), ("callbacks.average=swa", "callbacks.average_from=0")])
def test_averaged_weights_are_what_is_chosen_tested_and_saved(overrides: tuple[str, ...]) -> None:
    common = ("trainer=cpu", "trainer.max_epochs=3", "data.batch_size=16", "optimizer=sgd", "optimizer.lr=0.1")
    result = run(*overrides, *common, "monitor=validation/loss", "callbacks.patience=5", "callbacks.average_every=4")
    assert result.metrics["validation/loss"] == pytest.approx(result.score)
    folder = result.run_dir / "checkpoints"
    saved = SequenceClassifier.from_pretrained(result.model_dir).state_dict()
    assert all(torch.equal(saved[name], weight) for name, weight in read_weights(folder / "best.ckpt").items())
    last = torch.load(folder / "last.ckpt", weights_only=True)
    assert not torch.equal(last["state_dict"]["projection.weight"], last["current_model_state"]["projection.weight"])


@pytest.mark.parametrize("name", ["r_drop", "mixup"])
def test_what_a_step_makes_of_a_batch_can_be_typed(name: str) -> None:
    common = ("dropout=0.3", "trainer.max_epochs=1", "scheduler=constant")
    result, plain = run(f"step={name}", "step.alpha=5", *common), run(*common)
    assert result.metrics["train/records"] == plain.metrics["train/records"]
    weights = [SequenceClassifier.from_pretrained(one.model_dir).state_dict() for one in (result, plain)]
    assert not torch.equal(*(one["projection.weight"] for one in weights))


@pytest.mark.parametrize("path", sorted((conf_path() / "task").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_task_hands_the_step_on(path: Path) -> None:
    assert "step" in signature_of(read_yaml(path)["_target_"])
