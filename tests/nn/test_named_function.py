from typing import Any

import pytest

from seqclf.errors import UserError
from seqclf.nn.named_function import read_function


def scaled(number: float, factor: float = 2.0) -> float:
    return number * factor


def divided(number: float, divisor: float) -> float:
    return number / divisor


FUNCTIONS = {"scaled": scaled, "divided": divided, "negated": lambda number: -number}


def test_a_name_is_a_function_with_its_defaults() -> None:
    assert read_function("scaled", FUNCTIONS, "key")(3) == 6


def test_a_mapping_gives_options() -> None:
    assert read_function({"name": "scaled", "factor": 5}, FUNCTIONS, "key")(3) == 15


def test_the_mapping_is_left_as_it_is() -> None:
    spec = {"name": "scaled", "factor": 5}
    read_function(spec, FUNCTIONS, "key")
    assert spec == {"name": "scaled", "factor": 5}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("scald", r"`key` cannot be 'scald'\. Did you mean 'scaled'\?"),
        ({"name": "scaled", "facter": 5}, r"`key`: scaled has no option 'facter'\. Did you mean 'factor'\?"),
        ({"name": "scaled", "number": 5}, r"no option 'number'"),
        ("divided", r"`key`: divided needs 'divisor': \{name: divided, divisor: \.\.\.\}"),
        ({"factor": 5}, r"`key` must be a name or a mapping with a `name`, but is \{'factor': 5\}"),
        (0.1, r"`key` must be a name or a mapping with a `name`, but is 0\.1"),
    ],
)
def test_what_is_no_function_or_option_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_function(spec, FUNCTIONS, "key")


def test_an_option_that_the_caller_adds_need_not_be_given() -> None:
    assert read_function("divided", FUNCTIONS, "key", added=("divisor",))(6, divisor=3) == 2
