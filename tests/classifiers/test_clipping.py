import pytest
import torch
from torch import nn

from seqclf.classifiers.clipping import clip_gradients

IDS = torch.tensor([1, 2, 2, 7, 2])  # 2 is there three times: its rows add up before the norm is taken


def gradients(sparse: bool) -> list[nn.Parameter]:
    """An embedding and a layer on it, with gradients."""
    torch.manual_seed(0)
    layers = nn.ModuleList([nn.Embedding(9, 4, sparse=sparse), nn.Linear(4, 3), nn.Linear(3, 3)])
    (layers[1](layers[0](IDS)) ** 2).sum().backward()  # the last layer has no gradient
    return list(layers.parameters())


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("max_norm", [0.1, 1e6])
def test_norm_and_gradients_are_torchs_of_the_dense_gradients(sparse: bool, max_norm: float) -> None:
    ours, torchs = gradients(sparse), gradients(sparse=False)
    expected = nn.utils.clip_grad_norm_(torchs, max_norm)
    norm = clip_gradients(ours, max_norm)
    torch.testing.assert_close(norm, expected)
    for mine, other in zip(ours, torchs, strict=True):
        if other.grad is not None:
            dense = mine.grad.to_dense() if mine.grad.is_sparse else mine.grad
            torch.testing.assert_close(dense, other.grad)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_norm_afterwards_is_the_largest_allowed(sparse: bool) -> None:
    parameters = gradients(sparse)
    assert clip_gradients(parameters, 0.5) > 0.5
    torch.testing.assert_close(clip_gradients(parameters, 0.5), torch.tensor(0.5), rtol=1e-5, atol=0)


def test_a_sparse_gradient_stays_sparse() -> None:
    parameters = gradients(sparse=True)
    clip_gradients(parameters, 0.5)
    assert parameters[0].grad.is_sparse
    assert parameters[0].grad.indices().tolist() == [[1, 2, 7]]


def test_without_gradients_the_norm_is_zero() -> None:
    assert clip_gradients([nn.Parameter(torch.ones(3))], 1.0) == 0
    assert clip_gradients([], 1.0) == 0


def test_a_gradient_that_is_no_number_shows_in_the_norm() -> None:
    parameters = gradients(sparse=True)
    parameters[1].grad[0, 0] = torch.nan
    assert clip_gradients(parameters, 1.0).isnan()
