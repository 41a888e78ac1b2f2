"""A chart in a notebook that grows with every epoch."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from seqclf.run.charts import STYLE, Series, line_chart

LAYOUT = """
.sq-live { display: flex; flex-wrap: wrap; gap: 1rem; } .sq-live > div { flex: 0 1 24rem; }
.sq-live .legend { font-size: 12px; } .sq-live .key { margin-right: 1rem; }
"""


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return type(shell).__name__ == "ZMQInteractiveShell"


class LiveChart:
    """Loss and score of every epoch, in one output of a notebook's cell that is drawn anew.

    Args:
        monitor: the figure that decides, `validation/accuracy`.
    """

    def __init__(self, monitor: str) -> None:
        self.monitor = monitor
        self.epochs: dict[int, dict[str, float]] = {}
        self._handle: Any = None

    def add(self, epoch: int, title: str, figures: Mapping[str, Any]) -> None:
        """Take an epoch's figures, and show them.

        Args:
            epoch: its number, from 1.
            title: what stands over the charts.
            figures: by name, `train/loss` and so on.
        """
        from IPython.display import HTML, display  # it is there: `in_notebook` has said so

        self.epochs[epoch] = {name: float(value) for name, value in figures.items()}
        page: Any = HTML(self.html(title))  # type: ignore[no-untyped-call]
        if self._handle is None:
            self._handle = display(page, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(page)

    def html(self, title: str) -> str:
        """The charts side by side, in the notebook's own ink."""
        charts = [self._chart("loss")]
        name = self.monitor.partition("/")[2]
        if name != "loss":
            charts.append(self._chart(name))
        inside = "".join(f"<div>{chart}</div>" for chart in charts if chart)
        return f'<style>{STYLE}{LAYOUT}</style><small>{title}</small><div class="sq-live">{inside}</div>'

    def _chart(self, name: str) -> str:
        series: list[Series] = []
        for stage in ("train", "validation"):
            key = f"{stage}/{name}"
            known = [(epoch, own[key]) for epoch, own in sorted(self.epochs.items()) if key in own]
            points = [(float(epoch), value) for epoch, value in known if math.isfinite(value)]
            if points:
                series.append((stage, points))
        return line_chart(name, series, "epoch", name.replace("_", " "))
