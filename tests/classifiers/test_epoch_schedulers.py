import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, StepLR

from seqclf.classifiers.epoch_schedulers import Exponential, Plateau, Step
from seqclf.errors import UserError

RATE = 0.2


def optimizer_of() -> Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=RATE)


def rates(scheduler: Any, optimizer: Optimizer, epochs: int) -> list[float]:
    seen = []
    for _ in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (Step(step_size=3, gamma=0.1), lambda optimizer: StepLR(optimizer, step_size=3, gamma=0.1)),
        (Step(step_size=1, gamma=0.5), lambda optimizer: StepLR(optimizer, step_size=1, gamma=0.5)),
        (Exponential(gamma=0.8), lambda optimizer: ExponentialLR(optimizer, gamma=0.8)),
    ],
)
def test_the_rates_are_torchs(make: Callable[..., Any], reference: Callable[[Optimizer], Any]) -> None:
    ours, theirs = optimizer_of(), optimizer_of()
    configuration = make(ours, 1000, "validation/accuracy", "max")
    assert configuration["interval"] == "epoch"
    assert rates(configuration["scheduler"], ours, 10) == pytest.approx(rates(reference(theirs), theirs, 10))


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


@pytest.mark.parametrize("make", [Step(), Exponential(), Plateau()])
def test_the_state_is_plain_and_loads_weights_only(make: Callable[..., Any]) -> None:
    optimizer = optimizer_of()
    scheduler = make(optimizer, 10, "validation/loss", "min")["scheduler"]
    for epoch in range(3):
        optimizer.step()
        scheduler.step(*([float(epoch)] if isinstance(make, Plateau) else []))
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)
    again = make(optimizer_of(), 10, "validation/loss", "min")["scheduler"]
    again.load_state_dict(torch.load(file, weights_only=True))
    assert again.get_last_lr() == scheduler.get_last_lr()
    assert again.last_epoch == 3


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (Step, {"step_size": 0}),
        (Step, {"gamma": 0.0}),
        (Step, {"gamma": 1.5}),
        (Exponential, {"gamma": -1.0}),
        (Plateau, {"factor": 1.0}),
        (Plateau, {"factor": 0.0}),
        (Plateau, {"patience": -1}),
    ],
)
def test_a_setting_out_of_bounds_is_refused(make: Callable[..., Any], settings: Any) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        make(**settings)
