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


def test_a_class_of_many_records_has_a_threshold_of_its_own_and_those_of_few_a_common_one() -> None:
    torch.manual_seed(3)
    labels = torch.zeros(200, 4, dtype=torch.long)
    labels[:60, 0] = labels[60:72, 1] = labels[100:103, 2] = 1  # the last one has none
    probabilities = (0.4 * labels + 0.5 * torch.rand(200, 4)).clamp(max=1)
    probabilities[:, 1] /= 4
    found = best_thresholds(probabilities, labels)
    for place in (0, 1):
        own = best_thresholds(probabilities[:, place : place + 1], labels[:, place : place + 1])
        assert found[place] == own[0]
    common = best_thresholds(probabilities.flatten()[:, None], labels.flatten()[:, None])
    assert found[2] == found[3] == common[0]
    assert found[0] != found[1] != common[0]


def test_without_any_label_the_threshold_is_a_half() -> None:
    assert best_thresholds(torch.rand(3, 2), torch.zeros(3, 2, dtype=torch.long)).tolist() == [0.5, 0.5]
