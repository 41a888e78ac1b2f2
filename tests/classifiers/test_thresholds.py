import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from seqclf.classifiers.thresholds import best_thresholds

COLUMN = st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.45, 0.5, 0.55, 0.9]), st.booleans()), min_size=1, max_size=9)


def f1(probabilities: np.ndarray, labels: np.ndarray, threshold: float) -> float:
    return float(f1_score(labels, probabilities > threshold, zero_division=0))


@given(COLUMN)
def test_no_threshold_has_a_better_f1(column: list[tuple[float, bool]]) -> None:
    probabilities, labels = np.array([p for p, _ in column]), np.array([int(y) for _, y in column])
    found = float(best_thresholds(torch.tensor(probabilities)[:, None], torch.tensor(labels)[:, None]))
    others = [0.05, 0.15, 0.3, 0.48, 0.5, 0.52, 0.7]
    best = max(f1(probabilities, labels, threshold) for threshold in others)
    assert abs(f1(probabilities, labels, found) - best) < 1e-9
    assert 0 < found < 1
    if f1(probabilities, labels, 0.5) == best:
        assert found == 0.5


def test_a_class_without_records_keeps_the_half() -> None:
    assert best_thresholds(torch.tensor([[0.1, 0.9], [0.2, 0.3]]), torch.tensor([[0, 1], [0, 1]])).tolist()[0] == 0.5
