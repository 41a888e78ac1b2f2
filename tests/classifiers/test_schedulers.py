import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim import Optimizer

from seqclf.classifiers.schedulers import Constant, Cosine, Linear, Plateau
from seqclf.errors import UserError

RATE = 0.2


def optimizer_of() -> Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=RATE)


def rates(make: Callable[..., Any], steps: int, told: int | None = None) -> list[float]:
    """The rate of every step, as shares of the full one, and what is left after the last."""
    optimizer = optimizer_of()
    scheduler = make(optimizer, told or steps, "validation/accuracy", "max")["scheduler"]
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"] / RATE)
        optimizer.step()
        scheduler.step()
    return [*seen, optimizer.param_groups[0]["lr"] / RATE]


def test_linear_falls_in_a_straight_line_to_nothing() -> None:
    assert rates(Linear(), 4) == pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_linear_can_end_above_nothing() -> None:
    assert rates(Linear(final=0.5), 4) == pytest.approx([1, 0.875, 0.75, 0.625, 0.5])


def test_cosine_is_half_a_cosine() -> None:
    expected = [(1 + math.cos(math.pi * step / 8)) / 2 for step in range(9)]
    assert rates(Cosine(), 8) == pytest.approx(expected)
    assert rates(Cosine(final=0.1), 8)[-1] == pytest.approx(0.1)


def test_constant_stays() -> None:
    assert rates(Constant(), 5) == [1.0] * 6


@pytest.mark.parametrize("make", [Constant, Linear, Cosine])
def test_warmup_is_a_share_of_the_steps_or_a_number_of_them(make: Callable[..., Any]) -> None:
    assert rates(make(warmup=0.25), 12)[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates(make(warmup=0.25), 12) == rates(make(warmup=3), 12)
    assert rates(make(warmup=1), 12)[:2] == pytest.approx([0.5, 1.0])


@given(
    make=st.sampled_from([Constant, Linear, Cosine]),
    warmup=st.floats(0, 1, exclude_max=True) | st.integers(1, 30),
    steps=st.integers(1, 20),
    more=st.integers(0, 5),
)
def test_every_step_has_a_rate_above_zero_and_none_above_the_full_one(
    make: Callable[..., Any], warmup: float, steps: int, more: int
) -> None:
    seen = rates(make(warmup), steps + more, told=steps)
    assert all(0 < rate <= 1 for rate in seen[:steps])
    assert all(0 <= rate <= 1 for rate in seen)


def test_every_group_keeps_its_own_rate_in_proportion() -> None:
    optimizer = torch.optim.SGD(
        [{"params": [nn.Parameter(torch.zeros(1))], "lr": 0.1}, {"params": [nn.Parameter(torch.zeros(1))], "lr": 0.4}]
    )
    scheduler = Linear()(optimizer, 4, "validation/loss", "min")["scheduler"]
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.075, 0.3])


def test_it_is_set_after_every_step_and_watches_nothing() -> None:
    for make in (Constant(), Linear(), Cosine()):
        configuration = make(optimizer_of(), 5, "validation/accuracy", "max")
        assert configuration["interval"] == "step"
        assert "monitor" not in configuration


@pytest.mark.parametrize(("mode", "figures"), [("max", [0.5, 0.4, 0.4, 0.4]), ("min", [0.5, 0.6, 0.6, 0.6])])
def test_plateau_lowers_the_rate_after_its_patience(mode: str, figures: list[float]) -> None:
    optimizer = optimizer_of()
    configuration = Plateau(factor=0.1, patience=2)(optimizer, 100, "validation/accuracy", mode)
    assert configuration["interval"] == "epoch"
    assert configuration["monitor"] == "validation/accuracy"
    seen = []
    for figure in figures:
        optimizer.step()
        configuration["scheduler"].step(figure)
        seen.append(optimizer.param_groups[0]["lr"] / RATE)
    assert seen == pytest.approx([1, 1, 1, 0.1])


@pytest.mark.parametrize("make", [Constant(2), Linear(2), Cosine(2), Plateau()])
def test_the_state_is_plain_and_loads_weights_only(make: Callable[..., Any]) -> None:
    optimizer = optimizer_of()
    scheduler = make(optimizer, 10, "validation/loss", "min")["scheduler"]
    for step in range(3):
        optimizer.step()
        scheduler.step(*([float(step)] if isinstance(make, Plateau) else []))
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    again = make(optimizer_of(), 10, "validation/loss", "min")["scheduler"]
    again.load_state_dict(torch.load(file, weights_only=True))
    assert again.get_last_lr() == scheduler.get_last_lr()
    assert again.last_epoch == 3
    assert pickle.loads(pickle.dumps(make)).__dict__ == make.__dict__


def test_a_training_that_goes_on_with_more_steps_follows_their_schedule() -> None:
    optimizer = optimizer_of()
    scheduler = Linear()(optimizer, 4, "validation/loss", "min")["scheduler"]
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    longer = optimizer_of()
    again = Linear()(longer, 8, "validation/loss", "min")["scheduler"]
    again.load_state_dict(scheduler.state_dict())
    longer.step()
    again.step()
    assert longer.param_groups[0]["lr"] / RATE == pytest.approx(3 / 8)


def test_a_training_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match="max_epochs"):
        Linear()(optimizer_of(), math.inf, "validation/loss", "min")


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (Linear, {"warmup": -1}),
        (Linear, {"final": 1.0}),
        (Cosine, {"final": -0.1}),
        (Constant, {"warmup": -0.1}),
        (Plateau, {"factor": 1.0}),
        (Plateau, {"factor": 0.0}),
        (Plateau, {"patience": -1}),
    ],
)
def test_a_setting_out_of_bounds_is_refused(make: Callable[..., Any], settings: Any) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        make(**settings)
