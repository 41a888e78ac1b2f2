import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seqclf.classifiers.losses import CrossEntropy
from seqclf.errors import UserError

LABELS = ["a", "b", "c"]
WEIGHTS = {"a": 1.0, "b": 3.0, "c": 0.25}


def batch(count: int = 20) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    return logits, torch.randint(0, 3, (count,), generator=generator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("unknown", [[], [0, 7]])
def test_loss_and_gradient_are_torchs(
    weights: dict[str, float] | None, label_smoothing: float, unknown: list[int]
) -> None:
    logits, labels = batch()
    labels[unknown] = -1
    weight = None if weights is None else torch.tensor(list(weights.values()), dtype=torch.float64)
    reference = nn.CrossEntropyLoss(weight, ignore_index=-1, label_smoothing=label_smoothing)(logits, labels)
    (expected,) = torch.autograd.grad(reference, logits)
    loss = CrossEntropy(LABELS, weights, label_smoothing).double()(logits, labels)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(loss, reference, rtol=0, atol=1e-12)
    torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_sums_of_parts_add_up_to_the_mean_of_the_whole(weights: dict[str, float] | None) -> None:
    logits, labels = batch()
    loss = CrossEntropy(LABELS, weights).double()
    parts = [loss.sums(part, gold) for part, gold in zip(logits.split(7), labels.split(7), strict=True)]
    mean = sum(part for part, _ in parts) / sum(weight for _, weight in parts)
    torch.testing.assert_close(mean, loss(logits, labels), rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("labels", [[-1, -2, -1], []])
def test_a_batch_without_a_known_label_has_loss_zero_and_no_gradient(
    weights: dict[str, float] | None, labels: list[int]
) -> None:
    logits = torch.randn(len(labels), 3, requires_grad=True)
    loss = CrossEntropy(LABELS, weights)(logits, torch.tensor(labels, dtype=torch.long))
    loss.backward()
    assert loss == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_a_missing_label_is_ignored_like_an_unknown_one() -> None:
    logits, labels = batch()
    loss = CrossEntropy(LABELS, WEIGHTS).double()
    labels[:5] = -1
    expected = loss(logits, labels)
    labels[2:5] = -2
    assert torch.equal(loss(logits, labels), expected)


def test_extending_gives_new_classes_weight_one() -> None:
    loss = CrossEntropy(LABELS, WEIGHTS).extend([*LABELS, "new"])
    assert loss.weights == {**WEIGHTS, "new": 1.0}
    assert loss.weight.tolist() == [1.0, 3.0, 0.25, 1.0]
    assert CrossEntropy(LABELS, label_smoothing=0.1).extend([*LABELS, "new"]).weight is None
    assert CrossEntropy(LABELS, label_smoothing=0.1).extend([*LABELS, "new"]).label_smoothing == 0.1


def test_extending_keeps_the_type() -> None:
    assert CrossEntropy(LABELS, WEIGHTS).double().extend([*LABELS, "new"]).weight.dtype == torch.float64


def test_balanced_weights_come_from_the_counts_and_can_be_written_down() -> None:
    loss = CrossEntropy(LABELS, "balanced", counts=[10, 20, 0])
    assert loss.weights == {"a": 1.5, "b": 0.75, "c": 1.0}
    again = CrossEntropy(LABELS, loss.weights)
    assert torch.equal(again.weight, loss.weight)


def test_the_weights_are_in_the_configuration_not_in_the_checkpoint() -> None:
    assert CrossEntropy(LABELS, WEIGHTS).state_dict() == {}


def test_effective_weights_come_from_the_counts_and_beta() -> None:
    loss = CrossEntropy(LABELS, "effective", beta=0.5, counts=[1, 2, 0])
    assert loss.weights == {"a": pytest.approx(1.2), "b": pytest.approx(0.8), "c": 1.0}  # 1 to 1 / 1.5


def test_divergence_is_half_the_sum_of_both_of_torchs() -> None:
    (logits, _), others = batch(), torch.randn(20, 3, dtype=torch.float64)
    p, q = logits.log_softmax(-1), others.log_softmax(-1)
    both = [F.kl_div(one, two, reduction="batchmean", log_target=True) for one, two in ((p, q), (q, p))]
    divergence = CrossEntropy(LABELS).divergence(logits, others)
    torch.testing.assert_close(divergence, sum(both) / 2, rtol=0, atol=1e-12)
    assert CrossEntropy(LABELS).divergence(logits, logits) == 0


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.0])
def test_label_smoothing_is_a_share(label_smoothing: float) -> None:
    with pytest.raises(UserError, match="label_smoothing"):
        CrossEntropy(LABELS, label_smoothing=label_smoothing)
