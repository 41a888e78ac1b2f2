"""What is typed to train differently reaches the training."""

from pathlib import Path

import pytest
import torch

from seqclf.classifiers.focal_loss import FocalLoss
from seqclf.classifiers.losses import CrossEntropy
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.balance import balanced_order
from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.conf_path import conf_path
from seqclf.run.results import RunResult
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
