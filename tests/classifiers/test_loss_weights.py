import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from seqclf.classifiers.loss_weights import balanced, effective, named_weights
from seqclf.errors import UserError

LABELS = ["DESC:def", "1", "true", "spam"]
WEIGHTS = {"DESC:def": 2.0, "1": 1.0, "true": 4.0, "spam": 0.5}


def refused(weights: Any, labels: list[str] = LABELS) -> str:
    with pytest.raises(UserError) as caught:
        named_weights(weights, labels)
    return str(caught.value)


def typed(override: str) -> Any:
    """What Hydra makes of it."""
    return OverridesParser.create().parse_override(override).value()


def test_a_dict_a_json_text_and_a_json_file_give_the_weights_in_the_order_of_the_labels(tmp_path: Path) -> None:
    backwards = dict(reversed(WEIGHTS.items()))
    file = tmp_path / "weights.json"
    file.write_text(json.dumps(backwards), encoding="utf-8-sig")
    for weights in (backwards, json.dumps(backwards), str(file)):
        assert list(named_weights(weights, LABELS).items()) == list(WEIGHTS.items())
    assert named_weights(None, LABELS) is None


def test_whole_numbers_become_floats() -> None:
    assert named_weights({"a": 2}, ["a"]) == {"a": 2.0}
    assert isinstance(named_weights({"a": 2}, ["a"])["a"], float)


def test_every_label_without_a_weight_is_named() -> None:
    message = refused({"spam": 1.0, "1": 2.0})
    assert "'DESC:def'" in message
    assert "'true'" in message
    assert "'spam'" not in message


def test_a_weight_for_no_label_is_named_with_the_nearest_label() -> None:
    assert "Did you mean 'spam'?" in refused({**WEIGHTS, "sapm": 1.0})


@pytest.mark.parametrize("weight", [0, -1.0, math.nan, math.inf, True, None, "2", [1.0]])
def test_a_weight_is_a_number_above_zero(weight: Any) -> None:
    message = refused({**WEIGHTS, "spam": weight})
    assert "'spam'" in message
    assert repr(weight) in message


@pytest.mark.parametrize("override", ["w={1: 2, true: 4, spam: 1}", "w={true: 4}", "w={null: 4}", "w={1.5: 4}"])
def test_a_label_that_hydra_read_as_something_else_is_refused(override: str) -> None:
    assert "not as text" in refused(typed(override))


def test_the_quoting_that_the_message_shows_works_in_a_shell_and_in_hydra() -> None:
    message = refused(typed("w={DESC\\:def: 2, 1: 1, spam: 0.5}"))
    command = message.partition("command line ")[2].rstrip(".")
    argument = subprocess.run(["sh", "-c", f"printf %s {command}"], capture_output=True, text=True, check=True).stdout
    assert argument.startswith("loss.weights=")
    assert named_weights(typed(argument), ["DESC:def", "1", "spam"]) == {"DESC:def": 2.0, "1": 1.0, "spam": 0.5}


def test_a_colon_in_a_label_is_explained_and_can_be_escaped() -> None:
    message = refused(typed("w={DESC:def: 2}"))
    assert "'DESC:def'" in message
    assert "\\:" in message
    assert named_weights(typed("w={DESC\\:def: 2}"), ["DESC:def"]) == {"DESC:def": 2.0}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{\n'a': 1}", "line 2, column 1"),
        ("[1, 2]", "JSON object"),
        ('{"spam": 1, "spam": 2}', "two weights for 'spam'"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path: Path, text: str, part: str) -> None:
    file = tmp_path / "weights.json"
    file.write_text(text, encoding="utf-8")
    message = refused(str(file))
    assert part in message
    assert "loss.weights" in message or str(file) in message


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.json"
    file.write_bytes('{"Größe": 1}'.encode("latin-1"))
    assert "not UTF-8" in refused(str(file))


def test_what_is_neither_a_choice_nor_a_file_is_refused_with_the_nearest_choice(tmp_path: Path) -> None:
    assert "Did you mean 'balanced'?" in refused("balancd")
    assert "Did you mean 'effective'?" in refused("efective")
    assert "missing.json" in refused(str(tmp_path / "missing.json"))


@pytest.mark.parametrize("name", ["balanced", "effective"])
def test_what_is_made_from_counts_needs_them(name: str) -> None:
    assert name in refused(name)


def test_balanced_weights_have_their_labels() -> None:
    assert named_weights("balanced", ["a", "b"], [30, 10]) == {"a": pytest.approx(2 / 3), "b": 2.0}


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_balanced_is_scikit_learns_and_one_for_a_class_without_a_record(counts: list[int]) -> None:
    gold = np.repeat(np.arange(len(counts)), counts)
    present = np.unique(gold)
    expected = np.ones(len(counts))
    expected[present] = compute_class_weight("balanced", classes=present, y=gold)
    np.testing.assert_allclose(balanced(counts), expected)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), st.sampled_from([0.0, 0.5, 0.9, 0.999]))
def test_effective_is_one_over_the_sum_of_a_geometric_series(counts: list[int], beta: float) -> None:
    held = [sum(beta**number for number in range(count)) for count in counts]
    raw = np.array([1 / samples if samples else 0.0 for samples in held])
    expected = np.where(raw > 0, raw / raw[raw > 0].mean(), 1.0)
    np.testing.assert_allclose(effective(counts, beta), expected)


def test_effective_goes_from_equal_to_balanced_weights() -> None:
    counts = [30, 10, 5]
    np.testing.assert_allclose(effective(counts, 0.0), [1, 1, 1])
    nearly = np.array(effective(counts, 1 - 1e-9)) / balanced(counts)
    np.testing.assert_allclose(nearly, nearly[0], rtol=1e-5)


@pytest.mark.parametrize("beta", [-0.1, 1.0])
def test_beta_is_a_share(beta: float) -> None:
    with pytest.raises(UserError, match=r"loss\.beta"):
        named_weights("effective", ["a"], [3], beta)
