import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    fbeta_score,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.metrics import GULP, StageMetrics, figure_names
from seqclf.errors import UserError

LABELS = ["a", "b", "c", "d"]
CLASSES = len(LABELS)
NAMES = ["loss", "accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro"]


def make(scores: bool = True, accuracy: Metric | None = None, options: MetricOptions | None = None) -> StageMetrics:
    return StageMetrics(LABELS, accuracy or MulticlassAccuracy(CLASSES, average="micro"), scores, options)


def records(count: int, seed: int = 0, lowest: int = -2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, CLASSES, generator=generator)
    return logits, torch.randint(lowest, CLASSES, (count,), generator=generator)


def figures_of(logits: Tensor, labels: Tensor, **settings: Any) -> dict[str, float]:
    metrics = make(**settings)
    metrics.update(logits, labels, torch.tensor(0.5))
    return metrics.compute()


@given(
    labels=st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=30),
    seed=st.integers(0, 1000),
    tied=st.booleans(),
)
def test_every_figure_is_scikit_learns_absent_classes_included(labels: list[int], seed: int, tied: bool) -> None:
    gold = np.array(labels)
    logits, _ = records(len(gold), seed)
    logits = logits.round() if tied else logits
    found = figures_of(logits, torch.from_numpy(gold))
    given_class = logits.argmax(1).numpy()
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, given_class), abs=1e-15)
    classes = range(CLASSES)
    precision, recall, f1, _ = precision_recall_fscore_support(gold, given_class, labels=classes, zero_division=0)
    assert found["f1_macro"] == pytest.approx(f1.mean())
    for index, label in enumerate(LABELS):
        expected = (precision[index], recall[index], f1[index])
        assert (found[f"precision/{label}"], found[f"recall/{label}"], found[f"f1/{label}"]) == pytest.approx(expected)
    probabilities = logits.softmax(1).numpy()
    areas = [
        roc_auc_score(gold == index, probabilities[:, index])
        for index in range(CLASSES)
        if 0 < (gold == index).mean() < 1
    ]
    assert found.get("auroc") == (pytest.approx(np.mean(areas), abs=1e-6) if areas else None)
    assert found["calibration_error"] == pytest.approx(calibration_error(probabilities, gold), abs=1e-6)


@given(
    labels=st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=30),
    seed=st.integers(0, 1000),
    beta=st.sampled_from([0.5, 2.0]),
)
def test_what_is_asked_for_besides_is_scikit_learns(labels: list[int], seed: int, beta: float) -> None:
    gold, logits = np.array(labels), records(len(labels), seed)[0]
    found = figures_of(logits, torch.from_numpy(gold), options=MetricOptions([1, 3, 9], beta))
    scores, classes = logits.numpy(), np.arange(CLASSES)
    for k in (1, 3):
        expected = top_k_accuracy_score(gold, scores, k=k, labels=classes)
        assert found[f"accuracy_top{k}"] == pytest.approx(expected, abs=1e-6)
    assert found["accuracy_top9"] == 1.0
    given_class = scores.argmax(1)
    for average in ("macro", "micro", "weighted"):
        expected = fbeta_score(gold, given_class, beta=beta, labels=classes, average=average, zero_division=0)
        assert found[f"fbeta_{average}"] == pytest.approx(expected)
    expected = fbeta_score(gold, given_class, beta=beta, labels=classes, average=None, zero_division=0)
    assert [found[f"fbeta/{label}"] for label in LABELS] == pytest.approx(expected.tolist())


def test_what_is_asked_for_besides_counts_records_as_accuracy_does_and_begins_anew() -> None:
    options = MetricOptions([1, 2], 0.5)
    logits, labels = records(200)
    metrics = make(options=options)
    for rows in torch.arange(200).chunk(7):
        metrics.update(logits[rows], labels[rows], torch.tensor(0.5))
    found = metrics.compute()
    assert found["accuracy_top1"] == pytest.approx(found["accuracy"], abs=1e-6)
    assert found["accuracy_top1"] < found["accuracy_top2"] < 1
    assert set(figure_names(LABELS, options)) == {*found} - {"records"}
    metrics.reset()
    assert metrics.compute() == {}
    metrics.update(logits[:4], torch.full((4,), -1), torch.tensor(0.0))
    assert {metrics.compute()[name] for name in options.figure_names(LABELS)} == {0.0}


@pytest.mark.parametrize("options", [{"top_k": [0]}, {"beta": 0.0}, {"beta": -1.0}, {"beta": float("inf")}])
def test_figures_that_make_no_sense_are_refused(options: Any) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        MetricOptions(**options)


