"""docs/performance.md is made of the figures that scripts/benchmark.py kept."""

import statistics
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules of scripts/bench, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    Path("docs").mkdir()
    return SimpleNamespace(measure=import_module("bench.measure"), page=import_module("bench.page"))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_every_part_is_a_module_that_measures(bench: SimpleNamespace) -> None:
    modules = {path.stem for path in (SCRIPTS / "bench").glob("*.py")}
    for section in bench.page.SECTIONS:
        assert section.part in modules
        module: ModuleType = import_module(f"bench.{section.part}")
        assert callable(module.measure)


def test_a_figure_is_its_median_beside_its_aim(bench: SimpleNamespace) -> None:
    values = [0.93, 0.99, 0.95]
    (line,) = [bench.page.line_of(bench.measure.Figure("training", "lstm", values, aim=0.95, beside="fast"))]
    assert cells(line) == ["lstm", f"{statistics.median(values):.2f} times (0.93 0.99 0.95)", "≥ 0.95", "yes", "fast"]
    more = bench.measure.Figure("start_up", "help", [0.7], unit="s", aim=0.6, at_most=True)
    assert cells(bench.page.line_of(more))[1:4] == ["0.70 s", "≤ 0.6", "no"]
    assert cells(bench.page.line_of(bench.measure.Figure("start_up", "python", [0.02], unit="s")))[2:4] == ["", ""]


def test_the_page_holds_the_last_figure_of_each_name_and_no_empty_section(bench: SimpleNamespace) -> None:
    run = bench.measure.Bench({"threads": "1"})
    run.keep("training", "lstm", [0.5], aim=0.95, conditions="one core")
    run.keep("start_up", "help", [0.1, 0.2, 0.3], aim=0.6, unit="s", at_most=True, conditions="one core")
    run.keep("training", "lstm", [0.97], aim=0.95, conditions="two cores")
    figures = bench.measure.kept()
    assert [(figure.name, figure.value) for figure in figures] == [("lstm", 0.97), ("help", 0.2)]
    bench.page.write_page(figures)
    page = Path("docs/performance.md").read_text(encoding="utf-8")
    assert page.index("## Start-up") < page.index("## A training step")
    assert "## Growth" not in page
    assert "| [A training step, against a plain loop](#a-training-step-against-a-plain-loop) | 1 of 1 |" in page
    assert "Measured with two cores." in page
    assert "0.50" not in page


def test_arms_are_measured_in_turn_and_the_first_round_is_not_counted(bench: SimpleNamespace) -> None:
    calls: list[str] = []

    def arm(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    found = bench.measure.in_turn({name: lambda name=name: arm(name) for name in "ab"}, rounds=2)
    assert calls == list("ababab")
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_an_unknown_part_is_said(bench: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "what=trainnig"])
    with pytest.raises(SystemExit, match="training"):
        import_module("benchmark").main()
