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
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, PolynomialLR

from seqclf.classifiers.schedulers import (
    Constant,
    Cosine,
    CosineRestarts,
    Linear,
    Noam,
    Polynomial,
    SlantedTriangular,
)
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


def torchs(make: Callable[..., Any], steps: int, **settings: Any) -> list[float]:
    """The same of a schedule of torch."""
    return rates(lambda optimizer, *_: {"scheduler": make(optimizer, **settings)}, steps)


def test_linear_falls_in_a_straight_line_to_nothing() -> None:
    assert rates(Linear(), 4) == pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_linear_can_end_above_nothing() -> None:
    assert rates(Linear(final=0.5), 4) == pytest.approx([1, 0.875, 0.75, 0.625, 0.5])


def test_cosine_is_half_a_cosine() -> None:
    expected = [(1 + math.cos(math.pi * step / 8)) / 2 for step in range(9)]
    assert rates(Cosine(), 8) == pytest.approx(expected)
    assert rates(Cosine(final=0.1), 8)[-1] == pytest.approx(0.1)


def test_cosine_is_torchs() -> None:
    assert rates(Cosine(final=0.1), 8) == pytest.approx(torchs(CosineAnnealingLR, 8, T_max=8, eta_min=0.1 * RATE))


@pytest.mark.parametrize(("growth", "cycles", "steps"), [(1, 3, 12), (2, 3, 28), (3, 2, 20)])
def test_cosine_with_restarts_is_torchs(growth: int, cycles: int, steps: int) -> None:
    first = steps // sum(growth**cycle for cycle in range(cycles))
    seen = rates(CosineRestarts(cycles=cycles, growth=growth, final=0.1), steps)
    expected = torchs(CosineAnnealingWarmRestarts, steps, T_0=first, T_mult=growth, eta_min=0.1 * RATE)
    assert seen[:-1] == pytest.approx(expected[:-1])  # torch would start once more where the training ends
    assert seen[-1] == pytest.approx(0.1)


def test_cycles_follow_the_warmup_and_need_not_divide_the_steps() -> None:
    """The formula of `transformers.get_cosine_with_hard_restarts_schedule_with_warmup`."""
    progress = [step / 17 for step in range(17)]
    expected = [0.5 * (1 + math.cos(math.pi * ((3 * share) % 1))) for share in progress]
    assert rates(CosineRestarts(warmup=3, cycles=3), 20)[3:-1] == pytest.approx(expected)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_polynomial_is_torchs(power: float) -> None:
    assert rates(Polynomial(power=power), 9) == pytest.approx(torchs(PolynomialLR, 9, total_iters=9, power=power))
    assert rates(Polynomial(power=power, final=0.2), 9)[-1] == pytest.approx(0.2)


def test_noam_is_the_papers_scaled_to_the_rate() -> None:
    """`size^-0.5 * min(step^-0.5, step * warmup^-1.5)`, steps counted from 1, the highest at `warmup`."""
    peak, size = 4, 512
    paper = [size**-0.5 * min(step**-0.5, step * peak**-1.5) for step in range(1, 22)]
    assert rates(Noam(warmup=peak - 1), 20) == pytest.approx([rate / max(paper) for rate in paper])
    assert rates(Noam(warmup=3), 20) == rates(Noam(warmup=3), 20, told=100)
    assert rates(Noam(warmup=0.15), 20) == rates(Noam(warmup=3), 20)


@pytest.mark.parametrize(("cut_frac", "ratio", "steps"), [(0.1, 32, 40), (0.25, 8, 20)])
def test_slanted_triangular_is_the_papers(cut_frac: float, ratio: float, steps: int) -> None:
    cut = math.floor(steps * cut_frac)
    expected = []
    for step in range(steps + 1):
        share = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_frac - 1))
        expected.append((1 + share * (ratio - 1)) / ratio)
    assert rates(SlantedTriangular(cut_frac, ratio), steps) == pytest.approx(expected)


def test_slanted_triangular_without_a_rise_begins_at_the_full_rate() -> None:
    assert rates(SlantedTriangular(0.0, 2), 2) == pytest.approx([1, 0.75, 0.5])
    assert rates(SlantedTriangular(0.1, 2), 2)[0] == 1  # a tenth of two steps is none
    assert rates(SlantedTriangular(0.1, 2), 5, told=2)[-1] == 0.5


def test_constant_stays() -> None:
    assert rates(Constant(), 5) == [1.0] * 6


@pytest.mark.parametrize("make", [Constant, Linear, Cosine, CosineRestarts, Polynomial, Noam])
def test_warmup_is_a_share_of_the_steps_or_a_number_of_them(make: Callable[..., Any]) -> None:
    assert rates(make(warmup=0.25), 12)[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates(make(warmup=0.25), 12) == rates(make(warmup=3), 12)
    assert rates(make(warmup=1), 12)[:2] == pytest.approx([0.5, 1.0])


@given(
    make=st.sampled_from([Constant, Linear, Cosine, CosineRestarts, Polynomial, Noam]),
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
    for make in (Constant(), Linear(), Cosine(), CosineRestarts(), Polynomial(), Noam(), SlantedTriangular()):
        configuration = make(optimizer_of(), 5, "validation/accuracy", "max")
        assert configuration["interval"] == "step"
        assert "monitor" not in configuration


@pytest.mark.parametrize("make", [Constant(2), Linear(2), CosineRestarts(2), Noam(2), SlantedTriangular()])
def test_the_state_is_plain_and_loads_weights_only(make: Callable[..., Any]) -> None:
    optimizer = optimizer_of()
    scheduler = make(optimizer, 10, "validation/loss", "min")["scheduler"]
    for _ in range(3):
        optimizer.step()
        scheduler.step()
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
        (CosineRestarts, {"cycles": 0}),
        (CosineRestarts, {"growth": 0.5}),
        (CosineRestarts, {"final": 1.0}),
        (Polynomial, {"power": 0.0}),
        (Polynomial, {"final": 1.0}),
        (Noam, {"warmup": -1}),
        (SlantedTriangular, {"cut_frac": 1.0}),
        (SlantedTriangular, {"ratio": 0.5}),
    ],
)
def test_a_setting_out_of_bounds_is_refused(make: Callable[..., Any], settings: Any) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        make(**settings)
