import pytest

from seqclf.errors import UserError
from seqclf.nn.name_patterns import assign

NAMES = ["seq2vec_encoder.convolutions.0.weight", "seq2vec_encoder.convolutions.0.bias", "projection.weight"]


def test_the_first_expression_that_is_found_counts() -> None:
    assert assign(["bias", "seq2vec_encoder"], NAMES, "key") == {NAMES[0]: "seq2vec_encoder", NAMES[1]: "bias"}


def test_expressions_are_searched_for_and_may_be_anchored() -> None:
    assert list(assign([r"^projection\.", r"0\.w"], NAMES, "key")) == [NAMES[0], NAMES[2]]


def test_nothing_is_assigned_to_nothing() -> None:
    assert assign([], NAMES, "key") == {}


@pytest.mark.parametrize(
    "typed", ["seq2vec_encoder.convolution.0.weight", r"^seq2vec_encoder\.convolution\.0\.weight$"]
)
def test_an_expression_that_fits_nothing_names_the_nearest_parameter(typed: str) -> None:
    with pytest.raises(UserError, match=r"`initializer\.patterns`.*fits no parameter.*convolutions\.0\.weight'\?"):
        assign([typed], NAMES, "initializer.patterns")


def test_an_expression_like_no_name_lists_them_all() -> None:
    with pytest.raises(UserError, match=r"projection\.weight, seq2vec_encoder\.convolutions\.0\.bias, seq2vec"):
        assign(["lstm"], NAMES, "key")


def test_an_expression_behind_a_wider_one_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"'bias' fits \(seq2vec_encoder\.convolutions\.0\.bias\) goes to an expression"
    ):
        assign(["seq2vec_encoder", "bias"], NAMES, "key")


def test_what_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(UserError, match=r"'\(bias' is no regular expression"):
        assign(["(bias"], NAMES, "key")