def calibration_error(probabilities: np.ndarray, gold: np.ndarray) -> float:
    confidence, right = probabilities.max(1), probabilities.argmax(1) == gold
    error = 0.0
    for low in range(15):
        inside = (confidence >= low / 15) & ((confidence < (low + 1) / 15) | (low == 14))
        if inside.any():
            error += abs(confidence[inside].mean() - right[inside].mean()) * inside.mean()
    return error


def test_the_names_are_those_of_metrics_json() -> None:
    per_class = [f"{name}/{label}" for name in ("f1", "precision", "recall") for label in LABELS]
    logits, labels = records(50)
    assert list(figures_of(logits, labels)) == [*NAMES, "auroc", "calibration_error", "records", *per_class]
    assert list(figures_of(logits, labels, scores=False)) == [*NAMES, "records", *per_class]


def test_an_unknown_gold_label_is_wrong_in_accuracy_and_nowhere_else() -> None:
    logits, labels = records(200)
    found, known = figures_of(logits, labels), labels >= 0
    expected = figures_of(logits[known], labels[known])
    counted = int((labels >= -1).sum())
    assert found["records"] == counted
    assert found["accuracy"] == pytest.approx(expected["accuracy"] * int(known.sum()) / counted)
    del found["records"], found["accuracy"], expected["records"], expected["accuracy"]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("settings", [{"average": "macro"}, {"average": "micro", "top_k": 2}])
def test_any_metric_can_be_the_accuracy(settings: Any) -> None:
    logits, labels = records(100, lowest=0)
    reference = MulticlassAccuracy(CLASSES, **settings)
    expected = float(reference(logits, labels))
    assert figures_of(logits, labels, accuracy=MulticlassAccuracy(CLASSES, **settings))["accuracy"] == pytest.approx(
        expected
    )
    half_unknown = figures_of(
        torch.cat([logits, logits]),
        torch.cat([labels, torch.full_like(labels, -1)]),
        accuracy=MulticlassAccuracy(CLASSES, **settings),
    )
    assert half_unknown["accuracy"] == pytest.approx(expected / 2)


