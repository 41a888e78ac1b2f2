"""How sure a figure is, and whether a difference between two models on the same records is more than chance.

An outcome is what a model came to on a record: its prediction, or 1 where that was right and 0 where it was wrong.
Every function counts records along the first axis and is seeded: the same input gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb, erfc, sqrt
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]

EXACT_BELOW = 25  # records that tell two models apart: with fewer, chi-square is too rough


@dataclass(frozen=True)
class McNemar:
    """What McNemar's test came to.

    Attributes:
        only_first: records that the first model has right and the second wrong.
        only_second: records that the second model has right and the first wrong.
        p: how likely a difference at least as large is where the two are equally good.
        exact: whether `p` is from the binomial distribution, and not from chi-square.
    """

    only_first: int
    only_second: int
    p: float
    exact: bool


def bootstrap_interval(
    score: Callable[..., float], *columns: ArrayLike, confidence: float = 0.95, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The interval that a figure would lie in on other records like these: the percentile bootstrap.

    Efron 1979, https://doi.org/10.1214/aos/1176344552.

    Args:
        score: the figure, called with the columns: `np.mean`, or `lambda labels, predictions: ...`.
        *columns: what `score` takes, each with one row per record; a record's rows are drawn together.
        confidence: how often the interval should hold the true figure.
        rounds: how often records are drawn with replacement.
        seed: of the drawing.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: for no record, or for columns of unlike lengths.
    """
    arrays = _columns(*columns)
    rng, records = np.random.default_rng(seed), len(arrays[0])
    scores = np.empty(rounds)
    for turn in range(rounds):
        drawn = rng.integers(records, size=records)
        scores[turn] = score(*(array[drawn] for array in arrays))
    return _middle(scores, confidence)


def bootstrap_intervals_of_counts(
    scores: Callable[[Array], Array], counts: ArrayLike, confidence: float = 0.95, rounds: int = 2000, seed: int = 0
) -> Array:
    """The intervals of figures that depend on counts alone, as those of a confusion matrix do: all rounds at once.

    How often each kind of record is drawn, where records are drawn with replacement, is multinomial.

    Args:
        scores: the figures `(rounds, F)` of the counts in each round `(rounds, K)`.
        counts: how many records there are of each kind `(K,)`.
        confidence: how often an interval should hold the true figure.
        rounds: how often records are drawn with replacement.
        seed: of the drawing.

    Returns:
        The lower and the upper end of each figure `(F, 2)`.

    Raises:
        ValueError: for no record.
    """
    kinds = np.asarray(counts)
    records = int(kinds.sum())
    if records == 0:
        raise ValueError("an interval needs at least one record")
    drawn = np.random.default_rng(seed).multinomial(records, kinds / records, size=rounds)
    ends: Array = np.quantile(scores(drawn), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0).T
    return ends


def bootstrap_interval_of_runs(
    outcomes: ArrayLike, confidence: float = 0.95, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The interval of a mean over runs and records, on other records and with other seeds of the run.

    Records and runs are both drawn with replacement (Owen 2007, https://doi.org/10.1214/07-AOAS122). One run gives the
    interval of its records alone.

    Args:
        outcomes: `(records, runs)`, the same records in each run.
        confidence: how often the interval should hold the true mean.
        rounds: how often both are drawn.
        seed: of the drawing.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: for no record or no run.
    """
    table = np.asarray(outcomes, dtype=float)
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"outcomes must be (records, runs) with at least one of each, not {table.shape}")
    rng, (records, runs) = np.random.default_rng(seed), table.shape
    scores = np.empty(rounds)
    for turn in range(rounds):  # how often each was drawn; the mean is a product with the table
        rows = np.bincount(rng.integers(records, size=records), minlength=records)
        columns = np.bincount(rng.integers(runs, size=runs), minlength=runs)
        scores[turn] = rows @ table @ columns / (records * runs)
    return _middle(scores, confidence)


def mcnemar(first_right: ArrayLike, second_right: ArrayLike, exact: bool | None = None) -> McNemar:
    """Are two models equally often right?

    McNemar 1947, https://doi.org/10.1007/BF02295996.

    Args:
        first_right: for each record, whether the first model has it right.
        second_right: the same of the second model.
        exact: True for the binomial distribution, False for chi-square with Edwards' correction of continuity; None
            for the binomial below 25 records that only one of them has right.

    Raises:
        ValueError: for no record, or for unlike numbers of records.
    """
    first, second = (array.astype(bool) for array in _columns(first_right, second_right))
    only_first, only_second = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    either, fewer = only_first + only_second, min(only_first, only_second)
    exact = either < EXACT_BELOW if exact is None else exact
    if either == 0:
        return McNemar(0, 0, 1.0, exact)
    if exact:
        tail = sum(comb(either, count) for count in range(fewer + 1))
        return McNemar(only_first, only_second, min(1.0, 2 * tail / 2**either), exact)
    distance = max(0, abs(only_first - only_second) - 1)
    return McNemar(only_first, only_second, erfc(distance / sqrt(2 * either)), exact)


def approximate_randomisation(
    score: Callable[[Array], float], first: ArrayLike, second: ArrayLike, rounds: int = 10_000, seed: int = 0
) -> float:
    """How likely a difference between two models at least as large is, were it chance whose outcome is whose.

    For any figure (Noreen 1989; Yeh 2000, https://aclanthology.org/C00-2137): the outcomes of a record are exchanged
    or not, by the toss of a coin.

    Args:
        score: the figure of the outcomes of all records: `np.mean` of what was right, or
            `lambda predictions: f1(labels, predictions)`.
        first: outcomes of the first model, one row per record.
        second: outcomes of the second model on the same records.
        rounds: how often all coins are tossed.
        seed: of the coins.

    Returns:
        The two-sided p: never 0, for the observed assignment is one of those that there are.

    Raises:
        ValueError: for no record, or for unlike numbers of records.
    """
    one, other = _columns(first, second)
    apart = np.flatnonzero((one != other).reshape(len(one), -1).any(axis=1))  # the others are the same either way
    if len(apart) == 0:
        return 1.0
    observed = abs(score(one) - score(other))
    rng, least = np.random.default_rng(seed), observed - 1e-12 * max(1.0, observed)  # sums of floats are not exact
    as_large = 0
    for _ in range(rounds):
        exchanged = apart[rng.random(len(apart)) < 0.5]
        left, right = one.copy(), other.copy()
        left[exchanged], right[exchanged] = other[exchanged], one[exchanged]
        as_large += bool(abs(score(left) - score(right)) >= least)
    return (as_large + 1) / (rounds + 1)


def _columns(*columns: ArrayLike) -> list[Array]:
    arrays = [np.asarray(column) for column in columns]
    lengths = [len(array) for array in arrays]
    if len(set(lengths)) != 1 or lengths[0] == 0:
        raise ValueError(f"every column must have the same records, at least one, not {lengths}")
    return arrays


def _middle(scores: Array, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(scores, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
