import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from seqclf.classifiers.calibration import calibration_error, fit_temperature, logits_of


def sampled(temperature: float, multilabel: bool, records: int = 20_000, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Logits whose labels were drawn at a temperature."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(records, classes, generator=generator)
    if multilabel:
        return logits, torch.bernoulli((logits / temperature).sigmoid(), generator=generator).long()
    return logits, torch.multinomial((logits / temperature).softmax(dim=1), 1, generator=generator).squeeze(1)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature: float, multilabel: bool) -> None:
    found = fit_temperature(*sampled(temperature, multilabel))
    assert found == pytest.approx(temperature, rel=0.05)


@pytest.mark.parametrize("multilabel", [False, True])
def test_it_is_the_minimum_that_scipy_finds(multilabel: bool) -> None:
    logits, labels = sampled(2.0, multilabel, records=50)
    z, records = logits.double().numpy(), len(logits)
    if multilabel:
        right = labels.numpy() * (1 - 1 / (records + 1)) + 0.5 / (records + 1)
    else:
        right = np.eye(z.shape[1])[labels] * (1 - 1 / (records + 1)) + 1 / (records + 1) / z.shape[1]

    def cross_entropy(temperature: float) -> float:
        scaled = z / temperature
        if multilabel:
            return float((np.logaddexp(0, scaled) - right * scaled).mean())
        return float((np.logaddexp.reduce(scaled, axis=1) - (right * scaled).sum(axis=1)).mean())

    best = minimize_scalar(cross_entropy, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=1e-5)


def test_a_number_added_to_a_record_changes_nothing_and_neither_does_the_way_over_probabilities() -> None:
    logits, labels = sampled(2.0, multilabel=False, records=300)
    found = fit_temperature(logits, labels)
    assert fit_temperature(logits + torch.arange(300.0).unsqueeze(1) / 10, labels) == pytest.approx(found, rel=1e-4)
    assert fit_temperature(logits_of(logits.softmax(dim=1)), labels) == pytest.approx(found, rel=1e-4)


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_few_records_that_are_all_right_do_not_make_everything_certain(multilabel: bool) -> None:
    labels = torch.arange(30) % 3
    logits = torch.nn.functional.one_hot(labels, 3).float()
    labels = logits.long() if multilabel else labels
    temperature = fit_temperature(logits - 0.5, labels)
    probabilities = ((logits - 0.5) / temperature).sigmoid() if multilabel else (logits / temperature).softmax(dim=1)
    assert 0.97 < probabilities.max() < 0.999


def test_where_nothing_can_be_learned_the_temperature_is_one() -> None:
    assert fit_temperature(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)) == 1.0
    assert fit_temperature(torch.zeros(5, 3), torch.arange(5) % 3) == 1.0


def test_of_very_many_records_evenly_spaced_ones_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels = sampled(2.0, multilabel=False, records=1000)
    monkeypatch.setattr("seqclf.classifiers.calibration.ENOUGH", 1000)
    some = fit_temperature(logits, labels)
    monkeypatch.undo()
    assert some == fit_temperature(logits[::4], labels[::4])


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_error_equals_a_loop_over_bins_and_falls_at_the_right_temperature(multilabel: bool) -> None:
    logits, labels = sampled(3.0, multilabel, records=2000)

    def by_bins(temperature: float) -> float:
        if multilabel:
            confidence, right = (logits / temperature).sigmoid().flatten(), labels.flatten().double()
        else:
            confidence, given = (logits / temperature).softmax(dim=1).max(dim=1)
            right = (given == labels).double()
        total = 0.0
        for low in range(15):
            inside = (confidence > low / 15) & (confidence <= (low + 1) / 15)
            if inside.any():
                total += abs(float(right[inside].mean()) - float(confidence[inside].double().mean())) * int(
                    inside.sum()
                )
        return total / len(confidence)

    for temperature in (1.0, 3.0):
        assert math.isclose(calibration_error(logits, labels, temperature), by_bins(temperature), abs_tol=1e-5)
    assert calibration_error(logits, labels, 3.0) < calibration_error(logits, labels) / 3
