from collections.abc import Sequence
from typing import Any

import pytest
from torch import nn

from seqclf.classifiers.parameter_groups import ParameterGroups
from seqclf.errors import UserError

SETTINGS = {"lr": 0.1, "weight_decay": 0.01}


def network() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "embedding": nn.Embedding(9, 4),
            "encoder": nn.Linear(4, 3),
            "norm": nn.LayerNorm(3),
            "projection": nn.Linear(3, 2),
        }
    )


def by_name(
    groups: Any, parameters: Any = None, no_decay: Sequence[str] = ("embeddings?\\.weight$",)
) -> dict[str, dict[str, Any]]:
    """Each parameter's settings."""
    made = ParameterGroups(SETTINGS, groups, no_decay)(parameters or network().named_parameters())
    return {name: {**SETTINGS, **group, "params": None} for group in made for name, _ in group["params"]}


def test_biases_norms_and_tables_have_no_decay() -> None:
    decays = {name for name, own in by_name(None).items() if own["weight_decay"]}
    assert decays == {"encoder.weight", "projection.weight"}


def test_tables_decay_when_nothing_exempts_them() -> None:
    assert by_name(None, no_decay=())["embedding.weight"]["weight_decay"] == 0.01


def test_the_first_pattern_that_is_found_holds() -> None:
    found = by_name({"projection.weight": {"lr": 1.0}, "^projection": {"lr": 2.0, "weight_decay": 0.5}})
    assert found["projection.weight"]["lr"] == 1.0
    assert found["projection.weight"]["weight_decay"] == 0.01
    assert found["projection.bias"]["lr"] == 2.0
    assert found["encoder.weight"]["lr"] == 0.1


def test_a_group_can_give_decay_to_what_has_none_by_itself() -> None:
    found = by_name({"bias|embedding": {"weight_decay": 0.5}})
    assert found["projection.bias"]["weight_decay"] == found["embedding.weight"]["weight_decay"] == 0.5


def test_every_trained_parameter_is_in_exactly_one_group() -> None:
    layers = network()
    layers["encoder"].requires_grad_(False)
    groups = ParameterGroups(SETTINGS, {"weight": {"lr": 1.0}}, ())(layers.named_parameters())
    names = [name for group in groups for name, _ in group["params"]]
    assert sorted(names) == sorted(name for name, each in layers.named_parameters() if each.requires_grad)
    assert len({id(parameter) for group in groups for _, parameter in group["params"]}) == len(names)


def test_parameters_with_the_same_settings_share_a_group() -> None:
    groups = ParameterGroups(SETTINGS, {"encoder": {"lr": 1.0}, "projection": {"lr": 1.0}}, ("",))
    assert len(groups(network().named_parameters())) == 2


def test_a_pattern_that_matches_nothing_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"optimizer\.groups") as caught:
        by_name({"projektion.weight": {"lr": 1.0}})
    assert "'projektion.weight'" in str(caught.value)
    assert "Did you mean 'projection.weight'?" in str(caught.value)


@pytest.mark.parametrize(
    ("groups", "part"),
    [
        ({"bias": {"lrr": 1.0}}, "Did you mean 'lr'?"),
        ({"bias": {"lr": -1.0}}, "at least 0"),
        ({"bias": {"lr": "high"}}, "'high'"),
        ({"bias": {"lr": True}}, "True"),
        ({"(bias": {"lr": 1.0}}, "regular expression"),
    ],
)
def test_a_mistake_in_a_group_is_refused(groups: Any, part: str) -> None:
    with pytest.raises(UserError) as caught:
        ParameterGroups(SETTINGS, groups, ())
    assert part in str(caught.value)
    assert "optimizer.groups" in str(caught.value)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), "0.1", None])
def test_a_setting_is_a_number_of_at_least_zero(value: Any) -> None:
    with pytest.raises(UserError, match=r"optimizer\.lr"):
        ParameterGroups({"lr": value}, None, ())


def test_discriminative_rates_fall_from_part_to_part_but_not_in_a_group_with_its_own() -> None:
    network = nn.ModuleDict(
        {
            "text_field_embedder": nn.Embedding(9, 4),
            "seq2vec_encoder": nn.Linear(4, 3),
            "feed_forward": nn.Linear(3, 3),
            "projection": nn.Linear(3, 2),
        }
    )
    made = ParameterGroups(SETTINGS, {"feed_forward.bias": {"lr": 0.7}}, [], discriminative=2.6)
    rates = {name: group["lr"] for group in made(network.named_parameters()) for name, _ in group["params"]}
    assert rates["projection.weight"] == rates["projection.bias"] == 0.1
    assert rates["feed_forward.weight"] == pytest.approx(0.1 / 2.6)
    assert rates["feed_forward.bias"] == 0.7
    assert rates["seq2vec_encoder.bias"] == pytest.approx(0.1 / 2.6**2)
    assert rates["text_field_embedder.weight"] == pytest.approx(0.1 / 2.6**3)


@pytest.mark.parametrize("discriminative", [0.5, float("inf")])
def test_discriminative_is_at_least_one(discriminative: float) -> None:
    with pytest.raises(UserError, match=r"optimizer\.discriminative"):
        ParameterGroups(SETTINGS, None, [], discriminative)
