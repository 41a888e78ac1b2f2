import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqclf.errors import UserError
from seqclf.nn.initializer import INITIALIZATIONS, Initializer, lstm_hidden_bias


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(64, 256)
        self.lstm = nn.LSTM(8, 4)


def started(spec: Any) -> Tensor:
    """What the weight `(256, 64)` starts with."""
    model = Model()
    Initializer({r"wide\.weight": spec})(model)
    return model.wide.weight.detach()


@pytest.mark.parametrize(
    ("spec", "mean", "std"),
    [
        ("normal", 0, 1),
        ({"name": "normal", "mean": 2, "std": 0.1}, 2, 0.1),
        ("uniform", 0.5, 1 / math.sqrt(12)),
        ({"name": "uniform", "a": -1, "b": 1}, 0, 2 / math.sqrt(12)),
        ("xavier_uniform", 0, math.sqrt(2 / (64 + 256))),
        ("xavier_normal", 0, math.sqrt(2 / (64 + 256))),
        ({"name": "kaiming_uniform", "nonlinearity": "relu"}, 0, math.sqrt(2 / 64)),
        ({"name": "kaiming_normal", "nonlinearity": "relu"}, 0, math.sqrt(2 / 64)),
        ("uniform_unit_scaling", 0, math.sqrt(1 / 64)),
        ({"name": "uniform_unit_scaling", "nonlinearity": "relu"}, 0, math.sqrt(2 / 64)),
    ],
)
def test_random_values_have_their_mean_and_deviation(spec: Any, mean: float, std: float) -> None:
    weight = started(spec)
    assert weight.mean().item() == pytest.approx(mean, abs=0.03 * std)
    assert weight.std().item() == pytest.approx(std, rel=0.03)


def test_fixed_values() -> None:
    assert started("zero").unique().tolist() == [0]
    assert started({"name": "constant", "val": 3}).unique().tolist() == [3]
    orthogonal = started("orthogonal")
    torch.testing.assert_close(orthogonal.T @ orthogonal, torch.eye(64), rtol=0, atol=1e-5)


def test_the_forget_gate_is_open_and_the_others_are_at_zero() -> None:
    model = Model()
    Initializer({"lstm.bias_hh": "lstm_hidden_bias", "lstm.bias_ih": {"name": "lstm_hidden_bias", "val": 0.5}})(model)
    assert model.lstm.bias_hh_l0.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert model.lstm.bias_ih_l0.tolist() == [0.0] * 4 + [0.5] * 4 + [0.0] * 8


def test_the_forget_gate_is_where_torch_has_it() -> None:
    lstm = nn.LSTM(1, 1)
    for parameter in lstm.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        lstm_hidden_bias(lstm.bias_hh_l0, val=100.0)
    cell = torch.tensor([[0.7]])
    kept = lstm(torch.zeros(1, 1), (torch.zeros(1, 1), cell))[1][1]
    torch.testing.assert_close(kept, cell)


def test_parameters_that_nothing_fits_are_left_alone() -> None:
    model = Model()
    before = model.wide.bias.clone()
    Initializer({"lstm": "zero"})(model)
    assert torch.equal(model.wide.bias, before)
    assert all(parameter.abs().sum() == 0 for parameter in model.lstm.parameters())


def test_no_pattern_changes_nothing() -> None:
    model = Model()
    before = [parameter.clone() for parameter in model.parameters()]
    Initializer()(model)
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_parameters_still_learn() -> None:
    model = Model()
    Initializer({"weight": "normal"})(model)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in model.parameters())


def test_the_same_seed_gives_the_same_start() -> None:
    starts = []
    for _ in range(2):
        torch.manual_seed(3)
        starts.append(started("orthogonal"))
    assert torch.equal(*starts)


@pytest.mark.parametrize("name", sorted(INITIALIZATIONS))
def test_every_name_works_without_options(name: str) -> None:
    model = Model()
    options: Any = {"name": name, "val": 2.0} if name == "constant" else name
    parameter = "lstm.bias_hh_l0" if name == "lstm_hidden_bias" else "wide.weight"
    before = model.get_parameter(parameter).clone()
    Initializer({parameter: options})(model)
    assert not torch.equal(model.get_parameter(parameter), before)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({"wide": "orthogonl"}, r"`initializer\.patterns\.wide` cannot be 'orthogonl'\. Did you mean 'orthogonal'"),
        ({"wide": {"name": "normal", "sdt": 1}}, r"normal has no option 'sdt'\. Did you mean 'std'"),
        ({"wyde.weight": "zero"}, r"`initializer\.patterns`: 'wyde\.weight' fits no parameter.*'wide\.weight'"),
        ({"wide.bias": "xavier_uniform"}, r"cannot initialise 'wide\.bias' of shape \(256,\)"),
        ({"wide.weight": "lstm_hidden_bias"}, r"cannot initialise 'wide\.weight'.*not the bias of four gates"),
        ({"wide": {"name": "normal", "std": "big"}}, r"cannot initialise 'wide\.weight'"),
    ],
)
def test_mistakes_are_named(patterns: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Initializer(patterns)(Model())
