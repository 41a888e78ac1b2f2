from typing import Any

import pytest

from seqclf.errors import UserError
from seqclf.run.compose import compose, plain
from seqclf.run.conf_path import conf_path
from seqclf.run.schema import check_config, check_node, check_value
from seqclf.run.signature import Parameter

LSTM = {"_target_": "seqclf.nn.recurrent.RecurrentSeq2VecEncoder", "_partial_": True, "cell": "lstm"}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return plain(compose("encoder=lstm", "multifield=bag"))


def with_value(node: Any, path: str, value: Any) -> Any:
    key, _, rest = path.partition(".")
    return {**node, key: with_value(node.get(key, {}), rest, value) if rest else value}


def test_a_composed_configuration_is_right(config: dict[str, Any]) -> None:
    check_config(config)


@pytest.mark.parametrize(
    "override",
    [
        f"{folder.name}={path.stem}"
        for folder in sorted(conf_path().iterdir())
        if folder.is_dir() and folder.name not in ("hydra", "recipe")
        for path in sorted(folder.glob("*.yaml"))
        if "???" not in path.read_text()  # it has a key without a default
    ],
)
def test_every_choice_of_every_group_is_right(override: str) -> None:
    check_config(plain(compose(override)))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("sed", 1, "There is no 'sed'. Did you mean 'seed'?"),
        ("seed", "abc", "seed must be a whole number, not 'abc'."),
        ("seed", True, "seed must be a whole number, not true."),
        ("compile", "maybe", "compile must be true or false, not 'maybe'."),
        ("dropout", "much", "dropout must be a number, not 'much'."),
        ("data.batch_size", 1.5, "data.batch_size must be a whole number, not 1.5."),
        ("trainer.max_epochs", "many", "trainer.max_epochs must be a whole number, not 'many'."),
        ("encoder.pooling", "meen", "encoder.pooling must be last, mean or max, not 'meen'. Did you mean 'mean'?"),
        ("encoder._target_", "seqclf.nn.bag.Bagg", "encoder._target_: there is no 'seqclf.nn.bag.Bagg'"),
        ("recipe.lr", "fast", "recipe.lr must be a number, not 'fast'."),
        ("recipe.ler", 1.0, "recipe.ler: recipe (conf/recipe) has no 'ler'. Did you mean 'lr'?"),
        ("multifield.field_embeddings", 2, "multifield.field_embeddings must be true or false, not 2."),
        ("multifield.field_dropout", "yes", "multifield.field_dropout must be a number, not 'yes'."),
        ("multifield.separate_encoder", True, "Did you mean 'separate_encoders'?"),
    ],
)
def test_a_mistake_is_said_with_its_key(config: dict[str, Any], path: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_config(with_value(config, path, value))
    assert message in str(caught.value)


def test_an_unknown_key_names_the_yaml_and_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        check_node({**LSTM, "hiden_size": 3}, "encoder")
    assert str(caught.value).startswith("encoder.hiden_size: RecurrentSeq2VecEncoder (conf/encoder/")
    assert str(caught.value).endswith("has no 'hiden_size'. Did you mean 'hidden_size'?")


def test_what_the_builder_knows_is_not_typed() -> None:
    with pytest.raises(UserError, match="has no 'input_dim'"):
        check_node({**LSTM, "input_dim": 3}, "encoder")


def test_a_part_inside_of_a_part_is_checked() -> None:
    with pytest.raises(UserError, match=r"seq2seq\.parts\[1\]\.hiden_size"):
        check_value([LSTM, {**LSTM, "hiden_size": 3}], Parameter("list[Seq2VecEncoder]"), "seq2seq.parts")


@pytest.mark.parametrize("group", ["seq2seq", "multifield_seq2seq"])
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("names", ["lstm", "transfomer"], "names: there is no 'transfomer'. Did you mean 'transformer'?"),
        ("names", [], "names must be a list of at least one name."),
        ("names", 1, "names must be a list of text, not 1."),
        ("residual", 1, "residual must be true or false, not 1."),
        ("residul", True, "residul: Chain (conf/seq2seq/chain.yaml) has no 'residul'. Did you mean 'residual'?"),
        ("lstm.hidden_size", "big", "lstm.hidden_size must be a whole number, not 'big'."),
        ("lstm.hiden_size", 1, "has no 'hiden_size'. Did you mean 'hidden_size'?"),
    ],
)
def test_a_chain_is_checked_with_what_is_inside(group: str, key: str, value: Any, message: str) -> None:
    config = plain(compose(f"{group}=chain"))
    with pytest.raises(UserError) as caught:
        check_config(with_value(config, f"{group}.{key}", value))
    assert str(caught.value).startswith(f"{group}.{key}")
    assert message.replace("conf/seq2seq", f"conf/{group}") in str(caught.value) or message in str(caught.value)


def test_a_chain_may_hold_one_kind_twice_under_names_of_their_own() -> None:
    small = "+seq2seq@seq2seq.small=lstm", "seq2seq.small.hidden_size=32", "seq2seq.names=[lstm,small]"
    config = plain(compose("seq2seq=chain", *small))
    check_config(config)
    assert config["seq2seq"]["small"] == {**config["seq2seq"]["lstm"], "hidden_size": 32}


def test_a_part_of_the_users_own_need_not_lie_in_a_file() -> None:
    check_node({"_target_": "__main__.Mine", "anything": 1}, "encoder")


@pytest.mark.parametrize(
    ("value", "annotation", "hint"),
    [
        (1, "str", "To give text, quote it: 'data.label=\"1\"'."),
        (True, "str | None", "To give text, quote it: 'data.label=\"true\"'."),
        ([1, "a"], "list[str]", 'To give text, quote it: \'data.label=["1", "a"]\'.'),
        ("title", "list[str] | None", "A list of one is 'data.label=[title]'."),
        ("???", "str", "data.label has no value yet. Give it one: data.label=..."),
    ],
)
def test_a_message_shows_what_to_type(value: Any, annotation: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        check_value(value, Parameter(annotation), "data.label")
    assert str(caught.value).endswith(hint)
