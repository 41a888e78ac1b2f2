import pytest
import torch
from torch import Tensor

from seqclf.classifiers.focal_loss import FocalLoss
from seqclf.classifiers.losses import CrossEntropy
from seqclf.errors import UserError

LABELS = ["a", "b", "c"]
WEIGHTS = {"a": 1.0, "b": 3.0, "c": 0.25}


def batch(count: int = 20) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    return logits, torch.randint(0, 3, (count,), generator=generator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_it_is_the_papers_record_by_record(weights: dict[str, float] | None, gamma: float) -> None:
    logits, labels = batch()
    labels[[2, 5]] = torch.tensor([-1, -2])
    total, divisor = torch.zeros(()), 0.0
    for row, label in zip(logits, labels.tolist(), strict=True):
        if label >= 0:
            p = row.softmax(-1)[label]
            weight = 1.0 if weights is None else list(weights.values())[label]
            total = total - weight * (1 - p) ** gamma * p.log()
            divisor += weight
    loss = FocalLoss(LABELS, weights, gamma).double()(logits, labels)
    torch.testing.assert_close(loss, total / divisor, rtol=0, atol=1e-12)
    (expected,) = torch.autograd.grad(total / divisor, logits)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_without_gamma_it_is_cross_entropy(weights: dict[str, float] | None) -> None:
    logits, labels = batch()
    focal = FocalLoss(LABELS, weights, gamma=0.0).double()
    torch.testing.assert_close(focal(logits, labels), CrossEntropy(LABELS, weights).double()(logits, labels))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_record_that_is_sure_has_a_finite_gradient(gamma: float) -> None:
    logits = torch.tensor([[100.0, 0.0, 0.0], [-100.0, 0.0, 0.0]], requires_grad=True)
    FocalLoss(LABELS, gamma=gamma)(logits, torch.tensor([0, 0])).backward()
    assert torch.isfinite(logits.grad).all()


def test_a_batch_without_a_known_label_has_loss_zero() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = FocalLoss(LABELS, WEIGHTS)(logits, torch.tensor([-1, -2]))
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_extending_keeps_gamma_and_gives_new_classes_weight_one() -> None:
    loss = FocalLoss(LABELS, WEIGHTS, gamma=1.5).extend([*LABELS, "new"])
    assert isinstance(loss, FocalLoss)
    assert loss.gamma == 1.5
    assert loss.weights == {**WEIGHTS, "new": 1.0}


def test_effective_weights_come_from_the_counts_and_beta() -> None:
    loss = FocalLoss(LABELS, "effective", beta=0.5, counts=[1, 2, 0])
    assert loss.weights == {"a": pytest.approx(1.2), "b": pytest.approx(0.8), "c": 1.0}


def test_gamma_is_not_negative() -> None:
    with pytest.raises(UserError, match="gamma"):
        FocalLoss(LABELS, gamma=-1.0)
