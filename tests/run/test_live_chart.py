import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqclf.inference.predict import Prediction
from seqclf.inference.predictions import ROWS, Predictions
from seqclf.run.live_chart import LiveChart, in_notebook
from seqclf.run.results import RunResult

display: Any = pytest.importorskip("IPython.display")


def test_one_output_is_drawn_anew_with_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda page: shown.append(page.data))

    def first(page: Any, display_id: bool) -> Any:
        assert display_id
        shown.append(page.data)
        return handle

    monkeypatch.setattr(display, "display", first)
    chart = LiveChart("validation/accuracy")
    for epoch in (1, 2, 3):
        chart.add(epoch, f"epoch {epoch}/3", {"train/loss": 1 / epoch, "validation/accuracy": 0.1 * epoch})
    assert [f"epoch {epoch}/3" in page for epoch, page in enumerate(shown, 1)] == [True] * 3
    assert [page.count("<circle") for page in shown] == [2, 4, 6]  # two lines, a point for each epoch
    chart.add(4, "", {"train/loss": float("nan"), "validation/accuracy": 0.5})
    assert shown[-1].count("<circle") == 7


def test_a_notebook_is_known_by_its_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    assert in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_what_a_notebook_shows_is_escaped_and_short() -> None:
    one = Prediction("<b>", 0.75, {"<b>": 0.75, "&": 0.25}, ("<b>",))
    page = Predictions([one] * (ROWS + 5))._repr_html_()
    assert "&lt;b&gt;" in page
    assert "&amp; 0.250" in page
    assert "<b>" not in page
    assert page.count("0.7500") == ROWS
    assert "and 5 more" in page
    metrics = {"test/accuracy": 0.9, "test/loss": 0.3, "baseline/linear/accuracy": 0.8}
    told = RunResult(0.5, metrics, Path("<run>"), Path())._repr_html_()
    assert "0.9000" in told
    assert "linear SVM" in told
    assert "&lt;run&gt;" in told