@pytest.mark.parametrize("sizes", [[200], [1] * 200, [7] * 28 + [4]])
def test_how_the_records_are_cut_into_batches_changes_nothing(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, labels = records(200)
    expected = figures_of(logits, labels)
    monkeypatch.setattr("seqclf.classifiers.metrics.GULP", 100)
    metrics = make()
    for part, gold in zip(logits.split(sizes), labels.split(sizes), strict=True):
        metrics.update(part, gold, torch.tensor(0.5))
    assert metrics.compute() == pytest.approx(expected)


def test_the_loss_is_the_mean_over_records_of_known_label_or_over_what_it_was_divided_by() -> None:
    metrics = make(scores=False)
    logits, _ = records(3)
    metrics.update(logits, torch.tensor([0, 1, -1]), torch.tensor(3.0))
    metrics.update(logits[:1], torch.tensor([2]), torch.tensor(6.0))
    metrics.update(logits[:1], torch.tensor([-1]), torch.tensor(0.0))
    assert metrics.compute()["loss"] == pytest.approx((2 * 3 + 6) / 3)
    metrics.reset()
    metrics.update(logits, torch.tensor([0, 1, 1]), torch.tensor(3.0), torch.tensor(0.5))
    metrics.update(logits[:1], torch.tensor([2]), torch.tensor(6.0), torch.tensor(1.5))
    assert metrics.compute()["loss"] == pytest.approx((0.5 * 3 + 1.5 * 6) / 2)
    metrics.reset()
    metrics.update(logits, torch.tensor([0, 1, -1]), torch.tensor(3.0), torch.tensor(2))  # a count is a whole number
    assert metrics.compute()["loss"] == 3


def test_without_a_record_there_is_no_figure() -> None:
    metrics = make()
    assert metrics.compute() == {}
    metrics.update(torch.zeros(0, CLASSES), torch.zeros(0, dtype=torch.long), torch.tensor(0.0))
    assert metrics.compute() == {}
    metrics.update(torch.zeros(2, CLASSES), torch.tensor([-2, -2]), torch.tensor(0.0))
    assert metrics.compute() == {}
    assert metrics.running_accuracy() == 0.0


def test_with_unknown_labels_alone_everything_is_wrong() -> None:
    found = figures_of(torch.zeros(2, CLASSES), torch.tensor([-1, -1]))
    assert found["accuracy"] == found["f1_macro"] == 0.0
    assert found["records"] == 2
    assert not {"loss", "auroc", "calibration_error"} & set(found)


def test_computing_does_not_end_the_counting_but_reset_does() -> None:
    logits, labels = records(60)
    metrics = make()
    metrics.update(logits[:20], labels[:20], torch.tensor(0.5))
    metrics.compute()
    metrics.update(logits[20:], labels[20:], torch.tensor(0.5))
    assert metrics.compute() == pytest.approx(figures_of(logits, labels))
    metrics.update(logits, labels, torch.tensor(9.0))
    metrics.reset()
    metrics.update(logits, labels, torch.tensor(0.5))
    assert metrics.compute() == pytest.approx(figures_of(logits, labels))


def test_the_logits_may_be_written_over_afterwards() -> None:
    logits, labels = records(40)
    expected = figures_of(logits, labels)
    metrics = make()
    metrics.update(logits, labels, torch.tensor(0.5))
    logits.zero_()
    assert metrics.compute() == pytest.approx(expected)


def test_the_confusion_matrix_has_unknown_labels_in_its_last_row() -> None:
    metrics = make(scores=False)
    logits = torch.eye(CLASSES)
    metrics.update(logits, torch.tensor([0, 0, -1, -2]), torch.tensor(0.5))
    expected = torch.zeros(CLASSES + 1, CLASSES, dtype=torch.long)
    expected[0, 0] = expected[0, 1] = expected[CLASSES, 2] = 1
    assert torch.equal(metrics.confusion(), expected)
    assert metrics.running_accuracy() == pytest.approx(1 / 3)


def test_inference_mode_leaves_nothing_that_cannot_be_changed_outside_of_it() -> None:
    logits, labels = records(40)
    metrics = make()
    with torch.inference_mode():
        metrics.reset()
        metrics.update(logits.clone(), labels.clone(), torch.tensor(0.5))
        metrics.compute()
    metrics.update(logits, labels, torch.tensor(0.5))
    doubled = figures_of(torch.cat([logits, logits]), torch.cat([labels, labels]))
    assert metrics.compute() == pytest.approx(doubled)


def test_a_copy_counts_on_its_own() -> None:
    logits, labels = records(40)
    metrics = make()
    metrics.update(logits, labels, torch.tensor(0.5))
    copies = [copy.deepcopy(metrics), pickle.loads(pickle.dumps(metrics))]
    metrics.reset()
    assert [each.compute() for each in copies] == [pytest.approx(figures_of(logits, labels))] * 2
    assert metrics.compute() == {}


def test_nothing_of_it_is_in_a_checkpoint() -> None:
    metrics = make()
    metrics.update(*records(40), torch.tensor(0.5))
    metrics.compute()
    assert metrics.state_dict() == {}


class Asked(TorchDispatchMode):
    """Counts the operations, and those that would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        self.waits += func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default)
        return func(*args, **(kwargs or {}))


def test_a_step_costs_a_copy_and_asks_the_device_nothing() -> None:
    metrics = make(scores=False)
    logits, labels = records(64, lowest=0)
    loss = torch.tensor(0.5)
    with Asked() as asked:
        for _ in range(20):
            metrics.update(logits, labels, loss)
    assert asked.waits == 0
    assert asked.operations <= 20 * 4
    assert 20 * logits.numel() < GULP


RANK = """
import json, os, sys, warnings
import torch
import torch.distributed as dist
from torchmetrics.classification import MulticlassAccuracy
from seqclf.classifiers.metrics import StageMetrics
warnings.simplefilter("error")  # of ours; what an old library says of another at import is its own affair

file, rank = sys.argv[1], int(sys.argv[2])
warnings.filterwarnings("ignore", module="torch")
dist.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
generator = torch.Generator().manual_seed(0)
logits, labels = torch.randn(41, 4, generator=generator), torch.randint(-2, 4, (41,), generator=generator)
found = []
for shares in ([slice(0, None, 2), slice(1, None, 2)], [slice(0, None), slice(0, 0)]):
    metrics = StageMetrics(list("abcd"), MulticlassAccuracy(4, average="micro"), scores=True)
    own = shares[rank]
    if len(labels[own]):
        metrics.update(logits[own], labels[own], torch.tensor(0.5))
    found.append(metrics.compute())
print(json.dumps(found))
dist.destroy_process_group()
"""


def test_two_ranks_give_the_figures_of_one_though_one_of_them_saw_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RANK, str(tmp_path / "meeting")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    ranks = [
        subprocess.Popen([*command, str(rank)], stdout=subprocess.PIPE, text=True, env=environment) for rank in range(2)
    ]
    try:
        answers = [json.loads(rank.communicate(timeout=120)[0]) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    expected = figures_of(*records(41))
    for found in answers:
        assert found == [pytest.approx(expected, abs=1e-6)] * 2
