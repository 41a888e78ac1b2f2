from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclf.run.annotation import as_text, choices, expected, fits, kind_of, shown

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["mean", "max", "1"])
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2)
TYPES: dict[str, Any] = {
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "None": type(None),
    "list[int]": list[int],
    "Sequence[float]": Sequence[float],
    "dict[str, float]": dict[str, float],
    "Literal['mean', 1]": Literal["mean", 1],
}


def is_a(value: Any, kind: Any) -> bool:
    """The same judgement from the types themselves."""
    if get_origin(kind) is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(kind))
    if get_origin(kind) is dict:
        return isinstance(value, Mapping)
    if get_origin(kind) in (list, Sequence):
        return isinstance(value, list) and all(is_a(item, get_args(kind)[0]) for item in value)
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind


@given(VALUES, st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3))
def test_a_value_fits_a_union_when_it_is_of_one_of_its_types(value: Any, names: list[str]) -> None:
    assert fits(value, " | ".join(names)) == any(is_a(value, TYPES[name]) for name in names)


@given(VALUES)
def test_anything_fits_a_type_that_is_a_parts_own_business(value: Any) -> None:
    assert fits(value, "torch.dtype")


@given(VALUES)
def test_a_value_is_of_the_kind_that_it_is_an_example_of(value: Any) -> None:
    kind = kind_of(value)
    assert kind is None or kind == "float" or fits(value, kind)


def test_a_number_that_yaml_takes_for_text_is_an_example_of_a_number() -> None:
    assert kind_of("1e-3") == "float"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("int", "a whole number"),
        ("float | None", "a number or null"),
        ("Literal['mean', 'sum', 'max']", "mean, sum or max"),
        ("list[str] | None", "a list of text or null"),
        ("dict[str, float] | str", "a mapping from text to numbers or text"),
        ("list[list[int]]", "a list of lists of whole numbers"),
        ("list", "a list"),
        ("torch.dtype", "torch.dtype"),
    ],
)
def test_a_type_is_said_in_words(annotation: str, words: str) -> None:
    assert expected(annotation) == words


def test_the_choices_are_the_text_of_the_literals() -> None:
    assert choices("Literal['mean', 1] | Literal['max'] | None | str") == ["mean", "max"]


def test_values_are_shown_as_they_would_be_typed() -> None:
    assert [shown(value) for value in (True, None, 1.5, "a", ["a", 1])] == ["true", "null", "1.5", "'a'", '["a", 1]']


def test_numbers_become_the_text_that_was_typed() -> None:
    assert as_text([1, True, "a", [2.5]]) == ["1", "true", "a", ["2.5"]]
