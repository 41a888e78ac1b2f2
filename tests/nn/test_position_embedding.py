import numpy as np
import pytest
import torch

from seqclf.nn.position_embedding import LearnedPositions, NoPositions, SinusoidalPositions


@pytest.mark.parametrize("hidden_size", [8, 7, 1])
def test_sinusoids_are_the_formula_of_the_paper(hidden_size: int) -> None:
    positions = torch.tensor([[0, 1, 2, 5000]])
    out = SinusoidalPositions(hidden_size)(torch.zeros(1, 4, hidden_size), positions)[0]
    rates = 10_000.0 ** -(2 * np.arange((hidden_size + 1) // 2) / hidden_size)
    angles = positions[0].numpy()[:, None] * rates
    expected = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, :hidden_size]
    np.testing.assert_allclose(out.numpy(), expected, atol=2e-3)  # of 5000 in float32


def test_learned_positions_past_the_last_share_its_vector() -> None:
    learned = LearnedPositions(4, max_positions=3)
    x = torch.randn(1, 5, 4)
    added = (learned(x, torch.tensor([[0, 1, 2, 3, 99]])) - x)[0]
    expected = learned.embedding.weight[[0, 1, 2, 2, 2]]
    torch.testing.assert_close(added, expected)


def test_no_positions_change_nothing() -> None:
    x = torch.randn(1, 5, 4)
    assert NoPositions()(x, torch.arange(5).unsqueeze(0)) is x
