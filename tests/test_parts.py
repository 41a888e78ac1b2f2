"""docs/parts.md is what scripts/parts.py makes of the yamls."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from seqclf.run.conf_path import conf_path

SCRIPT = Path(__file__).parents[1] / "scripts" / "parts.py"


@pytest.fixture(scope="module")
def parts() -> ModuleType:
    spec = spec_from_file_location("parts", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_code_says(parts: ModuleType) -> None:
    written = parts.PAGE.read_text(encoding="utf-8")
    assert written == parts.page(), "docs/parts.md is old: run `python scripts/parts.py`"


def test_every_yaml_of_a_group_has_its_row(parts: ModuleType) -> None:
    page = parts.page()
    for file in conf_path().glob("*/*.yaml"):
        if file.parent.name != "hydra":
            assert f"| `{file.parent.name}={file.stem}` |" in page


def test_a_row_has_what_a_yaml_takes_from_another(parts: ModuleType) -> None:
    choice, _, paper, name, options, link = parts.cells("multifield", "bag")
    assert choice == "`multifield=bag`"
    assert paper == "[arXiv 1607.01759](https://arxiv.org/abs/1607.01759)"
    assert (name, options) == ("`Bag`", "`mode=mean`")
    assert link.endswith("(../conf/multifield/bag.yaml)")


def test_a_paper_is_found_in_the_yaml_or_the_docstring(parts: ModuleType) -> None:
    said = parts.cells("encoder", "lstm")
    assert said[2] == "[10.1162/neco.1997.9.8.1735](https://doi.org/10.1162/neco.1997.9.8.1735)"
    assert "http" not in said[1]
    assert "`hidden_size=128`" in said[4]
