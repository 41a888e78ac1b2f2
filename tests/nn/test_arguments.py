import pytest

from seqclf.errors import UserError
from seqclf.nn.arguments import choose, positive, positive_each, probability


def test_good_arguments_pass() -> None:
    for check, good in (
        (positive, {"hidden_size": 1, "num_layers": 7}),
        (positive_each, {"hidden_dims": [1, 2], "ngram_filter_sizes": (3,)}),
        (probability, {"dropout": 0, "other": 0.99}),
    ):
        assert check(**good) is None  # type: ignore[operator]  # nothing was raised


@pytest.mark.parametrize("value", [0, -3])
def test_a_number_below_one_is_refused_by_name(value: int) -> None:
    with pytest.raises(UserError, match=rf"`num_layers` must be at least 1, but is {value}\."):
        positive(hidden_size=4, num_layers=value)


@pytest.mark.parametrize("values", [[], [3, 0]])
def test_a_list_that_is_empty_or_holds_a_number_below_one_is_refused(values: list[int]) -> None:
    with pytest.raises(UserError, match="`hidden_dims` must be numbers of at least 1"):
        positive_each(hidden_dims=values)


@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan")])
def test_a_share_outside_of_its_range_is_refused(value: float) -> None:
    with pytest.raises(UserError, match="`dropout` must be at least 0 and below 1"):
        probability(dropout=value)


def test_a_choice_is_looked_up() -> None:
    assert choose("mode", "sum", {"mean": 1, "sum": 2}) == 2


def test_a_mistyped_choice_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"`mode` cannot be 'maen'\. Did you mean 'mean'\?"):
        choose("mode", "maen", {"mean": 1, "sum": 2})
