from pathlib import Path

import pytest

from seqclf.errors import UserError
from seqclf.run.signature import Parameter, docstring_of, signature_of

MODULE = '''
from dataclasses import dataclass
from parts.base import Base as Foundation


class Own(Foundation):
    """Its own constructor."""

    def __init__(self, input_dim: int, /, width: int | None = None, *names: str, rate: float = 1e-3, **rest: int):
        self.width = width


class Inherited(Foundation):
    """None of its own."""


@dataclass(frozen=True)
class Data(Foundation):
    """Fields."""

    size: int
    name: str = "a"


def function(first: list[str], second=None) -> None:
    """What it does."""
'''


@pytest.fixture(autouse=True)
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "parts"
    package.mkdir()
    (package / "__init__.py").write_text("from parts.module import Own as Renamed\nraise RuntimeError('imported')\n")
    (package / "base.py").write_text("class Base:\n    def __init__(self, depth: int = 2) -> None: ...\n")
    (package / "module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_a_constructor_is_read_without_self_and_stars() -> None:
    assert signature_of("parts.module.Own") == {
        "input_dim": Parameter("int"),
        "width": Parameter("int | None", "None"),
        "rate": Parameter("float", "0.001"),
    }


def test_only_a_parameter_without_a_default_is_required() -> None:
    signature = signature_of("parts.module.Own")
    assert [name for name, parameter in signature.items() if parameter.required] == ["input_dim"]


def test_a_constructor_is_inherited_from_another_module() -> None:
    assert signature_of("parts.module.Inherited") == {"depth": Parameter("int", "2")}


def test_a_dataclass_adds_its_fields_to_those_of_its_base() -> None:
    assert list(signature_of("parts.module.Data")) == ["depth", "size", "name"]


def test_a_function_is_read_and_what_has_no_annotation_has_none() -> None:
    assert signature_of("parts.module.function") == {"first": Parameter("list[str]"), "second": Parameter(None, "None")}


def test_a_name_that_a_package_imports_is_followed() -> None:
    assert signature_of("parts.Renamed") == signature_of("parts.module.Own")


def test_the_docstring_is_read() -> None:
    assert docstring_of("parts.module.function") == "What it does."


@pytest.mark.parametrize(
    "target", ["parts.module.Ownn", "parts.nowhere.Own", "nowhere.at.All", "parts.module", "Own", ""]
)
def test_what_is_not_there_is_a_mistake(target: str) -> None:
    with pytest.raises(UserError, match="there is no"):
        signature_of(target)


def test_the_nearest_name_is_said() -> None:
    with pytest.raises(UserError, match="Did you mean 'Own'"):
        signature_of("parts.module.Ownn")
