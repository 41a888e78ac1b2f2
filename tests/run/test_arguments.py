from typing import Any

import pytest

from seqclf.errors import UserError
from seqclf.run.arguments import parse_key_values, script_arguments
from seqclf.run.signature import Parameter

KNOWN = {
    "input": Parameter("str"),
    "label": Parameter("str | None", "'label'"),
    "threads": Parameter("int | None", "None"),
    "parts": Parameter("list[str] | None", "None"),
}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("input=records.csv", "records.csv"),
        ("input=1", "1"),
        ("input=a=b.csv", "a=b.csv"),
        ("input=[a", "[a"),
        ("input='a b'", "a b"),
        ('input="\\t"', "\t"),
        ("input=#x", "#x"),
        ("label=null", None),
        ("label=#x", "#x"),
        ("label=no", "no"),
        ("threads=2", 2),
        ("threads=null", None),
        ("parts=[a.B, c.D]", ["a.B", "c.D"]),
    ],
)
def test_a_value_is_read_as_its_parameter_takes_it(argument: str, value: Any) -> None:
    key = argument.partition("=")[0]
    assert parse_key_values([argument], {key: KNOWN[key]}) == {key: value}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["imput=a"], "There is no 'imput'. Did you mean 'input'?"),
        (["--input"], "'--input' is not KEY=VALUE. Did you mean 'input'?"),
        (["label=x"], "'input' is missing: give input=..."),
        (["input=a", "input=b"], "'input' is given twice."),
        (["input=a", "threads=two"], "threads must be a whole number or null, not 'two'."),
        (["input=a", "parts=a.B"], "parts must be a list of text or null, not 'a.B'. A list of one is 'parts=[a.B]'."),
    ],
)
def test_a_mistake_is_said(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_key_values(arguments, KNOWN)
    assert str(caught.value) == message


EVALUATE = "seqclf.run.evaluate.evaluate"


@pytest.mark.parametrize("chosen", [["data=files"], []])
def test_the_data_of_a_script_are_composed_as_in_training(chosen: list[str]) -> None:
    values = script_arguments(["model=RUN/model", *chosen, "data.test=other.csv", "data.text=[a,b]"], EVALUATE)
    assert values["model"] == "RUN/model"
    assert values["data"]["_target_"] == "seqclf.data.files.Files"
    assert (values["data"]["test"], values["data"]["text"]) == ("other.csv", ["a", "b"])
    assert "batch_size" not in values["data"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=file"], "data has no choice 'file'. Did you mean 'files'?"),
        (["data.lable=a"], "There is no 'data.lable'. Did you mean 'label'?"),
        (["data.label=1"], "data.label must be text or null, not 1."),
        (["data.batch_size=3"], "data.batch_size says nothing here"),
        ([], "'data' is missing"),
    ],
)
def test_a_mistake_in_the_data_of_a_script_is_said(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        script_arguments(["model=RUN/model", *arguments], EVALUATE)
    assert message in str(caught.value)
