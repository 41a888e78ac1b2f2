"""The notebooks: stripped in git, and each runs from beginning to end as Jupyter would run it."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

nbformat: Any = pytest.importorskip("nbformat")
nbclient: Any = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("pandas")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WRONG = "raises-exception"  # the tag of a cell that shows what a mistake looks like


def by_name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=by_name)
def test_nothing_that_a_notebook_came_to_is_in_git(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert set(book.metadata) == {"kernelspec", "language_info"}
    assert book.metadata.language_info == {"name": "python"}
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert cells
    for cell in cells:
        assert (cell.outputs, cell.execution_count) == ([], None), "strip the outputs: Edit, Clear All Outputs"
        assert set(cell.metadata) <= {"tags"}
    assert str(Path.home()) not in path.read_text(encoding="utf-8")


def test_each_notebook_leads_to_the_next_and_the_readme_names_them_all() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["1_", "2_", "3_", "4_"]
    for path, following in pairwise(NOTEBOOKS):
        assert f"Next: `{following.name}`" in json.loads(path.read_text(encoding="utf-8"))["cells"][-1]["source"][-1]
    assert "notebooks/" in (ROOT / "README.md").read_text(encoding="utf-8")


def outputs_of(cell: Any) -> str:
    return json.dumps([dict(output) for output in cell.outputs])


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[] if path.name[0] == "3" else pytest.mark.slow) for path in NOTEBOOKS],
    ids=by_name,
)
def test_a_notebook_runs_and_shows_what_it_should(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("SEQCLF_CACHE", str(tmp_path / "cache"))
    book = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        book, timeout=1200, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    for cell in cells:
        errors = [output for output in cell.outputs if output.output_type == "error"]
        if WRONG in cell.metadata.get("tags", []):
            [error] = errors
            assert error.ename == "UserError"
            assert [line for line in error.traceback if "File" in line or "---->" in line] == []
            assert len(error.traceback) == 1
            assert error.traceback[0].startswith("Error: ")
        else:
            assert errors == []
        said = "".join(output.text for output in cell.outputs if output.output_type == "stream")
        assert not re.search(r"Warning|Traceback", said), said
    shown = "".join(map(outputs_of, cells))
    assert "sq-live" in shown or path.name[0] == "4"  # the chart of training
    assert "sq-table" in shown or path.name[0] == "4"  # a result
    assert "<mark" in shown or path.name[0] == "4"  # an explanation
    assert list((tmp_path / "outputs").rglob("metrics.json"))
