"""Each figure against scipy's, or against every case counted."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from seqclf.run.statistics import approximate_randomisation, bootstrap_interval, bootstrap_interval_of_runs, mcnemar

RNG = np.random.default_rng(5)
RIGHT = RNG.random(400) < 0.8
OTHER = RNG.random(400) < 0.75


def test_the_interval_of_a_mean_is_scipys() -> None:
    low, high = bootstrap_interval(np.mean, RIGHT, rounds=4000)
    reference = stats.bootstrap((RIGHT.astype(float),), np.mean, n_resamples=4000, method="percentile", rng=1)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.006)  # both are drawn
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.006)


def test_the_interval_of_a_mean_is_the_one_of_the_binomial_distribution() -> None:
    low, high = bootstrap_interval(np.mean, RIGHT, rounds=4000, confidence=0.9)
    exact = stats.binom(len(RIGHT), RIGHT.mean())
    assert low == pytest.approx(exact.ppf(0.05) / len(RIGHT), abs=0.005)
    assert high == pytest.approx(exact.ppf(0.95) / len(RIGHT), abs=0.005)


def test_the_interval_of_any_figure_draws_the_columns_of_a_record_together() -> None:
    labels = RNG.integers(3, size=200)
    predictions = np.where(RNG.random(200) < 0.7, labels, RNG.integers(3, size=200))

    def f1(gold: np.ndarray, predicted: np.ndarray) -> float:
        return float(f1_score(gold, predicted, average="macro"))

    low, high = bootstrap_interval(f1, labels, predictions, rounds=300)
    reference = stats.bootstrap((labels, predictions), f1, n_resamples=300, method="percentile", paired=True, rng=2)
    assert low == pytest.approx(reference.confidence_interval.low, abs=0.03)
    assert high == pytest.approx(reference.confidence_interval.high, abs=0.03)
    assert low < f1(labels, predictions) < high


def test_one_run_has_the_interval_of_its_records() -> None:
    of_records = bootstrap_interval(np.mean, RIGHT, rounds=4000)
    assert bootstrap_interval_of_runs(RIGHT[:, None], rounds=4000) == pytest.approx(of_records, abs=0.006)


def test_runs_that_differ_widen_the_interval() -> None:
    alike, apart = np.stack([RIGHT] * 3, axis=1), np.stack([RIGHT, RIGHT, np.zeros_like(RIGHT)], axis=1)
    spans = [high - low for low, high in map(bootstrap_interval_of_runs, (alike, apart))]
    assert spans[1] > 5 * spans[0]


@pytest.mark.parametrize("records", [1, 7, 40, 400])
@pytest.mark.parametrize("exact", [True, False])
def test_mcnemar_is_scipys_binomial_and_chi_square(records: int, exact: bool) -> None:
    first, second = RIGHT[:records], ~OTHER[:records] if records == 40 else OTHER[:records]
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    result = mcnemar(first, second, exact=exact)
    assert (result.only_first, result.only_second) == (only_first, only_second)
    either = only_first + only_second
    if either == 0:
        expected = 1.0
    elif exact:
        expected = stats.binomtest(only_first, either).pvalue
    else:
        expected = stats.chi2.sf(max(0, abs(only_first - only_second) - 1) ** 2 / either, df=1)
    assert result.p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_is_exact_where_chi_square_is_too_rough() -> None:
    assert mcnemar([1] * 30, [0] * 24 + [1] * 6).exact
    assert not mcnemar([1] * 30, [0] * 25 + [1] * 5).exact


def test_approximate_randomisation_is_scipys_permutation_test() -> None:
    ours = approximate_randomisation(lambda right: float(np.mean(right)), RIGHT, OTHER, rounds=4000)
    reference = stats.permutation_test(
        (RIGHT.astype(float), OTHER.astype(float)),
        lambda a, b, axis: np.abs(np.mean(a - b, axis=axis)),
        permutation_type="samples",
        alternative="greater",  # of an absolute difference: two-sided
        vectorized=True,
        n_resamples=4000,
        rng=3,
    )
    assert ours == pytest.approx(reference.pvalue, abs=0.03)


def test_approximate_randomisation_of_any_figure_nears_every_exchange_counted() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    first, second = labels.copy(), np.array([0, 1, 0, 1, 0, 0, 2, 1])

    def f1(predictions: np.ndarray) -> float:
        right, either = labels == predictions, [(labels == one).sum() + (predictions == one).sum() for one in range(3)]
        return float(np.mean([2 * np.sum(right & (labels == one)) / either[one] for one in range(3)]))

    assert f1(second) == pytest.approx(f1_score(labels, second, average="macro"))

    def difference(coins: tuple[bool, ...]) -> float:
        return abs(f1(np.where(coins, second, first)) - f1(np.where(coins, first, second)))

    every = [difference(coins) for coins in product([False, True], repeat=len(labels))]
    expected = np.mean(np.array(every) >= difference((False,) * 8) - 1e-9)
    assert approximate_randomisation(f1, first, second, rounds=2000) == pytest.approx(expected, abs=0.04)


def test_outcomes_may_have_columns_of_their_own() -> None:
    first, second = np.stack([RIGHT, RIGHT], axis=1), np.stack([OTHER, OTHER], axis=1)
    assert approximate_randomisation(np.mean, first, second, rounds=500) == approximate_randomisation(
        np.mean, RIGHT, OTHER, rounds=500
    )


def test_equal_models_differ_by_chance_alone() -> None:
    assert approximate_randomisation(np.mean, RIGHT, RIGHT) == 1.0
    assert mcnemar(RIGHT, RIGHT).p == 1.0


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    assert bootstrap_interval(np.mean, RIGHT) == bootstrap_interval(np.mean, RIGHT)
    assert bootstrap_interval(np.mean, RIGHT) != bootstrap_interval(np.mean, RIGHT, seed=1)
    tests = [approximate_randomisation(np.mean, RIGHT, OTHER, rounds=300, seed=seed) for seed in (0, 0, 1)]
    assert tests[0] == tests[1] != tests[2]


def test_unlike_records_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the same records, at least one, not \[2, 3\]"):
        mcnemar([1, 0], [1, 0, 1])
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval(np.mean, [])
    with pytest.raises(ValueError, match=r"not \(0, 2\)"):
        bootstrap_interval_of_runs(np.empty((0, 2)))
