from typing import Any

import pytest
import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.regularizer import Regularizer


def model() -> nn.Module:
    layers = nn.ModuleDict({"one": nn.Linear(2, 1), "two": nn.Linear(1, 1)})
    with torch.no_grad():
        layers["one"].weight.copy_(torch.tensor([[3.0, -4.0]]))
        layers["one"].bias.fill_(-2)
        layers["two"].weight.fill_(10)
        layers["two"].bias.fill_(1)
    return layers


@pytest.mark.parametrize(
    ("patterns", "penalty"),
    [
        ({"one.weight": "l1"}, 0.01 * 7),
        ({"one.weight": {"name": "l1", "alpha": 1}}, 7),
        ({"one.weight": "l2"}, 0.01 * 25),
        ({"one.weight": {"name": "l2", "alpha": 2}}, 50),
        ({"one": {"name": "l2", "alpha": 1}}, 25 + 4),
        ({"bias": {"name": "l1", "alpha": 1}, "one": {"name": "l2", "alpha": 1}}, 2 + 1 + 25),
        ({}, 0),
        (None, 0),
    ],
)
def test_penalties_add_up(patterns: dict[str, Any] | None, penalty: float) -> None:
    total = Regularizer(patterns)(model())
    assert total.shape == ()
    assert total.item() == pytest.approx(penalty)


def test_the_gradient_pulls_towards_zero() -> None:
    layers = model()
    Regularizer({"one": {"name": "l2", "alpha": 0.5}, "two": {"name": "l1", "alpha": 0.5}})(layers).backward()
    assert layers["one"].weight.grad.tolist() == [[3.0, -4.0]]
    assert layers["two"].weight.grad.tolist() == [[0.5]]


def test_it_names_what_it_penalises() -> None:
    assert Regularizer({"weight": "l2"}).names(model()) == ["one.weight", "two.weight"]
    assert Regularizer().names(model()) == []


def test_frozen_parameters_are_not_penalised() -> None:
    layers = model()
    layers["two"].requires_grad_(False)
    regularizer = Regularizer({"weight": {"name": "l2", "alpha": 1}, "two.bias": "l1"})
    assert regularizer.names(layers) == ["one.weight"]
    assert regularizer(layers).item() == 25


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({"one": "l3"}, r"`regularizer\.patterns\.one` cannot be 'l3'"),
        ({"one": {"name": "l2", "alhpa": 1}}, r"l2 has no option 'alhpa'\. Did you mean 'alpha'"),
        ({"onne.weight": "l2"}, r"`regularizer\.patterns`: 'onne\.weight' fits no parameter.*'one\.weight'"),
    ],
)
def test_mistakes_are_named(patterns: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Regularizer(patterns)(model())
