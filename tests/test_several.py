import pytest

from seqclf.errors import UserError
from seqclf.several import is_several, named, only_named, settings

LSTM, GRU = {"_target_": "lstm", "hidden_size": 3}, {"_target_": "gru"}
CHAIN = {"_target_": "chain", "names": ["gru", "lstm", "gru"], "dropout": 0.1, "lstm": LSTM, "gru": GRU}


def test_parts_come_in_the_order_of_the_names_and_as_often() -> None:
    assert named(CHAIN, "seq2seq") == [("gru", GRU), ("lstm", LSTM), ("gru", GRU)]
    assert settings(CHAIN) == {"_target_": "chain", "dropout": 0.1}


def test_only_a_node_with_names_and_parts_is_several() -> None:
    assert is_several(CHAIN)
    assert not any(is_several(node) for node in (None, LSTM, {"_target_": "own", "names": ["a"]}, {"lstm": LSTM}))


def test_what_is_not_named_is_not_kept() -> None:
    assert only_named({**CHAIN, "names": ["gru"]}) == {key: CHAIN[key] for key in ("_target_", "dropout", "gru")} | {
        "names": ["gru"]
    }
    assert only_named(LSTM) is LSTM
    assert only_named(None) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["lsmt"], r"seq2seq\.names: there is no 'lsmt'\. Did you mean 'lstm'\?"),
        ([1], r"seq2seq\.names: there is no 1\. Choose from: gru, lstm\."),
        ([], r"seq2seq\.names must be a list of at least one name\. Choose from: gru, lstm\."),
        ("lstm", r"seq2seq\.names must be a list of at least one name"),
    ],
)
def test_a_name_that_there_is_not_is_refused_with_the_nearest(names: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        named({**CHAIN, "names": names}, "seq2seq")
